"""The cheapest changes of samples after which a fixed convolution says what is wanted.

The network that reads a picture is known and linear, so that what refinement would look for step by
step is found at once and for certain: a walk through a trellis whose states are what earlier
changes do to the outputs to come (Filler, Judas, Fridrich 2011, Minimizing additive distortion in
steganography using syndrome-trellis codes, IEEE Trans. Inf. Forensics Security 6(3)).

A *column* says what one sample does: bit k is its weight, 0 or 1, in the output k blocks later.
Columns have their lowest bit, so that every block can tell every bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from latebra.core.progress import Progress, silent
from latebra.hiding.channel.kernel import kernel
from latebra.hiding.dense.layout import Layout, Samples

_AT_ONCE: Final = 1 << 14
"""Samples whose walk is kept in memory. Where it is cut, the next begins in the state it ended."""

Columns = Sequence[int]


def flips(
    layout: Layout,
    costs: Float32[np.ndarray, " samples"],
    wanted: UInt8[np.ndarray, " blocks"],
    columns: Columns,
    height: int,
    progress: Progress = silent,
) -> UInt8[np.ndarray, " samples"]:
    """Returns which samples to change by one so that some outputs flip, at the least cost.

    Args:
        layout: With a bit a block.
        costs: Of a change of each sample, above zero.
        wanted: 1 for each output that has to flip.
        columns: One for each sample of the widest block.
        height: Bits of a column.
        progress: Told how far the work is.
    """
    found = np.zeros(layout.samples, np.uint8)
    weights = np.asarray(columns, np.int64)
    step = max(1, _AT_ONCE * layout.blocks // max(layout.used, 1))
    widest = int(np.diff(layout.edges(0, min(step, layout.blocks))).max(initial=1)) + 1
    walk = np.empty((widest * min(step, layout.blocks), 1 << height), np.uint8)
    state = 0
    for first in range(0, layout.blocks, step):
        last = min(first + step, layout.blocks)
        edges = layout.edges(first, last)
        start, end = int(edges[0]), int(edges[-1])
        state = _walk(
            costs[start:end],
            edges - start,
            wanted[first:last].astype(np.int64),
            weights,
            height,
            state,
            walk,
            found[start:end],
        )
        progress("write", last, layout.blocks)
    return found


def settled(
    samples: Samples,
    symbols: UInt8[np.ndarray, " samples"],
    depths: UInt8[np.ndarray, " samples"],
    coins: UInt8[np.ndarray, " samples"],
    column: int,
    height: int,
    top: int,
) -> Int32[np.ndarray, " samples"]:
    """Returns the nearest samples whose outputs are ``symbols``, where each block is one sample.

    Args:
        samples: As they are.
        symbols: What each output must be modulo 2^depth.
        depths: How many of its lowest bits tell.
        coins: 0 or 1 each: which way to go where both are as near.
        column: Of the sample.
        height: Bits of a column.
        top: The largest value of a sample.
    """
    found = samples.astype(np.int32)
    _settle(found, symbols, depths, coins, column, height, top)
    return found


@kernel
def _walk(
    costs: Any,
    edges: Any,
    wanted: Any,
    columns: Any,
    height: Any,
    start: Any,
    walk: Any,
    found: Any,
) -> Any:
    """Viterbi's algorithm; writes the changes, and returns the state at the end."""
    size = 1 << height
    half = size >> 1
    never = np.float32(1e30)
    old = np.full(size, never, np.float32)
    new = np.full(size, never, np.float32)
    old[start] = 0
    for block in range(len(wanted)):
        for at in range(edges[block], edges[block + 1]):
            # Every column has its highest bit, so a change leads from one half to the other.
            lower = columns[at - edges[block]] & (half - 1)
            cost = costs[at]
            chosen = walk[at]
            for state in range(half):
                other = half + (state ^ lower)
                here, there = old[state], old[other]
                come, gone = there + cost, here + cost
                chosen[state] = come < here
                new[state] = min(here, come)
                chosen[other] = gone < there
                new[other] = min(there, gone)
            old, new = new, old
        bit = wanted[block]
        least = never
        for state in range(half):
            new[state] = old[2 * state + bit]
            least = min(least, new[state])
        for state in range(half):
            new[state] -= least
            new[half + state] = never
        old, new = new, old
    end = np.argmin(old)
    state = end
    for block in range(len(wanted) - 1, -1, -1):
        state = 2 * state + wanted[block]
        for at in range(edges[block + 1] - 1, edges[block] - 1, -1):
            if walk[at, state]:
                found[at] = 1
                state ^= columns[at - edges[block]]
    return end


@kernel
def _settle(
    samples: Any, symbols: Any, depths: Any, coins: Any, column: Any, height: Any, top: Any
) -> Any:
    for at in range(len(samples)):
        size = np.int64(1) << depths[at]
        said = np.int64(samples[at])
        for back in range(1, min(height, at + 1)):
            if column >> back & 1:
                said += samples[at - back]
        change = (np.int64(symbols[at]) - said) % size
        if 2 * change > size or (2 * change == size and coins[at]):
            change -= size
        if samples[at] + change < 0:
            change += size
        elif samples[at] + change > top:
            change -= size
        samples[at] += change
