"""Write measured numbers into the pages, behind their ``<!-- result: FILE PATH -->`` marks.

    python -m tools.quote_results [--run PAGE]

A number keeps its decimals and commas. With ``--run`` the Python of one page is run
too, and what each block prints is written behind its last line. ``tests/docs`` fails where either
has changed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from tests.docs.pages import PAGES, blocks, quoted, remade


def quote(page: Path) -> None:
    """Rewrites the results that a page quotes, and the tables that are made of them."""
    text = remade(page.read_text(encoding="utf-8"))
    for result in reversed(quoted(text)):
        text = text[: result.start] + result.measured() + text[result.stop :]
    page.write_text(text, encoding="utf-8")


def rerun(page: Path) -> None:
    """Rewrites the ``#>`` lines of blocks that have them at their end."""
    text = page.read_text(encoding="utf-8")
    names: dict[str, object] = {"__name__": "__main__"}
    found = blocks(text)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for block in found:
            printed = block.printed(names, str(page))
            shown = "".join(f"#> {line}\n" for line in block.expected.splitlines())
            if printed != block.expected and block.code.endswith(shown):
                fresh = "".join(f"#> {line}\n" for line in printed.splitlines())
                text = text.replace(block.code, block.code.removesuffix(shown) + fresh)
        os.chdir(page.parent)
    page.write_text(text, encoding="utf-8")


def main() -> None:
    """Rewrites every page that quotes a result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, action="append", default=[], metavar="PAGE")
    for page in parser.parse_args().run:
        rerun(page.resolve())
    for page in PAGES:
        quote(page)


if __name__ == "__main__":
    main()
