"""Yesterday's pictures of greys are read, and painted again to the pixel."""

from pathlib import Path

import numpy as np
import pytest

from latebra.hiding.channel.stream import Stream
from latebra.hiding.pixels import dense
from tools.make_pixel_vectors import model

FOLDER = Path(__file__).parents[2] / "vectors" / "pixels"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    told, _, body = path.read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in told.split("\n"))
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(fields["bits"]), np.uint8))
    greys = np.array([row.split() for row in body.splitlines()], np.int64)
    found = dense.read(model(), greys)
    assert np.array_equal(found[: bits.size], bits) == (fields["expect"] == "success")
    if fields["expect"] == "success":
        coins = Stream(bytes.fromhex(fields["coins"]))
        assert np.array_equal(dense.write(model(), bits, coins), greys)


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 4
