"""Yesterday's vaults of samples open, and what is wrong with the others keeps them shut."""

from pathlib import Path

import pytest

from latebra.core.errors import NothingRevealed
from latebra.core.keys import Key
from latebra.hiding.identity.locked import Embedded, unlock
from tools.make_identity_vectors import SHAPE, sample

FOLDER = Path(__file__).parents[2] / "vectors" / "identity"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    told, _, body = path.read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in told.replace(":\n", ": \n").split("\n"))
    number, seed = map(int, fields["sample"].split())
    shown = Embedded("voice", "a network", SHAPE, [sample(number, seed, SHAPE.dims)])
    file, share = bytes.fromhex(body.replace("\n", "")), bytes.fromhex(fields["share"])
    factor = Key(bytes.fromhex(fields["key"]))
    if fields["expect"] == "success":
        assert unlock(file, shown, factor=factor, share=share).content == bytes.fromhex(
            fields["content"]
        )
        return
    with pytest.raises(NothingRevealed):
        unlock(file, shown, factor=factor, share=share)


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 11
