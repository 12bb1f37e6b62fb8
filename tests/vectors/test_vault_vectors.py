"""Yesterday's vaults open, and what is wrong with the others keeps them shut."""

from pathlib import Path

import pytest

from latebra.core.errors import NothingRevealed, UnreadableFile
from latebra.core.keys import Key
from latebra.hiding import vault

FOLDER = Path(__file__).parents[2] / "vectors" / "vault"
SHUT = {
    "key failure": NothingRevealed,
    "head failure": NothingRevealed,
    "body failure": NothingRevealed,
    "file failure": UnreadableFile,
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    told, _, body = path.read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in told.split("\n"))
    model, key = bytes.fromhex(body.replace("\n", "")), Key(bytes.fromhex(fields["key"]))
    if fields["expect"] == "success":
        assert vault.opened(model, key=key) == bytes.fromhex(fields["message"])
        return
    with pytest.raises(SHUT[fields["expect"]]):
        vault.opened(model, key=key)


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 17
