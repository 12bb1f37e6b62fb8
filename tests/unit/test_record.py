import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latebra as lb
from latebra.api.ledger import Ledger, append, is_genuine
from latebra.core.errors import InputError, UnreadableFile, UnwritableFile
from latebra.core.keys import Identity
from latebra.hiding.provenance.picture_hash import PictureHash
from latebra.hiding.provenance.record import LARGEST, Claim, Record, digest
from tests.unit.test_register import scene

ADA, EVE = Identity(bytes(range(32))), Identity(b"e" * 32)
HASH = PictureHash.of(scene(1))


def claim(words="a lighthouse", nonce=bytes(16), signer=ADA, time=1_795_928_400):
    return Claim(signer.public(), time, words, nonce, HASH)


RECORD = claim().signed(ADA, bytes(32))
LINE = RECORD.line()


def test_a_record_comes_back_from_its_line():
    name, record = Record.parse(LINE)
    assert (name, record) == (RECORD.claim.name, RECORD)
    assert record.genuine
    assert "\n" not in LINE


CHANGES = {
    "signer": str(EVE.public()),
    "time": "2026-11-29T05:00:01Z",
    "words": "a light house",
    "nonce": "01" * 16,
    "pixels": "01" * 32,
    "hash": {"size": [128, 128], "cells": [16, 16], "bits": "A" * 160},
}


@pytest.mark.parametrize("field", CHANGES)
def test_whatever_is_changed_shows(field):
    changed = json.dumps(json.loads(LINE) | {field: CHANGES[field]})
    name, record = Record.parse(changed)
    assert name == RECORD.claim.name
    assert not is_genuine(name, record)
    assert (record.claim.name == name) == (field == "pixels")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "null",
        "{}",
        LINE[:-1],
        LINE.replace('"latebra_record":1', '"latebra_record":2'),
        LINE.replace('"latebra_record":1', '"latebra_record":true'),
        LINE.replace('"words":', '"words":"x","words":'),
        LINE.replace('"a lighthouse"', '"\\u001b[2J"'),
        LINE.replace('"a lighthouse"', "7"),
        LINE.replace('"a lighthouse"', '"' + "x" * 1001 + '"'),
        LINE.replace("latebra-public-1-", "latebra-public-2-"),
        json.dumps(json.loads(LINE) | {"hash": []}),
        json.dumps(json.loads(LINE) | {"hash": {"size": [1e9, 4], "cells": [4, 4], "bits": ""}}),
        json.dumps(json.loads(LINE) | {"hash": {"size": [9, 9], "cells": [512, 512], "bits": ""}}),
        json.dumps(json.loads(LINE) | {"time": "yesterday"}),
        json.dumps(json.loads(LINE) | {"signature": "AAAA"}),
        json.dumps(json.loads(LINE) | {"more": 1}),
        "[" * 20_000,
        "x" * (LARGEST + 1),
    ],
    ids=range(20),
)
def test_what_is_no_record_is_said(line):
    with pytest.raises(InputError, match=r"no record|the line has"):
        Record.parse(line)


@settings(deadline=None, max_examples=60)
@given(st.text())
def test_any_text_is_a_record_or_said_to_be_none(text):
    with pytest.raises(InputError):
        Record.parse(text)


def test_claims_that_cannot_be_are_said():
    with pytest.raises(InputError, match="1001 characters of at most 1000"):
        claim(words="x" * 1001)
    with pytest.raises(InputError, match="more lines than one"):
        claim(words="one\ntwo")
    with pytest.raises(InputError, match="no time before the year 10000"):
        claim(time=-1)
    with pytest.raises(lb.BadKey, match="somebody else's"):
        claim().signed(EVE, bytes(32))


def test_two_records_of_one_picture_have_two_names():
    assert claim().name != claim(nonce=b"\1" * 16).name


def test_a_digest_depends_on_kind_shape_and_pixels():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    all_ = [grey, grey.T, grey.reshape(4, 3), grey.astype(np.uint16), grey.astype(">u2"), grey + 1]
    found = [digest(np.ascontiguousarray(each)) for each in all_]
    assert found[3] == found[4]
    assert len(set(found)) == 5


def test_a_ledger_finds_records_among_rubbish(tmp_path):
    path = tmp_path / "ledger.jsonl"
    forged = json.dumps(json.loads(LINE) | {"words": "mine"}, separators=(",", ":"))
    path.write_bytes(b"\xff\xfe rubbish\n" + forged.encode() + b"\n" + b"x" * 100_000 + b"\n{cut")
    append(path, RECORD)
    other = claim("another", b"\2" * 16).signed(ADA, bytes(32))
    append(path, other)
    ledger = Ledger([path, path])
    first, second = ledger.records(RECORD.claim.name)
    assert first == RECORD
    assert not is_genuine(RECORD.claim.name, second)
    assert ledger.records(other.claim.name) == [other]
    assert ledger.records(bytes(8)) == []


def test_ledgers_that_cannot_be_used_are_said(tmp_path):
    with pytest.raises(UnreadableFile, match="cannot be read"):
        Ledger([tmp_path / "none.jsonl"])
    with pytest.raises(UnwritableFile, match="cannot be written"):
        append(tmp_path / "no folder" / "ledger.jsonl", RECORD)
