"""Tests that each detector of texts catches the sampler it must, and leaves messages alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from latebra.hiding.audit import Area, area
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens import dense
from latebra.hiding.tokens.agreement import Agreement, Secrets
from tests.unit.ngram import Ngram

sys.path.insert(0, str(Path(__file__).parents[2]))  # The attacks are not part of the package.

from attacks.texts import detectors, looking, samplers, suite, wrong_keys
from attacks.texts.bag import Bag
from attacks.texts.looking import Look, pooled

MODEL, AGREEMENT = Ngram(), Agreement()
PROMPTS = ([1, 2, 3], [40, 50])
TEXTS, LENGTH = 56, 40


class Few:
    """The model without all but its first tokens: tables that are soon computed."""

    def logits(self, context: Sequence[int]) -> np.ndarray:
        return MODEL.logits(context)[:24]


def stream(number: int) -> Stream:
    return Stream(number.to_bytes(32, "little"))


def written(number: int) -> list[int]:
    """Returns a text that carries 36 bytes."""
    bits = np.random.default_rng(number).integers(0, 2, 288, dtype=np.uint8)
    prompt = PROMPTS[number % 2]
    return dense.write(MODEL, prompt, bits, stream(number), lambda _: True, agreement=AGREEMENT)


@cache
def hidden() -> list[Look]:
    return [
        looking.look(
            MODEL, PROMPTS[i % 2], written(i)[:LENGTH], AGREEMENT, i, Secrets(stream(i), 16).dither
        )
        for i in range(TEXTS)
    ]


@cache
def sampled(name: str) -> list[Look]:
    sampler = samplers.BAD.get(name, samplers.honest)
    texts = [
        samplers.sample(MODEL, PROMPTS[i % 2], sampler, LENGTH, AGREEMENT, 1000 + i)
        for i in range(TEXTS)
    ]
    return [
        looking.look(MODEL, PROMPTS[i % 2], text, AGREEMENT, 2000 + i)
        for i, text in enumerate(texts)
    ]


def is_chance(found: Area) -> bool:
    """Says whether an area is within three standard errors of a half."""
    return abs(found.value - 0.5) < 3 / 1.96 * (found.high - found.low) / 2


UNTRAINED = [
    (detectors.likely, "cooled", 4),
    (detectors.likely_for_tables, "cooled", 4),
    (detectors.chi_square, "cut_off", 8),
    (detectors.kolmogorov_smirnov, "cut_off", 8),
    (detectors.anderson_darling, "cut_off", 8),
]


@pytest.mark.parametrize(("detector", "control", "pool"), UNTRAINED)
def test_a_bad_sampler_is_caught_and_a_message_is_not(detector, control: str, pool: int):
    ordinary = sampled("honest")
    caught = area(*(detector(pooled(looks, pool)) for looks in (sampled(control), ordinary)))
    assert caught.value > 0.95
    assert is_chance(area(detector(hidden()), detector(ordinary)))


@pytest.mark.parametrize(
    ("fit", "control"),
    [(detectors.RankRatio.fit, "rank_parity"), (Bag.fit, "cooled"), (Bag.fit, "rank_parity")],
)
def test_what_learns_catches_what_it_learnt(fit, control: str):
    half = TEXTS // 2
    ordinary, bad = sampled("honest"), sampled(control)
    learnt = fit(bad[:half], ordinary[:half])
    caught = area(*(learnt.scores(pooled(looks[half:], 8)) for looks in (bad, ordinary)))
    assert caught.value > 0.95
    learnt = fit(hidden()[:half], ordinary[:half])
    chance = area(learnt.scores(hidden()[half:]), learnt.scores(ordinary[half:]))
    assert is_chance(chance)
    assert area(learnt.scores(hidden()[:half]), learnt.scores(ordinary[:half])).value > 0.55


def test_points_are_uniform_if_drawn_from_the_tables_and_not_else():
    points = {
        name: np.concatenate([one.points for one in looks])
        for name, looks in {
            "hidden": hidden(),
            **{name: sampled(name) for name in ("honest", "cooled", "cut_off")},
        }.items()
    }
    p_values = {name: detectors.chi_square_p_value(each)[1] for name, each in points.items()}
    assert p_values["hidden"] > 1e-3
    assert p_values["honest"] > 1e-3
    assert p_values["cooled"] < 1e-9
    assert p_values["cut_off"] < 1e-9


def test_the_parity_of_ranks_is_a_coin_flip_where_it_carries_bits():
    for name, share in (("rank_parity", 0.5), ("honest", 0.6)):
        ranks = np.concatenate([one.ranks for one in sampled(name)])
        assert (ranks % 2 == 0).mean() == pytest.approx(share, abs=0.03)


def test_a_rejection_is_seen_without_dithers_only():
    least, ordinary = 5e-5, sampled("honest")
    with_dithers = samplers.not_rejected(hidden(), least, keyed=True)
    without = samplers.not_rejected(hidden(), least)
    assert 4 < len(with_dithers) < TEXTS / 2
    assert 4 < len(without) < TEXTS / 2
    usual = detectors.nowhere_near(ordinary, least)
    assert area(detectors.nowhere_near(without, least), usual).value > 0.9
    assert is_chance(area(detectors.nowhere_near(with_dithers, least), usual))


def test_texts_come_back_from_an_archive(tmp_path: Path):
    looking.save(hidden()[:3], tmp_path / "look.npz")
    again = looking.load(tmp_path / "look.npz")
    assert len(again) == 3
    for one, other in zip(again, hidden(), strict=False):
        for name, values in vars(one).items():
            np.testing.assert_array_equal(values, getattr(other, name))


def cells_of(
    tokens: list[int], prompt: list[int], agreement: Agreement, count: int
) -> tuple[list[list[int]], list[bytes], list[wrong_keys.Cells]]:
    """Returns the contexts of the first tokens, the same packed, and their cells by dither."""
    contexts = [[*prompt, *tokens[:at]] for at in range(count)]
    packed = [np.array(context, "<i8").tobytes() for context in contexts]
    known = [
        wrong_keys.Cells.of(Few(), context, token, agreement)
        for context, token in zip(contexts, tokens, strict=False)
    ]
    return contexts, packed, known


def test_cells_looked_up_are_those_of_a_keys_tables():
    tokens = samplers.sample(Few(), [1, 2], samplers.honest, 8, AGREEMENT, 0)
    contexts, packed, cells = cells_of(tokens, [1, 2], AGREEMENT, 8)
    for number in range(60):
        secrets = Secrets(stream(number), 16)
        quick = wrong_keys.dithers(stream(number), packed)
        assert quick.tolist() == [secrets.dither(context) for context in contexts]
        for cell, context, token, one in zip(cells, contexts, tokens, quick, strict=True):
            levels = AGREEMENT.levels(Few(), context, float(one))
            weights, entry = levels.weights(), int(np.searchsorted(levels.tokens, token))
            low = int(weights[:entry].sum())
            want = [low, low + int(weights[entry]), int(weights.sum())]
            assert cell.at(np.array([one]))[0].tolist() == want


def test_a_wrong_key_finds_a_tick_right_as_often_as_coins_do():
    short = Agreement(tick_bits=2)
    bits = np.random.default_rng(7).integers(0, 2, 288, dtype=np.uint8)
    tokens = dense.write(Few(), [1, 2], bits, stream(7), lambda _: True, agreement=short)
    _, packed, cells = cells_of(tokens, [1, 2], short, 90)

    def passes(number: int) -> bool | str:
        dithers = wrong_keys.dithers(stream(number), packed)
        rows = np.array([c.at(d)[0] for c, d in zip(cells, dithers[:, None], strict=True)])
        return wrong_keys.passes_a_tick(rows, short, Secrets(stream(number), 2))

    assert passes(7) is True
    found = [passes(number) for number in range(100, 300)]
    told = [one for one in found if not isinstance(one, str)]
    assert len(told) > 80
    assert np.mean(told) == pytest.approx(0.25, abs=0.13)


def test_the_suite_stands_each_attack_beside_its_control():
    bad = {name: sampled(name) for name in samplers.BAD}
    evidence = suite.Evidence(hidden(), sampled("honest"), bad)
    report = json.loads(json.dumps(suite.evaluate(evidence)))
    assert report["texts"]["hidden"] == {"texts": TEXTS, "tokens": TEXTS * LENGTH}
    rows = {(row["attack"], row["control_scheme"]): row for row in report["attacks"]}
    for row in rows.values():
        if "auc" in row["control"] and "pools" in row["attack"]:
            assert row["control"]["auc"] > 0.95, row
    assert {name for name, _ in rows} >= {
        "perplexity",
        "rank histogram",
        "chi-square against tables",
        "bag of words and ranks",
        "logits near edges",
        "same keystream, pools of 10",
    }
    assert report["chi_square"]["hidden"][1] > 1e-3
