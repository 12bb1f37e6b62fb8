"""The commands that make keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from latebra.cli import console
from latebra.cli.options import Force
from latebra.core import keytext
from latebra.core.errors import UnwritableFile
from latebra.core.keys import Identity, Key, Recipient

app = App(name="key", help="Make a key, or show the public half of one.", help_format="plaintext")


@app.command
def new(
    *,
    out: Path,
    identity: Annotated[bool, Parameter(negative=())] = False,
    force: Force = False,
) -> None:
    """Make a key file that its owner alone can read.

    Args:
        out: Where to write it.
        identity: Make a key pair, for receiving and signing, instead of a shared key.
        force: Overwrite the file if it is there.
    """
    if out.exists() and not force:
        raise UnwritableFile(f"{out} exists", fix="choose another name, or add --force")
    if identity:
        made = Identity.generate()
        made.save(out, force=force)
        console.say(str(made.public()))
        console.note(f"wrote {out}: keep it secret; the line above is for others")
        return
    Key.generate().save(out, force=force)
    console.note(f"wrote {out}: keep it secret, and give the other end the same file")


@app.command
def public(file: Path, /) -> None:
    """Show the public half of an identity, for others to hide for or to check signatures with.

    Args:
        file: An identity that latebra key new --identity made, or a public key's own file.
    """
    line = keytext.load(file)
    if line.lower().startswith(f"{keytext.MARKER}public-"):
        console.say(str(Recipient.parse(line)))
    else:
        console.say(str(Identity.from_file(file).public()))
