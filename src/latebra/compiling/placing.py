"""A model placed on several compilers, where one cannot take it whole or is not the fastest."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from numpy.typing import NDArray

from latebra.compiling.cache import Cache
from latebra.compiling.contract import Outcome
from latebra.compiling.cutting import Chain
from latebra.compiling.likeness import difference
from latebra.compiling.opening import OpenNetwork, open_network
from latebra.compiling.placement import Costs, Placement, Placer, best_single, place
from latebra.compiling.trial import Patience, Trial, enter, middle, take_turns
from latebra.compiling.verdict import BOUND, judged
from latebra.core.errors import LatebraError, Unsupported
from latebra.core.network import Arrays, ModelCard

WINS: Final = 0.98
"""A mixed placement must take less than this share of the best single compiler's time: medians of
rounds on a shared machine moved by one or two percent from one measurement to the next."""


class PlacedNetwork:
    """A network whose stretches several compilers run.

    Args:
        card: What is known about the whole.
        stretches: The networks in order; the outputs of each are the inputs of the next.
        placement: Which compiler runs which block.
    """

    def __init__(
        self, card: ModelCard, stretches: Sequence[OpenNetwork], placement: Placement
    ) -> None:
        self.card = card
        self.placement = placement
        self._stretches = tuple(stretches)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name for one set of inputs.

        Raises:
            RunFailed: A stretch failed.
            TimedOut: A stretch took longer than it was given.
        """
        found: dict[str, NDArray[Any]] = dict(inputs)
        for stretch in self._stretches:
            found = stretch.run(found)
        return found


@dataclass(frozen=True)
class Placed:
    """A model placed, and what it is worth.

    Args:
        network: What runs.
        mixed_s: Median seconds of the mixed placement from end to end; None where a single one was
            the cheapest by the blocks' costs already.
        single_s: Median seconds of the best single compiler, in turns with it; None where no
            compiler takes the whole, or there was nothing to compare.
        reason: Why it is placed so, in one sentence.
    """

    network: PlacedNetwork
    mixed_s: float | None
    single_s: float | None
    reason: str


def measured(
    chain: Chain,
    names: Sequence[str],
    inputs: Arrays,
    *,
    rounds: int = 5,
    bound: float = BOUND,
    patience: Patience | None = None,
    kept: Cache | None = None,
) -> Costs:
    """Returns what each block costs with each compiler that gets it right, one thread.

    Args:
        chain: The model and where to cut it.
        names: Compilers' ids, the one to prefer first.
        inputs: Of the whole.
        rounds: How often all take turns on each block.
        bound: Relative difference within which a compiler is right.
        patience: How long each may take.
        kept: Where artifacts are kept, if anywhere.

    Raises:
        Unsupported: No compiler takes some block.
    """
    patience = patience or Patience()
    blocks: list[Mapping[str, float]] = []
    crossings: list[float] = []
    feed: Arrays = inputs
    for number, block in enumerate(chain.blocks):
        trials = [enter(name, block, feed, patience, kept) for name in names]
        try:
            costs, handing, outputs = _block_costs(trials, feed, rounds, bound, patience)
        finally:
            for trial in trials:
                trial.close()
        if outputs is None:
            said = "; ".join(f"{trial.row.compiler}: {trial.row.reason}" for trial in trials)
            raise Unsupported(
                f"no compiler takes block {number + 1} of {len(chain.blocks)}: {said}",
                fix="cut the model elsewhere, or install another compiler",
            )
        blocks.append(costs)
        if number:
            crossings.append(handing)
        feed = outputs
    return Costs(blocks, crossings)


def open_placement(
    chain: Chain, placement: Placement, *, threads: int | None = None
) -> PlacedNetwork:
    """Returns a network that runs as placed; neighbours with one compiler are built as one.

    Args:
        chain: The model and where to cut it.
        placement: A compiler for each block.
        threads: How many each may use; None for one each processor, at most four.

    Raises:
        LatebraError: A compiler failed on its stretch.
    """
    stretches = [
        open_network(chain.block(start, stop), name, threads=threads)
        for name, start, stop in placement.runs
    ]
    return PlacedNetwork(chain.model.card, stretches, placement)


def placed(
    chain: Chain,
    costs: Costs,
    inputs: Arrays,
    *,
    rounds: int = 9,
    threads: int | None = 1,
    placer: Placer = place,
) -> Placed:
    """Returns the model on several compilers where that wins from end to end, else on one.

    Args:
        chain: The model and where to cut it.
        costs: What each block costs, from ``measured``.
        inputs: Of the whole.
        rounds: How often both take turns from end to end.
        threads: How many each compiler may use.
        placer: Places the blocks.

    Raises:
        LatebraError: Neither could be opened.
    """
    mixed, single = placer(costs), best_single(costs)
    if single is None or len(mixed.runs) == 1:
        network = open_placement(chain, mixed, threads=threads)
        names = " and ".join(dict.fromkeys(mixed.compilers))
        if single is None:
            return Placed(network, None, None, f"no compiler takes the whole: {names} share it")
        return Placed(network, None, None, f"{names} is the cheapest on the whole")
    one = open_placement(chain, single, threads=threads)
    try:
        several = open_placement(chain, mixed, threads=threads)
    except LatebraError as error:
        why = f"{single.compilers[0]} alone: the mixed placement failed, {error.what}"
        return Placed(one, None, None, why)
    times = _turns({"one": one, "several": several}, inputs, rounds)
    mixed_s, single_s = median(times["several"]), median(times["one"])
    share = median(a / b for a, b in zip(times["several"], times["one"], strict=True))
    said = f"{share:.2f} of the time of {single.compilers[0]} alone, from end to end"
    if share < WINS:
        return Placed(several, mixed_s, single_s, f"several compilers take {said}")
    return Placed(one, mixed_s, single_s, f"one compiler: several would take {said}")


def _block_costs(
    trials: Sequence[Trial], feed: Arrays, rounds: int, bound: float, patience: Patience
) -> tuple[dict[str, float], float, dict[str, NDArray[Any]] | None]:
    """Returns seconds by compiler, those of handing over, and the judge's outputs."""
    handing: list[float] = []
    for trial in trials:
        start = time.perf_counter()
        reading = trial.read(feed)
        if reading:
            handing.append(max(0.0, time.perf_counter() - start - reading.wall_s[0]))
    found = take_turns(trials, feed, rounds, patience, lambda _: None)
    ran = {
        trial.row.compiler: trial.outputs
        for trial in trials
        if trial.outputs and trial.row.outcome is Outcome.OK and found.get(trial.row.compiler)
    }
    verdict = judged(ran, None, bound)
    judge = verdict.judge or next(iter(ran), "")
    right = [name for name in ran if difference(ran[name], ran[judge]).relative <= bound]
    costs = {name: median(middle(found[name], cpu=False)) for name in right}
    return costs, min(handing, default=0.0), ran.get(judge)


def _turns(
    networks: Mapping[str, PlacedNetwork], inputs: Arrays, rounds: int
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in networks}
    for number in range(rounds + 1):
        for name, network in networks.items():
            start = time.perf_counter()
            network.run(inputs)
            if number:  # The first round warms up.
                times[name].append(time.perf_counter() - start)
    return times
