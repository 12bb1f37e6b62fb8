"""Search the protograph of the LDPC code by Gaussian density evolution.

The protograph is Raptor-like (Chen, Vakilinia, Divsalar, Wesel, "Protograph-based Raptor-like LDPC
codes", IEEE Trans. Commun. 63(5), 2015; the same shape as the codes of 3GPP TS 38.212, whose tables
are not used): ``KB`` message columns, of which the first two are never sent, four core rows with a
dual-diagonal parity part, then rows that each add one parity column of degree one. A prefix of the
rows is a code of a higher rate, so one matrix serves all rates.

The search is annealing over the free entries. Its cost is the sum, over a ladder of rates, of the
distance in dB between the decoding threshold and the capacity of the binary-input Gaussian
channel. The threshold is found with the reciprocal-channel approximation (Chung, "On the
construction of some capacity-approaching coding schemes", MIT 2000) run in the order in which the
layered decoder visits the rows, for as many sweeps as the decoder is given.

Run ``python tools/design_ldpc.py OUT.json --seconds 600``; print with ``--show`` what a stored
matrix achieves.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numba as nb
import numpy as np

KB = 12
CORE = 4
ROWS = 114
FREE = KB + CORE
SWEEPS = 50
CORE_DEGREE = 3
"""Least degree of a sent message column in the core: with two, short words of low weight appear."""

LADDER = (
    (4, 0.5),
    (6, 1.0),
    (8, 1.0),
    (11, 1.0),
    (14, 2.0),
    (18, 1.0),
    (24, 1.5),
    (34, 1.0),
    (45, 1.5),
    (60, 1.0),
    (78, 1.5),
    (113, 1.0),
)

WISHES = ((8, 4, 2), (14, 5, 3), (24, 6, 4))
"""Rows used, with the degrees wished for in sent message columns and in core parity columns: what
density evolution does not see, the weight of the lightest words, grows with them."""

GRID = 4096
LOW, HIGH = np.log(1e-8), np.log(90.0)


def capacity(mean: np.ndarray) -> np.ndarray:
    """Capacity of the binary-input Gaussian channel whose LLRs have these means, in bits."""
    t = np.linspace(-12.0, 12.0, 4001)
    w = np.exp(-0.5 * t * t)
    w /= w.sum()
    out = np.empty(len(mean))
    for i, m in enumerate(mean):
        out[i] = (
            m / (4 * np.log(2))
            if m < 1e-4
            else 1 - (w @ np.logaddexp(0, -(m + np.sqrt(2 * m) * t))) / np.log(2)
        )
    return out


def lost(mean: np.ndarray) -> np.ndarray:
    """One less the capacity, without cancellation."""
    t = np.linspace(-14.0, 14.0, 4001)
    w = np.exp(-0.5 * t * t)
    w /= w.sum()
    return np.array([(w @ np.logaddexp(0, -(m + np.sqrt(2 * m) * t))) / np.log(2) for m in mean])


def reciprocal_table() -> np.ndarray:
    """The reciprocal mean: R(m) has the capacity that m lacks; tabulated over log m."""
    grid = np.linspace(LOW, HIGH, GRID)
    mean = np.exp(grid)
    return np.exp(np.interp(np.log(lost(mean)), np.log(capacity(mean)), grid)).astype(np.float64)


TABLE = reciprocal_table()
STEP = (HIGH - LOW) / (GRID - 1)


@nb.njit(cache=True)
def reciprocal(m, table, low, step):
    # Nothing known stays nothing known: no clipping, or erased columns would free themselves.
    if m < 1.1e-8:
        return 1e9
    x = (np.log(m) - low) / step
    i = int(x)
    if i >= len(table) - 1:
        return 0.0
    f = x - i
    return table[i] * (1 - f) + table[i + 1] * f


@nb.njit(cache=True)
def opens(base, rows, kb, m0, sweeps, table, low, step):
    """Whether density evolution frees every message column at channel mean m0."""
    cols = base.shape[1]
    q = np.zeros(cols)
    for c in range(2, cols):
        q[c] = m0
    msg = np.zeros((rows, cols))
    rch = reciprocal(m0, table, low, step)
    t = np.zeros(cols)
    before = 0.0
    for it in range(sweeps):
        for r in range(rows):
            total = rch if r >= 4 else 0.0
            for c in range(cols):
                if base[r, c]:
                    t[c] = reciprocal(q[c] - msg[r, c], table, low, step)
                    total += t[c]
            for c in range(cols):
                if base[r, c]:
                    new = reciprocal(total - t[c], table, low, step)
                    q[c] += new - msg[r, c]
                    msg[r, c] = new
        worst = 1e9
        for c in range(kb):
            worst = min(worst, q[c])
        if worst > 25.0:
            return True
        if it > 3 and worst < before * 1.003:
            return False
        before = worst
    return False


@nb.njit(cache=True)
def threshold(base, rows, kb, start, sweeps, table, low, step):
    """The smallest channel mean that decodes, in dB relative to ``start``."""
    lo, hi = 0.0, 3.0
    while hi - lo > 0.004:
        mid = 0.5 * (lo + hi)
        if opens(base, rows, kb, start * 10 ** (mid / 10), sweeps, table, low, step):
            hi = mid
        else:
            lo = mid
    return hi


def capacity_mean(rate: float) -> float:
    grid = np.exp(np.linspace(np.log(1e-3), np.log(60), 4000))
    return float(np.exp(np.interp(rate, capacity(grid), np.log(grid))))


CAP = {rows: capacity_mean(KB / (KB - 2 + rows)) for rows in range(CORE, ROWS + 1)}


def gap(base: np.ndarray, rows: int) -> float:
    return float(threshold(base, rows, KB, CAP[rows], SWEEPS, TABLE, LOW, STEP))


def start(rng: np.random.Generator) -> np.ndarray:
    """A first matrix: full punctured columns, core degrees of three, extension rows by greed."""
    base = np.zeros((ROWS, FREE), dtype=np.uint8)
    base[:CORE, 0] = (1, 1, 1, 0)
    base[:CORE, 1] = (1, 0, 1, 1)
    for c in range(2, KB):
        base[rng.permutation(CORE)[:3], c] = 1
    set_core_parity(base)
    return base


def set_core_parity(base: np.ndarray) -> None:
    """Dual diagonal: column KB closes the ring by rows 0, 1 and 3, the others join neighbours."""
    base[:CORE, KB:] = 0
    base[[0, 1, 3], KB] = 1
    base[[0, 1], KB + 1] = 1
    base[[1, 2], KB + 2] = 1
    base[[2, 3], KB + 3] = 1


def grow(base: np.ndarray, rng: np.random.Generator, tries: int) -> None:
    """Fill the extension rows one by one, each the best of some random candidates."""
    for r in range(CORE, ROWS):
        best, best_gap = None, 9.0
        for _ in range(tries):
            row = np.zeros(FREE, dtype=np.uint8)
            row[rng.integers(2)] = 1
            if r < 12 and rng.random() < 0.7:
                row[:2] = 1
            extra = rng.integers(1, 7) if r < 12 else rng.integers(1, 4)
            row[rng.choice(np.arange(2, FREE), extra, replace=False)] = 1
            base[r] = row
            g = gap(base, r + 1) + 0.002 * row.sum()
            if g < best_gap:
                best, best_gap = row, g
        base[r] = best


def thin(base: np.ndarray) -> float:
    """A price for every degree that is missing to the wishes."""
    missing = 0
    for rows, message, parity in WISHES:
        degree = base[:rows].sum(0).astype(np.int64)
        missing += int(np.maximum(message - degree[2:KB], 0).sum())
        missing += int(np.maximum(parity - degree[KB + 1 :], 0).sum())
    return 0.05 * missing


def anneal(base: np.ndarray, rng: np.random.Generator, seconds: float, out: Path) -> np.ndarray:
    """Flip or move entries while the weighted gap falls."""
    gaps = {r: gap(base, r) for r, _ in LADDER}

    def cost(gs: dict[int, float], b: np.ndarray) -> float:
        return sum(w * gs[r] for r, w in LADDER) + 0.0006 * int(b.sum()) + thin(b)

    now = cost(gaps, base)
    begin = time.time()
    best, best_cost = base.copy(), now
    steps = 0
    said = 0.0
    while time.time() - begin < seconds:
        warm = 0.004 * max(0.0, 1 - (time.time() - begin) / (0.8 * seconds))
        # Early rows matter to every rate: visit them more often.
        r = (
            int(min(ROWS - 1, rng.exponential(22)))
            if rng.random() < 0.8
            else int(rng.integers(ROWS))
        )
        trial = base.copy()
        width = KB if r < CORE else FREE
        first = 0
        c = int(rng.integers(first, width))
        trial[r, c] ^= 1
        if rng.random() < 0.6:
            others = [x for x in range(first, width) if x != c and trial[r, x] == trial[r, c]]
            if others:
                trial[r, int(rng.choice(others))] ^= 1
        if trial[r].sum() < 2 or (r < CORE and trial[:CORE, 2:KB].sum(0).min() < CORE_DEGREE):
            continue
        new = dict(gaps)
        ok = True
        for rows, _ in LADDER:
            if rows > r:
                new[rows] = gap(trial, rows)
                if new[rows] > gaps[rows] + 0.06:
                    ok = False
                    break
        steps += 1
        if ok:
            c1 = cost(new, trial)
            if c1 < now or rng.random() < np.exp(-(c1 - now) / max(warm, 1e-9)):
                base, gaps, now = trial, new, c1
                if now < best_cost:
                    best, best_cost = base.copy(), now
        if time.time() - begin - said > 20:
            said = time.time() - begin
            print(
                f"{said:6.0f}s {steps} steps cost {now:.4f} best {best_cost:.4f}",
                {r: round(g, 3) for r, g in gaps.items()},
                flush=True,
            )
            save(best, out)
    save(best, out)
    return best


def save(base: np.ndarray, out: Path) -> None:
    rows = [[int(c) for c in np.flatnonzero(row)] for row in base]
    out.write_text(json.dumps(rows))


def load(path: Path) -> np.ndarray:
    rows = json.loads(path.read_text())
    base = np.zeros((len(rows), FREE), dtype=np.uint8)
    for r, cs in enumerate(rows):
        base[r, cs] = 1
    for c in range(2, KB):
        for r in np.argsort(base[:CORE, :KB].sum(1), kind="stable"):
            if base[:CORE, c].sum() < CORE_DEGREE:
                base[r, c] = 1
    return base


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    if args.show:
        base = load(args.out)
        for r, _ in LADDER:
            print(
                f"rows {r:3d} rate {KB / (KB - 2 + r):.3f} gap {gap(base, r):.3f} dB "
                f"edges {int(base[:r].sum())}"
            )
        return
    rng = np.random.default_rng(args.seed)
    if args.resume:
        base = load(args.out)
    else:
        base = start(rng)
        begin = time.time()
        grow(base, rng, 40)
        print("grown", time.time() - begin, flush=True)
        save(base, args.out)
    anneal(base, rng, args.seconds, args.out)


if __name__ == "__main__":
    main()
