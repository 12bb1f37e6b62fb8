import io

import numpy as np
import pytest
from PIL import Image

import latebra as lb
from latebra.hiding.channel.stream import Stream
from latebra.hiding.marks import finding, lattice, scale, word
from latebra.testing.carriers import opened

KEY = lb.Key(bytes(range(32)))
NAME = bytes(range(16))
OURS = {"carrier": "autoencoder", "key": KEY}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Two pixels for a small one, in four copies and a half: nothing here is a near thing."""
    made = Image.fromarray(np.asarray(opened("autoencoder").sample(np.random.default_rng(9))))
    return np.asarray(made.resize((314, 256), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def stego(photo) -> lb.Stego:
    return lb.hide(NAME, cover=photo, channel="jpeg50", compiler="onnxruntime", **OURS)


def jpeg(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(pixels, factor):
    size = [round(length * factor) for length in pixels.shape[1::-1]]
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


EDITS = {
    "nothing": lambda x: x,
    "JPEG of quality 75": lambda x: jpeg(x, 75),
    "JPEG of quality 50": lambda x: jpeg(x, 50),
    "half its size": lambda x: resized(x, 0.5),
    "half as large again": lambda x: resized(x, 1.5),
    "cut to four fifths": lambda x: x[11 : 11 + 205, 17 : 17 + 251],
    "cut, turned, and JPEG": lambda x: jpeg(np.rot90(x)[20:270, 13:230].copy(), 80),
    "mirrored": lambda x: x[:, ::-1],
    "upside down": lambda x: x[::-1, ::-1],
    "on its side": lambda x: np.rot90(x),
    "brighter": lambda x: np.clip(x.astype(int) + 8, 0, 255).astype(np.uint8),
    "another gamma": lambda x: np.rint(255 * (x / 255) ** 0.9).astype(np.uint8),
    "small, and JPEG": lambda x: jpeg(resized(x, 0.7), 80),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_mark_survives(stego, edit):
    received = np.ascontiguousarray(edit(stego.covers[0]))
    assert lb.reveal(received, compiler="onnxruntime", **OURS) == NAME


def test_a_mark_changes_little(stego, photo):
    error = np.mean((stego.covers[0].astype(float) - photo) ** 2)
    assert 10 * np.log10(255**2 / error) > 42
    lossless = lb.hide(NAME, cover=photo, channel="png", compiler="onnxruntime", **OURS)
    assert np.mean((lossless.covers[0].astype(float) - photo) ** 2) < 0.6 * error
    assert lb.reveal(lossless, compiler="onnxruntime", **OURS) == NAME


def test_one_failure_for_all(stego, photo):
    for source, key in ((stego, lb.Key.generate()), (photo, KEY), (photo[:1, :1], KEY)):
        with pytest.raises(lb.NothingRevealed):
            lb.reveal(source, key=key, carrier="autoencoder", compiler="onnxruntime")


@pytest.mark.parametrize("kind", ["grey", "deep grey", "transparent"])
def test_other_kinds_of_photograph_carry_too(photo, kind):
    grey = photo[:, :, 0]
    clear = np.arange(grey.size, dtype=np.uint8).reshape(grey.shape)
    cover = {
        "grey": grey,
        "deep grey": grey.astype(np.uint16) * 257 + 3,
        "transparent": np.dstack([photo, clear]),
    }[kind]
    stego = lb.hide(NAME, cover=cover, compiler="onnxruntime", **OURS)
    assert stego.covers[0].dtype == cover.dtype
    assert stego.covers[0].shape == cover.shape
    if kind == "transparent":
        np.testing.assert_array_equal(stego.covers[0][:, :, 3], clear)
    assert lb.reveal(stego, compiler="onnxruntime", **OURS) == NAME


def test_what_does_not_fit_is_said(photo):
    with pytest.raises(lb.DoesNotFit, match="message is 17 bytes, this cover holds 16"):
        lb.hide(bytes(17), cover=photo, **OURS)
    with pytest.raises(lb.DoesNotFit, match="314 by 100 pixels, its shorter side must have 128"):
        lb.hide(NAME, cover=photo[:100], **OURS)
    with pytest.raises(lb.InputError, match="hides in a photograph that you give, and there is"):
        lb.hide(NAME, **OURS)
    with pytest.raises(lb.InputError, match="it makes no photograph of its own"):
        lb.write(carrier="autoencoder")
    assert lb.capacity(carrier="autoencoder") == lb.capacity(carrier="autoencoder", cover=photo)
    with pytest.raises(lb.InputError, match="it makes no photograph of its own"):
        lb.audit(np.zeros((128, 128, 3), np.uint8), carrier="autoencoder")


def test_white_carries_nothing():
    carrier, white = opened("autoencoder"), np.full((128, 128, 3), 255, np.uint8)
    stream = Stream(bytes(32))
    stego = carrier.embed(bytes(24), b"ab", stream, "jpeg50", cover=white)
    received = carrier.medium.send(stego, "jpeg50", np.random.default_rng(1))
    assert list(carrier.extract(received, stream, ["jpeg50"])) == []


def test_the_networks_and_the_search_share_one_lattice(photo):
    carrier = opened("autoencoder")
    step = lb.models["mark_extractor"].about["step"]
    assert step == lattice.STEP
    levels = scale.small(photo, scale.usual(photo.shape))
    residual = carrier.networks["painter"].run(
        {
            "picture": levels[:64, :64].transpose(2, 0, 1)[None].copy(),
            "texture": np.zeros((1, 1, 64, 64), np.float32),
            "bits": np.ones((1, 3, 16, 16), np.float32),
        }
    )["residual"][0, 0]
    before = lattice.alignment(lattice.luma(levels[:64, :64]))
    after = lattice.alignment(lattice.luma(levels[:64, :64]) + residual)
    assert np.abs(before).max() < finding.ALIGNED < after[0, 0]
    assert np.argmax(after) == 0


def test_a_word_tells_its_salt_among_many_ways():
    rng, stream = np.random.default_rng(3), Stream(bytes(32))
    ways = rng.normal(0, 1, (2048, word.BITS)).astype(np.float32)
    ways[700] += 2.0 * word.write(b"\x81\x07", stream).astype(np.float32) - 1.0
    assert word.search(ways[:700], stream) == []
    best = word.search(3 * ways, stream)[0]
    assert (best.salt, best.way) == (b"\x81\x07", 700)
    assert all(heard.way != 700 for heard in word.search(3 * ways, Stream(b"\1" * 32)))
