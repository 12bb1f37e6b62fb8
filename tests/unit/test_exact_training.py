from __future__ import annotations

import json

import numpy as np
import pytest

from latebra.models.exact.norm import Norm
from latebra.models.exact.proof import exported
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Flatten, drafted

pytest.importorskip("onnx", reason="networks are written with it")
pytest.importorskip("torch", reason="torch is an extra")

import torch

from training.exact.fitting import PHASES, Budget, fit
from training.exact.layers import (
    Chain,
    Plain,
    Skip,
    WholeAttention,
    WholeConvolution,
    WholeEmbedding,
    WholeLinear,
    WholeNorm,
    WholePositions,
)
from training.exact.pictures import GRAIN, NATS, continued, grained, shown
from training.exact.pieces import LETTERS, learn
from training.exact.straight import in_floats

WIDE = 1016


def language_model() -> Chain:
    """Of 12 tokens, in sequences of up to 16."""
    body = Chain(WholeNorm(Norm(32, WIDE)), WholeAttention(32, 2, 16))
    hidden = Chain(WholeNorm(Norm(32, WIDE)), WholeLinear(32, 64, low=0), WholeLinear(64, 32))
    return Chain(
        WholeEmbedding(12, 32),
        WholePositions(16, 32, WIDE),
        Skip(body, WIDE),
        Skip(hidden, WIDE),
        WholeNorm(Norm(32, WIDE)),
        WholeLinear(32, 12),
    )


def classifier() -> Chain:
    """Of pictures of 8 by 8 pixels, in four kinds."""
    return Chain(
        Plain(Rescale(0)),
        WholeConvolution(1, 8, low=0),
        Skip(WholeConvolution(8, 8)),
        WholeConvolution(8, 8, low=0, stride=2),
        Plain(Flatten()),
        WholeLinear(8 * 4 * 4, 4),
    )


def texts(rng) -> tuple[np.ndarray, np.ndarray]:
    """Sequences that count up from a random token, and what follows each place."""
    whole = (rng.integers(0, 12, (16, 1)) + np.arange(17)) % 12
    return whole[:, :-1], whole[:, 1:]


def pictures(rng) -> tuple[np.ndarray, np.ndarray]:
    """Noise with one bright quarter, and which one it is."""
    kinds = rng.integers(0, 4, 32)
    x = rng.normal(0, 20, (32, 1, 2, 4, 2, 4)).astype(np.float32)
    x[np.arange(32), 0, kinds // 2, :, kinds % 2] += 40
    return x.reshape(32, 1, 8, 8), kinds


@pytest.mark.slow
@pytest.mark.parametrize(("made", "drawn"), [(language_model, texts), (classifier, pictures)])
def test_what_was_trained_is_exact_and_the_same_bit_for_bit(made, drawn):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # Threads wait for each other longer than such sums take.
    rng = np.random.default_rng(0)
    network = made()
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        x, wanted = map(torch.from_numpy, drawn(rng))
        scores = network(x) / 16
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, -2), wanted.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    x, _ = drawn(rng)
    with torch.no_grad():
        found = network(torch.from_numpy(x)).numpy()
    exact = network.exact()
    assert np.array_equal(found, exact.apply(x))
    assert exported(drafted(exact, x.shape, x.dtype.name))
    assert all(parameter.grad.abs().max() > 0 for parameter in network.parameters())


def test_in_floats_nothing_is_rounded():
    torch.manual_seed(0)
    network, (x, _) = classifier(), pictures(np.random.default_rng(0))
    with torch.no_grad():
        exact = network(torch.from_numpy(x))
        with in_floats():
            smooth = network(torch.from_numpy(x))
        again = network(torch.from_numpy(x))
    assert torch.equal(exact, exact.floor())
    assert not torch.equal(smooth, smooth.floor())
    assert torch.equal(exact, again)
    assert np.corrcoef(exact.flatten(), smooth.flatten())[0, 1] > 0.98


@pytest.mark.parametrize(("past", "last"), [("with", 27), ("without", 26)])
def test_a_causal_convolution_sees_no_later_pixel(past, last):
    torch.manual_seed(0)
    layer = WholeConvolution(2, 3, 3, past=past).exact()
    x = np.full((1, 2, 8, 8), 60, np.float32)
    other = x.copy()
    other[0, :, 3, 3] = -60
    changed = (layer.apply(x) != layer.apply(other)).any((0, 1)).flatten()
    # What the middle pixel changes starts with itself, or with the next.
    assert np.flatnonzero(changed).min() == 27 + (past == "without")
    other = x.copy()
    other.reshape(1, 2, 64)[:, :, last + 1 :] = -60
    assert np.array_equal(layer.apply(x)[0, :, 3, 3], layer.apply(other)[0, :, 3, 3])


def test_pieces_are_the_pairs_that_are_most_frequent():
    found = learn("the cat, the hat: the bat\n" * 3, len(LETTERS) + 4)
    assert found[: len(LETTERS)] == list(LETTERS)
    assert found[len(LETTERS) :] == ["at", "he", "the", " the"]


def test_fitting_goes_on_where_it_was_stopped(tmp_path):
    torch.set_num_threads(1)

    def loss(network, drawn):
        x = torch.randint(-9, 10, (8, 4), generator=drawn).float()
        return (network(x) - x.flip(1)).square().mean()

    def made():
        torch.manual_seed(0)
        return WholeLinear(4, 4)

    fit(made(), loss, Budget(0.2, 0.2), tmp_path)
    told = {each: json.loads((tmp_path / f"{each}.json").read_text()) for each in PHASES}
    assert told["exact"]["steps"] == told["twin"]["steps"] > 0
    kept = {each: torch.load(tmp_path / f"{each}.pt")["network"] for each in PHASES}
    assert not torch.equal(kept["exact"]["weight"], kept["twin"]["weight"])
    fit(made(), loss, Budget(0.2, 0.2), tmp_path)  # Nothing is left to do.
    again = torch.load(tmp_path / "exact.pt")["network"]["weight"]
    assert torch.equal(again, kept["exact"]["weight"])


def test_more_greys_start_from_what_is_known_of_fewer():
    pixels = torch.full((1, 8, 8), 37)
    with torch.no_grad():
        chances = (continued(64)(shown(pixels, 64)) * NATS).softmax(1)
    # In the middle of a flat picture the grey around is likely, and those far from it are not.
    assert chances[0, 33:42, 5, 5].sum() > 0.5
    assert torch.equal(continued(16).parts[1].weight, continued(64).parts[1].weight)


def test_grain_reaches_no_end_of_the_range_and_is_drawn_anew():
    tiles = torch.tensor([0, 255]).view(1, 1, 2).expand(4, 32, 2)
    dice = torch.Generator().manual_seed(1)
    one, two = (grained(tiles, 64, dice) for _ in range(2))
    assert 0 < one.min() < one.max() < 63
    assert not torch.equal(one, two)
    assert one[..., 0].float().std() == pytest.approx(GRAIN / 4, rel=0.2)
