"""The demonstration behind ``make demo``: one compiler hides, the others reveal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from rich.console import Console
from rich.table import Table

import latebra as lb

FOLDER: Final = Path("demo")
WRITER: Final = "ngraph"
SENTENCE: Final = b"The owl flies at nine; bring the second lantern."


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Args:
        what: What was tried.
        wrote: The compiler that wrote.
        read: The compiler that read.
        payload: Bytes of message, or nothing.
        seconds: How long it took; a reader's first time includes opening its network.
        went: What came of it.
        good: Whether that is what should have come of it.
    """

    what: str
    wrote: str
    read: str
    payload: str
    seconds: float
    went: str
    good: bool


def main() -> None:
    """Runs the demonstration; the exit status is 1 when anything in it fails."""
    FOLDER.mkdir(exist_ok=True)
    here = [name for name, plugin in lb.compilers.items() if plugin().probe()]
    readers = sorted(set(here) - {WRITER}, key=lambda name: lb.compilers[name].rank)
    key, other = lb.Key.generate(), lb.Key.generate()
    console = Console()
    console.print(f"hiding {len(SENTENCE)} bytes: {SENTENCE.decode()!r}")
    try:
        lines = list(_lines(key, other, readers))
    except lb.LatebraError as error:
        sys.exit(f"error: {error}")
    console.print(_table(lines))
    console.print(f"pictures: {', '.join(str(path) for path in sorted(FOLDER.iterdir()))}")
    if not all(line.good for line in lines):
        sys.exit("error: the demonstration failed; see the table")


def _lines(key: lb.Key, other: lb.Key, readers: list[str]) -> Iterator[Line]:
    painted = lb.hide(SENTENCE, key=key, compiler=WRITER)
    picture = painted.save(FOLDER / "hidden.png", force=True)[0]
    yield _hidden("hide for PNG", painted)
    for reader in readers:
        yield _read("reveal the PNG", picture, key, reader)
    yield _refused("reveal, other key", picture, other, readers[0] if readers else WRITER)
    hardy = lb.hide(SENTENCE, key=key, compiler=WRITER, channel="jpeg75")
    lossless = hardy.save(FOLDER / "hardy.png", force=True)
    yield _hidden("hide for JPEG 75", hardy)
    squeezed = [path.with_suffix(".jpg") for path in lossless]
    for before, after in zip(lossless, squeezed, strict=True):
        Image.open(before).save(after, "JPEG", quality=75, subsampling="4:2:0")
    for reader in readers or [WRITER]:
        yield _read("reveal the JPEG", squeezed, key, reader, "jpeg75")


def _hidden(what: str, stego: lb.Stego) -> Line:
    report = stego.report
    count = "1 picture" if report.covers == 1 else f"{report.covers} pictures"
    checked = ", ".join(report.verified_with)
    return Line(
        what, report.compiler, checked, str(report.message_bytes), report.seconds, count, True
    )


def _read(
    what: str, source: Path | list[Path], key: lb.Key, reader: str, channel: str = "png"
) -> Line:
    sources = source if isinstance(source, list) else [source]
    start = time.perf_counter()
    try:
        found = lb.reveal(list(sources), key=key, compiler=reader, channel=channel)
    except lb.LatebraError as error:
        return Line(what, WRITER, reader, "", time.perf_counter() - start, error.what, False)
    seconds = time.perf_counter() - start
    good = found == SENTENCE
    went = "word for word" if good else "something else"
    return Line(what, WRITER, reader, str(len(found)), seconds, went, good)


def _refused(what: str, source: Path, key: lb.Key, reader: str) -> Line:
    start = time.perf_counter()
    try:
        lb.reveal(source, key=key, compiler=reader, channel="png")
    except lb.NothingRevealed as error:
        return Line(what, WRITER, reader, "", time.perf_counter() - start, error.what, True)
    return Line(what, WRITER, reader, "", time.perf_counter() - start, "opened", False)


def _table(lines: list[Line]) -> Table:
    table = Table("what", "wrote", "read", "bytes", "seconds", "outcome")
    for line in lines:
        style = "" if line.good else "bold red"
        cells = (line.what, line.wrote, line.read, line.payload, f"{line.seconds:.2f}", line.went)
        table.add_row(*cells, style=style)
    return table


if __name__ == "__main__":
    main()
