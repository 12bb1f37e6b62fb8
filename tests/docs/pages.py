"""The documentation as text: its Python blocks, its links, the results it quotes."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import dataclass

from tests.docs.classes_tables import CLASSES_TABLES
from tests.docs.compiler_tables import COMPILER_TABLES
from tests.docs.gan_tables import GAN_TABLES
from tests.docs.identity_tables import IDENTITY_TABLES
from tests.docs.language_tables import LANGUAGE_TABLES
from tests.docs.photograph_tables import PHOTOGRAPH_TABLES
from tests.docs.provenance_tables import PROVENANCE_TABLES
from tests.docs.tables import HIDING_TABLES, RESULTS, ROOT
from tests.docs.trigger_tables import TRIGGER_TABLES

TABLES = (
    *HIDING_TABLES,
    *CLASSES_TABLES,
    *COMPILER_TABLES,
    *GAN_TABLES,
    *IDENTITY_TABLES,
    *LANGUAGE_TABLES,
    *PHOTOGRAPH_TABLES,
    *PROVENANCE_TABLES,
    *TRIGGER_TABLES,
)
MADE = {make.__name__: make for make in TABLES}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_RESULT = re.compile(r"<!-- result: (\S+) (\S+)(?: ([*/])(\d+))? -->([-\d.,]+)")
_MADE = re.compile(r"(?<=<!-- made: )(\w+) -->\n(.*?)(?=<!-- end -->)", re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of Python, and what its ``#>`` lines say it prints."""

    line: int
    code: str
    expected: str

    def printed(self, names: dict[str, object], page: str) -> str:
        """Returns what the block prints when it runs among ``names``."""
        # Lines before the block keep its own line numbers in a traceback.
        code = compile("\n" * (self.line - 1) + self.code, page, "exec")
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(code, names)  # noqa: S102  # Our own pages.
        return output.getvalue()


@dataclass(frozen=True)
class Quoted:
    """A number behind ``<!-- result: FILE PATH -->``; ``/N`` or ``*N`` may follow the path."""

    file: str
    path: str
    factor: float
    shown: str
    start: int
    stop: int

    def measured(self) -> str:
        """Returns the number in the file, with as many decimals and commas as the one shown."""
        found = json.loads((RESULTS / self.file).read_text(encoding="utf-8"))
        for step in self.path.split("."):
            found = found[int(step) if isinstance(found, list) else step]
        digits = len(self.shown.rstrip(".,").partition(".")[2])
        comma = "," if "," in self.shown.rstrip(".,") else ""
        return f"{found * self.factor:{comma}.{digits}f}"


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
    found = []
    for match in _RESULT.finditer(text):
        number = float(match[4] or 1)
        factor = 1 / number if match[3] == "/" else number
        shown = match[5].rstrip(".,")
        start = match.start(5)
        found.append(Quoted(match[1], match[2], factor, shown, start, start + len(shown)))
    return found


def links(text: str) -> list[str]:
    """Returns where a page's links lead, those to other sites left out."""
    plain = _FENCE.sub("", text)
    return [link for link in _LINK.findall(plain) if not re.match(r"[a-z]+:", link)]


def remade(text: str) -> str:
    """Returns a page with what lies between ``<!-- made: NAME -->`` and its end made again."""
    return _MADE.sub(lambda match: f"{match[1]} -->\n\n{MADE[match[1]]()}\n", text)
