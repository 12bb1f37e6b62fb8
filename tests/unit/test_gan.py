"""A message in the latent of a GAN: what the extractor says of itself, rooms, pictures in files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import latebra as lb
from latebra.core.errors import InputError
from latebra.hiding.carriers.gan import DIMS, KINDS, SIZES, Gan, observed, trusted
from latebra.hiding.channel import gaussian
from latebra.hiding.media.passage import CHANNELS, send
from latebra.testing.carriers import opened


@pytest.fixture(scope="module")
def carrier():
    return opened("gan")


def test_a_picture_holds_what_is_promised():
    assert 8 * lb.capacity(carrier="gan", channel="jpeg75") >= 256
    assert 8 * lb.capacity(carrier="gan", channel="jpeg50") >= 128


@given(st.floats(-3, 3), st.floats(0.01, 0.97))
def test_what_was_observed_has_the_posterior_that_the_extractor_named(mean, variance):
    seen, noise = observed(np.float32([mean]), np.float32([variance]))
    ones = np.ones(1, np.float32)
    (soft,) = gaussian.soften(seen, np.ones(1, np.uint8), ones, noise)
    rng = np.random.default_rng(1)
    drawn = mean + np.sqrt(variance) * rng.standard_normal(40_000)
    share = 1 / (1 + np.exp(-float(soft)))
    assert share == pytest.approx((drawn > 0).mean(), abs=0.012)


def test_nobody_is_trusted_to_know_more_than_nothing():
    seen, noise = observed(np.zeros(2, np.float32), np.float32([0.5, 7.0]))
    assert np.isfinite(seen).all()
    assert 1 == noise[0] < noise[1] < 8


@pytest.mark.parametrize("channel", ["png", "jpeg75", "jpeg50"])
def test_the_extractor_is_as_sure_as_it_should_be(channel):
    """In units of the deviation that it names, its errors are about 1, block by block."""
    rng = np.random.default_rng(6)
    ratios = []
    for kind in KINDS:
        carrier = opened("gan", kind=kind)
        sent = rng.standard_normal((4, DIMS), np.float32)
        received = np.stack([send(each, channel, rng) for each in carrier.paint(sent)])
        mean, variance = carrier.look(received)
        ratios.append((sent - mean) ** 2 / trusted(variance, channel))
    parts = np.split(np.concatenate(ratios), np.cumsum(SIZES)[:-1], axis=1)
    assert [float(part.mean()) for part in parts] == pytest.approx([1, 1, 1], abs=0.15)


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_harder_a_channel_the_less_it_tells(channel):
    table = Gan.table(channel)
    assert table.noise.shape == table.depths.shape == (DIMS,)
    assert np.median(table.noise) >= np.median(Gan.table("png").noise)


@pytest.mark.parametrize(("channel", "quality"), [("jpeg75", 75), ("jpeg50", 50)])
def test_a_full_picture_is_read_from_a_jpeg_by_a_reader_who_was_not_told_its_kind(channel, quality):
    key = lb.Key.generate()
    message = bytes(lb.capacity(carrier="gan", channel=channel))
    told = {"carrier": "gan", "kind": "stone", "channel": channel}
    stego = lb.hide(message, key=key, compiler="onnxruntime", **told)
    file = io.BytesIO()
    Image.fromarray(stego.covers[0]).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    received = np.asarray(Image.open(file).convert("RGB"))
    assert lb.reveal(received, key=key, carrier="gan", compiler="onnxruntime") == message
    with pytest.raises(lb.NothingRevealed):
        lb.reveal(received, key=lb.Key.generate(), carrier="gan", compiler="onnxruntime")


def test_pictures_of_one_message_share_nothing(carrier):
    key, told = lb.Key.generate(), {"carrier": "gan", "compiler": "onnxruntime"}
    covers = [lb.hide(b"meet at nine", key=key, **told).covers[0] for _ in range(2)]
    one, two = carrier.latents(covers)
    assert abs(np.corrcoef(one, two)[0, 1]) < 4 / np.sqrt(DIMS)


def test_an_unknown_kind_is_said():
    with pytest.raises(InputError, match="gan paints no kind 'sky'") as caught:
        lb.capacity(carrier="gan", kind="sky")
    assert caught.value.fix == "choose from leaves, stone, bark"


def test_an_ordinary_picture_comes_back_near_standard_gaussians(carrier):
    rng = np.random.default_rng(4)
    latents = carrier.latents([carrier.sample(rng) for _ in range(4)])
    assert latents.shape == (4, DIMS)
    assert abs(latents.mean()) < 0.1
    assert latents.std() == pytest.approx(1, abs=0.15)


def test_the_networks_are_as_small_as_is_said():
    about = [lb.models[name].about["parameters"] for name in Gan.roles.values()]
    assert sum(about) <= 4_000_000
