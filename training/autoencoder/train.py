"""Train the hiding autoencoder through edits, for a budget of processor minutes on one core."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.autoencoder.edits import edited, resized, texture
from training.autoencoder.network import FREQUENCIES, SIDE, Extractor, Painter

BATCH = 12
SIMILARITY = 60.0
"""What one unit of 1 - SSIM costs, in bits of information for each coefficient."""
ENERGY = 0.06
"""What one squared grey level of mean error costs."""


def similarity(one: Tensor, two: Tensor) -> Tensor:
    """Returns SSIM of the luma, windows of 7 by 7 (Wang et al. 2004, eq. (13))."""
    one, two = (x.mean(1, keepdim=True) for x in (one, two))

    def mean(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 7, 1)

    a, b = mean(one), mean(two)
    va, vb, both = mean(one**2) - a**2, mean(two**2) - b**2, mean(one * two) - a * b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * a * b + c1) * (2 * both + c2) / ((a**2 + b**2 + c1) * (va + vb + c2))).mean()


def painted(painter: Painter, cover: Tensor, bits: Tensor) -> Tensor:
    """Returns pictures of 128 by 128 pixels that carry ``bits``, rounded; gradients pass."""
    residual = painter(resized(cover, SIDE), texture(cover), bits)
    stego = cover + resized(residual, cover.shape[-1])
    return stego + (stego.clamp(0, 255).round() - stego).detach()


def main() -> None:
    """Train, and write ``autoencoder.pt`` and ``autoencoder.json`` (the record)."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    crops = np.load(arguments.crops, mmap_mode="r")
    painter, extractor = Painter(), Extractor()
    if arguments.resume:
        stored = torch.load(arguments.resume, weights_only=True)
        painter.load_state_dict(stored["painter"])
        extractor.load_state_dict(stored["extractor"])
    weights = [*painter.parameters(), *extractor.parameters()]
    optimiser = torch.optim.Adam(weights, arguments.rate)
    arguments.out.mkdir(parents=True, exist_ok=True)
    start, step, history = time.process_time(), 0, []
    recent: list[list[float]] = []
    while (spent := (time.process_time() - start) / 60) < arguments.minutes:
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * max(0.02, 1.0 - spent / arguments.minutes)
        chosen = np.sort(rng.choice(len(crops), BATCH, replace=False))
        cover = torch.from_numpy(np.array(crops[chosen])).permute(0, 3, 1, 2).float()
        cells = SIDE // 4
        bits = torch.randint(0, 2, (BATCH, len(FREQUENCIES), cells, cells)).float() * 2 - 1
        stego = painted(painter, cover, bits)
        received = edited(stego, rng)
        small = received if received.shape[-1] == SIDE else resized(received, SIDE)
        loss = functional.softplus(-bits * extractor(small)).mean() / np.log(2)
        alike, error = similarity(cover, stego), ((stego - cover) ** 2).mean()
        total = loss + SIMILARITY * (1 - alike) + ENERGY * error
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        recent.append([float(loss), float(alike), float(error)])
        step += 1
        if step % 100 == 0:
            lost, alike, error = np.mean(recent, axis=0).tolist()
            recent.clear()
            history.append([step, lost, alike, error])
            psnr = 10 * np.log10(255**2 / error)
            print(
                f"{spent:5.1f} min, step {step}: {1 - lost:.3f} bit a coefficient, "
                f"SSIM {alike:.4f}, PSNR {psnr:.1f}",
                flush=True,
            )
            state = {"painter": painter.state_dict(), "extractor": extractor.state_dict()}
            torch.save(state, arguments.out / "autoencoder.pt")
            record = {
                "steps": step,
                "minutes": round(spent, 1),
                "batch": BATCH,
                "seed": arguments.seed,
                "crops": len(crops),
                "weights": sum(p.numel() for p in weights),
                "history": history[-3:],
            }
            (arguments.out / "autoencoder.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
