// Draws the icons of an Iconify set: node draw.mjs RESVG ICONS.json SIDE NAMES PIXELS
// RESVG is where @resvg/resvg-js lies. NAMES takes a line for each icon, empty where nothing was
// drawn, and PIXELS red, green, blue and opacity of those that were. Both are gone on with: the
// library ends the process at a drawing that it cannot make.
import { createRequire } from "node:module";
import { existsSync, openSync, readFileSync, writeSync } from "node:fs";

const [resvg, icons, side, names, pixels] = process.argv.slice(2);
const { Resvg } = createRequire(import.meta.url)(resvg);
const set = JSON.parse(readFileSync(icons, "utf8"));
const done = existsSync(names) ? readFileSync(names, "utf8").split("\n").length - 1 : 0;
const told = openSync(names, "a");
const out = openSync(pixels, "a");
for (const [name, icon] of Object.entries(set.icons).slice(done)) {
  const width = icon.width ?? set.width ?? 16;
  const height = icon.height ?? set.height ?? 16;
  const box = `${icon.left ?? 0} ${icon.top ?? 0} ${width} ${height}`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
    viewBox="${box}" width="${side}" height="${side}">${icon.body}</svg>`;
  const image = new Resvg(svg, { fitTo: { mode: "width", value: Number(side) } }).render();
  // Opacity comes multiplied into the colours; it is taken out again.
  const bytes = Buffer.from(image.pixels);
  for (let i = 0; i < bytes.length; i += 4) {
    const opacity = bytes[i + 3] || 255;
    for (let c = i; c < i + 3; c++) bytes[c] = Math.min(255, Math.round((bytes[c] * 255) / opacity));
  }
  const good = bytes.length === side * side * 4;
  if (good) writeSync(out, bytes);
  writeSync(told, good ? `${name}\n` : "\n");
}
