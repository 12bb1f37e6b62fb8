"""The commands of libraries: documents that are found and read by who has their key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

import latebra as lb
from latebra.cli import console
from latebra.cli.options import Json, KeyOptions, load_settings
from latebra.core.errors import UnreadableFile
from latebra.hiding.media import texts

app = App(
    name="library",
    help="Keep documents in a file that only their key can search and read.",
    help_format="plaintext",
)
NO_KEY = KeyOptions()


@app.command
def add(
    library: Path,
    /,
    *documents: Path,
    lines: Annotated[bool, Parameter(negative=())] = False,
    compiler: str | None = None,
    key: KeyOptions = NO_KEY,
) -> None:
    """Add documents to a library, which is made where it is not there.

    Args:
        library: The library's file.
        documents: Texts in UTF-8.
        lines: Whether each line is a document of its own.
        compiler: A compiler, from latebra compilers, or auto.
    """
    read = [(path.name, str(texts.read(path))) for path in documents]
    if lines:
        read = [
            (f"{name}:{at}", line)
            for name, text in read
            for at, line in enumerate(text.splitlines(), start=1)
            if line.strip()
        ]
    settings = load_settings()
    secret = key.key(settings, twice=not library.exists())
    with console.bars() as progress:
        opened = lb.open_library(
            library, key=secret, compiler=compiler or settings.compiler, progress=progress
        )
        numbers = opened.add(read, progress)
    console.note(f"added {len(numbers)} to {library}")


@app.command
def search(
    library: Path,
    query: str,
    /,
    *,
    most: int = 10,
    compiler: str | None = None,
    key: KeyOptions = NO_KEY,
    json: Json = False,
) -> None:
    """Show what in a library is most like a query.

    Args:
        library: The library's file.
        query: A text; words need not be those of the document.
        most: How many are shown.
        compiler: A compiler, from latebra compilers, or auto.
    """
    opened = _opened(library, compiler, key)
    rows = [
        {"number": each.number, "likeness": each.likeness, "title": each.title}
        for each in opened.search(query, most=most)
    ]
    console.say_table(rows, as_json=json)


@app.command(name="open")
def open_(
    library: Path,
    number: int,
    /,
    *,
    compiler: str | None = None,
    key: KeyOptions = NO_KEY,
) -> None:
    """Show a document of a library.

    Args:
        library: The library's file.
        number: As search shows it.
        compiler: A compiler, from latebra compilers, or auto.
    """
    console.say(_opened(library, compiler, key).open(number)[1])


def _opened(library: Path, compiler: str | None, key: KeyOptions) -> lb.Library:
    if not library.exists():
        raise UnreadableFile(f"there is no file {library}", fix="check the path")
    settings = load_settings()
    secret = key.key(settings, twice=False)
    with console.bars() as progress:
        return lb.open_library(
            library, key=secret, compiler=compiler or settings.compiler, progress=progress
        )
