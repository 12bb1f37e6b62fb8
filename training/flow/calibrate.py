"""Measure each channel in the flow's latent space, and choose the sizes of frame that it takes.

Calibration pictures are painted from noise of a seed of their own; no test uses them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.hiding.carriers.diffusion import KINDS, SIDE, Diffusion
from latebra.hiding.channel import basis, gaussian
from latebra.hiding.channel.codes import code
from latebra.hiding.channel.sync import Word
from latebra.hiding.channel.table import Room, Table, capacities, choose_depths
from latebra.hiding.media.passage import CHANNELS, send
from latebra.models.catalogue import Catalogue

SEED = 90_210
WORDS = {"png": Word(8, 12)}
LOSSY_WORD = Word(3, 14)
NOISE_FLOOR = 0.02
SHARES = (
    0.92,
    0.89,
    0.86,
    0.83,
    0.80,
    0.76,
    0.72,
    0.68,
    0.64,
    0.60,
    0.55,
    0.50,
    0.45,
    0.40,
    0.35,
    0.30,
    0.2,
)
"""Fractions of the mean capacity that are tried for the largest room; the first to hold is kept."""
MARGIN = {"png": 0.97, "jpeg95": 0.7, "jpeg75": 0.6, "jpeg50": 0.55, "noise5": 0.8, "resize": 0.85}
"""What is kept of the first share that holds: sixteen pictures do not show the rare flat one, which
JPEG harms most."""
SMALLER = (0.6, 0.3)
"""The other rooms, as fractions of the largest."""
HELD_OUT = 3
"""One calibration picture in so many is kept from the tables, and judges the rooms."""


def collect(carrier: Diffusion, kind: str, count: int, seed: int) -> dict[str, np.ndarray]:
    """Returns what was sent, and what came back through each channel, float32 ``(count, dims)``."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    noise = rng.standard_normal((count, 3, SIDE, SIDE), np.float32)
    start = time.monotonic()
    painted = carrier.paint(noise, kind)
    clipped = float(((painted == 0) | (painted == 255)).mean())
    gathered = {"sent": basis.forward(noise)}
    for channel in CHANNELS:
        received = np.stack([send(picture, channel, rng) for picture in painted])
        gathered[channel] = basis.forward(carrier.invert(received, kind))
    print(f"{kind}: {clipped:.2%} of values clipped, {time.monotonic() - start:.0f} s", flush=True)
    return gathered


def smooth(values: np.ndarray, width: int = 5) -> np.ndarray:
    """Returns ``values`` of each colour and frequency averaged with their neighbours'."""
    planes = values.reshape(3, SIDE, SIDE)
    half = width // 2
    padded = np.pad(planes, ((0, 0), (half, half), (half, half)), mode="edge")
    shifted = [padded[:, i : i + SIDE, j : j + SIDE] for i in range(width) for j in range(width)]
    return np.mean(shifted, axis=0).reshape(-1)


def fit(sent: np.ndarray, received: np.ndarray, word: Word) -> tuple[Table, float]:
    """Returns one channel's table, without rooms, and its capacity in bits.

    What came back is regressed on what was sent; numbers are rounded as they will be stored.
    """
    power = smooth((sent**2).mean(axis=0))
    gain = np.clip(smooth((sent * received).mean(axis=0)) / power, 1e-3, None)
    noise = np.sqrt(smooth(((received - gain * sent) ** 2).mean(axis=0)))
    gain, noise = (
        values.astype(np.float16).astype(np.float32)
        for values in (gain, np.maximum(noise, NOISE_FLOOR))
    )
    information = capacities(gain, noise)
    table = Table(gain, noise, choose_depths(information), word)
    best = information[table.depths, np.arange(gain.size)]
    return table, float(best[table.order[word.bits :]].sum())


def fails(
    table: Table, room: Room, sent: np.ndarray, received: np.ndarray, noises: np.ndarray
) -> float:
    """Returns the share of pictures whose frame in ``room`` cannot be decoded.

    What was sent names the bits that it carries; a mask that makes a codeword of them makes every
    picture a test, under several orders of the coded bits.

    Args:
        table: The channel's.
        room: A size of frame.
        sent: One row a picture.
        received: One row a picture.
        noises: The noise that the reader reckons with, one row a picture.
    """
    carrying = table.carrying(room.dims)
    depths, gain = table.depths[carrying], table.gain[carrying]
    failures, tries = 0, 0
    rng = np.random.default_rng(5)
    for x, y, noise in zip(sent, received, noises, strict=True):
        bits = gaussian.harden(x[carrying], depths)
        right = gaussian.soften(y[carrying], depths, gain, noise[carrying]) * (2.0 * bits - 1.0)
        used = code(8 * room.size, right.size)
        for _ in range(2):
            message = rng.integers(0, 2, used.k, dtype=np.uint8)
            llr = right[rng.permutation(right.size)] * (2.0 * used.encode(message) - 1.0)
            decoded = used.decode(llr.astype(np.float32))
            failures += decoded is None or not np.array_equal(decoded, message)
            tries += 1
    return failures / tries


def dims_for(table: Table, size: int) -> int:
    """Returns how many dimensions a frame of ``size`` bytes takes: all, or a rate of an eighth."""
    order = table.order[table.word.bits :]
    slots = np.cumsum(table.depths[order], dtype=np.int64)
    return int(min(table.most_dims, np.searchsorted(slots, 8 * 8 * size) + 1))


def choose_rooms(
    table: Table,
    capacity: float,
    sent: np.ndarray,
    received: np.ndarray,
    margin: float,
    noises: np.ndarray | None = None,
) -> tuple[Room, ...]:
    """Returns a little less than the largest room whose frames all come back, and two smaller.

    Where pictures do not tell their noise, it is the table's.
    """
    if noises is None:
        noises = np.broadcast_to(table.noise, received.shape)
    for share in SHARES:
        size = int(capacity * share) // 8
        room = Room(size, dims_for(table, size))
        if fails(table, room, sent, received, noises) == 0:
            size = int(size * margin)
            sizes = sorted({max(20, int(size * part)) for part in SMALLER} | {size})
            return tuple(Room(s, dims_for(table, s)) for s in sizes if s <= size)
    return (room,)


def main() -> None:
    """Write ``diffusion.npz``: gain, noise and rooms of each channel and kind."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=Path, help="a folder that keeps what was sent and received")
    parser.add_argument("--count", type=int, default=48, help="pictures of each kind")
    parser.add_argument("--compiler", default="ngraph")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), help="collect these and stop")
    arguments = parser.parse_args()
    catalogue = Catalogue()
    name = Diffusion.roles["denoiser"]
    arguments.pairs.mkdir(parents=True, exist_ok=True)
    missing = [kind for kind in arguments.kinds if not (arguments.pairs / f"{kind}.npz").exists()]
    if missing:
        model = Model(catalogue.onnx(name), catalogue[name])
        carrier = Diffusion({"denoiser": open_network(model, arguments.compiler, threads=1)})
        for kind in missing:
            np.savez(
                arguments.pairs / f"{kind}.npz", **collect(carrier, kind, arguments.count, SEED)
            )
    if set(arguments.kinds) != set(KINDS):
        return
    stored: dict[str, np.ndarray] = {}
    for channel in CHANNELS:
        word = WORDS.get(channel, LOSSY_WORD)
        stored[f"{channel}.word"] = np.asarray([word.salt_bytes, word.check_bytes])
        for kind in KINDS:
            pairs = np.load(arguments.pairs / f"{kind}.npz")
            sent, received = pairs["sent"], pairs[channel]
            judge = np.arange(len(sent)) % HELD_OUT == 0
            table, capacity = fit(sent[~judge], received[~judge], word)
            margin = MARGIN[channel]
            rooms = choose_rooms(table, capacity, sent[judge], received[judge], margin)
            sizes = [room.size for room in rooms]
            print(
                f"{channel} {kind}: capacity {capacity:.0f} bit, rooms {sizes} bytes = "
                f"{8 * sizes[-1]} bit",
                flush=True,
            )
            stored[f"{channel}.{kind}.gain"] = table.gain.astype(np.float16)
            stored[f"{channel}.{kind}.noise"] = table.noise.astype(np.float16)
            stored[f"{channel}.{kind}.depths"] = table.depths
            stored[f"{channel}.{kind}.rooms"] = np.asarray([[r.size, r.dims] for r in rooms])
    np.savez_compressed(arguments.out, **stored)


if __name__ == "__main__":
    main()
