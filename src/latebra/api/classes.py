"""The verbs of classes: tables of them, what a picture shows, and content behind a class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.api.identity import read_vault
from latebra.api.opened import chosen, models
from latebra.api.text_tower import TextTower
from latebra.compiling.contract import Model
from latebra.compiling.opening import OpenNetwork, open_network
from latebra.core.errors import InputError, NothingRevealed, UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.core.keys import Key
from latebra.core.progress import Progress, silent
from latebra.hiding import class_lock as locks
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import Embedded
from latebra.hiding.media import class_tables, pictures
from latebra.hiding.medium import Source, Text
from latebra.models.thing import NETWORK, prepared

FilePath = str | os.PathLike[str]
MOST_PICTURES: Final = 16
MOST_NAMES: Final = 4_096


@dataclass(frozen=True)
class Likeness:
    """How much a picture is like a class.

    Args:
        name: Of the class.
        share: Of all classes' likeness, 0 to 1.
    """

    name: str
    share: float


@dataclass(frozen=True)
class Lock:
    """A lock among others, and whether it opens.

    Args:
        path: The file.
        content: What is in it, or None for whom it stays shut.
    """

    path: Path
    content: bytes | None


def class_table(
    names: Sequence[str], *, compiler: str = "auto", progress: Progress = silent
) -> NDArray[Any]:
    """Returns the class table of a zero-shot classifier: a name and a prototype for each class.

    Args:
        names: Of the classes; those of emoji need nothing fetched.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.

    Raises:
        InputError: There are none, or too many, or two are the same.
        Unavailable: The text network cannot be fetched.
    """
    if not 0 < len(names) <= MOST_NAMES:
        raise InputError(f"{len(names)} names were given", fix=f"give 1 to {MOST_NAMES}")
    tower = TextTower(chosen(compiler)[0])
    tower.progress = progress
    made = class_tables.table(names, tower.run({"names": np.asarray(names)})["prototypes"])
    class_tables.check(made, "the list")
    return made


def classify(
    picture: Source,
    table: Source,
    *,
    most: int = 5,
    compiler: str = "auto",
) -> list[Likeness]:
    """Returns the classes that a picture is most like, the likeliest first.

    Args:
        picture: A file, or grey levels (height, width, 3) of red, green and blue.
        table: A class table or its file, jittered or not.
        most: How many classes.
        compiler: An id from ``latebra.compilers``, or "auto".

    Raises:
        UnreadableFile: There is no such picture or table.
    """
    taken = np.asarray(class_tables.ClassTables().take(table))
    if taken["prototype"].shape[1] != _about()["meaning_dims"]:
        raise InputError(
            f"the table's prototypes have {taken['prototype'].shape[1]} values, the classifier's "
            f"{_about()['meaning_dims']}",
            fix="make the table with class_table",
        )
    meaning = _network(compiler).run({"picture": prepared(_pixels(picture))})["meaning"][0]
    lengths = np.linalg.norm(taken["prototype"], axis=1)
    scores = _about()["scale"] * (taken["prototype"] @ meaning / lengths).astype(np.float64)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    order = np.argsort(-scores, kind="stable")[:most]
    return [Likeness(str(taken["name"][at]), float(shares[at])) for at in order]


def class_lock(
    content: bytes,
    *,
    out: FilePath,
    pictures: Sequence[Source] = (),
    description: str | None = None,
    code_word: Key | None = None,
    compiler: str = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Writes content that opens for who shows a class, or describes it.

    Args:
        content: Any bytes, at least one.
        out: The file to write.
        pictures: Of the class, as differently drawn as there are: 16 at most.
        description: What says the class, in words that somebody might say again.
        code_word: A key or a passphrase that is needed as well. Without it, whoever tries a
            thousand classes opens the lock.
        compiler: An id from ``latebra.compilers``, or "auto".
        force: Whether ``out`` may be there already.
        progress: Told how far the work is.

    Raises:
        InputError: There is no content, or nothing that opens it.
        UnreadableFile: A picture cannot be read.
        UnwritableFile: The file is there already, or cannot be written.
    """
    target = Path(out)
    if target.exists() and not force:
        raise UnwritableFile(f"{target} exists", fix="choose another name, or force it")
    shown = _shown(pictures, description, compiler, progress)
    file = locks.lock(content, shown, code_word=code_word)
    try:
        with replacing(target) as writer:
            writer.write(file)
    except OSError as error:
        raise UnwritableFile(
            f"{target} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None
    return target


def class_open(
    file: FilePath,
    *,
    pictures: Sequence[Source] = (),
    description: str | None = None,
    code_word: Key | None = None,
    compiler: str = "auto",
    progress: Progress = silent,
) -> bytes:
    """Returns the content of a lock.

    Args:
        file: What ``class_lock`` wrote.
        pictures: Of the class; three open it more surely than one.
        description: What says the class.
        code_word: As it was locked.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.

    Raises:
        NothingRevealed: Another class, another code word, a damaged file: all the same.
        InputError: Nothing is shown.
    """
    content = read_vault(file)
    shown = _shown(pictures, description, compiler, progress)
    found = _opened(content, shown, code_word)
    if found is None:
        raise NothingRevealed
    return found


def class_list(
    files: Sequence[FilePath],
    *,
    pictures: Sequence[Source] = (),
    description: str | None = None,
    code_word: Key | None = None,
    compiler: str = "auto",
    progress: Progress = silent,
) -> list[Lock]:
    """Returns what somebody who shows a class and has a code word can open of many locks.

    Args:
        files: What ``class_lock`` wrote.
        pictures: Of the class.
        description: What says the class.
        code_word: As they were locked.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.
    """
    shown = _shown(pictures, description, compiler, progress)
    found: list[Lock] = []
    for at, file in enumerate(files):
        progress("locks", at, len(files))
        found.append(Lock(Path(file), _opened(read_vault(file), shown, code_word)))
    progress("locks", len(files), len(files))
    return found


def things(samples: Sequence[Source], *, compiler: str = "auto") -> Embedded:
    """Returns what pictures look like, as locks take it."""
    network = _network(compiler)
    looks = [network.run({"picture": prepared(_pixels(each))})["looks"][0] for each in samples]
    return Embedded("thing", network.card.digest, Shape(**_about()["shape"]), looks)


def descriptions(text: str, *, compiler: str = "auto", progress: Progress = silent) -> Embedded:
    """Returns what a description says, as locks take it."""
    tower = TextTower(chosen(compiler)[0], bundled=False)
    tower.progress = progress
    words = " ".join(text.lower().split())
    vector = tower.run({"names": np.asarray([words])})["prototypes"][0]
    shape = Shape(**_about()["description_shape"])
    return Embedded("text", tower.card.digest, shape, [vector])


def _shown(
    samples: Sequence[Source], description: str | None, compiler: str, progress: Progress
) -> list[Embedded]:
    if len(samples) > MOST_PICTURES:
        raise InputError(
            f"{len(samples)} pictures were given", fix=f"give {MOST_PICTURES} or fewer"
        )
    shown: list[Embedded] = []
    if samples:
        shown.append(things(samples, compiler=compiler))
    if description is not None:
        if not description.strip():
            raise InputError("the description is empty", fix="say what the class is")
        shown.append(descriptions(description, compiler=compiler, progress=progress))
    if not shown:
        raise InputError("nothing is shown", fix="give pictures of the class, or a description")
    return shown


def _opened(file: bytes, shown: Sequence[Embedded], code_word: Key | None) -> bytes | None:
    """Returns the content; everything that is shown is tried, whether or not one opens it."""
    found: bytes | None = None
    for each in shown:
        try:
            found = locks.unlock(file, each, code_word=code_word)
        except NothingRevealed:
            continue
    return found


def _pixels(source: Source) -> NDArray[np.uint8]:
    if isinstance(source, Text):
        raise UnreadableFile("a text is no picture", fix="give it as the description")
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise InputError(
                f"an array of {source.dtype} and shape {source.shape} is no picture",
                fix="give levels of red, green and blue, uint8 (height, width, 3)",
            )
        return source
    return pictures.load(Path(source))


def _about() -> dict[str, Any]:
    return dict(models[NETWORK].about)


@cache
def _network(compiler: str) -> OpenNetwork:
    return open_network(Model(models.onnx(NETWORK), models[NETWORK]), chosen(compiler)[0])
