"""The commands of classes: tables of them, what a picture shows, and content behind a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

import latebra as lb
from latebra.cli import console
from latebra.cli.options import KEYS, Force, Json, load_settings
from latebra.core.errors import InputError, UnreadableFile
from latebra.core.keys import Key
from latebra.hiding.media import class_tables, texts

app = App(
    name="classes",
    help="Make class tables, name what a picture shows, and keep content behind a class.",
    help_format="plaintext",
)


@Parameter(name="*")
@dataclass(frozen=True)
class ShownOptions:
    """What is shown to a lock.

    Args:
        picture: Of the class; once for each. Three open a lock more surely than one.
        description: What says the class.
        code_word_env: The environment variable that holds the code word.
        compiler: A compiler, from latebra compilers, or auto.
    """

    picture: Annotated[tuple[Path, ...], Parameter(negative=(), show_default=False)] = ()
    description: str | None = None
    code_word_env: Annotated[str | None, Parameter(group=KEYS)] = None
    compiler: str | None = None

    def told(self) -> dict[str, Any]:
        """Returns the same, as the verbs take it.

        Raises:
            UnreadableFile: A picture is not there; nothing was computed yet.
        """
        _refuse_absent(self.picture)
        word = self.code_word_env
        return {
            "pictures": self.picture,
            "description": self.description,
            "code_word": None if word is None else Key.parse(f"env:{word}"),
            "compiler": self.compiler or load_settings().compiler,
        }


NOTHING = ShownOptions()


@app.command
def make(names: Path, /, *, out: Path, compiler: str | None = None, force: Force = False) -> None:
    """Write the class table of a zero-shot classifier.

    Args:
        names: A text file with a class's name in each line.
        out: The .npz or .safetensors file to write.
        compiler: A compiler, from latebra compilers, or auto.
    """
    console.refuse_to_write(out, [names], force=force)
    medium = class_tables.ClassTables()
    medium.refuse(out, force=True)
    lines = [line.strip() for line in texts.read(names).splitlines()]
    with console.bars() as progress:
        table = lb.class_table(
            [line for line in lines if line],
            compiler=compiler or load_settings().compiler,
            progress=progress,
        )
    medium.save(table, out, force=force)
    console.say(str(out))


@app.command
def name(
    picture: Path,
    /,
    *,
    table: Path,
    most: int = 5,
    compiler: str | None = None,
    json: Json = False,
) -> None:
    """Show which classes of a table a picture is most like.

    Args:
        picture: Of one thing on a plain ground.
        table: What latebra classes make wrote, jittered since or not.
        most: How many classes.
        compiler: A compiler, from latebra compilers, or auto.
    """
    found = lb.classify(picture, table, most=most, compiler=compiler or load_settings().compiler)
    rows = [{"class": each.name, "share": round(each.share, 4)} for each in found]
    console.say_table(rows, as_json=json)


@app.command
def lock(
    *,
    out: Path,
    content: Path | None = None,
    shown: ShownOptions = NOTHING,
    force: Force = False,
) -> None:
    """Write content that opens for who shows a class, or describes it.

    Args:
        out: The file to write.
        content: The file whose bytes are kept; without it, what comes on stdin.
    """
    inputs = [each for each in (content, *shown.picture) if each]
    console.refuse_to_write(out, inputs, force=force)
    told = shown.told()
    kept = console.read_message(None, content)
    if not kept:
        raise InputError("the content is empty", fix="give at least one byte")
    with console.bars() as progress:
        lb.class_lock(kept, out=out, force=force, progress=progress, **told)
    console.say(str(out))
    if shown.code_word_env is None:
        console.note("without a code word, whoever tries a thousand classes opens it")


@app.command(name="open")
def open_(
    file: Path,
    /,
    *,
    out: Path | None = None,
    shown: ShownOptions = NOTHING,
    force: Force = False,
) -> None:
    """Show the content of a lock to who shows its class.

    Args:
        file: What latebra classes lock wrote.
        out: Write the content to this file instead of stdout.
    """
    if out is not None:
        console.refuse_to_write(out, [file, *shown.picture], force=force)
    _refuse_absent((file,))
    told = shown.told()
    with console.bars() as progress:
        content = lb.class_open(file, progress=progress, **told)
    console.write_message(content, out, force=force)


@app.command(name="list")
def list_(
    files: tuple[Path, ...],
    /,
    *,
    shown: ShownOptions = NOTHING,
    json: Json = False,
) -> None:
    """Show which of many locks open for a class and a code word; the others look alike.

    Args:
        files: What latebra classes lock wrote.
    """
    _refuse_absent(files)
    told = shown.told()
    with console.bars() as progress:
        found = lb.class_list(files, progress=progress, **told)
    rows = [
        {
            "file": str(each.path),
            "opens": each.content is not None,
            "bytes": "" if each.content is None else len(each.content),
        }
        for each in found
    ]
    console.say_table(rows, as_json=json)


def _refuse_absent(files: tuple[Path, ...]) -> None:
    """Says what is not there before anything is computed."""
    for each in files:
        if not each.exists():
            raise UnreadableFile(f"there is no file {each}", fix="check the path")
