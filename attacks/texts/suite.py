"""All attacks on one set of texts, each beside the bad scheme that it must catch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attacks import keystream_reuse
from attacks.rows import Row, Scores, figures, row_of
from attacks.texts import detectors
from attacks.texts.bag import Bag
from attacks.texts.looking import Look, pooled
from attacks.texts.samplers import COOL, FEW, not_rejected
from latebra.hiding.audit import area

POOL = 10
"""Texts looked at together."""
FIRST = 40
"""Latents of each text that are compared with other texts', place by place."""
NEAR = 1.4e-5
"""A logit nearer to an edge than this, in nats, may be rounded otherwise by another compiler: it is
the usual rounding error of a language model of 135 million parameters."""
NAMES = {
    "cooled": f"temperature {COOL}",
    "cut_off": f"{FEW} likeliest tokens",
    "rank_parity": "lowest bit of ranks",
}

Texts = Sequence[Look]
Detector = Callable[[Texts], Scores]


@dataclass(frozen=True)
class Evidence:
    """What the analyst was given.

    Args:
        hidden: Texts that carry something.
        ordinary: Texts of the same sampler that carry nothing, of the same prompts.
        bad: Texts of samplers that are wrong, by their names in ``NAMES``.
    """

    hidden: Texts
    ordinary: Texts
    bad: Mapping[str, Texts]


def evaluate(evidence: Evidence) -> Row:
    """Returns the whole report, ready for JSON."""
    kinds = {"hidden": evidence.hidden, "ordinary": evidence.ordinary, **evidence.bad}
    return {
        "interval": "95 %, DeLong et al. (1988); rule of three where nothing overlaps",
        "texts": {name: _size(looks) for name, looks in kinds.items()},
        "attacks": [
            *_untrained(evidence),
            *_trained(evidence),
            _rejected(evidence),
            _repeated(evidence),
        ],
        "halves_swapped": {
            "bag": _swapped(evidence, Bag.fit),
            "ranks": _swapped(evidence, detectors.RankRatio.fit),
        },
        "near": _near(evidence),
        "chi_square": {name: _absolute(looks) for name, looks in kinds.items()},
    }


def _untrained(evidence: Evidence) -> Iterator[Row]:
    """Yields the detectors that have nothing to learn."""
    for name, detector, control in (
        ("perplexity", detectors.likely, "cooled"),
        ("perplexity less entropy", detectors.likely_for_tables, "cooled"),
        ("chi-square against tables", detectors.chi_square, "cut_off"),
        ("kolmogorov-smirnov", detectors.kolmogorov_smirnov, "cut_off"),
        ("anderson-darling", detectors.anderson_darling, "cut_off"),
    ):
        kinds = evidence.hidden, evidence.ordinary, evidence.bad[control]
        yield from _rows(name, NAMES[control], [detector] * 2, kinds, kinds[1])


def _trained(evidence: Evidence) -> Iterator[Row]:
    """Yields what learns: on the first half of the texts, to be tried on the second."""
    learn: dict[str, Callable[[Texts, Texts], Any]] = {
        "rank histogram": detectors.RankRatio.fit,
        "bag of words and ranks": Bag.fit,
    }
    first, second = _halves(evidence.ordinary)
    for name, fit in learn.items():
        trained = fit(_halves(evidence.hidden)[0], first).scores
        for control in ("rank_parity", "cooled") if fit == Bag.fit else ("rank_parity",):
            before, after = _halves(evidence.bad[control])
            kinds = _halves(evidence.hidden)[1], second, after
            both = [trained, fit(before, first).scores]
            yield from _rows(name, NAMES[control], both, kinds, second)


def _swapped(evidence: Evidence, fit: Callable[[Texts, Texts], Any]) -> Row:
    """Returns what one that learns on the second half says of the first."""
    hidden, ordinary = _halves(evidence.hidden), _halves(evidence.ordinary)
    scores = fit(hidden[1], ordinary[1]).scores
    return figures(area(scores(hidden[0]), scores(ordinary[0])))


def _rejected(evidence: Evidence) -> Row:
    """Returns what a rejection of fragile texts shows: with dithers, and without.

    Both senders' texts are chosen from the same hidden texts; all that differs is where the edges
    are.
    """
    kept, bad = (not_rejected(evidence.hidden, NEAR, keyed=keyed) for keyed in (True, False))

    scheme, usual, control = (
        detectors.nowhere_near(looks, NEAR) for looks in (kept, evidence.ordinary, bad)
    )
    name = "no dither, fragile texts rejected"
    return row_of("logits near edges", name, (scheme, usual), (control, usual))


def _repeated(evidence: Evidence) -> Row:
    """Returns the correlation of latents within pools, place by place."""
    usual = [one for one in evidence.ordinary if one.points.size >= FIRST]
    half = len(usual) // 2
    mean = _first([one.latents for one in usual[:half]]).mean(axis=0)
    kinds = (
        [one.latents for one in evidence.hidden if one.points.size >= FIRST],
        [one.latents for one in usual[half:]],
        [one.repeated_latents for one in usual[half:]],
    )
    scheme, cover, bad = (
        keystream_reuse.pooled((_first(kind) - mean).astype(np.float32), POOL) for kind in kinds
    )
    name = f"same keystream, pools of {POOL}"
    return row_of(name, "one keystream for all texts", (scheme, cover), (bad, cover))


def _rows(
    name: str,
    control: str,
    both: Sequence[Detector],
    kinds: tuple[Texts, Texts, Texts],
    usual: Texts,
) -> Iterator[Row]:
    """Yields one detector's rows, of single texts and of pools.

    Args:
        name: The detector's.
        control: The bad scheme.
        both: The detector as it looks at the scheme, and at the control.
        kinds: The scheme's texts, those that it is compared with, and the control's.
        usual: What the control is compared with.
    """
    for size in (1, POOL):
        scheme, cover, bad, other = (
            pooled(looks, size) if size > 1 else looks for looks in (*kinds, usual)
        )
        first, second = both
        yield row_of(
            name if size == 1 else f"{name}, pools of {size}",
            control,
            (first(scheme), first(cover)),
            (second(bad), second(other)),
        )


def _near(evidence: Evidence) -> Row:
    """Returns how many texts each sender would have rejected."""
    ordinary = pooled(evidence.ordinary, len(evidence.ordinary))[0]
    return {
        "nats": NEAR,
        "share_of_tokens": float((ordinary.margins < NEAR).mean()),
        "kept_with_dithers": len(not_rejected(evidence.hidden, NEAR, keyed=True)),
        "kept_without": len(not_rejected(evidence.hidden, NEAR)),
    }


def _absolute(looks: Texts) -> list[float]:
    statistic, p_value = detectors.chi_square_p_value(np.concatenate([one.points for one in looks]))
    return [statistic, p_value]


def _size(looks: Texts) -> Row:
    return {"texts": len(looks), "tokens": sum(one.tokens.size for one in looks)}


def _halves(looks: Texts) -> tuple[Texts, Texts]:
    half = len(looks) // 2
    return looks[:half], looks[half:]


def _first(latents: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([each[:FIRST] for each in latents])
