"""The bundled exact networks, the pieces they read, and how they are stored."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.core.errors import InputError, UnknownPlugin, UnreadableFile
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens.correcting import Correction
from latebra.hiding.tokens.dense import read, write
from latebra.models.exact.following import Stepped, Windowed, begin
from latebra.models.exact.proof import exported
from latebra.models.exact.stored import restored, stored
from latebra.models.learned import LEARNED, TEXTS, TILES, Learned, digest_of, learned
from latebra.models.pieces import Pieces
from latebra.testing.exact import SAMPLES, TRAINED, run_by_place

pytest.importorskip("onnx", reason="networks are written with it")

PROMPT = "The server can be configured to"


def opened(found: Learned, graph, compiler: str):
    """A graph of a bundled network, proven; whole graphs for one item have the card's vector."""
    golden = found.card.golden if graph.outputs[0].shape == np.shape(_out(found)) else None
    card = replace(found.card, golden=golden)
    return open_network(Model(exported(graph), card), compiler, threads=1, cache=None)


def _out(found: Learned):
    assert found.card.golden
    return found.card.golden.outputs["y"]


def items(found: Learned, batch: int) -> np.ndarray:
    """The golden input, then the same with its places in other orders."""
    assert found.card.golden
    x = found.card.golden.inputs["x"]
    return np.concatenate([np.roll(x, 5 * n, -1) for n in range(batch)])


@pytest.mark.parametrize("name", LEARNED)
def test_numpy_defines_the_golden_vector(name):
    found = learned(name)
    assert np.array_equal(found.network.apply(items(found, 1)), _out(found))
    assert (found.card.tier, found.card.bound) == ("T1", 0.0)
    assert np.unique(_out(found)).size > 50


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_compiler_gives_what_numpy_defines(name, batch):
    pytest.importorskip("onnxruntime")
    found = learned(name)
    x = items(found, batch)
    y = opened(found, found.whole(batch), "onnxruntime").run({"x": x})["y"]
    assert np.array_equal(y, found.network.apply(x))


@pytest.mark.parametrize("name", LEARNED)
def test_the_twin_in_floats_is_hardly_better(name):
    about = learned(name).card.about
    (measured,) = (each for key, each in about.items() if key.startswith("held_out_bits"))
    assert 0.5 < measured["exact"] < 1.05 * measured["twin"]


def test_one_place_at_a_time_gives_the_same():
    pytest.importorskip("onnxruntime")
    found = learned(TEXTS)
    graph, tokens = found.stepped(1), items(found, 1)
    network = opened(found, graph, "onnxruntime")
    assert np.array_equal(run_by_place(network, graph, tokens), _out(found))


def test_what_one_compiler_wrote_another_reads_without_correction():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("openvino")
    found = learned(TEXTS)
    step, whole = found.stepped(1), found.whole(2)
    writer = Stepped(opened(found, step, "onnxruntime"), step, found.shape[0], found.nats)
    reader = Windowed(opened(found, whole, "ngraph"), whole, found.nats)
    prompt = found.pieces.encode(PROMPT)
    bits = np.random.default_rng(1).integers(0, 2, 1200, dtype=np.uint8)
    stream = Stream(bytes(32))
    tokens = write(writer, prompt, bits, stream, lambda tokens: True)
    assert len(prompt) + len(tokens) > found.shape[0]  # It goes on after what it sees at once.
    candidates = list(read(reader, prompt, tokens, stream, correction=Correction(error=0.0)))
    assert len(candidates) == 1
    assert np.array_equal(candidates[0][: bits.size], bits)


def test_a_text_goes_on_as_manuals_do():
    # A model that learned nothing gives a manual's words no more than chance.
    found = learned(TEXTS)
    tokens = np.array([found.pieces.encode("For more information, see the documentation")])
    logits = found.network.apply(tokens)[0].astype(np.float64) * found.nats
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    surprise = -logits[np.arange(tokens.size - 1), tokens[0, 1:]]
    assert surprise.mean() < 0.5 * np.log(len(found.pieces))


def test_a_pixel_does_not_see_later_ones():
    found = learned(TILES)
    x = items(found, 1)
    other = x.copy()
    other[0, 0, 20, 10:] *= -1
    other[0, 0, 21:] *= -1
    a, b = found.network.apply(x)[0], found.network.apply(other)[0]
    seen = np.arange(32 * 32).reshape(32, 32) <= 20 * 32 + 10
    assert np.array_equal(a[:, seen], b[:, seen])
    assert not np.array_equal(a[:, ~seen], b[:, ~seen])


def test_windows_move_by_halves():
    assert [begin(n, 128) for n in (1, 128, 129, 192, 193)] == [0, 0, 64, 64, 128]


def test_an_empty_context_is_refused():
    found = learned(TEXTS)
    graph = found.stepped(1)
    with pytest.raises(InputError, match="empty context"):
        Stepped(opened(found, graph, "reference"), graph, 128, found.nats).logits([])


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownPlugin, match="large"):
        learned("large")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_stored_network_comes_back(name):
    sample = SAMPLES[name]()
    told, arrays = stored(sample.network)
    assert {array.dtype.name for array in arrays} <= {"int8", "int16"}
    back = restored(json.loads(json.dumps(told)), arrays)
    x = sample.inputs(2)
    assert np.array_equal(back.apply(x), sample.network.apply(x))
    again, same = stored(back)
    assert digest_of(again, same) == digest_of(told, arrays)
    arrays[0] = arrays[0] + 1
    assert digest_of(told, arrays) != digest_of(again, same)


def test_a_layer_that_nobody_knows_is_refused():
    with pytest.raises(UnreadableFile, match="layers of an exact network"):
        restored({"layer": "Dropout"}, [])
    with pytest.raises(UnreadableFile, match="outermost layer is a Flatten"):
        restored({"layer": "Flatten"}, [])


def test_pieces_give_the_text_back():
    pieces = Pieces([*"abc \n", "ab", " ab", "abc"])
    text = "abcab ab\nc  a"
    numbers = pieces.encode(text)
    assert pieces.decode(numbers) == text
    assert numbers[:3] == [7, 5, 6]
    with pytest.raises(InputError, match="'x' is none"):
        pieces.encode("abx")


@pytest.mark.parametrize("name", LEARNED)
def test_the_order_of_sums_changes_nothing(name):
    plain = TRAINED[name]()
    mirrored = plain.mirrored()
    found = mirrored.results(mirrored.network.apply(mirrored.inputs(2)))
    assert np.array_equal(found, plain.network.apply(plain.inputs(2)))
