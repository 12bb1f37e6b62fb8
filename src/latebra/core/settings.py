"""What a person has set: defaults, then ``latebra.toml``, the environment, the command line."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final, Self, get_type_hints

from latebra.core.errors import InputError, UnreadableFile

FILE: Final = "latebra.toml"
PREFIX: Final = "LATEBRA_"


@dataclass(frozen=True)
class Settings:
    """Values that the command line uses where no option was given.

    Each can stand in ``latebra.toml`` in the current folder (``channel = "jpeg75"``) or in the
    environment (``LATEBRA_CHANNEL=jpeg75``). It is read once, at the edge, and passed down.

    Args:
        carrier: How to hide: an id from ``latebra carriers``.
        channel: What a hidden message must survive, such as "jpeg75"; nothing for what is usual.
        compiler: Which compiler runs the networks: an id from ``latebra compilers``, or "auto".
        key: A reference to the shared key, ``env:NAME`` or ``file:PATH``, or nothing; never a key.
        origins: Where each value came from, by name.
    """

    carrier: str = "diffusion"
    channel: str = ""
    compiler: str = "auto"
    key: str = ""
    origins: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)

    @classmethod
    def load(cls, folder: Path, environment: Mapping[str, str]) -> Self:
        """Returns the settings that hold in a folder, under an environment.

        Args:
            folder: Where ``latebra.toml`` may be.
            environment: Variables; those that start with ``LATEBRA_`` count.

        Raises:
            UnreadableFile: The file is there and cannot be read.
            InputError: A name is unknown, or a value has the wrong type.
        """
        values: dict[str, str] = {}
        origins = dict.fromkeys(names(), "default")
        for origin, found in (
            (str(folder / FILE), _from_file(folder / FILE)),
            ("environment", _from_environment(environment)),
        ):
            for name, value in found.items():
                _refuse_unknown(name, origin)
                values[name] = _text(name, value, origin)
                origins[name] = origin
        return cls(**values, origins=origins)


def names() -> list[str]:
    """Returns the settings by name, in their order.

    Example:
        >>> names()
        ['carrier', 'channel', 'compiler', 'key']
    """
    hints = get_type_hints(Settings)
    return [each.name for each in fields(Settings) if hints[each.name] is str]


def _from_file(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path} is not TOML: {error}", fix="mend it, or remove it") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None


def _from_environment(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Returns the variables that name settings; others with the prefix may be somebody's own."""
    mine = {name: environment.get(PREFIX + name.upper(), "") for name in names()}
    return {name: value for name, value in mine.items() if value}


def _refuse_unknown(name: str, origin: str) -> None:
    if name in names():
        return
    close = difflib.get_close_matches(name, names(), n=1)
    raise InputError(
        f"{origin} sets {name!r}, which is no setting",
        fix=f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(names())}",
    )


def _text(name: str, value: object, origin: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{origin} sets {name} to {value!r}, which is no text", fix="quote it")
    return value
