"""The commands that look: at what fits, at pictures, at this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import latebra as lb
from latebra.cli import console
from latebra.cli.console import Usage
from latebra.cli.options import Force, HowOptions, Json, load_settings
from latebra.core.errors import Unavailable
from latebra.core.settings import names

USUAL = HowOptions()


def capacity(
    *,
    channel: str | None = None,
    carrier: str | None = None,
    cover: Path | None = None,
    recipients: int = 0,
    signed: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
) -> None:
    """Show how many bytes of message one cover carries; a longer message takes several.

    Args:
        channel: One channel, for its number alone; without it, a table of all.
        carrier: A way to hide, from latebra carriers.
        cover: The file to hide in, where the carrier takes one.
        recipients: How many people it is for; 0 for a shared key.
        signed: Whether it is signed.
    """
    name = carrier or load_settings().carrier
    plugin = lb.carriers[name]

    def room_of(channel: str) -> int:
        return lb.capacity(
            carrier=name, cover=cover, channel=channel, recipients=recipients, signed=signed
        )

    if channel is not None:
        room = room_of(channel)
        console.say_json({"channel": channel, "bytes": room}) if json else console.say(str(room))
        return
    rows = [
        {"channel": each, "bytes": room_of(each), "survives": survives}
        for each, survives in plugin.channels.items()
    ]
    console.say_table(rows, as_json=json)


def audit(
    covers: tuple[Path, ...],
    /,
    *,
    blind: Annotated[bool, Parameter(negative=())] = False,
    how: HowOptions = USUAL,
    json: Json = False,
) -> None:
    """Show what a steganalyst would see in pictures or texts.

    Args:
        covers: The pictures or texts; more of them show more.
        blind: Look for the marks of every carrier that shows any, without its networks.
    """
    if not covers:
        raise Usage("there is no cover", fix="give the file of a picture or a text, or more")
    if blind:
        if how != USUAL:
            raise Usage("--blind looks for every carrier", fix="leave the carrier's options out")
        with console.bars() as progress:
            traces = lb.scan(list(covers), progress=progress)
        rows = [{**each.as_dict(), "cover": str(covers[each.cover])} for each in traces]
        console.say_table(rows, as_json=json)
        return
    settings = load_settings()
    with console.bars() as progress:
        marks = lb.audit(
            list(covers),
            carrier=how.carrier or settings.carrier,
            compiler=how.compiler or settings.compiler,
            progress=progress,
            **how.options(),
        )
    if json:
        console.say_json(marks.as_dict())
    else:
        console.say_table(list(marks.rows), as_json=False)


def scrub(
    photograph: Path,
    /,
    *,
    out: Path,
    carrier: str | None = None,
    force: Force = False,
) -> None:
    """Write a photograph in which nothing is left of what may be hidden in it.

    Args:
        photograph: A photograph, marked or not.
        out: The PNG file to write.
        carrier: The one carrier whose frames are taken away; without it, all that hide in
            photographs.
    """
    console.refuse_to_write(out, [photograph], force=force)
    console.say(str(lb.scrub(photograph, carrier=carrier).save(out, force=force)))


def doctor(*, json: Json = False) -> None:
    """Show what works on this machine, and what would mend the rest."""
    found = lb.doctor()
    rows = [
        {"kind": row.kind, "id": row.id, "ok": row.ok, "reason": row.reason, "fix": row.fix}
        for row in found
    ]
    console.say_table(rows, as_json=json)
    if not any(row.ok for row in found if row.kind == "compiler"):
        raise Unavailable("no compiler works here", fix="pip install onnxruntime")


def carriers(*, json: Json = False) -> None:
    """List the ways to hide."""
    rows = [
        {"id": name, "title": plugin.title, "channels": ", ".join(plugin.channels)}
        for name, plugin in lb.carriers.items()
    ]
    console.say_table(rows, as_json=json)


def compilers(*, json: Json = False) -> None:
    """List the compilers that can run the networks."""
    rows: list[dict[str, object]] = []
    for name, plugin in lb.compilers.items():
        found = plugin().probe()
        rows.append({"id": name, "title": plugin.title, "here": bool(found), "reason": str(found)})
    rows = [{**row, "reason": "" if row["here"] else row["reason"]} for row in rows]
    console.say_table(rows, as_json=json)


def config(*, json: Json = False) -> None:
    """Show the settings, and where each comes from."""
    settings = load_settings()
    rows = [
        {"setting": name, "value": getattr(settings, name), "origin": settings.origins[name]}
        for name in names()
    ]
    console.say_table(rows, as_json=json)
