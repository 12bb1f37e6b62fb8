from __future__ import annotations

import numpy as np

from training.emoji_network.hands import HANDS, letters, matched
from training.zeroshot.emoji import STYLES


def test_drawings_are_found_by_other_names_and_by_their_letters():
    drawn = {name: np.asarray(at) for at, name in enumerate(("pinata", "mug-hot", "cat-1", "dog"))}
    names = [("piñata",), ("hot beverage", "mug hot"), ("cat",), ("wolf", "dog"), ("dog",)]
    assert letters("Keycap: #") == "keycaphash"
    assert matched(drawn, names) == {0: 0, 1: 1, 4: 3}
    assert matched(drawn, names, numbered=True) == {0: 0, 1: 1, 2: 2, 4: 3}


def test_the_numbers_of_the_hands_that_were_gathered_first_stay():
    assert list(HANDS)[: len(STYLES)] == list(STYLES)
