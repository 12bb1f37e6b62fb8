"""Take the English prose out of the manuals that Debian packages ship.

    python -m training.exact.text --packages work/packages --out work/texts.npz

Paragraphs, list items and table cells of each page, one a line, in ASCII, each once; one page in
twenty is held out. ``apt-get download`` fetches the packages of ``PACKAGES`` at their
versions; their digests are checked.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import tempfile
import unicodedata
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import numpy as np

HELD_OUT: Final = 20
"""One page in so many is for the test."""
_BLOCKS: Final = frozenset({"p", "pre", "li", "dd", "dt", "td", "h1", "h2", "h3", "title", "item"})
_SKIPPED: Final = frozenset({"pre", "script", "style", "screen", "media", "info"})
_VOID: Final = frozenset({"br", "hr", "img", "meta", "link", "input", "col"})
_LEAST: Final = 60
"""Shorter paragraphs are headings, keys and names."""
_PLAIN: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": " - "}
)


@dataclass(frozen=True)
class Package:
    """A Debian package of texts.

    Args:
        name: Of the package.
        version: In Debian 12.
        digest: SHA-256 of the package.
        licence: Of its texts, as the package states it.
        pages: Pattern of the files that are read.
    """

    name: str
    version: str
    digest: str
    licence: str
    pages: str


PACKAGES: Final = (
    Package(
        "debian-faq",
        "11.1",
        "427426e0cfa6888622fc1d72631071cb4b5a1f86ccde722e7820bcef284de5d0",
        "GPL-2+",
        "usr/share/doc/debian/FAQ/*.en.html",
    ),
    Package(
        "debian-handbook",
        "11.20220922",
        "3d5dbeac1f1afc9c094eab9d0f701f6ecff99c4927d5a4794cf6c85678134faa",
        "GPL-2+ or CC-BY-SA-3.0",
        "usr/share/doc/debian-handbook/html/en-US/*.html",
    ),
    Package(
        "debian-policy",
        "4.6.2.0",
        "ef9d01b625c3b87c3a845c2cd1b66f1a16e9240b2b9e5bee53472a00e8457a39",
        "GPL-2+",
        "usr/share/doc/debian-policy/policy.html/*.html",
    ),
    Package(
        "debian-reference-en",
        "2.100",
        "9f31d3a17df505de09689ca255512ea58c1fc47c59bb1b0c7bf1c23362e9743f",
        "GPL-2+",
        "usr/share/debian-reference/*.en.html",
    ),
    Package(
        "developers-reference",
        "12.18",
        "0dba82f6fa16e373f2a84ad07e7971aa9264ad2e7d2ae46b37edbc9c5fd57e2e",
        "GPL-2",
        "usr/share/developers-reference/*.html",
    ),
    Package(
        "gimp-help-en",
        "2.10.34-2",
        "a2deec76763aaf2fcdd197bac0736cdcb0770ba993d48d233329e1c92b0bfe36",
        "GFDL-NIV-1.2+",
        "usr/share/gimp/2.0/help/en/*.html",
    ),
    Package(
        "git-doc",
        "1:2.39.5-0+deb12u3",
        "3c89668a11053a6bafade3de1f611f4613db31e082af63f43d8c5b69ad8795ec",
        "GPL-2",
        "usr/share/doc/git-doc/**/*.html",
    ),
    Package(
        "gnome-user-docs",
        "43.0-2",
        "0d635a840747958ca84da778b40d341f1155603851f922c9a171f5a181d6a39f",
        "CC-BY-SA-3.0",
        "usr/share/help/C/**/*.page",
    ),
    Package(
        "gnucash-docs",
        "4.13-1",
        "09979baf0ff8ddc1f9c39320c2c38ff606d6f4656e04742ff2dc51f2d562996f",
        "GFDL-NIV-1.1+",
        "usr/share/doc/gnucash-docs/gnucash-guide-en/**/*.html",
    ),
    Package(
        "installation-guide-amd64",
        "20230508+deb12u1",
        "812c43e1dc906daf671e3efe953dc023205c238e5bd5a3021ce4ca142793573a",
        "GPL-2",
        "usr/share/doc/installation-guide-amd64/en/*.html",
    ),
    Package(
        "postgresql-doc-15",
        "15.20-0+deb12u1",
        "4c44bf2c599f208b3f46454a6cf7a72e25ec46ff74d37b59dd31ad76b00eebb7",
        "PostgreSQL",
        "usr/share/doc/postgresql-doc-15/html/*.html",
    ),
    Package(
        "python3.11-doc",
        "3.11.2-6+deb12u9",
        "5b3594189d6ef9a6963ce0347fd307a1cc67620ad697e144db366070e2e146be",
        "PSF-2",
        "usr/share/doc/python3.11/html/[chlrt]*/*.html",
    ),
)


def fetch(package: Package, folder: Path) -> Path:
    """Returns where a package is unpacked below ``folder``, downloaded if it is not there."""
    target = folder / package.name
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as temporary:
        wanted = f"{package.name}={package.version}"
        subprocess.run(["apt-get", "download", wanted], cwd=temporary, check=True)
        (archive,) = Path(temporary).glob("*.deb")
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != package.digest:
            raise ValueError(f"{archive.name} has the digest {found}, not {package.digest}")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
    return target


class _Prose(HTMLParser):
    """Gathers the paragraphs of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.paragraphs: list[str] = []
        self._words: list[str] = []
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self._skipped += 1
        if tag in _BLOCKS:
            self._end()

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipped = max(0, self._skipped - 1)
        if tag in _BLOCKS:
            self._end()

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self._words.append(data)

    def _end(self) -> None:
        told = " ".join("".join(self._words).split())
        self._words.clear()
        if len(told) >= _LEAST and told[-1] in ".:!?":
            self.paragraphs.append(told)


def ascii_of(text: str) -> str:
    """Returns a text with every letter as plain as it can be; others are left out."""
    flat = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return re.sub(r"[^\x20-\x7e]", "", flat)


def pages(folder: Path, pattern: str) -> list[list[str]]:
    """Returns the paragraphs of each page below a folder."""
    found: list[list[str]] = []
    for path in sorted(each for each in folder.glob(pattern) if each.is_file()):
        parser = _Prose()
        parser.feed(path.read_text("utf-8", "replace"))
        parser.close()
        found.append([ascii_of(each) for each in parser.paragraphs])
    return found


def collect(folder: Path) -> tuple[str, str]:
    """Returns the text to learn from and the text held out, a paragraph a line."""
    seen: set[str] = set()
    kept: list[str] = []
    held: list[str] = []
    for package in PACKAGES:
        for at, page in enumerate(pages(fetch(package, folder), package.pages)):
            new = [each for each in page if each not in seen]
            seen.update(new)
            (held if at % HELD_OUT == HELD_OUT // 2 else kept).extend(dict.fromkeys(new))
    return "\n".join(kept) + "\n", "\n".join(held) + "\n"


def main() -> None:
    """Write the texts."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="where they are unpacked")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.packages.mkdir(parents=True, exist_ok=True)
    kept, held = collect(arguments.packages)
    np.savez(arguments.out, kept=np.array(kept), held=np.array(held))
    digest = hashlib.sha256((kept + held).encode()).hexdigest()
    print(f"{len(kept)} and {len(held)} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
