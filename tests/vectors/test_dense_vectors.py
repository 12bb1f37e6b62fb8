"""Yesterday's photographs tell what they told, to the carrier and to whoever follows the page."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

import latebra as lb
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.testing.carriers import opened

FOLDER = Path(__file__).parents[2] / "vectors" / "dense"


def by_the_page(samples, s):
    """Reads as ``spec/dense.md`` says, one sum at a time."""
    count = len(samples)
    order, words = list(range(count)), s.child("order").child("words", bytes(4)).bytes(4 * count)
    for i in range(count):
        place = int.from_bytes(words[4 * i : 4 * i + 4], "little") * (i + 1) >> 32
        order[i], order[place] = order[place], order[i]
    known = [int(samples[at]) for at in order]
    head = told(known[:1920], 192)
    salt, tag = head[:16], head[16:]
    largest = 3 * (count - 1920) // 8
    factors = (65536, 55109, 46341, 38968)
    rooms = {largest * factors[i % 4] // 65536 >> i // 4 for i in range(45)}
    for number, room in enumerate(sorted(room for room in rooms if room >= 48)):
        key = s.child("word")._seed  # The page names it, and nothing else hands it out.
        wanted = hashlib.blake2b(salt + bytes([number]), digest_size=8, key=key).digest()
        if wanted == tag:
            mask = s.child("salt", salt).child("mask").bytes(room)
            read = told(known[1920:], 8 * room)
            return Found(salt, bytes(a ^ b for a, b in zip(read, mask, strict=True)))
    return None


def told(known, bits):
    columns = lb.models["dense_extractor"].about["columns"]
    n = len(known)
    blocks, used = min(n, bits), min(n, 10 * bits)
    sums = [0] * (blocks + 8)
    for t in range(blocks):
        first, last = t * used // blocks, (t + 1) * used // blocks
        for c in range(last - first):
            for k in range(8):
                sums[t + k] += (columns[c] >> k & 1) * known[first + c]
    text = ""
    for t in range(blocks):
        depth = (t + 1) * bits // blocks - t * bits // blocks
        text += format(sums[t] % 8 % 2**depth, f"0{depth}b")
    return int(text, 2).to_bytes(bits // 8, "big")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    told, _, body = path.read_text().partition("\n\n")
    fields = dict(line.split(": ", 1) for line in told.split("\n"))
    stream, salt, frame = (bytes.fromhex(fields[name]) for name in ("stream", "salt", "frame"))
    rows = [np.frombuffer(bytes.fromhex(row), np.uint8) for row in body.splitlines()]
    found = list(opened("dense").extract(np.stack(rows), Stream(stream), ["png"]))
    assert (found == [Found(salt, frame)]) == (fields["expect"] == "success")
    read = by_the_page(np.concatenate(rows), Stream(stream))
    assert found == ([] if read is None else [read])


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 4
