"""The documentation as text: its Python blocks, its links, the results it quotes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RESULT = re.compile(r"<!-- result: (\S+) (\S+)(?: /(\d+))? -->([-\d.,]+)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of Python, and what its ``#>`` lines say it prints."""

    line: int
    code: str
    expected: str


@dataclass(frozen=True)
class Quoted:
    """A number that follows ``<!-- result: FILE PATH -->``, or ``… PATH /DIVISOR -->``."""

    file: str
    path: str
    divisor: int
    shown: str


def blocks(text: str) -> list[Block]:
    """Returns the Python blocks of a page, in order."""
    found = []
    for match in _FENCE.finditer(text):
        if match[1] == "python":
            expected = re.findall(r"^#> ?(.*)$", match[2], re.MULTILINE)
            line = text.count("\n", 0, match.start(2)) + 1
            found.append(Block(line, match[2], "".join(f"{each}\n" for each in expected)))
    return found


def quoted(text: str) -> list[Quoted]:
    """Returns the results that a page quotes."""
    return [
        Quoted(match[1], match[2], int(match[3] or 1), match[4]) for match in _RESULT.finditer(text)
    ]


def links(text: str) -> list[str]:
    """Returns where a page's links lead, those to other sites left out."""
    plain = _FENCE.sub("", text)
    return [link for link in _LINK.findall(plain) if not re.match(r"[a-z]+:", link)]
