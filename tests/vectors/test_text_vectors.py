"""Yesterday's texts are read, and written again to the token."""

from pathlib import Path

import numpy as np
import pytest

from latebra.hiding.carriers.language import AGREEMENTS
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.correcting import Correction
from tools.make_text_vectors import Words

FOLDER = Path(__file__).parents[2] / "vectors" / "texts"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    told, _, body = path.read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in told.split("\n"))
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(fields["bits"]), np.uint8))
    prompt, tokens = [[int(n) for n in some.split()] for some in (fields["prompt"], body)]
    stream, agreement = Stream(bytes.fromhex(fields["stream"])), AGREEMENTS[fields["numerics"]]
    found = dense.read(
        Words(), prompt, tokens, stream, agreement=agreement, correction=Correction(error=0.0)
    )
    right = [np.array_equal(candidate[: bits.size], bits) for candidate in found]
    assert any(right) == (fields["expect"] == "success")
    if fields["expect"] == "success":
        again = dense.write(Words(), prompt, bits, stream, lambda tokens: True, agreement=agreement)
        assert again == tokens


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 8
