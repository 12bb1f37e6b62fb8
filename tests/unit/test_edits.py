"""What happens to photographs, by name: each edit gives a picture, and a known one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # The attacks are not part of the package.

from attacks import spam
from attacks.edits import OTHER, PROMISED
from attacks.regeneration import REGENERATED, through_patches
from attacks.together import averaged, left_over, without
from latebra.hiding.media.photographs import natural

EVERY = {**PROMISED, **OTHER, **REGENERATED}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return natural(np.random.default_rng(1), 96, 130)


@pytest.mark.parametrize("name", EVERY)
def test_an_edit_gives_a_picture_and_leaves_its_own_alone(name, photo):
    before = photo.copy()
    made = EVERY[name](photo, np.random.default_rng(2))
    assert (made.dtype, made.shape[2]) == (np.uint8, 3)
    assert min(made.shape[:2]) >= 24
    np.testing.assert_array_equal(photo, before)
    assert (name == "nothing") == (made.shape == photo.shape and bool(np.all(made == photo)))


def test_what_an_edit_does_to_the_size(photo):
    sizes = {name: EVERY[name](photo, np.random.default_rng(2)).shape[:2] for name in EVERY}
    assert sizes["resize 0.5"] == (48, 65)
    assert sizes["crop 0.8"] == (77, 104)
    assert sizes["turn 90"] == (130, 96)
    assert sizes["collage, beside"] == (96, 260)
    assert sizes["collage, framed"] == (170, 204)
    assert sizes["regenerate: flow, noise 0.05"] == (96, 130)


def test_more_of_a_patch_is_a_better_picture(photo):
    def error(kept):
        made = through_patches(kept)(photo, np.random.default_rng(2))
        return np.mean((made.astype(float) - photo) ** 2)

    assert error(192) < 0.1 < error(96) < error(24)


def test_averaging_leaves_what_is_common(photo):
    rng = np.random.default_rng(3)
    shared = rng.choice((-4, 4), photo.shape)
    copies = [np.clip(photo + shared + rng.choice((-8, 8), photo.shape), 0, 255) for _ in range(40)]
    mean = averaged([each.astype(np.uint8) for each in copies])
    inside = (photo > 20) & (photo < 235)
    assert np.corrcoef((mean.astype(float) - photo)[inside], shared[inside])[0, 1] > 0.9
    again = without(mean, shared.astype(float))
    assert np.std((again.astype(float) - photo)[inside]) < 2
    assert abs(left_over(photo).mean()) < 1


def test_adjacent_differences_show_steps_at_random_and_nothing_where_nothing_is():
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:64, :64] / 64
    waves = rng.standard_normal((200, 3, 1, 1)) * x + rng.standard_normal((200, 3, 1, 1)) * y
    plain = np.clip(128 + 40 * waves + rng.normal(0, 1, (200, 3, 64, 64)), 0, 255)
    plain = np.rint(plain).astype(np.uint8)
    stepped = (plain + rng.choice((-1, 0, 0, 1), plain.shape)).astype(np.uint8)
    assert spam.detect(stepped, plain, 1).value > 0.95
    one, two = plain[:100], plain[100:]
    found = spam.detect(one, two, 1)
    assert found.low < 0.5 < found.high
