"""Measure each channel between generator and extractor, and choose the sizes of frame it takes.

Calibration pictures are painted from latents of a seed of their own; no test uses them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from latebra.api.opened import models
from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.hiding.carriers.gan import DIMS, KINDS, SIZES, Gan, observed
from latebra.hiding.channel import gaussian
from latebra.hiding.channel.sync import Word
from latebra.hiding.channel.table import Table, capacities, choose_depths
from latebra.hiding.media.passage import CHANNELS, send
from training.flow.calibrate import HELD_OUT, choose_rooms

SEED = 90_210
WORDS = {"png": Word(4, 16, 3), "jpeg50": Word(3, 20, 3)}
LOSSY_WORD = Word(3, 16, 3)
"""The sign of a Gaussian is lost near 0 even in the best dimensions, one time in ten or so: the
salt is written three times, and many bits check it."""
MARGIN = 0.7
"""What is kept of the largest share of the capacity that holds, of which a hundred pictures do not
show the rare bad one."""
LEAST_NOISE = 0.02


def collect(carrier: Gan, count: int, seed: int) -> dict[str, np.ndarray]:
    """Returns what was sent, and mean and variance after each channel, float32 (count, dims)."""
    rng = np.random.default_rng([seed, KINDS.index(carrier.kind)])
    sent = rng.standard_normal((count, DIMS), np.float32)
    painted = carrier.paint(sent)
    gathered = {"sent": sent}
    for channel in CHANNELS:
        received = np.stack([send(picture, channel, rng) for picture in painted])
        gathered[f"{channel}.mean"], gathered[f"{channel}.variance"] = carrier.look(received)
    clipped = float(((painted == 0) | (painted == 255)).mean())
    print(f"{carrier.kind}: {clipped:.2%} of values clipped", flush=True)
    return gathered


def blocks(values: np.ndarray) -> list[np.ndarray]:
    """Returns the parts of the last axis that belong to each block of the latent."""
    return np.split(values, np.cumsum(SIZES)[:-1], axis=-1)


def trust(sent: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Returns by which the extractor's variance is to be multiplied, block by block."""
    ratio = (sent - mean) ** 2 / variance
    return np.asarray([part.mean() for part in blocks(ratio)], np.float32)


def main() -> None:
    """Write ``gan.npz``: noise, trust and rooms of each channel."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150, help="pictures of each kind")
    parser.add_argument("--compiler", default="onnxruntime")
    arguments = parser.parse_args()
    networks = {
        role: open_network(Model(models.onnx(name), models[name]), arguments.compiler, threads=1)
        for role, name in Gan.roles.items()
    }
    parts = [collect(Gan(networks, kind), arguments.count, SEED) for kind in KINDS]
    pairs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    sent = pairs["sent"]
    judge = np.arange(len(sent)) % HELD_OUT == 0
    stored: dict[str, np.ndarray] = {}
    for channel in CHANNELS:
        word = WORDS.get(channel, LOSSY_WORD)
        mean, variance = pairs[f"{channel}.mean"], pairs[f"{channel}.variance"]
        trusted = trust(sent[~judge], mean[~judge], variance[~judge]).astype(np.float16)
        variance = variance * np.repeat(trusted.astype(np.float32), SIZES)
        unknown = np.mean((sent - mean)[~judge] ** 2, axis=0)
        _, noise = observed(np.zeros(DIMS, np.float32), unknown.astype(np.float32))
        noise = np.maximum(noise, LEAST_NOISE).astype(np.float16)
        gain = np.ones(DIMS, np.float32)
        information = capacities(gain, noise.astype(np.float32))
        table = Table(gain, noise.astype(np.float32), choose_depths(information), word)
        best = information[table.depths, np.arange(DIMS)]
        capacity = float(best[table.order[word.bits :]].sum())
        received, noises = observed(mean[judge], variance[judge])
        rooms = choose_rooms(table, capacity, sent[judge], received, MARGIN, noises)
        llr = [
            told(table.depths, *each) for each in zip(sent[judge], received, noises, strict=True)
        ]
        print(
            f"{channel}: capacity {capacity:.0f} bit by table, {np.mean(llr):.0f} with the "
            f"picture's own variance; trust {trusted}; rooms {[room.size for room in rooms]} bytes",
            flush=True,
        )
        stored[f"{channel}.word"] = np.asarray([word.salt_bytes, word.check_bytes, word.repeats])
        stored[f"{channel}.trust"] = trusted
        stored[f"{channel}.gain"] = gain.astype(np.float16)
        stored[f"{channel}.noise"] = noise
        stored[f"{channel}.depths"] = table.depths
        stored[f"{channel}.rooms"] = np.asarray([[r.size, r.dims] for r in rooms])
    np.savez_compressed(arguments.out, **stored)


def told(depths: np.ndarray, sent: np.ndarray, received: np.ndarray, noise: np.ndarray) -> float:
    """Returns how many bits the soft bits of one picture tell of what it carries."""
    bits = gaussian.harden(sent, depths)
    soft = gaussian.soften(received, depths, np.ones(sent.size, np.float32), noise)
    wrong = np.logaddexp2(0, (1 - 2.0 * bits) * soft.astype(np.float64) / np.log(2))
    return float((1 - wrong).sum())


if __name__ == "__main__":
    main()
