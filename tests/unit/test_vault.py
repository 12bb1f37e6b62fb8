from __future__ import annotations

import os

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import latebra as lb
from latebra.core import tensors
from latebra.core.errors import DoesNotFit, InputError, NothingRevealed, UnreadableFile
from latebra.core.keys import Key
from latebra.core.tensors import Entry
from latebra.hiding import vault
from latebra.hiding.vaults.layout import Layout
from latebra.hiding.vaults.model_file import open_model
from latebra.hiding.vaults.slots import Slots
from tests.unit import model_files
from tests.unit.model_files import honest, small

KEY = Key(bytes(range(32)))
KINDS = ("F32", "F16", "BF16")
DRIFT = {"F32": 2**-15, "F16": 2**-9, "BF16": 2**-6}


def layout(path):
    return Layout(Slots.of(open_model(path)))


def words(path):
    return {each.name: each.words for each in open_model(path).weights}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(min_size=1, max_size=900))
def test_content_comes_back_bit_for_bit(kind, content, tmp_path):
    model, out = small(tmp_path / "model", kind), tmp_path / "out"
    lb.vault_put(model, content, key=KEY, out=out, force=True)
    assert lb.vault_open(out, key=KEY) == content


@pytest.mark.parametrize("kind", KINDS)
def test_only_low_bits_change_and_no_more_than_is_said(kind, tmp_path):
    model, out = small(tmp_path / "model", kind), tmp_path / "out"
    room = lb.vault_room(model)
    report = lb.vault_put(model, bytes(room.content_bytes), key=KEY, out=out)
    assert report.drift < report.drift_bound == room.drift == DRIFT[kind]
    before, after = model.read_bytes(), out.read_bytes()
    assert len(before) == len(after)
    head = 8 + int.from_bytes(before[:8], "little")
    assert before[:head] == after[:head]
    changed = 0
    for name, old in words(model).items():
        differing = old ^ words(out)[name]
        assert differing.max() < 2 ** report.low_bits[kind]
        changed += np.count_nonzero(differing)
    assert changed == report.changed > 0.4 * report.weights


def test_little_content_takes_the_lowest_bit_alone(tmp_path):
    model, out = small(tmp_path / "model"), tmp_path / "out"
    report = lb.vault_put(model, b"a phrase", key=KEY, out=out)
    assert report.low_bits == {"F32": 1}
    assert report.drift <= 2**-22


@pytest.mark.parametrize("kind", KINDS)
def test_capacity_is_exact(kind, tmp_path):
    model = small(tmp_path / "model", kind)
    most = lb.vault_room(model).content_bytes
    lb.vault_put(model, os.urandom(most), key=KEY, out=tmp_path / "full")
    with pytest.raises(DoesNotFit, match=f"content is {most + 1} bytes, .* holds {most} "):
        lb.vault_put(model, bytes(most + 1), key=KEY, out=tmp_path / "fuller")
    assert not (tmp_path / "fuller").exists()


def test_a_stated_drift_is_kept_and_costs_room(tmp_path):
    model, out = small(tmp_path / "model"), tmp_path / "out"
    usual, careful = lb.vault_room(model), lb.vault_room(model, drift=1e-6)
    assert careful.drift <= 1e-6 < usual.drift
    assert careful.low_bits == {"F32": 3}
    assert careful.content_bytes < usual.content_bytes
    assert lb.vault_room(model, drift=1e-9).content_bytes == 0
    content = os.urandom(careful.content_bytes)
    assert lb.vault_put(model, content, key=KEY, out=out, drift=1e-6).drift < 1e-6
    assert lb.vault_open(out, key=KEY) == content
    for drift in (0.0, -1.0, 1.0, float("nan")):
        with pytest.raises(InputError, match=f"a drift of {drift} was asked for"):
            lb.vault_room(model, drift=drift)


def test_a_phrase_opens_in_any_of_its_spellings_and_another_phrase_does_not(tmp_path):
    model, out = small(tmp_path / "model"), tmp_path / "out"
    key = Key.from_passphrase("\ufb01ve random words \u212b")
    lb.vault_put(model, b"the content", key=key, out=out)
    held = out.read_bytes(), out.stat().st_mtime_ns
    assert lb.vault_open(out, key=Key.from_passphrase("five random words Å")) == b"the content"
    with pytest.raises(NothingRevealed) as wrong:
        lb.vault_open(out, key=Key.from_passphrase("five random words A"))
    with pytest.raises(NothingRevealed) as empty:
        lb.vault_open(model, key=key)
    assert str(wrong.value) == str(empty.value)
    assert (out.read_bytes(), out.stat().st_mtime_ns) == held


def test_no_other_key_of_thousands_opens_it(tmp_path):
    out = tmp_path / "out"
    lb.vault_put(small(tmp_path / "model", count=500), b"content", key=KEY, out=out)
    held, laid = out.read_bytes(), layout(out)
    rng = np.random.default_rng(5)
    assert not any(list(laid.found(Key(rng.bytes(32)))) for _ in range(2000))
    assert list(laid.found(KEY))
    assert out.read_bytes() == held


def test_two_vaults_of_the_same_content_share_no_bits(tmp_path):
    model = small(tmp_path / "model")
    for name in "ab":
        lb.vault_put(model, b"the same", key=KEY, out=tmp_path / name)
    old, one, other = (words(tmp_path / each)["b.weight"] for each in ("model", "a", "b"))
    both, either = (one != old) & (other != old), (one != old) | (other != old)
    assert either.sum() > 500
    assert both.sum() < 0.2 * either.sum()


def test_a_bit_that_is_put_back_closes_it(tmp_path):
    model, out = small(tmp_path / "model"), tmp_path / "out"
    lb.vault_put(model, b"the content", key=KEY, out=out)
    old, new = np.array(words(model)["b.weight"]), np.array(words(out)["b.weight"])
    rng = np.random.default_rng(1)
    for where in rng.choice(np.flatnonzero(old != new), 60, replace=False):
        spoilt = new.copy()
        spoilt[where] = old[where]
        arrays = {"b.weight": ("F32", spoilt), "a.bias": ("F32", words(out)["a.bias"])}
        (tmp_path / "spoilt").write_bytes(model_files.safetensors(arrays))
        with pytest.raises(NothingRevealed):
            lb.vault_open(tmp_path / "spoilt", key=KEY)


def test_it_survives_being_loaded_and_saved_in_another_order(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "z": rng.standard_normal((50, 50)).astype(np.float16),
        "a": rng.standard_normal((40, 50)).astype(np.float32),
        "ids": np.arange(7),
    }
    model, out, again = (tmp_path / name for name in ("model", "out", "again"))
    model.write_bytes(tensors.written(tensors.from_arrays(arrays))[0])
    lb.vault_put(model, b"the content", key=KEY, out=out)
    safetensors.numpy.save_file(safetensors.numpy.load_file(out), again)
    assert again.read_bytes() != out.read_bytes()
    assert lb.vault_open(again, key=KEY) == b"the content"


def test_content_in_full_floats_does_not_outlive_their_being_narrowed(tmp_path):
    model, out = small(tmp_path / "model"), tmp_path / "out"
    lb.vault_put(model, b"the content", key=KEY, out=out)
    arrays = {
        name: ("F32", held.view("<f4").astype("<f2").astype("<f4").view("<u4"))
        for name, held in words(out).items()
    }
    (tmp_path / "narrow").write_bytes(model_files.safetensors(arrays))
    with pytest.raises(NothingRevealed):
        lb.vault_open(tmp_path / "narrow", key=KEY)


def _left_alone(tmp_path, kind, numbers):
    """Returns the bits of a tensor before and after a model with it is filled."""
    arrays = {"plain": ("F32", honest("F32", 5000)), "odd": (kind, numbers)}
    model, out = tmp_path / "model", tmp_path / "out"
    model.write_bytes(model_files.safetensors(arrays))
    lb.vault_put(model, bytes(lb.vault_room(model).content_bytes), key=KEY, out=out)
    assert not np.array_equal(words(out)["plain"], words(model)["plain"])
    return words(model)["odd"], words(out)["odd"]


NORMALS = np.random.default_rng(3).standard_normal(4096).astype(np.float32)
ODD = {
    "rounded to 12 bits": (NORMALS.view("<u4") & 0xFFFFF000).view("<f4"),
    "some rounded": np.where(np.arange(4096) % 3, NORMALS, NORMALS.astype(np.float16)),
    "whole numbers": np.arange(4096, dtype=np.float32),
    "one constant": np.full(4096, 0.1, np.float32),
    "zeros": np.zeros(4096, np.float32),
    "too few": NORMALS[:63],
    "int8 by a scale for each row": np.concatenate(
        [np.round(row / s) * s for row in NORMALS.reshape(8, 512) if (s := np.abs(row).max() / 127)]
    ).astype(np.float32),
}


@pytest.mark.parametrize("what", ODD)
def test_tensors_in_which_it_would_show_are_left_alone(what, tmp_path):
    before, after = _left_alone(tmp_path, "F32", ODD[what].view("<u4"))
    np.testing.assert_array_equal(before, after)
    assert lb.vault_room(tmp_path / "model").left_alone == ("odd",)


WIDENED = {
    "F16": (NORMALS.astype(np.float16).astype(np.float32), 13),
    "BF16": ((NORMALS.view("<u4") & 0xFFFF0000).view("<f4"), 16),
}


@pytest.mark.parametrize("kind", WIDENED)
def test_content_in_numbers_that_were_widened_outlives_their_being_narrowed(kind, tmp_path):
    numbers, zeros = WIDENED[kind]
    model, out = tmp_path / "model", tmp_path / "out"
    model.write_bytes(model_files.safetensors({"odd": ("F32", numbers.view("<u4"))}))
    room = lb.vault_room(model)
    assert room.low_bits == {kind: 1}
    content = np.random.default_rng(0).bytes(room.content_bytes)
    report = lb.vault_put(model, content, key=KEY, out=out)
    assert report.drift < report.drift_bound == DRIFT[kind]
    before, after = words(model)["odd"], words(out)["odd"]
    assert set(np.unique(before ^ after)) == {0, 1 << zeros}
    assert lb.vault_open(out, key=KEY) == content
    narrow = after.view("<f4").astype("<f2").view("<u2") if kind == "F16" else after >> 16
    arrays = {"odd": (kind, narrow.astype("<u2"))}
    (tmp_path / "narrow").write_bytes(model_files.safetensors(arrays))
    assert lb.vault_open(tmp_path / "narrow", key=KEY) == content


@pytest.mark.parametrize("kind", KINDS)
def test_zeros_denormals_infinities_and_nans_are_left_alone(kind, tmp_path):
    numbers = honest(kind, 4000, seed=7)
    mantissa, full = {"F32": (23, 255), "F16": (10, 31), "BF16": (7, 255)}[kind]
    special = np.arange(0, 4000, 3)
    numbers[special] &= (1 << mantissa) - 1
    numbers[special[::2]] |= full << mantissa
    numbers[special[::5]] = 0
    before, after = _left_alone(tmp_path, kind, numbers)
    np.testing.assert_array_equal(before[special], after[special])
    if kind == "F32":  # Of narrower types nothing is needed while there are 32-bit floats.
        assert not np.array_equal(before, after)


def _chi_square(bits) -> float:
    """Returns how many standard deviations bytes of bits are from equally frequent."""
    counts = np.bincount(np.packbits(bits), minlength=256)
    expected = counts.sum() / 256
    return float((np.sum((counts - expected) ** 2 / expected) - 255) / 510**0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_low_bits_stay_at_chance_where_plain_text_would_not(kind, tmp_path):
    model, out = small(tmp_path / "model", kind, 60_000), tmp_path / "out"
    text = b"It was the best of times, it was the worst of times, " * 4000
    text = text[: lb.vault_room(model).content_bytes]
    lb.vault_put(model, text, key=KEY, out=out)

    def statistic(path):
        return _chi_square(words(path)["b.weight"] & 1)

    assert abs(statistic(model)) < 5
    assert abs(statistic(out)) < 5
    plain = open_model(model)
    bits = np.unpackbits(np.frombuffer(text, np.uint8))[:50_000]
    Slots.of(plain).write(np.arange(len(bits)), bits)
    (tmp_path / "plain").write_bytes(plain.content)
    assert statistic(tmp_path / "plain") > 50


def test_how_far_outputs_moved_is_measured_where_the_model_is_run(tmp_path):
    model, out = small(tmp_path / "model"), tmp_path / "out"

    def run(path):
        numbers = tensors.to_arrays(tensors.read(path.read_bytes()))["b.weight"]
        return {"y": numbers[:10_000].reshape(100, 100) @ np.ones(100)}

    content = bytes(lb.vault_room(model).content_bytes)
    report = lb.vault_put(model, content, key=KEY, out=out, run=run)
    assert report.output_drift is not None
    assert 0 < report.output_drift < 2**-15


@pytest.mark.parametrize(
    ("before", "after", "drift"),
    [
        ([1.0, -4.0, np.nan, np.inf], [1.0, -3.0, np.nan, np.inf], 0.25),
        ([1.0, np.nan], [1.0, 1.0], np.inf),
        ([1.0, 2.0], [1.0, np.nan], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([], [], 0.0),
    ],
)
def test_outputs_that_are_no_numbers_are_compared_too(before, after, drift, tmp_path):
    outputs = iter([{"y": np.array(before)}, {"y": np.array(after)}])
    report = lb.vault_put(
        small(tmp_path / "model"), b"x", key=KEY, out=tmp_path / "out", run=lambda _: next(outputs)
    )
    assert report.output_drift == drift


def test_what_cannot_be_used_is_said_in_words(tmp_path):
    model = small(tmp_path / "model")
    with pytest.raises(InputError, match="the content is empty"):
        lb.vault_put(model, b"", key=KEY, out=tmp_path / "out")
    with pytest.raises(lb.LatebraError, match="model exists"):
        lb.vault_put(model, b"x", key=KEY, out=model)
    with pytest.raises(lb.LatebraError, match="is also read"):
        lb.vault_put(model, b"x", key=KEY, out=model, force=True)
    with pytest.raises(UnreadableFile, match="there is no file"):
        lb.vault_open(tmp_path / "absent", key=KEY)
    with pytest.raises(lb.LatebraError, match="cannot be written: No such file"):
        lb.vault_put(model, b"x", key=KEY, out=tmp_path / "no folder" / "out")
    (tmp_path / "empty").touch()
    with pytest.raises(UnreadableFile, match="is empty"):
        lb.vault_open(tmp_path / "empty", key=KEY)
    tiny = tmp_path / "tiny"
    tiny.write_bytes(tensors.written({"a": Entry("F32", (70,), honest("F32", 70).tobytes())})[0])
    with pytest.raises(DoesNotFit, match=r"content is 1 bytes, .* holds 0 "):
        lb.vault_put(tiny, b"x", key=KEY, out=tmp_path / "out")
    with pytest.raises(NothingRevealed):
        lb.vault_open(tiny, key=KEY)


def test_another_model_does_not_open_what_was_copied_into_it(tmp_path):
    one = small(tmp_path / "one")
    lb.vault_put(one, b"content", key=KEY, out=tmp_path / "out")
    arrays = {f"other.{name}": ("F32", held) for name, held in words(tmp_path / "out").items()}
    (tmp_path / "copy").write_bytes(model_files.safetensors(arrays))
    with pytest.raises(NothingRevealed):
        vault.opened(tmp_path / "copy", key=KEY)
