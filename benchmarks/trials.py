"""Trials of vaults: who opens whose, how the scores of both lie, and what an interval allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.intervals import exact
from latebra.hiding.channel.codes import code
from latebra.hiding.channel.stream import Stream
from latebra.hiding.identity.commitment import Shape, commit, direction, softened
from latebra.hiding.identity.turning import axes

DECODED_ANYHOW = 1_000
"""Trials with strangers that are decoded though their scores are hopeless."""
LOW = 0.5
HOPELESS = 0.05
"""Below the lowest score that opened a vault of the same person, or below ``LOW``, by so much."""


@dataclass(frozen=True)
class Enrolment:
    """Samples of one subject that make one vault, and who it is."""

    subject: str
    samples: Sequence[NDArray[np.float32]] = field(repr=False)


@dataclass(frozen=True)
class Probe:
    """What somebody shows."""

    subject: str
    samples: Sequence[NDArray[np.float32]] = field(repr=False)


@dataclass(frozen=True)
class Trials:
    """What came of every probe on every vault.

    Args:
        scores: Weighted agreement of signs, -1 to 1, vault by vault.
        genuine: Whether the two belong together.
        opened: Whether the secret came back; None where nobody decoded.
        vaults: The subject of each vault.
        probes: The subject of each probe.
    """

    scores: NDArray[np.float64]
    genuine: NDArray[np.bool_]
    opened: NDArray[np.float64]
    vaults: list[str]
    probes: list[str]


def run(
    enrolments: Sequence[Enrolment], probes: Sequence[Probe], shape: Shape, seed: int
) -> Trials:
    """Enrols all, and tries every probe on every vault.

    Strangers whose score is far below any that opened are not decoded, but for some that are drawn.
    """
    rng = np.random.default_rng(seed)
    seen = np.stack([direction(probe.samples) for probe in probes])
    who = np.array([probe.subject for probe in probes])
    scores = np.empty((len(enrolments), len(probes)))
    opened = np.full(scores.shape, np.nan)
    genuine = np.array([[each.subject == name for name in who] for each in enrolments])
    lowest = np.inf
    polar = code(shape.secret_bits, shape.bits)
    for at, enrolment in enumerate(enrolments):
        stream, fresh = Stream(rng.bytes(32)), Stream(rng.bytes(32))
        secret = rng.integers(0, 2, shape.secret_bits).astype(np.uint8)
        helper = commit(enrolment.samples, secret, shape, stream, fresh)
        llr = np.stack(
            [softened(each, helper, shape) for each in seen @ axes(stream, shape.dims).T]
        )
        word = 2.0 * polar.encode(secret) - 1
        scores[at] = (llr @ word) / np.abs(llr).sum(axis=1)

        def decode(number: int, llr=llr, secret=secret) -> bool:
            found = polar.decode(llr[number].astype(np.float32))
            return found is not None and bool((found == secret).all())

        for number in np.flatnonzero(genuine[at]):
            opened[at, number] = decode(number)
            if opened[at, number]:
                lowest = min(lowest, scores[at, number])
        strangers = np.flatnonzero(~genuine[at])
        some = rng.random(len(strangers)) < DECODED_ANYHOW / (
            len(enrolments) * max(1, len(strangers))
        )
        near = scores[at, strangers] > min(lowest, LOW) - HOPELESS
        for number in strangers[some | near]:
            opened[at, number] = decode(number)
    return Trials(scores, genuine, opened, [each.subject for each in enrolments], list(who))


def summary(trials: Trials) -> dict[str, Any]:
    """Returns error rates of scores and of the vaults themselves, with 95 % intervals."""
    genuine, strangers = trials.scores[trials.genuine], trials.scores[~trials.genuine]
    opened = trials.opened[trials.genuine] == 1
    wrong = trials.opened[~trials.genuine] == 1
    return {
        "genuine": int(genuine.size),
        "impostor": int(strangers.size),
        "decoded_strangers": int(np.isfinite(trials.opened[~trials.genuine]).sum()),
        "subjects": len(set(trials.vaults) | set(trials.probes)),
        "vaults": len(trials.vaults),
        "probes": len(trials.probes),
        "equal_error_rate": equal_error_rate(genuine, strangers),
        "floor": 3 / strangers.size,
        "accepted_at": {
            f"{rate:g}": rated(genuine > threshold(strangers, rate)) for rate in (1e-2, 1e-3)
        },
        "vault": {"opened": rated(opened), "false_match": rated(wrong)},
        "by_subject": by_subject(trials),
    }


def by_subject(trials: Trials) -> dict[str, Any]:
    """Returns, for each enrolled subject, who opened its vaults, and how often."""
    probes = np.array(trials.probes)
    vaults = np.array(trials.vaults)
    found: dict[str, Any] = {}
    for subject in sorted(set(trials.vaults)):
        rows = trials.opened[vaults == subject]
        own = rows[:, probes == subject]
        others = rows[:, probes != subject] == 1
        found[subject] = {
            "vaults": len(rows),
            "opened": float(np.mean(own == 1)) if own.size else None,
            "false_match": float(others.mean()),
        }
    return found


def threshold(strangers: NDArray[np.float64], rate: float) -> float:
    """Returns what a share of at most ``rate`` of strangers score above."""
    ordered = np.sort(strangers)
    return float(ordered[len(ordered) - 1 - int(np.floor(rate * len(ordered)))])


def equal_error_rate(genuine: NDArray[np.float64], strangers: NDArray[np.float64]) -> float:
    """Returns where misses and false matches are equally frequent."""
    cuts = np.sort(np.concatenate([genuine, strangers]))
    misses = np.searchsorted(np.sort(genuine), cuts, side="right") / genuine.size
    matches = 1 - np.searchsorted(np.sort(strangers), cuts, side="right") / strangers.size
    at = int(np.argmin(np.abs(misses - matches)))
    return float((misses[at] + matches[at]) / 2)


def rated(hits: NDArray[np.bool_]) -> dict[str, Any]:
    """Returns a share with its interval of Clopper and Pearson, as if all trials were apart."""
    count, total = int(hits.sum()), int(hits.size)
    return {
        "share": count / total,
        "count": count,
        "of": total,
        "interval_95": exact(count, total),
    }


def over_subjects(trials: Trials, rate: float, rounds: int, seed: int) -> dict[str, Any]:
    """Returns intervals of a bootstrap over subjects, whose trials hang together.

    Args:
        trials: All trials.
        rate: The false match rate at which acceptance is told.
        rounds: How often subjects are drawn.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    vaults, probes = np.array(trials.vaults), np.array(trials.probes)
    subjects = sorted(set(trials.vaults))
    shares: list[float] = []
    rates: list[float] = []
    accepted: list[float] = []
    for _ in range(rounds):
        drawn = rng.choice(subjects, len(subjects))
        rows = np.concatenate([np.flatnonzero(vaults == subject) for subject in drawn])
        columns = np.flatnonzero(np.isin(probes, list(set(drawn))))
        genuine = trials.genuine[np.ix_(rows, columns)]
        if genuine.all() or not genuine.any():
            continue
        opened = trials.opened[np.ix_(rows, columns)] == 1
        scores = trials.scores[np.ix_(rows, columns)]
        shares.append(float(opened[genuine].mean()))
        rates.append(float(opened[~genuine].mean()))
        accepted.append(float((scores[genuine] > threshold(scores[~genuine], rate)).mean()))
    return {
        name: [float(each) for each in np.quantile(values, [0.025, 0.975])]
        for name, values in (("opened", shares), ("false_match", rates), ("accepted", accepted))
    }
