"""Bits in the greys of a picture: the stepped network, the fronts, the tables, the carrier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import latebra as lb
from latebra.core.errors import InputError
from latebra.core.network import ModelCard
from latebra.hiding.carriers.pixels import LEVELS, SALT, SIDE, SIZES
from latebra.hiding.channel.stream import Stream
from latebra.hiding.pixels import dense
from latebra.hiding.pixels.model import PixelModel
from latebra.models.exact.pixels import drafted_pixels, windows_of
from latebra.models.exact.sequence import Sequence
from latebra.models.learned import TEXTS, TILES, learned
from latebra.testing.carriers import opened


class Flat:
    """A picture model that knows nothing: every grey has the same logit."""

    def __init__(self, side: int, greys: int) -> None:
        about = {
            "side": side,
            "greys": greys,
            "nats": 1 / 32,
            "scale": 1,
            "offset": 0,
            "windows": [[3, 1]],
            "at_once": side,
        }
        self.card = ModelCard("flat", "", "T1", 0.0, about=about)
        self._side, self._greys = side, greys

    def run(self, inputs):
        if "x" in inputs:
            return {"y": np.zeros((1, self._greys, self._side, self._side), np.int32)}
        assert inputs["earlier0"].shape == (self._side, 4)
        return {"y": np.zeros((self._side, self._greys), np.int32)}


@pytest.fixture(scope="module")
def carrier():
    return opened("pixels")


def test_a_flat_model_takes_a_bit_for_each_halving():
    model = PixelModel(Flat(8, 16), Flat(8, 16))
    bits = np.random.default_rng(1).integers(0, 2, 200, dtype=np.uint8)
    greys = dense.write(model, bits, Stream(bytes(32)))
    back = dense.read(model, greys)
    assert back.size >= 8 * 8 * 4 - 2
    assert np.array_equal(back[:200], bits)


def test_fronts_take_every_pixel_once_and_none_before_what_it_sees():
    model = PixelModel(Flat(9, 4), Flat(9, 4))
    assert sorted(model.order) == list(range(81))
    when = np.empty(81, np.int64)
    when[model.order] = np.arange(81)
    when = when.reshape(9, 9)
    for row in range(1, 9):
        for column in range(8):
            assert when[row - 1, column + 1] < when[row, column]


def test_weights_halve_where_the_logits_say_so():
    edges = dense.tables(np.array([[0, -22, -10_000]]), np.log(2) / 22)
    assert np.diff(edges[0]).tolist() == [dense.HEAVIEST, dense.HEAVIEST // 2, 1]


def test_a_few_pixels_at_a_time_give_what_the_whole_picture_gives(carrier):
    model = carrier.model
    greys = np.random.default_rng(2).integers(20, 40, (SIDE, SIDE))
    logits, at = model.logits(greys), 0
    chosen = greys.ravel()[model.order]

    def choose(found):
        nonlocal at
        assert np.array_equal(found, logits[at : at + len(found)])
        at += len(found)
        return chosen[at - len(found) : at]

    assert np.array_equal(model.paint(choose), greys)


def test_the_proof_holds_of_both_files():
    pytest.importorskip("onnx", reason="the proof reads ONNX files with it")
    from latebra.models.exact.proof import prove

    for name in lb.carriers["pixels"].roles.values():
        card = lb.models[name]
        assert card.tier == "T1"
        assert card.bound == 0.0
        assert prove(lb.models.onnx(name)).bits == pytest.approx(card.about["bits"], abs=0.01)


def test_the_windows_of_the_bundled_networks():
    graph = drafted_pixels(learned(TILES).network, 8)
    assert windows_of(graph) == [[7, 1], *[[3, 48]] * 6]


def test_a_network_that_looks_ahead_is_refused():
    network = learned(TILES).network
    first = network.layers[1]
    ahead = replace(first, weight=np.ones_like(first.weight))
    with pytest.raises(InputError, match="not known yet"):
        drafted_pixels(Sequence((network.layers[0], ahead)), 8)
    with pytest.raises(InputError, match="not computed pixel by pixel"):
        drafted_pixels(learned(TEXTS).network, 8)


def test_a_message_takes_two_bits_a_pixel_and_more():
    assert 8 * (SALT + SIZES[-1]) == 2.5 * SIDE**2
    assert 8 * lb.capacity(carrier="pixels") >= 2 * SIDE**2


def test_what_is_hidden_is_revealed_from_a_file(tmp_path):
    key = lb.Key.generate()
    message = np.random.default_rng(3).bytes(lb.capacity(carrier="pixels"))
    stego = lb.hide(message, key=key, carrier="pixels")
    (path,) = stego.save(tmp_path / "small.png")
    assert lb.reveal(path, key=key, carrier="pixels") == message
    with pytest.raises(lb.NothingRevealed):
        lb.reveal(path, key=lb.Key.generate(), carrier="pixels")


def test_one_grey_that_changed_loses_the_message():
    key = lb.Key.generate()
    stego = lb.hide(b"meet at nine", key=key, carrier="pixels")
    picture = stego.covers[0].copy()
    picture[0, 5] = 4 * ((picture[0, 5] // 4 + 9) % LEVELS) + 2
    with pytest.raises(lb.NothingRevealed):
        lb.reveal(picture, key=key, carrier="pixels")


def test_a_picture_of_other_greys_is_none_of_the_models(carrier):
    stream = Stream(bytes(32))
    coloured = np.zeros((SIDE, SIDE, 3), np.uint8)
    assert list(carrier.extract(coloured, stream, ["png"])) == []


def test_an_ordinary_picture_comes_back_as_standard_gaussians(carrier):
    rng = np.random.default_rng(4)
    latents = carrier.latents([carrier.sample(rng) for _ in range(3)])
    assert latents.shape == (3, SIDE**2)
    assert abs(latents.mean()) < 4 / np.sqrt(latents.size)
    assert abs(latents.std() - 1) < 3 / np.sqrt(latents.size)
