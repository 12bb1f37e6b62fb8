"""Yesterday's frames open, and hostile ones do not."""

from pathlib import Path

import pytest

from latebra.core.errors import NothingRevealed
from latebra.core.keys import Identity, Key, Recipient
from latebra.hiding import frame
from latebra.hiding.frame import Binding, Profile

FOLDER = Path(__file__).parents[2] / "vectors" / "frame"
STAGES = {
    "success",
    "key failure",
    "binding failure",
    "head failure",
    "slot failure",
    "commitment failure",
    "body failure",
    "signature failure",
}


def _read(path: Path) -> tuple[dict[str, str], bytes]:
    head, _, body = path.read_text().partition("\n\n")
    fields = dict(
        line.split(": ", 1) if ": " in line else (line[:-1], "") for line in head.split("\n")
    )
    return fields, bytes.fromhex(body.replace("\n", ""))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    fields, sealed = _read(path)
    assert fields["expect"] in STAGES
    binding = Binding(
        fields["carrier"],
        fields["model digest"],
        bytes.fromhex(fields["context"]),
        bytes.fromhex(fields["salt"]),
    )
    key = Key(bytes.fromhex(fields["key"]))
    if "identity" in fields:
        key = Identity(bytes.fromhex(fields["identity"]))
    signer = Recipient.parse(fields["signer"]) if "signer" in fields else None
    profile = Profile(fields["profile"])
    if fields["expect"] != "success":
        with pytest.raises(NothingRevealed):
            frame.unseal(sealed, binding, key=key, profile=profile, signer=signer)
        return
    opened = frame.unseal(sealed, binding, key=key, profile=profile, signer=signer)
    assert opened.message == bytes.fromhex(fields["message"])
    assert (opened.signer is not None) == (signer is not None)


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 30
