"""Measure block error rates of the codes against the finite-length bound, beside their speed.

The bound is the normal approximation (Polyanskiy, Poor, Verdu, "Channel coding rate in the finite
blocklength regime", IEEE Trans. Inf. Theory 56(5), 2010) with the half-logarithm term, for the
binary-input Gaussian channel, whose capacity and dispersion are integrated numerically.

Libraries with such codes, none of which is used or compared by running: ``sionna`` and ``aff3ct``
(polar lists and the 5G LDPC code; the first needs a deep-learning framework, the second is a C++
toolbox without wheels for Python), ``ldpc`` (quantum codes; binary symmetric and erasure decoders),
``scikit-commpy`` and ``pyldpc`` (sum-product in plain NumPy, no rate matching, no polar list
decoder). None takes any ``(k, n)`` in a small wheel that decodes alike on every machine.

Run ``python -m benchmarks.codes``: writes ``benchmarks/results/codes.json`` and
``docs/pictures/bler.png``. ``--quick`` takes a minute, for a look, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from dataclasses import asdict, dataclass
from functools import cache
from itertools import pairwise
from math import erfc, log2, sqrt
from pathlib import Path

import numpy as np

from benchmarks.intervals import wilson
from benchmarks.machine import about
from latebra.hiding.channel.codes import code

ROOT = Path(__file__).parents[1]
GOAL = 1e-3
SIZES = {
    (128, 256): (1.6, 2.0, 2.4, 2.6),
    (512, 1024): (1.2, 1.4, 1.6, 1.8),
    (128, 1024): (0.5, 0.9, 1.2, 1.4),
    (640, 1024): (1.8, 2.0, 2.2, 2.4),
    (400, 3000): (0.2, 0.5, 0.8, 1.0),
    (650, 3000): (0.2, 0.5, 0.7, 0.9),
    (800, 4096): (0.1, 0.4, 0.6, 0.8),
    (1100, 8000): (-0.2, 0.0, 0.2, 0.4),
    (4000, 8000): (0.8, 0.9, 1.0, 1.1),
    (2200, 10000): (-0.1, 0.1, 0.2, 0.3),
    (4200, 12000): (0.3, 0.4, 0.5, 0.6),
    (6200, 12000): (0.8, 0.9, 1.0, 1.1),
    (8300, 12000): (1.7, 1.8, 1.9, 2.0),
}
"""Message and block length to the Eb/N0 values to try, in dB."""


@dataclass(frozen=True)
class Point:
    """One simulated point of a curve; ``low`` and ``high`` bound its rate with 95 % confidence."""

    ebn0_db: float
    blocks: int
    errors: int
    undetected: int
    bler: float
    low: float
    high: float
    seconds: float


@cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    x = np.linspace(-10, 10, 4001)
    w = np.exp(-x * x / 2)
    return x, w / w.sum()


def bound(k: int, n: int, ebn0_db: float) -> float:
    """Block error rate of the best code, by the normal approximation."""
    snr = 2 * k / n * 10 ** (ebn0_db / 10)
    x, w = _nodes()
    density = 1 - np.logaddexp(0, -(2 * snr + 2 * sqrt(snr) * x)) / np.log(2)
    capacity = float(w @ density)
    dispersion = float(w @ (density - capacity) ** 2)
    return 0.5 * erfc((n * capacity - k + 0.5 * log2(n)) / sqrt(2 * n * dispersion))


def bound_db(k: int, n: int, rate: float = GOAL) -> float:
    """Eb/N0 in dB at which the normal approximation reaches an error rate."""
    low, high = -2.0, 12.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (middle, high) if bound(k, n, middle) > rate else (low, middle)
    return high


def simulate(
    k: int, n: int, ebn0_db: float, errors: int, blocks: int, seconds: float, seed: int
) -> Point:
    """Send random messages until enough of them fail, or enough were sent."""
    rng = np.random.default_rng([seed, k, n, round(1000 * (ebn0_db + 10))])
    book = code(k, n)
    sigma = np.float32(sqrt(0.5 * n / k / 10 ** (ebn0_db / 10)))
    sent = failed = silent = 0
    begin = time.perf_counter()
    while failed < errors and sent < blocks and time.perf_counter() - begin < seconds:
        bits = rng.integers(0, 2, k, dtype=np.uint8)
        received = 2 * book.encode(bits).astype(np.float32) - 1
        received += sigma * rng.standard_normal(n, dtype=np.float32)
        decoded = book.decode(received * (2 / sigma**2))
        sent += 1
        if decoded is None:
            failed += 1
        elif not np.array_equal(decoded, bits):
            failed += 1
            silent += 1
    low, high = wilson(failed, sent)
    return Point(
        ebn0_db, sent, failed, silent, failed / sent, low, high, time.perf_counter() - begin
    )


def crossing(points: list[Point]) -> float | None:
    """Eb/N0 at the goal, by straight lines through the logarithms; nothing when not reached."""
    for a, b in pairwise(points):
        if a.bler >= GOAL >= b.bler > 0:
            x = (np.log(a.bler) - np.log(GOAL)) / (np.log(a.bler) - np.log(b.bler))
            return float(a.ebn0_db + x * (b.ebn0_db - a.ebn0_db))
    return None


def speed(k: int, n: int, ebn0_db: float, blocks: int = 200) -> dict[str, float]:
    """Median milliseconds of encoding, of decoding near the goal and of giving up on noise."""
    rng = np.random.default_rng(1)
    book = code(k, n)
    sigma = sqrt(0.5 * n / k / 10 ** (ebn0_db / 10))
    times: dict[str, list[float]] = {"encode": [], "decode": [], "give_up": []}
    for turn in range(blocks + 2):
        bits = rng.integers(0, 2, k, dtype=np.uint8)
        begin = time.perf_counter()
        word = book.encode(bits)
        middle = time.perf_counter()
        llr = ((2.0 * word - 1 + sigma * rng.standard_normal(n)) * 2 / sigma**2).astype(np.float32)
        started = time.perf_counter()
        book.decode(llr)
        done = time.perf_counter()
        noise = rng.standard_normal(n).astype(np.float32)
        again = time.perf_counter()
        if turn < 40:
            book.decode(noise)
        if turn > 1:
            times["encode"].append(middle - begin)
            times["decode"].append(done - started)
            if turn < 40:
                times["give_up"].append(time.perf_counter() - again)
    out = {f"{name}_ms": round(1e3 * float(np.median(t)), 4) for name, t in times.items()}
    out["decode_kbit_per_s"] = round(k / out["decode_ms"], 1)
    return out


def measure(task: tuple[int, int, int, int, float]) -> dict[str, object]:
    """One whole curve."""
    k, n, errors, blocks, seconds = task
    points = [simulate(k, n, e, errors, blocks, seconds, 1) for e in SIZES[k, n]]
    at = crossing(points)
    limit = bound_db(k, n)
    gap = None if at is None else round(at - limit, 3)
    print(f"({k}, {n}) bound {limit:.3f} dB, code {at and round(at, 3)}, gap {gap}", flush=True)
    for p in points:
        print(f"    {p.ebn0_db:5.2f} dB {p.bler:.2e} {p.errors}/{p.blocks} ({p.undetected})")
    return {
        "k": k,
        "n": n,
        "code": code(k, n).name,
        "bound_db": round(limit, 3),
        "code_db": None if at is None else round(at, 3),
        "gap_db": gap,
        "points": [asdict(p) | {"bound_bler": bound(k, n, p.ebn0_db)} for p in points],
    }


def draw(curves: list[dict[str, object]], path: Path) -> None:
    """The curves, each bound dashed in the colour of its code."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(13, 4.6), sharey=True, layout="constrained")
    for axes, name in zip(both, ("polar", "ldpc"), strict=True):
        mine = [c for c in curves if c["code"] == name]
        for c in mine:
            k, n, points = int(c["k"]), int(c["n"]), [p for p in c["points"] if p["errors"]]
            x = [p["ebn0_db"] for p in points]
            y = np.array([p["bler"] for p in points])
            spread = [y - [p["low"] for p in points], np.array([p["high"] for p in points]) - y]
            line = axes.errorbar(x, y, spread, marker="o", ms=4, lw=1.4, label=f"{k} in {n}")
            grid = np.linspace(bound_db(k, n, 0.3), bound_db(k, n, 1e-4), 40)
            axes.plot(grid, [bound(k, n, e) for e in grid], "--", lw=1, color=line[0].get_color())
        axes.axhline(GOAL, color="0.6", lw=0.8)
        axes.set(yscale="log", ylim=(1e-4, 1), xlabel="Eb/N0 in dB")
        axes.set_title({"polar": "Polar, list of up to 32", "ldpc": "LDPC, integer decoder"}[name])
        axes.grid(alpha=0.3)
        axes.legend(title="message bits", fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    both[0].set_ylabel("block error rate (dashed: normal approximation)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure every curve, two at a time, then the speeds with the machine to themselves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0, help="at most, for one point")
    args = parser.parse_args()
    effort = (30, 4000, 10.0) if args.quick else (150, 200_000, args.seconds)
    tasks = [(k, n, *effort) for k, n in SIZES]
    with multiprocessing.get_context("spawn").Pool(args.processes) as pool:
        curves = pool.map(measure, tasks, chunksize=1)
    for c in curves:
        k, n, at = int(c["k"]), int(c["n"]), c["code_db"]
        c |= speed(k, n, float(at) if at is not None else SIZES[k, n][-1])
        print({key: value for key, value in c.items() if key != "points"})
    if args.quick:
        return
    result = {
        **about(),
        "seconds_a_point": args.seconds,
        "goal": {"bler": GOAL, "gap_db": 0.7},
        "curves": curves,
    }
    (ROOT / "benchmarks/results/codes.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(curves, ROOT / "docs/pictures/bler.png")


if __name__ == "__main__":
    main()
