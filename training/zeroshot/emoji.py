"""Gather emoji in several styles, with names and keywords, out of packages of the npm registry."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64
FORGOTTEN = ("Flags", "Component")
"""Categories left out: a flag is no thing that its name describes, a component no picture."""
UNSEEN = 200
"""At least so many classes are never trained on, and looked at once, in the end."""
CHOOSING = 100
"""At least so many are not trained on either: what the recipe was chosen by."""
SEED = 2026
GENDERED = ("1f468", "1f469", "2640", "2642")
"""Code points of what is told apart by a person's sex: one of each such set is kept."""


@dataclass(frozen=True)
class Style:
    """One set of pictures.

    Args:
        package: The npm package, with its version.
        licence: Of the pictures.
        member: Where a picture lies in it, by code points joined with hyphens; None for an Iconify
            set, whose drawings go by names.
        trained: Whether the encoder is trained on it; else it only judges.
    """

    package: str
    licence: str
    member: str | None = None
    trained: bool = True


STYLES = {
    "fluent": Style("@lobehub/fluent-emoji-3d@1.1.0", "MIT", "package/assets/{}.webp"),
    "google": Style("emoji-datasource-google@16.0.0", "Apache-2.0", "package/img/google/64/{}.png"),
    "twitter": Style(
        "emoji-datasource-twitter@16.0.0", "CC-BY-4.0", "package/img/twitter/64/{}.png"
    ),
    "flat": Style("@iconify-json/fluent-emoji-flat@1.2.6", "MIT"),
    "blobs": Style("@iconify-json/noto-v1@1.2.5", "Apache-2.0"),
    "emojione": Style("@iconify-json/emojione@1.2.3", "CC-BY-4.0"),
    "openmoji": Style("@iconify-json/openmoji@1.2.29", "CC-BY-SA-4.0", trained=False),
}
NEEDED = ("fluent", "google", "twitter")
"""A class has pictures in these styles at least."""
DRAWING = ("@resvg/resvg-js@2.6.2", "@resvg/resvg-js-linux-x64-gnu@2.6.2")
NAMES = "unicode-emoji-json@0.9.0"
KEYWORDS = "emojilib@4.0.3"


@dataclass(frozen=True)
class Class:
    """One emoji.

    Args:
        code: Its code points, as files are called.
        name: Its name in Unicode's CLDR.
        keywords: Words for it, the name's left out.
        category: Such as "Animals & Nature".
        subcategory: Such as "animal-bird".
    """

    code: str
    name: str
    keywords: tuple[str, ...]
    category: str
    subcategory: str


def fetched(package: str, folder: Path) -> Path:
    """Returns the archive of an npm package, fetched where it is not here yet."""
    folder.mkdir(parents=True, exist_ok=True)
    name, _, version = package.rpartition("@")
    path = folder / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    if not path.exists():
        subprocess.run(
            ["npm", "pack", "--silent", package, "--pack-destination", str(folder)],
            check=True,
            capture_output=True,
        )
    return path


def members(path: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yields names and bytes of an archive's files that are wanted."""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and wanted(member.name):
                file = archive.extractfile(member)
                assert file is not None
                yield member.name, file.read()


def told(package: str, member: str, folder: Path) -> object:
    """Returns what a JSON file of a package says."""
    ((_, content),) = members(fetched(package, folder), lambda name: name == member)
    return json.loads(content)


def classes(folder: Path, *, flags: bool = False) -> list[Class]:
    """Returns all emoji that have names, skin tones left out, in the order of their codes.

    Args:
        folder: Where archives are kept.
        flags: Whether flags count.
    """
    forgotten = FORGOTTEN[1:] if flags else FORGOTTEN
    names = told(NAMES, "package/data-by-emoji.json", folder)
    keywords = told(KEYWORDS, "package/dist/emoji-en-US.json", folder)
    listed = told(STYLES["google"].package, "package/emoji.json", folder)
    found = []
    for each in listed:
        code = each["unified"].lower()
        character = "".join(chr(int(point, 16)) for point in code.split("-"))
        if character not in names or each["category"] in forgotten:
            continue
        name = names[character]["name"].lower()
        words = [word.replace("_", " ").lower() for word in keywords.get(character, ())]
        words = tuple(dict.fromkeys(word for word in words if word != name))
        found.append(Class(code, name, words, each["category"], each["subcategory"]))
    return sorted(found, key=lambda one: one.code)


def trainable(one: Class) -> bool:
    """Returns whether a class is told apart by more than a person's sex."""
    points = one.code.split("-")
    return "200d" not in points or not any(point in GENDERED for point in points)


def pictures(style: Style, known: list[Class], folder: Path) -> dict[str, np.ndarray]:
    """Returns a style's pictures by code: uint8 ``(4, 64, 64)``, red, green, blue, opacity."""
    if style.member is None:
        drawn = drawings(style, folder)
        return {
            one.code: drawn[slug]
            for one in known
            if (slug := re.sub("[^a-z0-9]+", "-", plain_letters(one.name)).strip("-")) in drawn
        }
    codes = [one.code for one in known]
    wanted = {style.member.format(spelt): code for code in codes for spelt in spellings(code)}
    found = {}
    for name, content in members(fetched(style.package, folder), wanted.__contains__):
        image = Image.open(io.BytesIO(content)).convert("RGBA")
        image = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        found[wanted[name]] = np.asarray(image).transpose(2, 0, 1)
    return found


def plain_letters(name: str) -> str:
    """Returns a name without accents."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


def drawings(style: Style, folder: Path) -> dict[str, np.ndarray]:
    """Returns the drawings of an Iconify set by name, as pixels."""
    tool = folder / "node_modules"
    for package in DRAWING:
        target = tool / package.rpartition("@")[0]
        if not target.exists():
            target.mkdir(parents=True)
            with tarfile.open(fetched(package, folder)) as archive:
                for member in archive:
                    member.name = member.name.removeprefix("package/")
                    archive.extract(member, target, filter="data")
    with tempfile.TemporaryDirectory() as temporary:
        icons, names, pixels = (Path(temporary) / name for name in ("icons", "names", "pixels"))
        wanted = "package/icons.json".__eq__
        ((_, content),) = members(fetched(style.package, folder), wanted)
        icons.write_bytes(content)
        script = Path(__file__).with_name("draw.mjs")
        where = (tool / "@resvg/resvg-js").resolve()
        command = ["node", script, where, icons, str(SIDE), names, pixels]
        while subprocess.run(command, capture_output=True).returncode:
            with names.open("a") as file:
                file.write("\n")
        flat = np.frombuffer(pixels.read_bytes(), np.uint8).reshape(-1, SIDE, SIDE, 4)
        listed = names.read_text().split()
        return dict(zip(listed, flat.transpose(0, 3, 1, 2), strict=True))


def spellings(code: str) -> set[str]:
    """Returns how packages spell a code: in either case, with or without variation selectors."""
    plain = "-".join(point for point in code.split("-") if point != "fe0f")
    short = {each.lstrip("0") for each in (code, plain)}
    return {each for one in (code, plain, *short) for each in (one, one.upper())}


def split(known: list[Class], usable: list[bool]) -> dict[str, np.ndarray]:
    """Returns which classes are for training, for choosing how to train, and for judging once.

    Whole subcategories go one way, so that no class is judged beside a sibling that was trained on.
    """
    rng = np.random.default_rng(SEED)
    subcategories = sorted({one.subcategory for one in known})
    order = [subcategories[index] for index in rng.permutation(len(subcategories))]
    parts = {}
    for part, least in (("unseen", UNSEEN), ("choosing", CHOOSING), ("seen", len(known))):
        taken: set[str] = set()
        inside = np.zeros(len(known), bool)
        while order and inside.sum() < least:
            taken.add(order.pop(0))
            inside = np.asarray([one.subcategory in taken for one in known]) & np.asarray(usable)
        parts[part] = inside
    return parts


def main() -> None:
    """Write ``emoji.npz`` (pictures) and ``emoji.json`` (what they show)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="where archives are kept")
    parser.add_argument("--out", type=Path, required=True, help="a folder")
    arguments = parser.parse_args()
    known = classes(arguments.packages)
    drawn = {name: pictures(style, known, arguments.packages) for name, style in STYLES.items()}
    usable = [trainable(one) and all(one.code in drawn[name] for name in NEEDED) for one in known]
    parts = split(known, usable)
    rows, kinds, which = [], [], []
    for index, one in enumerate(known):
        for number, name in enumerate(STYLES):
            if one.code in drawn[name]:
                rows.append(drawn[name][one.code])
                kinds.append(number)
                which.append(index)
    stacked = np.ascontiguousarray(np.stack(rows))
    arguments.out.mkdir(parents=True, exist_ok=True)
    np.savez(
        arguments.out / "emoji.npz",
        pictures=stacked,
        styles=np.asarray(kinds, np.int64),
        classes=np.asarray(which, np.int64),
        **parts,
    )
    told_of = [vars(one) for one in known]
    (arguments.out / "emoji.json").write_text(json.dumps(told_of, ensure_ascii=False) + "\n")
    print(f"{len(known)} classes", *(f"{inside.sum()} {name}" for name, inside in parts.items()))
    for number, name in enumerate(STYLES):
        print(f"{name}: {kinds.count(number)} pictures")
    print(f"sha256 of pictures {hashlib.sha256(stacked.tobytes()).hexdigest()}")


if __name__ == "__main__":
    main()
