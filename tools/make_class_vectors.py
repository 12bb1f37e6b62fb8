"""Write ``vectors/classes``: locks that must open for a class, and that must not.

    python -m tools.make_class_vectors

Samples are made by a formula, so that no network is needed to read a vector.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from latebra.core.keys import Key
from latebra.hiding import class_lock
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import NAME, Embedded
from tools.make_identity_vectors import CONTENT, KEY, LINE, flipped, sample

FOLDER = Path("vectors/classes")
SHAPES = {"thing": Shape(256, 256, 48), "text": Shape(384, 384, 64)}


def shown(kind: str, number: int, *seeds: int) -> Embedded:
    """Returns samples of a class.

    Args:
        kind: ``thing`` or ``text``.
        number: Of the class.
        seeds: One for each sample.
    """
    shape = SHAPES[kind]
    return Embedded(kind, "a network", shape, [sample(number, s, shape.dims) for s in seeds])


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    pictures, words = shown("thing", 1, 0, 1, 2), shown("text", 3, 0)
    random = np.random.default_rng(0).bytes
    word = Key(KEY)
    worded = class_lock.lock(CONTENT, [pictures], code_word=word, random=random)
    open_to_all = class_lock.lock(CONTENT, [pictures], random=random)
    either = class_lock.lock(CONTENT, [pictures, words], code_word=word, random=random)
    told = {"expect": "success", "key": KEY.hex(), "sample": "thing 1 7"}
    write("pictures_and_word", worded, told)
    write("pictures_alone", open_to_all, told | {"key": ""})
    write("three_pictures", worded, told | {"sample": "thing 1 7 8 9"})
    write("either_by_pictures", either, told)
    write("either_by_description", either, told | {"sample": "text 3 0"})
    write("another_class", worded, told | {"expect": "class failure", "sample": "thing 2 7"})
    write("another_description", either, told | {"expect": "class failure", "sample": "text 2 0"})
    write("no_description", worded, told | {"expect": "class failure", "sample": "text 3 0"})
    write("another_word", worded, told | {"expect": "word failure", "key": bytes(32).hex()})
    write("without_the_word", worded, told | {"expect": "word failure", "key": ""})
    write("word_where_none_is", open_to_all, told | {"expect": "word failure"})
    second = class_lock.vault_bytes()
    write("vaults_swapped", swapped(either, second), told | {"expect": "vault failure"})
    write("name_flipped", flipped(worded, 0), told | {"expect": "vault failure"})
    write("seed_flipped", flipped(worded, NAME), told | {"expect": "vault failure"})
    write("unused_vault_flipped", flipped(worded, second), told)
    write("frame_flipped", flipped(worded, len(worded) - 1), told | {"expect": "frame failure"})
    write("frame_cut", worded[:-1], told | {"expect": "frame failure"})
    write("no_frame", worded[: 2 * second], told | {"expect": "frame failure"})
    write("empty", b"", told | {"expect": "vault failure"})


def swapped(file: bytes, size: int) -> bytes:
    """Returns a lock whose two vaults stand in each other's place."""
    return file[size : 2 * size] + file[:size] + file[2 * size :]


def write(name: str, file: bytes, told: dict[str, str]) -> None:
    """Writes one vector."""
    fields = told | {"content": CONTENT.hex()}
    head = "".join(f"{key}: {value}".rstrip() + "\n" for key, value in fields.items())
    lines = [file[at : at + LINE].hex() for at in range(0, len(file), LINE)]
    (FOLDER / f"{name}.txt").write_text(head + "\n" + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
