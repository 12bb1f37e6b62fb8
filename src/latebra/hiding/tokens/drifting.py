"""How well received tokens fit the bytes of a hypothesis, wherever words were lost or put in.

A hidden Markov model: between two tokens that were sent, any number may have been put in; each that
was sent is lost, or arrives, perhaps changed. The forward recursion keeps, for each hypothesis, how
likely it is that so many of the received tokens are used up. (Davey, MacKay, IEEE Trans. Inf.
Theory 47(2), 2001, section III; all likelihoods are ratios to those of tokens that have nothing to
do with the bytes.)
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from jaxtyping import Float32, Float64

from latebra.hiding.channel.kernel import kernel
from latebra.hiding.tokens.tree import BUCKETS, VALUES

LOST: Final = 0.05
"""Share of tokens that a reader expects to be left out."""
ADDED: Final = 0.05
"""Share of tokens that a reader expects to be put in."""
CHANGED: Final = 0.15
"""Share of tokens that a reader expects to be others than were sent."""
SMALLEST: Final = np.float32(1e-9)
"""What is less likely is left out: numbers near the end of a float's range are slow."""
HOPELESS: Final = -50.0
"""Logarithm of what a block is worth that nothing fits."""
_SHARES: Final = (0.24, 0.12, 0.11, 0.10, 0.09, 0.08, 0.07, 0.06, 0.05, 0.08)
"""How often the winning bucket's share of the table is taken to be about 1, 1/2, 1/4, …: a rough
guess for English, which weighs a reader's hypotheses and nothing that a writer does."""

Fit = Float32[np.ndarray, "received 256"]


def fits(shares: Float64[np.ndarray, " some"]) -> Float32[np.ndarray, "some 256"]:
    """Returns how much likelier a byte is for the winner than for others, by the winner's share."""
    edges = np.arange(BUCKETS + 1) / BUCKETS
    below = edges ** (1 / shares[:, None])
    ratio = BUCKETS * np.diff(below, axis=1)
    return ((1 - CHANGED) * ratio + CHANGED).astype(np.float32)


def usual_fit() -> Float32[np.ndarray, " 256"]:
    """Returns that ratio where nothing is known of the share."""
    each = fits(0.5 ** np.arange(len(_SHARES)).astype(np.float64))
    return (np.array(_SHARES, np.float32) @ each).astype(np.float32)


@kernel
def opened(forward: Any, rows: Any, fit: Any, first: Any, received: Any, fresh: Any) -> Any:
    """One token of the opening, for all values at once.

    Args:
        forward: float64 (width, values): likelihood that ``first + w`` tokens are used up.
        rows: uint8 (width, values): the byte of received token ``first + w``.
        fit: float32 (width, 256): ratios of received token ``first + w``.
        first: The first place that is looked at.
        received: How many tokens there are.
        fresh: float64 (width + 1, values): what comes out, one place on; the last is spare.
    """
    width, values = forward.shape
    lost, kept = np.float32(LOST), np.float32((1 - LOST) * (1 - ADDED))
    added = np.float32(ADDED)
    fresh[:] = SMALLEST * SMALLEST
    for w in range(width):
        at = first + w
        if at < 0 or at > received:
            continue
        if at == received:
            for s in range(values):
                fresh[w, s] += forward[w, s]
            continue
        for s in range(values):
            fresh[w, s] += forward[w, s] * lost
            fresh[w + 1, s] += forward[w, s] * kept * fit[w, rows[w, s]]
    for w in range(width):
        if 0 <= first + w < received:
            for s in range(values):
                fresh[w + 1, s] += fresh[w, s] * added


@kernel
def followed(
    forward: Any, tokens: Any, rows: Any, shifts: Any, buckets: Any, fit: Any, bases: Any, out: Any
) -> Any:
    """One block, for all values of it, after all nodes.

    Args:
        forward: float32 (nodes, passes, width): likelihood that ``base + w`` tokens are used up.
        tokens: int64 (passes,): how many tokens the block has in each.
        rows: uint8 (nodes, tokens, 256): the nodes' bytes, for the tokens of all passes.
        shifts: uint8 (tokens, values): what each value adds to them.
        buckets: uint8 (received,): the received tokens.
        fit: float32 (received, 256): their ratios.
        bases: int64 (passes,).
        out: float32 (nodes, values, passes, width): each sums to one.

    Returns:
        float64 (nodes, values): the logarithm of what the block's fit is worth.
    """
    nodes, passes, width = forward.shape
    received = len(buckets)
    lost, kept = np.float32(LOST), np.float32((1 - LOST) * (1 - ADDED))
    added = np.float32(ADDED)
    worth = np.zeros((nodes, VALUES))
    now = np.zeros(width + 1, np.float32)
    new = np.zeros(width + 1, np.float32)
    for node in range(nodes):
        for value in range(VALUES):
            token = 0
            for number in range(passes):
                base = bases[number]
                now[:width] = forward[node, number]
                now[width] = 0
                low, high = 0, width - 1
                while low < high and now[low] == 0:
                    low += 1
                while high > low and now[high] == 0:
                    high -= 1
                low = max(low, -base)
                for _ in range(tokens[number]):
                    high = min(high, width - 1, received - base)
                    new[:] = 0
                    for w in range(low, high + 1):
                        if now[w] < SMALLEST:
                            continue
                        at = base + w
                        if at == received:
                            new[w] += now[w]
                            continue
                        byte = (rows[node, token, buckets[at]] + shifts[token, value]) & 255
                        new[w] += now[w] * lost
                        new[w + 1] += now[w] * kept * fit[at, byte]
                    high = min(high + 3, width - 1, received - base)
                    for w in range(low, min(high, received - base)):
                        new[w + 1] += new[w] * added
                    now, new = new, now
                    token += 1
                total = 0.0
                for w in range(width):
                    total += now[w]
                if total < SMALLEST:
                    worth[node, value] += HOPELESS
                    out[node, value, number] = 1 / width
                    continue
                worth[node, value] += np.log(total)
                for w in range(width):
                    share = now[w] / np.float32(total)
                    out[node, value, number, w] = share if share > SMALLEST else 0
    return worth
