"""Documents in a file that can be searched by who has a key, and read by nobody else.

    entry    number | sketch 64 | frame (FULL): vector, title, text

One file may hold entries under several keys: each key finds and opens its own, and to each the
others' are noise. What a holder of the file learns stands in ``docs/library.md``.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from jaxtyping import Float, UInt64
from numpy.typing import NDArray

from latebra.api.opened import chosen
from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.core.errors import NothingRevealed, UnreadableFile, UnwritableFile
from latebra.core.keys import Key, derive
from latebra.core.progress import Progress, silent
from latebra.hiding import frame
from latebra.hiding.channel.stream import Stream
from latebra.hiding.frame import Binding, Profile
from latebra.hiding.identity.sketch import WORDS, Sketcher, nearest
from latebra.models.embedders.catalogue import find

SALT: Final = 16
STEPS: Final = 127
"""A vector is kept in whole numbers up to this: 384 bytes."""
CANDIDATES: Final = 100
"""Entries that are opened for a query, whose vectors then decide."""
_TABLES: Final = """
create table if not exists about (salt blob not null);
create table if not exists entries
    (number integer primary key, sketch blob not null, body blob not null);
"""
Embed = Callable[[str], NDArray[Any]]
"""Returns the vector of a text, of length one."""


@dataclass(frozen=True)
class Found:
    """An entry that a query came upon.

    Args:
        number: Of the entry in the file.
        likeness: Cosine of its vector with the query's.
        title: What it is called.
        text: What it says.
    """

    number: int
    likeness: float
    title: str = field(repr=False)
    text: str = field(repr=False)


@final
class Library:
    """A file of documents.

    Args:
        path: Of the file; it is made when something is first added.
        key: Which entries are meant: those that were added with it.
        embed: Returns the vector of a text, of length one.
        digest: Of what embeds texts.
    """

    def __init__(self, path: Path, key: Key, embed: Embed, digest: str) -> None:
        self.path = path
        self._embed, self._digest = embed, digest
        with self._open() as file:
            self._salt = _salt_of(file)
        root = key.root(self._salt)
        self._seal = Key(derive(root, "library/entries", self._salt))
        self._planes = Stream(derive(root, "library/planes", self._salt))
        self._sketcher: Sketcher | None = None
        self._index: tuple[NDArray[np.int64], UInt64[np.ndarray, "count words"]] | None = None

    def add(self, documents: Sequence[tuple[str, str]], progress: Progress = silent) -> list[int]:
        """Adds documents, and returns their numbers.

        Args:
            documents: Title and text of each.
            progress: Told how far the work is.

        Raises:
            InputError: A text is empty.
            UnwritableFile: The file cannot be written.
        """
        rows: list[tuple[bytes, bytes]] = []
        for at, (title, text) in enumerate(documents):
            progress("read", at, len(documents))
            vector = self._embed(text)
            largest = float(np.abs(vector).max())
            kept: bytes = (vector * (STEPS / largest)).round().astype(np.int8).tobytes()
            told = json.dumps({"title": title, "text": text}, ensure_ascii=False).encode()
            body = len(kept).to_bytes(2, "little") + kept + told
            sealed = frame.seal(body, self._binding(), key=self._seal, profile=Profile.FULL)
            rows.append((self._sketch(vector).astype("<u8").tobytes(), sealed))
        progress("read", len(documents), len(documents))
        self._index = None
        with self._open() as file:
            insert = "insert into entries (sketch, body) values (?, ?)"
            return [file.execute(insert, row).lastrowid or 0 for row in rows]

    def search(self, query: str, *, most: int = 10, candidates: int = CANDIDATES) -> list[Found]:
        """Returns the entries that are most like a query; none where none is the key's.

        Args:
            query: A text.
            most: How many.
            candidates: How many are opened; more find more.

        Raises:
            InputError: The query is empty.
        """
        return self.search_vector(self._embed(query), most=most, candidates=candidates)

    def search_vector(
        self, vector: Float[np.ndarray, " dims"], *, most: int = 10, candidates: int = CANDIDATES
    ) -> list[Found]:
        """Returns the entries that are most like a vector of length one."""
        numbers, sketches = self.index()
        near = numbers[nearest(sketches, self._sketch(vector), candidates)]
        found = [
            Found(number, float(kept @ vector / np.linalg.norm(kept)), title, text)
            for number, kept, title, text in self._opened(near.tolist())
        ]
        return sorted(found, key=lambda each: (-each.likeness, each.number))[:most]

    def open(self, number: int) -> tuple[str, str]:
        """Returns title and text of an entry.

        Raises:
            NothingRevealed: There is none of that number, or it is another key's.
        """
        for _, _, title, text in self._opened([number]):
            return title, text
        raise NothingRevealed

    def index(self) -> tuple[NDArray[np.int64], UInt64[np.ndarray, "count words"]]:
        """Returns numbers and sketches of all entries: what a holder of the file sees."""
        if self._index is None:
            with self._open() as file:
                rows = file.execute("select number, sketch from entries").fetchall()
            joined = b"".join(row[1] for row in rows)
            sketches = np.frombuffer(joined, "<u8").astype(np.uint64).reshape(-1, WORDS)
            self._index = np.array([row[0] for row in rows], np.int64), sketches
        return self._index

    def _sketch(self, vector: NDArray[Any]) -> UInt64[np.ndarray, " words"]:
        if self._sketcher is None:
            self._sketcher = Sketcher(self._planes, len(vector))
        return self._sketcher.sketch(vector)

    def _opened(self, numbers: Sequence[int]) -> Iterator[tuple[int, NDArray[Any], str, str]]:
        """Yields number, vector, title and text of those entries that are the key's."""
        marks = ",".join("?" * len(numbers))
        with self._open() as file:
            wanted = f"select number, body from entries where number in ({marks})"  # noqa: S608  # Question marks.
            rows = file.execute(wanted, list(numbers)).fetchall()
        for number, sealed in rows:
            try:
                body = frame.unseal(
                    sealed, self._binding(), key=self._seal, profile=Profile.FULL
                ).message
            except NothingRevealed:
                continue
            size = int.from_bytes(body[:2], "little")
            kept = np.frombuffer(body[2 : 2 + size], np.int8).astype(np.float64)
            told = json.loads(body[2 + size :])
            yield number, kept, str(told["title"]), str(told["text"])

    def _binding(self) -> Binding:
        return Binding("library", self._digest, salt=self._salt)

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        try:
            file = sqlite3.connect(self.path, timeout=10)
        except sqlite3.Error as error:
            raise UnwritableFile(
                f"{self.path} cannot be opened: {error}", fix="choose a folder that is there"
            ) from None
        try:
            file.executescript(_TABLES)
            with file:
                yield file
        except sqlite3.DatabaseError as error:
            raise UnreadableFile(
                f"{self.path} is no library: {error}", fix="check the path"
            ) from None
        finally:
            file.close()


def _salt_of(file: sqlite3.Connection) -> bytes:
    """Returns the file's salt; a new file draws one."""
    row = file.execute("select salt from about").fetchone()
    if row is None:
        row = (os.urandom(SALT),)
        file.execute("insert into about values (?)", row)
    return row[0]


def open_library(
    path: str | os.PathLike[str], *, key: Key, compiler: str = "auto", progress: Progress = silent
) -> Library:
    """Returns a library whose texts all-MiniLM-L6-v2 embeds.

    Args:
        path: Of the file; it is made when it is not there.
        key: Which entries are meant: those that were added with it.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.

    Raises:
        UnreadableFile: The file is no library.
        UnwritableFile: It cannot be written.
        Unavailable: The network's weights cannot be fetched.
    """
    embedder = find("text", progress=progress)
    network = open_network(Model(embedder.onnx, embedder.card), chosen(compiler)[0])

    def embed(text: str) -> NDArray[Any]:
        inputs = embedder.inputs(text)
        return embedder.pooled([network.run(each) for each in inputs], text)

    return Library(Path(path), key, embed, embedder.card.digest)
