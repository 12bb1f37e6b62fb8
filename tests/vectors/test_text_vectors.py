"""Yesterday's texts are read, and written again to the token."""

from pathlib import Path as Place

import numpy as np
import pytest

from latebra.hiding.carriers.language import AGREEMENTS
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens import coupled, dense
from latebra.hiding.tokens.correcting import Correction
from latebra.hiding.tokens.drifting import usual_fit
from latebra.hiding.tokens.seeking import Received, openings, read
from latebra.hiding.tokens.tree import RANGE_BITS, Path, buckets
from tools.make_text_vectors import Words

FOLDER = Place(__file__).parents[2] / "vectors" / "texts"


EDITED = sorted(FOLDER.glob("edited_*.txt"))
COPIED = sorted(set(FOLDER.glob("*.txt")) - set(EDITED))


def opened(path):
    told, _, body = path.read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in told.split("\n"))
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(fields["bits"]), np.uint8))
    prompt, tokens = [[int(n) for n in some.split()] for some in (fields["prompt"], body)]
    return fields, bits, prompt, tokens


@pytest.mark.parametrize("path", EDITED, ids=lambda path: path.stem)
def test_vector_of_an_edited_text(path):
    fields, bits, prompt, tokens = opened(path)
    stream, size = Stream(bytes.fromhex(fields["stream"])), len(tokens)
    mine = buckets(stream, 64)
    text = Received(stream, mine[tokens], np.broadcast_to(usual_fit(), (size, 256)))
    part = Path(stream, bits).opening >> RANGE_BITS
    found = read(text, bits.size, openings(text, range(part, part + 1)), 256)
    right = any(np.array_equal(candidate, bits) for candidate in found)
    assert right == (fields["expect"] == "success")
    if fields["written"] == "yes":
        again = coupled.write(
            Words(),
            prompt,
            bits,
            stream,
            lambda tokens: True,
            lambda tokens: len(tokens) == size,
            buckets=mine,
            agreement=AGREEMENTS["float32"],
        )
        assert again == tokens


@pytest.mark.parametrize("path", COPIED, ids=lambda path: path.stem)
def test_vector(path):
    fields, bits, prompt, tokens = opened(path)
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
    assert len(EDITED) >= 6
