"""Forgeries of signed photographs, counted: what is accepted, and what would be unbound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from attacks.forgeries import bits_of, disguised, painted, pasted
from benchmarks.intervals import exact
from benchmarks.robustness import psnr
from benchmarks.signing import SIDES, Marked, Work, rate
from latebra.hiding.provenance import short_hash

MANY = 64
"""Marked pictures that a forger averages."""
COUNT = 1000
"""Forgeries of each kind."""
LOOKED = 8
"""Of those that are expected to carry nothing, how many are searched for a mark."""


def _judged(work: Work, forged: Iterator[tuple[Marked, np.ndarray]], read: int) -> Any:
    """What forgeries come to: with the hash, with the short one, and with neither (the control).

    What the hash refuses is refused whether its mark is read or not. So the mark of the first
    ``read`` forgeries is looked for, which takes long where there is none, and of those that the
    hash lets pass.
    """
    of = looked = unbound = bound = short = 0
    for mine, forgery in forged:
        picture = np.ascontiguousarray(forgery)
        alike = mine.hash.compare(picture).alike
        near = short_hash.short_distance(mine.message[8:], picture) <= short_hash.NEAR
        of += 1
        if of <= read or alike or near:
            carried = work.signer.read(picture) == mine.message
            if of <= read:
                looked += 1
                unbound += carried
            bound += carried and alike
            short += carried and near
    return {
        "accepted": rate(bound, of, exact),
        "accepted_without_record": rate(short, of, exact),
        "accepted_without_binding": rate(unbound, looked, exact),
    }


def copied(work: Work) -> Any:
    """The bits that anybody reads, painted into another photograph."""
    marked = work.marked(100, SIDES[0])

    def forged() -> Iterator[tuple[Marked, np.ndarray]]:
        for mine, other in work.strangers(marked, COUNT):
            yield (
                mine,
                painted(work.signer.carrier, bits_of(work.signer.carrier, [mine.pixels]), other),
            )

    return _judged(work, forged(), COUNT)


def averaged(work: Work) -> Any:
    """The same, of many pictures with one mark: what a signer has whose marks are not bound."""
    marked = work.marked(100, SIDES[0])
    message, salt = marked[0].message, b"ab"
    same = [work.signer.put(message, salt, each.cover) for each in marked[1 : 1 + MANY]]
    bits = bits_of(work.signer.carrier, same)

    def forged() -> Iterator[tuple[Marked, np.ndarray]]:
        for _, other in work.strangers(marked[:1], COUNT):
            yield marked[0], painted(work.signer.carrier, bits, other)

    return {"averaged": MANY, **_judged(work, forged(), COUNT)}


def residual(work: Work) -> Any:
    """What was painted in one picture, or in many on average, added to another photograph."""
    marked = work.marked(1 + MANY, SIDES[0])
    same = [work.signer.put(marked[0].message, b"ab", each.cover) for each in marked[1 : 1 + MANY]]
    pairs = zip(same, marked[1 : 1 + MANY], strict=True)
    mean = np.mean([pixels.astype(float) - each.cover for pixels, each in pairs], axis=0)

    def sums(*, many: bool) -> Iterator[tuple[Marked, np.ndarray]]:
        for mine, other in work.strangers(marked[:1] if many else marked, COUNT):
            added = mean if many else mine.pixels.astype(float) - mine.cover
            yield mine, np.clip(np.rint(other + added), 0, 255).astype(np.uint8)

    return {
        "of one": _judged(work, sums(many=False), LOOKED),
        "mean": _judged(work, sums(many=True), LOOKED),
    }


def pasted_in(work: Work) -> Any:
    """How often a square of another photograph in a signed one is noticed."""
    results: dict[str, Any] = {}
    for side in SIDES:
        marked = work.marked(20, side)
        for share in (0.5, 0.25, 0.125, 0.0625):
            noticed = of = 0
            for mine, other in work.strangers(marked, 100):
                of += 1
                noticed += not mine.hash.compare(pasted(mine.pixels, other, share, work.rng)).alike
            results.setdefault(str(side), {})[str(share)] = rate(noticed, of)
    return results


def disguised_as(work: Work) -> Any:
    """What it costs a picture to be changed on purpose until the hash takes it for another."""
    results: dict[str, Any] = {}
    for side in SIDES:
        marked = work.marked(20, side)
        costs = []
        of = 0
        for mine, other in work.strangers(marked, 20):
            of += 1
            made = disguised(mine.hash, other)
            if made is not None:
                costs.append(psnr(other, made))
        results[str(side)] = {
            "accepted": rate(len(costs), of, exact),
            "psnr": {
                name: round(float(np.quantile(costs, q)), 1)
                for name, q in (("median", 0.5), ("best", 1.0))
            },
        }
    return results
