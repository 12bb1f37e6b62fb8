import numpy as np
import pytest

from latebra.core.errors import InputError, NothingRevealed
from latebra.core.keys import Key
from latebra.hiding import class_lock
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import HELPER, NAME, Embedded

SHAPE = Shape(dims=256, bits=255, secret_bits=48)
WORD = Key(bytes(range(32)))
CONTENT = b"the key lies under the third stone"


def shown(seed, kind="thing", noise=0.0, count=1):
    """Samples of the class that ``seed`` draws."""
    own = np.random.default_rng(seed).standard_normal(256)
    rng = np.random.default_rng([seed, 1])
    samples = [(own + noise * rng.standard_normal(256)).astype(np.float32) for _ in range(count)]
    return Embedded(kind, "digest", SHAPE, samples)


@pytest.mark.parametrize("word", [None, WORD])
def test_pictures_or_a_description_open_it(word):
    file = class_lock.lock(CONTENT, [shown(1), shown(2, "text")], code_word=word)
    for each in (shown(1, noise=0.4), shown(2, "text", 0.4), shown(1, noise=0.8, count=4)):
        assert class_lock.unlock(file, each, code_word=word) == CONTENT


def test_everything_else_fails_alike():
    file = class_lock.lock(CONTENT, [shown(1)], code_word=WORD)
    others = [
        (shown(3), WORD),
        (shown(1, "text"), WORD),
        (shown(1), None),
        (shown(1), Key.generate()),
    ]
    for each, word in others:
        with pytest.raises(NothingRevealed):
            class_lock.unlock(file, each, code_word=word)
    for damaged in (b"", file[:100], file[:-1], file + b"x", bytes([file[0] ^ 1]) + file[1:]):
        with pytest.raises(NothingRevealed):
            class_lock.unlock(damaged, shown(1), code_word=WORD)


def test_nobody_sees_how_it_opens():
    """Files are as long, and bytes as even, whatever opens them and whatever nobody uses."""
    ways = [[shown(1)], [shown(2, "text")], [shown(1), shown(2, "text")]]
    files = [[class_lock.lock(CONTENT, way) for _ in range(20)] for way in ways]
    assert len({len(file) for way in files for file in way}) == 1
    for way in files:
        bits = np.unpackbits(np.frombuffer(b"".join(way), np.uint8))
        assert abs(bits.mean() - 0.5) < 4 * 0.5 / bits.size**0.5
    # The helper of one class under one word: no byte of it comes again.
    helpers = [np.frombuffer(file[NAME : NAME + HELPER], np.uint8) for file in files[0]]
    assert np.mean(helpers[0] == helpers[1]) < 0.03


def test_a_wrong_word_gives_a_helper_like_any_other():
    """What a guess at the word decrypts to has bits as even as the right one's."""
    from latebra.hiding.identity import locked

    file = class_lock.lock(CONTENT, [shown(1)], code_word=WORD)
    sizes = [
        locked.helper_under(file, SHAPE, factor=factor)[0].sizes
        for factor in (WORD, *(Key.generate() for _ in range(20)))
    ]
    means = [float(each.mean()) for each in sizes]
    spread = 256 / 12**0.5 / 256**0.5
    assert abs(means[0] - np.mean(means[1:])) < 4 * spread


def test_what_cannot_be_locked_is_refused():
    with pytest.raises(InputError, match="the content is empty"):
        class_lock.lock(b"", [shown(1)])
    for nothing in ([], [shown(1), shown(2)], [shown(1, "voice")]):
        with pytest.raises(InputError, match="nothing opens the lock"):
            class_lock.lock(CONTENT, nothing)
