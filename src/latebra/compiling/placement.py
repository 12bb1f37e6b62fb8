"""Which compiler runs which block of a chain: the cheapest assignment, exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from latebra.core.errors import Unsupported


@dataclass(frozen=True)
class Costs:
    """What each block costs with each compiler, and what a change of compiler costs.

    Args:
        blocks: Seconds of each block by compiler; a compiler that cannot take it is left out.
        crossings: Seconds of handing the output of each block but the last to another compiler.
    """

    blocks: Sequence[Mapping[str, float]]
    crossings: Sequence[float]


@dataclass(frozen=True)
class Placement:
    """A compiler for each block.

    Args:
        compilers: Ids, one for each block.
        seconds: What it costs, crossings included.
    """

    compilers: tuple[str, ...]
    seconds: float

    @property
    def runs(self) -> tuple[tuple[str, int, int], ...]:
        """Compiler, first block and the one after the last, of each stretch without a crossing."""
        found: list[tuple[str, int, int]] = []
        for number, name in enumerate(self.compilers):
            if found and found[-1][0] == name:
                found[-1] = (name, found[-1][1], number + 1)
            else:
                found.append((name, number, number + 1))
        return tuple(found)


@runtime_checkable
class Placer(Protocol):
    """Places blocks; one that learns from what runs cost may stand in for ``place``."""

    def __call__(self, costs: Costs) -> Placement:
        """Returns a placement for these costs.

        Raises:
            Unsupported: No compiler takes some block.
        """
        ...


def place(costs: Costs) -> Placement:
    """Returns the cheapest placement, by dynamic programming over blocks and compilers.

    With B blocks and C compilers it takes B·C² steps and is exact, because what comes after a
    block depends on the compilers before it only through the last one (Bellman's principle).

    Args:
        costs: Of blocks and crossings.

    Raises:
        Unsupported: No compiler takes some block.
    """
    best: dict[str, tuple[float, tuple[str, ...]]] = {"": (0.0, ())}
    for number, block in enumerate(costs.blocks):
        if not block:
            raise Unsupported(
                f"no compiler takes block {number + 1} of {len(costs.blocks)}",
                fix="cut the model elsewhere, or install another compiler",
            )
        crossing = costs.crossings[number - 1] if number else 0.0
        best = {
            name: min(
                (
                    before + seconds + (crossing if number and last != name else 0.0),
                    (*path, name),
                )
                for last, (before, path) in best.items()
            )
            for name, seconds in block.items()
        }
    seconds, path = min(best.values())
    return Placement(path, seconds)


def best_single(costs: Costs) -> Placement | None:
    """Returns the cheapest placement with one compiler throughout, or None where there is none."""
    found = {
        name: sum(block[name] for block in costs.blocks)
        for name in costs.blocks[0]
        if all(name in block for block in costs.blocks)
    }
    if not found:
        return None
    name = min(found, key=lambda name: (found[name], name))
    return Placement((name,) * len(costs.blocks), found[name])
