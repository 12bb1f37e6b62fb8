"""Train the rectified flow on small photographs, for a budget of wall-clock minutes on a CPU."""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch

from training.flow.network import Velocity
from training.flow.photos import KINDS

CENTRE = 127.5
CONTRAST = 0.8
"""Photographs are drawn towards grey by this factor, so that what is painted rarely clips."""
GRAIN = 2.5
"""Standard deviation of the film grain added to each photograph, in grey levels."""
SCALE = 64.0
"""Grey levels for one unit of the network's pixels."""
WARM_UP = 300
DECAY = 0.9985
"""Of the running mean of the weights, each step."""


def batch(crops: torch.Tensor, kinds: torch.Tensor, size: int, rng: torch.Generator):
    """Returns dequantised, grained, randomly mirrored photographs and their one-hot kinds."""
    chosen = torch.randint(len(crops), (size,), generator=rng)
    pixels = crops[chosen].float()
    mirrored = torch.rand(size, generator=rng) < 0.5
    pixels[mirrored] = pixels[mirrored].flip(-1)
    pixels += torch.rand(pixels.shape, generator=rng) - 0.5
    pixels = CONTRAST * (pixels - CENTRE) + GRAIN * torch.randn(pixels.shape, generator=rng)
    return pixels / SCALE, torch.nn.functional.one_hot(kinds[chosen], len(KINDS)).float()


def main() -> None:
    """Train, and write ``flow.pt`` (running mean of the weights) and ``flow.json`` (the record)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=50.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    rng = torch.Generator().manual_seed(arguments.seed)
    loaded = np.load(arguments.crops)
    crops, kinds = torch.from_numpy(loaded["crops"]), torch.from_numpy(loaded["kinds"])
    network = Velocity(len(KINDS)).to(memory_format=torch.channels_last)
    if arguments.resume:
        network.load_state_dict(torch.load(arguments.resume, weights_only=True))
    mean = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), arguments.rate, weight_decay=0.01)
    arguments.out.mkdir(parents=True, exist_ok=True)
    start, step, recent, losses = time.monotonic(), 0, [], []
    while (spent := (time.monotonic() - start) / 60 / arguments.minutes) < 1:
        rate = arguments.rate * min(1, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * spent))
        for group in optimiser.param_groups:
            group["lr"] = rate
        x, kind = batch(crops, kinds, arguments.batch, rng)
        z = torch.randn(x.shape, generator=rng)
        t = torch.sigmoid(1.2 * torch.randn(len(x), generator=rng))
        blend = t[:, None, None, None]
        with torch.autocast("cpu", torch.bfloat16):
            velocity = network((1 - blend) * z + blend * x, t, kind)
        loss = (velocity.float() - (x - z)).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        decay = min(DECAY, (1 + step) / (10 + step))
        for name, value in network.state_dict().items():
            mean[name].lerp_(value, 1 - decay)
        step += 1
        recent.append(loss.item())
        if step % 50 == 0:
            losses.append([step, round(float(np.mean(recent)), 5)])
            print(
                f"{60 * arguments.minutes * spent:6.0f} s  step {step}  loss {losses[-1][1]}",
                flush=True,
            )
            recent = []
        if step % 200 == 0 or spent > 0.995:
            torch.save(mean, arguments.out / "flow.pt")
    torch.save(mean, arguments.out / "flow.pt")
    record = {
        "steps": step,
        "batch": arguments.batch,
        "minutes": arguments.minutes,
        "seed": arguments.seed,
        "peak_rate": arguments.rate,
        "threads": arguments.threads,
        "parameters": sum(value.numel() for value in network.parameters()),
        "loss": losses[-1][1],
        "torch": torch.__version__,
    }
    (arguments.out / "flow.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
