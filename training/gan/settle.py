"""Train the extractor alone, on pictures of the generator as it will be shipped.

The generator's weights are the running mean of its training, rounded to half precision, and stand
still; its pictures are rounded to grey levels as they will be saved.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from training.gan.network import DIMS, KINDS, SIZES, Extractor, Generator
from training.gan.train import averaged, information, received
from training.onnx_files import halved

BATCH = 24
DECAY = 0.99


def main() -> None:
    """Write ``settled.pt`` (both networks) and ``settled.json`` (the record)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder of train.py")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--rate", type=float, default=7e-4)
    parser.add_argument("--seed", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    stored = torch.load(arguments.run / "gan.pt", weights_only=True)
    generator, extractor = Generator(), Extractor()
    generator.load_state_dict(stored["mean_generator"])
    extractor.load_state_dict(stored["mean_extractor"])
    generator = halved(generator).to(memory_format=torch.channels_last)
    extractor = extractor.to(memory_format=torch.channels_last)
    mean = {key: value.detach().clone() for key, value in extractor.state_dict().items()}
    optimiser = torch.optim.Adam(extractor.parameters(), arguments.rate)
    kinds = torch.eye(len(KINDS))
    start, step, history = time.process_time(), 0, []
    recent: list[list[float]] = []
    while (spent := (time.process_time() - start) / 60 / arguments.minutes) < 1:
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * 0.5 * (1 + math.cos(math.pi * spent))
        latent = torch.randn((BATCH, DIMS))
        with torch.no_grad():
            painted = generator(latent, kinds[torch.arange(BATCH) % len(KINDS)])
            arrived = received(painted, rng)
        with torch.autocast("cpu", torch.bfloat16):
            told, spread = (each.float() for each in extractor(arrived))
        bits = information(latent, told, spread)
        optimiser.zero_grad()
        (-bits.mean()).backward()
        nn.utils.clip_grad_norm_(extractor.parameters(), 1.0)
        optimiser.step()
        averaged(mean, extractor, min(DECAY, (1 + step) / (10 + step)))
        step += 1
        recent.append([part.mean().item() for part in bits.split(SIZES, dim=1)])
        if step % 50 == 0:
            history.append([step, *np.mean(recent, axis=0).round(4).tolist()])
            recent.clear()
            print(f"{60 * arguments.minutes * spent:6.0f} s", *history[-1], flush=True)
    torch.save(
        {"generator": generator.state_dict(), "extractor": mean}, arguments.run / "settled.pt"
    )
    record = json.loads((arguments.run / "gan.json").read_text())
    record["settled"] = {
        "steps": step,
        "batch": BATCH,
        "minutes": arguments.minutes,
        "columns": "step, bits a dimension of each block",
        "history": history[-1:],
    }
    (arguments.run / "settled.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
