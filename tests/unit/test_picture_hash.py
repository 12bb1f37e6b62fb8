import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.edits import PROMISED
from attacks.forgeries import disguised, pasted
from latebra.core.errors import DoesNotFit, InputError
from latebra.hiding.provenance.picture_hash import MOST_CELLS, PictureHash
from latebra.hiding.provenance.short_hash import NEAR, short_distance, short_hash
from latebra.testing.carriers import opened
from tests.unit.test_register import scene

RNG = np.random.default_rng(4)


def natural(seed):
    return np.asarray(opened("autoencoder").sample(np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def photo():
    return natural(1)


@pytest.mark.parametrize("edit", PROMISED.values(), ids=PROMISED)
def test_an_edit_leaves_a_picture_alike(photo, edit):
    compared = PictureHash.of(photo).compare(np.ascontiguousarray(edit(photo, RNG)))
    assert compared.alike
    assert compared.distance < 0.02


@pytest.mark.parametrize("seed", range(2, 12))
def test_another_picture_is_not_alike(photo, seed):
    other = natural(seed)
    for seen in (other, np.ascontiguousarray(other[:160, :220])):
        assert PictureHash.of(photo).compare(seen).distance > 0.2
    assert short_distance(short_hash(photo), other) > NEAR


def test_a_cut_picture_is_known_for_one(photo):
    hashed = PictureHash.of(photo)
    turned = np.ascontiguousarray(np.rot90(photo[10:170, 5:210]))
    assert hashed.compare(turned).cut
    assert hashed.compare(turned).alike
    assert not hashed.compare(photo).cut
    assert not hashed.compare(photo[:120, :160].copy()).alike, "less than it takes is left"


@pytest.mark.parametrize("share", [0.5, 0.35])
def test_what_was_pasted_in_is_noticed(photo, share):
    other = natural(2)
    hashed = PictureHash.of(photo)
    for _ in range(5):
        assert not hashed.compare(pasted(photo, other, share, RNG)).alike


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_flat_picture_has_no_hash_and_is_like_nothing(photo, level):
    flat = np.full((160, 200, 3), level, np.uint8)
    with pytest.raises(DoesNotFit, match="shows too little to be told from others: 0 pairs"):
        PictureHash.of(flat)
    assert PictureHash.of(photo).compare(flat).distance == 1.0
    faint = (127 + (photo.astype(int) - 127) // 100).astype(np.uint8)
    assert not PictureHash.of(photo).compare(faint).alike


def test_a_disguise_costs_what_everybody_sees(photo):
    other = natural(2)
    hashed = PictureHash.of(photo)
    made = disguised(hashed, other)
    assert made is not None
    assert hashed.compare(made).alike
    error = np.mean((made.astype(float) - other) ** 2)
    assert 10 * np.log10(255**2 / error) < 30


def test_short_hashes_outlive_edits_that_cut_nothing(photo):
    short = short_hash(photo)
    assert len(short) == 8
    assert short[-1] & 1 == 0
    for name, edit in PROMISED.items():
        received = np.ascontiguousarray(edit(photo, RNG))
        assert (short_distance(short, received) <= NEAR) == ("crop" not in name)


def test_long_pictures_have_as_many_cells_as_there_may_be():
    long = np.tile(scene(1), (1, 60, 1))
    hashed = PictureHash.of(np.ascontiguousarray(long))
    assert max(hashed.rows, hashed.columns) <= MOST_CELLS
    assert hashed.compare(long).distance == 0.0


@settings(deadline=None, max_examples=40)
@given(
    st.integers(-5, 600), st.integers(-5, 600), st.sampled_from([16, 32, 0]), st.binary(max_size=40)
)
def test_hashes_that_cannot_be_are_said(width, height, cells, bits):
    with pytest.raises(InputError, match="hash"):
        PictureHash(width, height, cells, cells, bits)


def test_a_hash_that_says_little_is_like_nothing(photo):
    told = PictureHash.of(photo)
    little = PictureHash(told.width, told.height, told.rows, told.columns, bytes(len(told.bits)))
    assert not little.compare(photo).alike


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 40), st.binary(min_size=3, max_size=3))
def test_any_picture_can_be_compared(height, width, colour):
    seen = np.broadcast_to(np.frombuffer(colour, np.uint8), (height, width, 3))
    hashed = PictureHash(128, 128, 16, 16, b"\x55" * 120)
    assert hashed.compare(np.ascontiguousarray(seen)).distance == 1.0
