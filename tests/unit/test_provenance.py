import io
import json

import numpy as np
import pytest
from PIL import Image

import latebra as lb
from attacks.forgeries import bits_of, painted
from latebra.hiding.media.photographs import text_of
from latebra.testing.carriers import opened

ADA, EVE = lb.Identity(bytes(range(32))), lb.Identity(b"e" * 32)
HERE = {"compiler": "onnxruntime"}


def natural(seed):
    made = Image.fromarray(np.asarray(opened("autoencoder").sample(np.random.default_rng(seed))))
    return np.asarray(made.resize((314, 256), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def photo():
    return natural(9)


@pytest.fixture(scope="module")
def signed(photo):
    return lb.sign(photo, signing_key=ADA, words="the sea", **HERE)


@pytest.fixture
def folder(signed, tmp_path):
    signed.save(tmp_path / "signed.png")
    return tmp_path


def checked(source, **how):
    (one,) = lb.check(source, **HERE, **how)
    return one


def sent(pixels, **how):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **how)
    return np.asarray(Image.open(file))


def test_a_signed_photograph_is_verified_from_its_own_file(folder, signed):
    (folder / "ledger.jsonl").unlink()
    one = checked(folder / "signed.png", signers=[ADA.public()])
    assert (one.verdict, one.passed, one.untouched) == ("verified", True, True)
    assert (one.words, one.signer, one.distance) == ("the sea", ADA.public(), 0.0)
    assert one.name == signed.record.claim.name.hex()
    assert one.time.endswith("Z")


def test_a_stripped_copy_is_verified_by_its_ledger(folder, signed):
    with Image.open(folder / "signed.png") as image:
        small = image.resize((235, 192))
    small.save(folder / "chat.jpg", quality=80)
    assert text_of(folder / "chat.jpg", "Latebra-Record") == ""
    one = checked(folder / "chat.jpg")
    assert (one.verdict, one.untouched) == ("verified", False)
    (folder / "ledger.jsonl").rename(folder / "records")
    assert checked(folder / "chat.jpg").verdict == "no_record"
    assert checked(folder / "chat.jpg", ledgers=[folder / "records"]).passed


EDITS = {
    "mirrored": lambda x: x[:, ::-1],
    "on its side, and JPEG": lambda x: sent(np.rot90(x).copy(), quality=75),
    "brighter": lambda x: np.clip(x.astype(int) + 8, 0, 255).astype(np.uint8),
    "cut": lambda x: x[20:240, 30:290],
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_edits_leave_it_verified(folder, signed, edit):
    received = np.ascontiguousarray(edit(signed.cover))
    one = checked(received, ledgers=[folder / "ledger.jsonl"])
    assert one.verdict == "verified", one
    assert not one.untouched


def test_a_mark_copied_to_another_photograph_is_not_verified(folder, signed):
    carrier, other = opened("autoencoder"), natural(10)
    forged = painted(carrier, bits_of(carrier, [signed.cover]), other)
    one = checked(forged, ledgers=[folder / "ledger.jsonl"])
    assert one.verdict == "another_picture"
    assert one.name == signed.record.claim.name.hex(), "the mark itself is read: it is the hash"
    assert not one.passed
    assert checked(forged).verdict == "no_record"
    assert "does not look like" in checked(forged).reason


def test_what_was_exchanged_in_a_signed_photograph_is_noticed(folder, signed):
    changed = signed.cover.copy()
    changed[60:160, 100:200] = natural(10)[60:160, 100:200]
    one = checked(changed, ledgers=[folder / "ledger.jsonl"])
    assert one.verdict == "another_picture"
    assert "in one place" in one.reason


def test_signatures_are_whose_they_are(folder, photo):
    assert checked(folder / "signed.png", signers=[EVE.public()]).verdict == "another_signer"
    assert checked(folder / "signed.png", signers=[EVE.public(), ADA.public()]).passed


def test_a_record_that_was_changed_is_forged(folder, signed):
    line = json.loads((folder / "ledger.jsonl").read_text())
    for change in ({"words": "by Eve"}, {"signer": str(EVE.public())}, {"pixels": "00" * 32}):
        text = json.dumps(line | change, separators=(",", ":"))
        (folder / "ledger.jsonl").write_text(text)
        one = checked(signed.cover, ledgers=[folder / "ledger.jsonl"])
        assert (one.verdict, one.signer, one.words) == ("forged", None, "")


def test_a_key_of_one_s_own_needs_no_record(photo, tmp_path):
    key = lb.Key.generate()
    mine = lb.sign(photo, signing_key=ADA, reading_key=key, **HERE)
    assert checked(mine.cover).verdict == "unmarked"
    one = checked(sent(mine.cover, quality=75), reading_key=key)
    assert (one.verdict, one.passed, one.signer) == ("marked", True, None)
    carrier = opened("autoencoder")
    forged = painted(carrier, bits_of(carrier, [mine.cover]), natural(10))
    assert checked(forged, reading_key=key).verdict == "another_picture"
    mine.save(tmp_path / "mine.png")
    assert checked(tmp_path / "mine.png", reading_key=key).verdict == "verified"


def test_who_signed_last_is_who_is_named(signed, tmp_path):
    again = lb.sign(signed.cover, signing_key=EVE, **HERE)
    again.save(tmp_path / "again.png")
    signed.save(tmp_path / "first.png")
    one = checked(tmp_path / "again.png")
    assert (one.verdict, one.signer) == ("verified", EVE.public())


def test_somebody_s_message_is_no_mark_of_ours(photo):
    from latebra.api.provenance import CONTEXT, PUBLIC

    stego = lb.hide(
        b"hello", key=PUBLIC, carrier="autoencoder", cover=photo, context=CONTEXT, **HERE
    )
    assert checked(stego.covers[0]).verdict == "unmarked"


def test_a_folder_is_checked_to_the_last_file(folder, photo):
    (folder / "deeper").mkdir()
    Image.fromarray(photo[:140, :150]).save(folder / "deeper" / "plain.png")
    (folder / "deeper" / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "notes.txt").write_text("no picture")
    told = []
    rows = lb.check(folder, progress=lambda *step: told.append(step), **HERE)
    found = {row.source.rpartition("/")[2]: row.verdict for row in rows}
    assert found == {"cut.jpg": "unreadable", "plain.png": "unmarked", "signed.png": "verified"}
    assert told[-1] == ("check", 3, 3)
    for row in rows:
        assert json.loads(json.dumps(row.row()))["verdict"] == row.verdict
        assert row.reason


@pytest.mark.parametrize("kind", ["grey", "deep grey", "transparent"])
def test_other_kinds_of_photograph_are_signed_too(photo, tmp_path, kind):
    grey = photo[:, :, 0]
    cover = {
        "grey": grey,
        "deep grey": grey.astype(np.uint16) * 257 + 3,
        "transparent": np.dstack([photo, grey]),
    }[kind]
    mine = lb.sign(cover, signing_key=ADA, **HERE)
    one = checked(mine.save(tmp_path / "a.png"))
    assert (one.verdict, one.untouched) == ("verified", True)
    if kind == "transparent":
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png"))[:, :, 3], grey)


def test_what_cannot_be_signed_is_said(photo, tmp_path):
    with pytest.raises(lb.DoesNotFit, match="314 by 100 pixels, its shorter side must have 128"):
        lb.sign(photo[:100], signing_key=ADA, **HERE)
    with pytest.raises(lb.DoesNotFit, match="1 by 1 pixels"):
        lb.sign(photo[:1, :1], signing_key=ADA, **HERE)
    with pytest.raises(lb.DoesNotFit, match="shows too little to be told from others"):
        lb.sign(np.full((128, 128, 3), 90, np.uint8), signing_key=ADA, **HERE)
    with pytest.raises(lb.InputError, match="is no photograph"):
        lb.sign(np.full((200, 200, 3), np.nan), signing_key=ADA, **HERE)
    with pytest.raises(lb.InputError, match="more lines than one"):
        lb.sign(photo, signing_key=ADA, words="one\ntwo", **HERE)
    with pytest.raises(lb.InputError, match="no picture to check"):
        lb.check(tmp_path, **HERE)
    with pytest.raises(lb.InputError, match="is no photograph"):
        lb.check(np.full((200, 200, 3), np.nan), **HERE)


def test_nothing_is_overwritten_unasked(folder, signed):
    with pytest.raises(lb.InputError, match=r"signed\.png exists"):
        signed.save(folder / "signed.png")
    signed.save(folder / "signed.png", force=True)
    with pytest.raises(lb.InputError, match=r"does not end in \.png"):
        signed.save(folder / "signed.jpg")
