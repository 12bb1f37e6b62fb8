from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is an extra")
pytest.importorskip("tokenizers", reason="the extra 'identity' is not installed")

import torch
from torch.nn import functional

from training.emoji_network import learn
from training.emoji_network.data import Data, accuracy, features_of
from training.emoji_network.hands import HANDS
from training.emoji_network.inks import inked
from training.emoji_network.network import LOOKS, MEANING, Encoder, Folded
from training.zeroshot.fit import SIDE

SEEN, NAMED = 6, 4


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)  # Threads wait for each other longer than such sums take.


@pytest.fixture(scope="module")
def data() -> Data:
    """Squares of one colour and one width for each class, by three hands, and names for each."""
    rng = np.random.default_rng(1)
    kinds = SEEN + NAMED
    pictures = np.zeros((3 * kinds, 4, 64, 64), np.uint8)
    for at, picture in enumerate(pictures):
        kind, hand = divmod(at, 3)
        half = 8 + 2 * kind
        low, high = 32 - half, 32 + half + hand
        picture[:3, low:high, low:high] = np.asarray(
            [80 + 17 * kind, 255 - 20 * kind, 60 * (kind % 4)]
        )[:, None, None]
        picture[3, low:high, low:high] = 255
    said = torch.zeros(kinds, 4, MEANING)
    said[:, 0] = functional.normalize(
        torch.from_numpy(rng.normal(size=(kinds, MEANING)).astype(np.float32)), dim=1
    )
    parts = {"seen": np.arange(SEEN), "icons": np.arange(SEEN, kinds)}
    styles = np.tile([0, 1, 2], kinds)
    styles[3 * SEEN :] = len(HANDS)
    classes = np.repeat(np.arange(kinds), 3)
    return Data(torch.from_numpy(pictures), classes, styles, said, parts, np.ones(kinds, bool))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch):
    for name, count in (("EMOJI", SEEN), ("ICONS", NAMED), ("WARM", 1)):
        monkeypatch.setattr(learn, name, count)


@pytest.mark.slow
def test_some_steps_teach_which_name_belongs_to_which_picture(small, data: Data):
    course = learn.Course(data, 1, with_icons=True)
    found = [course.step(32, 2e-3) for _ in range(12)]
    assert np.isfinite(found).all()
    first, last = (np.mean(part, axis=0) for part in (found[:3], found[-3:]))
    assert last[0] < 0.8 * first[0], found
    rows = data.rows("seen")
    with torch.inference_mode():
        meaning = course.network.meaning(features_of(course.network, data, rows, 32))
    meaning = functional.normalize(meaning, dim=1).numpy()
    assert accuracy(meaning, data, rows, "seen")["top1"] > 2 / SEEN


def test_a_course_goes_on_from_what_it_kept(small, data: Data):
    course, other = (learn.Course(data, seed, with_icons=True) for seed in (1, 2))
    course.step(32, 1e-3)
    other.load(course.state())
    assert other.steps == 1
    for ours, theirs in zip(
        course.network.state_dict().values(), other.network.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_what_is_written_tells_the_same_as_what_was_trained(small, data: Data):
    course = learn.Course(data, 1, with_icons=True)
    course.step(32, 2e-3)
    encoder: Encoder = course.network.eval()
    picture = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        pairs = list(zip(encoder(picture), Folded(encoder)(picture), strict=True))
    assert [each.shape[1] for each, _ in pairs] == [MEANING, LOOKS]
    for trained, written in pairs:
        torch.testing.assert_close(written, trained, atol=1e-5, rtol=0)


def test_only_drawings_of_one_ink_are_inked(data: Data):
    black = torch.zeros_like(data.pictures)
    black[:, 3, 16:48, 16:48] = 255
    chance = torch.Generator().manual_seed(1)
    assert torch.equal(inked(data.pictures, chance), data.pictures)
    made = inked(black, chance)
    assert torch.equal(made[:, 3], black[:, 3])
    coloured = (made[:, :3].amax(dim=(1, 2, 3)) > 0).float().mean()
    assert 0.4 < coloured < 0.95
