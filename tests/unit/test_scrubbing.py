import numpy as np
import pytest
from PIL import Image

import latebra as lb
from latebra.hiding.marks import traces
from latebra.hiding.marks.lattice import STEP
from latebra.hiding.media.photographs import natural

KEY = lb.Key(bytes(range(32)))
OURS = {"carrier": "autoencoder", "key": KEY, "compiler": "onnxruntime"}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return natural(np.random.default_rng(9), 192, 256)


@pytest.fixture(scope="module")
def marked(photo) -> np.ndarray:
    return lb.hide(b"asset 42", cover=photo, **OURS).covers[0]


def seen(picture) -> dict[str, bool]:
    return {each.carrier: each.is_seen for each in lb.scan(np.ascontiguousarray(picture))}


def test_a_mark_is_seen_without_its_key_and_nothing_where_there_is_none(photo, marked):
    assert seen(photo) == {"autoencoder": False}
    assert seen(marked) == {"autoencoder": True}
    assert seen(np.rot90(marked)) == {"autoencoder": True}
    assert seen(marked[:, ::-1]) == {"autoencoder": True}
    assert seen(marked[5:170, 9:240]) == {"autoencoder": True}


def test_what_draws_with_few_greys_is_seen():
    drawn = lb.write(carrier="pixels", compiler="onnxruntime").cover
    assert seen(drawn) == {"autoencoder": False, "pixels": True}
    assert seen(drawn ^ 1) == {"autoencoder": False, "pixels": False}


def test_several_are_scanned_and_numbered(photo, marked, tmp_path):
    Image.fromarray(marked).save(tmp_path / "marked.jpg", quality=90)
    found = lb.scan([photo, tmp_path / "marked.jpg"])
    assert [(each.cover, each.is_seen) for each in found] == [(0, False), (1, True)]
    assert found[1].as_dict()["verdict"] == "blocks lie on the lattice of a mark"
    (tmp_path / "words.txt").write_text("these are words")
    with pytest.raises(lb.LatebraError, match=r"words\.txt is not a picture"):
        lb.scan(tmp_path / "words.txt")


@pytest.mark.parametrize("channel", ["jpeg75", "jpeg50", "png"])
def test_scrubbing_takes_a_mark_away(photo, channel):
    marked = lb.hide(b"asset 42", cover=photo, channel=channel, **OURS)
    assert lb.reveal(marked, **OURS) == b"asset 42"
    clean = lb.scrub(marked.covers[0]).cover
    with pytest.raises(lb.NothingRevealed):
        lb.reveal(clean, **OURS)
    assert seen(clean) == {"autoencoder": False}
    assert np.mean((clean.astype(float) - marked.covers[0]) ** 2) < 255**2 / 10**3.9


def test_a_cut_mark_is_taken_away_too(marked):
    cut = np.ascontiguousarray(marked[5:170, 9:240])
    assert lb.reveal(cut, **OURS) == b"asset 42"
    with pytest.raises(lb.NothingRevealed):
        lb.reveal(lb.scrub(cut, carrier="autoencoder").cover, **OURS)


@pytest.mark.parametrize("kind", ["grey", "deep grey", "transparent"])
def test_other_kinds_of_photograph_are_scrubbed_too(photo, kind):
    grey = photo[:, :, 0]
    cover = {
        "grey": grey,
        "deep grey": grey.astype(np.uint16) * 257 + 3,
        "transparent": np.dstack([photo, grey]),
    }[kind]
    dense = {"carrier": "dense", "key": KEY, "compiler": "onnxruntime"}
    stego = lb.hide(bytes(99), cover=cover, **dense)
    clean = lb.scrub(stego.covers[0]).cover
    assert (clean.dtype, clean.shape) == (cover.dtype, cover.shape)
    with pytest.raises(lb.NothingRevealed):
        lb.reveal(clean, **dense)
    if kind == "transparent":
        np.testing.assert_array_equal(clean[:, :, 3], grey)


def test_a_dither_leaves_nothing_of_a_coefficient(photo):
    """What is left modulo a step is even over it: a chi-square of eight parts."""
    plane = traces.erased(photo, np.random.default_rng(2))
    assert plane.std() > 1
    moved = np.random.default_rng(3).uniform(-STEP / 2, STEP / 2, 8000)
    left = np.histogram((3.0 + moved) % STEP, 8, (0, STEP))[0]
    assert np.sum((left - 1000) ** 2 / 1000) < 24


def test_what_cannot_be_scrubbed_is_said(photo):
    with pytest.raises(lb.InputError, match="not known how to take away what diffusion hides"):
        lb.scrub(photo, carrier="diffusion")
