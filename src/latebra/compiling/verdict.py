"""Who is right: results of several compilers, judged by the reference or by one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from latebra.compiling.likeness import Difference, difference
from latebra.compiling.sharing import PLUS
from latebra.core.network import Arrays

REFERENCE: Final = "reference"
"""The compiler that judges wherever it can."""
BOUND: Final = 1e-3
"""Share of an output's largest magnitude by which a right result may be off, unless told.

32-bit floats stay a hundred times below it on the networks that were measured; 16-bit ones do not:
``docs/compilers.md``.
"""


@dataclass(frozen=True)
class Verdict:
    """Who judged, and what came of it.

    Args:
        judge: A compiler's id, "golden" for the model's golden vector, or nothing.
        why: One sentence on it.
        errors: How far each is from the judge; empty without one.
        apart: Largest absolute difference of each pair, by ids, both ways.
    """

    judge: str
    why: str
    errors: Mapping[str, Difference]
    apart: Mapping[str, Mapping[str, float]]


def judged(
    outputs: Mapping[str, Arrays], golden: Arrays | None = None, bound: float = BOUND
) -> Verdict:
    """Returns the verdict on results of one model, on the same inputs.

    The golden vector judges where there is one, else the reference. The reference is overruled
    when those that agree with one another, but not with it, are at least twice as many as it and
    those that agree with it: they are made by different people. Where it is missing, the one with
    whom most agree judges.

    Args:
        outputs: Each compiler's outputs, in the order of preference.
        golden: The outputs that the model's card vouches for, if these are its inputs.
        bound: Relative difference within which two agree.
    """
    pairs = {
        (one, other): difference(outputs[one], outputs[other])
        for one, other in combinations(outputs, 2)
    }
    apart: dict[str, dict[str, float]] = {name: {name: 0.0} for name in outputs}
    agree: dict[str, list[str]] = {name: [] for name in outputs}
    for (one, other), found in pairs.items():
        apart[one][other] = apart[other][one] = found.largest
        if found.relative <= bound and _maker(one) != _maker(other):
            agree[one].append(other)
            agree[other].append(one)
    if golden is not None:
        errors = {name: difference(each, golden) for name, each in outputs.items()}
        return Verdict("golden", "judged by the model's golden vector", errors, apart)
    judge, why = _chosen(agree)
    errors = {name: difference(each, outputs[judge]) for name, each in outputs.items() if judge}
    return Verdict(judge, why, errors, apart)


def _maker(name: str) -> str:
    """Returns the compiler's id without its variant or who helps: none is a witness for itself."""
    return name.partition(PLUS)[0].partition(":")[0]


def _chosen(agree: Mapping[str, list[str]]) -> tuple[str, str]:
    others = {name: found for name, found in agree.items() if name != REFERENCE and found}
    first = max(others, key=lambda name: len(_makers(others[name])), default="")
    if REFERENCE in agree:
        against = len(_makers([first, *agree[first]]) - {REFERENCE}) if first else 0
        behind = len(_makers(agree[REFERENCE]))
        if first in agree[REFERENCE] or against < 2 * (1 + behind):
            return REFERENCE, "judged by the reference, in 64-bit floats"
        told = " and ".join([first, *agree[first]])
        return first, f"judged by {first}: the reference differs from {told}, which agree"
    if first:
        other = agree[first][0]
        return first, f"the reference could not run: judged by {first}, with whom {other} agrees"
    if len(agree) > 1:
        return "", "the reference could not run, and no two compilers agree: nobody is judged"
    return "", "the reference could not run, and there is nobody to compare with: nobody is judged"


def _makers(names: Iterable[str]) -> set[str]:
    return {_maker(name) for name in names}
