"""Options that several commands share, and the keys that they lead to."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from latebra.cli.console import Usage
from latebra.core import keytext
from latebra.core.errors import BadKey
from latebra.core.keys import Identity, Key, Recipient
from latebra.core.settings import Settings

KEYS = Group("Keys", sort_key=1)
HOW = Group("How", sort_key=2)


@Parameter(name="*", group=KEYS)
@dataclass(frozen=True)
class KeyOptions:
    """Where the shared key comes from; with none of these, a passphrase is asked for.

    Args:
        key_file: A key file that latebra key new made.
        passphrase_env: The environment variable that holds the passphrase.
    """

    key_file: Path | None = None
    passphrase_env: str | None = None

    def is_given(self) -> bool:
        """Returns whether a shared key was named."""
        return self.key_file is not None or self.passphrase_env is not None

    def key(self, settings: Settings, *, twice: bool) -> Key:
        """Returns the shared key: named here, named in the settings, or asked for.

        Args:
            settings: Its ``key`` may be a reference.
            twice: Whether a passphrase is asked for twice, because a mistyped one would be used.

        Raises:
            Usage: Two keys are named.
            BadKey: The key cannot be used, or there is nobody to ask.
            UnreadableFile: The key file cannot be read.
        """
        if self.key_file is not None and self.passphrase_env is not None:
            raise Usage("two keys are named", fix="give --key-file or --passphrase-env")
        if self.key_file is not None:
            return Key.from_file(self.key_file)
        if self.passphrase_env is not None:
            return Key.parse(f"env:{self.passphrase_env}")
        if settings.key:
            return Key.parse(settings.key)
        return Key.from_passphrase(_ask(twice=twice))


@Parameter(name="*", group=HOW)
@dataclass(frozen=True)
class HowOptions:
    """How networks are run.

    Args:
        carrier: A way to hide, from latebra carriers.
        compiler: A compiler, from latebra compilers, or auto.
        context: Public words that both ends agree on.
        kind: What is painted, such as stone; a reader who is not told tries each.
        prompt: What the text is to be about; the reader must say the same.
        model: The language model: smollm2, or a GGUF file of the same architecture.
        numerics: float32, or float64 where both ends' compilers keep it.
        original: The class table before its jitter, where no text tower made it of its names.
        reader: Of edited texts: alone, or model, which runs the model to read worse copies.
    """

    carrier: str | None = None
    compiler: str | None = None
    context: str = ""
    kind: str | None = None
    prompt: str | None = None
    model: str | None = None
    numerics: str | None = None
    original: str | None = None
    reader: str | None = None

    def options(self) -> dict[str, str]:
        """Returns the carrier's own options."""
        mine = {
            "kind": self.kind,
            "prompt": self.prompt,
            "model": self.model,
            "numerics": self.numerics,
            "original": self.original,
            "reader": self.reader,
        }
        return {name: value for name, value in mine.items() if value is not None}


Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON.")]
Force = Annotated[bool, Parameter(negative=(), help="Overwrite files that are there already.")]


def load_settings() -> Settings:
    """Returns the settings of the current folder and environment."""
    return Settings.load(Path.cwd(), os.environ)


def read_recipient(given: str) -> Recipient:
    """Returns the public key that is written out, or stands in a file.

    Raises:
        BadKey: It is no public key.
        UnreadableFile: It is a file's name, and the file cannot be read.
    """
    return Recipient.parse(given if keytext.is_marked(given) else keytext.load(given))


def read_identity(path: Path | None) -> Identity | None:
    """Returns the identity in a file, or None without one."""
    return None if path is None else Identity.from_file(path)


def _ask(*, twice: bool) -> str:
    if not _somebody_is_there():
        raise BadKey(
            "no key was given, and there is no terminal to ask on",
            fix="give --key-file or --passphrase-env, or set LATEBRA_KEY",
        )
    text = getpass.getpass("passphrase: ")
    if twice and getpass.getpass("once more: ") != text:
        raise BadKey("the two passphrases differ", fix="type the same one twice")
    return text


def _somebody_is_there() -> bool:
    """Returns whether there is a terminal; without one, getpass would echo the passphrase."""
    if sys.platform == "win32":
        return sys.stdin.isatty()
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
