"""Yesterday's locks open for their class, and what is wrong with the others keeps them shut."""

from pathlib import Path

import pytest

from latebra.core.errors import NothingRevealed
from latebra.core.keys import Key
from latebra.hiding import class_lock
from tools.make_class_vectors import shown

FOLDER = Path(__file__).parents[2] / "vectors" / "classes"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    told, _, body = path.read_text().partition("\n\n")
    pairs = (line.partition(":") for line in told.split("\n"))
    fields = {name: value.strip() for name, _, value in pairs}
    kind, *numbers = fields["sample"].split()
    samples = shown(kind, *map(int, numbers))
    word = Key(bytes.fromhex(fields["key"])) if fields["key"] else None
    file = bytes.fromhex(body.replace("\n", ""))
    if fields["expect"] == "success":
        found = class_lock.unlock(file, samples, code_word=word)
        assert found == bytes.fromhex(fields["content"])
        return
    with pytest.raises(NothingRevealed):
        class_lock.unlock(file, samples, code_word=word)


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 19
