"""Yesterday's records are verified, and written again to the letter."""

import json
from pathlib import Path

import pytest

from latebra.core.errors import InputError
from latebra.hiding.provenance.record import Record
from latebra.hiding.provenance.short_hash import NEAR, short_distance
from tools.make_provenance_vectors import picture, said

FOLDER = Path(__file__).parents[2] / "vectors" / "provenance"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_vector(path):
    told, _, line = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(each.split(": ", 1) for each in told.split("\n"))
    mark, seen = bytes.fromhex(fields["mark"]), picture(int(fields["picture"]))
    assert stage(mark, seen, line.rstrip("\n")) == fields["expect"]
    if fields["expect"] == "success":
        words = json.loads(line)["words"]
        assert said(int(fields["picture"]), words) == (mark, line.rstrip("\n"))
    assert (short_distance(mark[8:], seen) <= NEAR) == (fields["expect"] != "picture failure")


def stage(mark, seen, line):
    """Returns which stage of a check fails."""
    try:
        _, record = Record.parse(line)
    except InputError:
        return "form failure"
    if record.claim.name != mark[:8]:
        return "name failure"
    if not record.genuine:
        return "signature failure"
    return "success" if record.claim.hash.compare(seen).alike else "picture failure"


def test_there_are_vectors():
    assert len(list(FOLDER.glob("*.txt"))) >= 10
