"""Train generator and extractor together, for a budget of processor minutes on one core.

Three gradients meet at the painted picture: the extractor's (what is hidden must be read after
JPEG, noise and resizing), that of sliced patches (``looks.py``) and the critic's.
Each is brought to a length of its own before they are added, so that no loss can drown another or
blow up; the extractor's length, and each block's share in it, are steered until it reads what
``AIMS`` says.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.autoencoder.edits import jpeg, resized
from training.flow.photos import KINDS as PHOTOGRAPHED
from training.flow.train import CENTRE, CONTRAST, GRAIN, SCALE
from training.gan.looks import changed, sliced
from training.gan.network import DIMS, KINDS, SIDE, SIZES, Critic, Extractor, Generator

EACH = 4
"""Pictures of each kind in a batch."""
AIMS = (1.4, 1.0, 0.45)
"""Mutual information that the extractor is to have of each block of the latent, in bits a
dimension, channels taken together, the worst pictures first."""
LOOKS = 0.6
"""Length of the gradient of sliced patches; the critic's is 1."""
STRENGTHS = (0.3, 8.0)
"""The least and the most length of the extractor's gradient."""
ALONE = 0.06
"""Share of the time that generator and extractor train without the critic."""
DETAIL = 7.0
"""Grey levels between neighbouring pixels that a crop must have: flat pictures carry little."""
WORST = 0.15
"""Bits a dimension by which a picture must tell less than another to count e times as much: it is
the worst picture that sets how much all of them carry."""
PENALTY, PENALISED = 1.0, 8
"""Weight of the gradient penalty (Mescheder et al. 2018, R1), and how often it is paid."""
DECAY = 0.999
"""Of the running mean of the weights, each step."""
RATES = {"generator": 1.0e-3, "extractor": 1.0e-3, "critic": 1.0e-3}


def received(pictures: Tensor, rng: np.random.Generator) -> Tensor:
    """Returns pictures after a channel each, in network units; gradients pass straight through.

    The batch is cut into quarters: rounded alone, two with JPEG, one with noise or resizing.
    """
    levels = CENTRE + SCALE * pictures
    rounded = levels + (levels.clamp(0, 255).round() - levels).detach()
    order = torch.from_numpy(rng.permutation(len(levels)))
    plain, hard, soft, other = rounded[order].chunk(4)
    hard, soft = jpeg(hard, int(rng.integers(45, 71))), jpeg(soft, int(rng.integers(70, 97)))
    if rng.random() < 0.5:
        other = other + float(rng.uniform(1, 6)) * torch.randn_like(other)
    else:
        other = resized(resized(other, int(rng.integers(40, 60))), SIDE)
    back = torch.cat([plain, hard, soft, other])[torch.argsort(order)]
    return (back - CENTRE) / SCALE


def information(latent: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Returns what mean and log-variance tell of each latent, in bits, ``(n, dims)``."""
    told = latent.square() - spread - (latent - mean).square() * torch.exp(-spread)
    return 0.5 * told / math.log(2)


def detail(crops: np.ndarray) -> np.ndarray:
    """Returns the mean absolute difference of neighbouring greys of each crop, ``(n,)``."""
    found: list[np.ndarray] = []
    for part in np.array_split(crops, max(1, len(crops) // 2000)):
        grey = part.astype(np.float32).mean(axis=1)
        down, across = (np.abs(np.diff(grey, axis=axis)).mean((1, 2)) for axis in (1, 2))
        found.append(0.5 * (down + across))
    return np.concatenate(found)


class Photographs:
    """Crops by kind that have some detail, drawn at random, grained, in network units."""

    def __init__(self, path: Path) -> None:
        loaded = np.load(path)
        kinds, detailed = loaded["kinds"], detail(loaded["crops"]) >= DETAIL
        self.crops = [
            torch.from_numpy(loaded["crops"][(kinds == PHOTOGRAPHED.index(kind)) & detailed])
            for kind in KINDS
        ]

    def batch(self, each: int, rng: torch.Generator) -> Tensor:
        """Returns ``each`` of every kind, kind after kind, float32 (n, 3, 64, 64)."""
        chosen = [crops[torch.randint(len(crops), (each,), generator=rng)] for crops in self.crops]
        pixels = torch.cat(chosen).float()
        pixels += torch.rand(pixels.shape, generator=rng) - 0.5
        pixels = CONTRAST * (pixels - CENTRE) + GRAIN * torch.randn(pixels.shape, generator=rng)
        return pixels / SCALE


class Lengths:
    """Running means of gradients' lengths, by which each is divided."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    def unit(self, name: str, gradient: Tensor) -> Tensor:
        """Returns ``gradient`` at a length of about 1, of 2 at most."""
        length = float(gradient.norm()) + 1e-12
        self.seen[name] = 0.9 * self.seen.get(name, length) + 0.1 * length
        return gradient / max(self.seen[name], 0.5 * length)


def averaged(mean: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    """Draws a running mean of weights towards those of ``network``."""
    for name, value in network.state_dict().items():
        mean[name].lerp_(value, 1 - decay)


def judged(
    critic: nn.Module,
    optimiser: torch.optim.Optimizer,
    fake: Tensor,
    real: Tensor,
    kind: Tensor,
    step: int,
    chance: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Takes one step of the critic; returns its loss, and the gradient that it has for ``fake``."""
    shown = torch.cat([changed(fake.detach(), chance), changed(real, chance)])
    with torch.autocast("cpu", torch.bfloat16):
        low, high = critic(shown, kind.repeat(2, 1)).float().chunk(2)
    loss = functional.softplus(low).mean() + functional.softplus(-high).mean()
    told = loss.detach()
    if step % PENALISED == 0:
        some = real[::2].clone().requires_grad_()
        score = critic(some, kind[::2]).mean(1).sum()
        (slope,) = torch.autograd.grad(score, some, create_graph=True)
        loss = loss + 0.5 * PENALTY * PENALISED * slope.square().sum((1, 2, 3)).mean()
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(critic.parameters(), 1.0)
    optimiser.step()
    with torch.autocast("cpu", torch.bfloat16):
        score = critic(changed(fake, chance), kind).float()
    (gradient,) = torch.autograd.grad(functional.softplus(-score).mean(), fake)
    return told, gradient


def main() -> None:
    """Train, and write ``gan.pt`` (weights and their running means) and ``gan.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", type=Path, help="a folder to go on from")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    rng, chance = np.random.default_rng(arguments.seed), torch.Generator().manual_seed(1)
    photographs = Photographs(arguments.crops)
    networks: dict[str, nn.Module] = {
        "generator": Generator(),
        "extractor": Extractor(),
        "critic": Critic(),
    }
    before = None
    if arguments.resume:
        stored = torch.load(arguments.resume / "gan.pt", weights_only=True)
        before = json.loads((arguments.resume / "gan.json").read_text())
        for name, network in networks.items():
            network.load_state_dict(stored[name])
    networks = {n: v.to(memory_format=torch.channels_last) for n, v in networks.items()}
    generator, extractor, critic = networks.values()
    means = {
        name: {key: value.detach().clone() for key, value in networks[name].state_dict().items()}
        for name in ("generator", "extractor")
    }
    if arguments.resume:
        for name, mean in means.items():
            mean.update(stored[f"mean_{name}"])
    optimisers = {
        name: torch.optim.Adam(network.parameters(), RATES[name], (0.5, 0.99))
        for name, network in networks.items()
    }
    kind = torch.eye(len(KINDS)).repeat_interleave(EACH, dim=0)
    lengths, strength, step = Lengths(), 1.0 if before else 4.0, 0
    shares = np.asarray([0.4, 0.4, 0.2])
    arguments.out.mkdir(parents=True, exist_ok=True)
    recent: list[list[float]] = []
    history: list[list[float]] = []
    start = time.process_time()
    while (spent := (time.process_time() - start) / 60 / arguments.minutes) < 1:
        for name, optimiser in optimisers.items():
            warm = min(1.0, (step + 1) / 100)
            fall = 0.5 * (1 + math.cos(math.pi * spent)) if name != "critic" else 1.0
            for group in optimiser.param_groups:
                group["lr"] = RATES[name] * warm * max(0.1, fall)
        real = photographs.batch(EACH, chance)
        latent = torch.randn((len(kind), DIMS), generator=chance)
        with torch.autocast("cpu", torch.bfloat16):
            painted = generator(latent, kind)
        fake = painted.detach().float().requires_grad_()

        loss, from_critic = torch.zeros(()), torch.zeros_like(fake)
        if spent > ALONE or arguments.resume:
            loss, from_critic = judged(critic, optimisers["critic"], fake, real, kind, step, chance)
        patches = sliced(fake, real, len(KINDS), chance)
        (from_patches,) = torch.autograd.grad(patches, fake)
        with torch.autocast("cpu", torch.bfloat16):
            mean, spread = (each.float() for each in extractor(received(fake, rng)))
        bits = information(latent, mean, spread)
        weight = torch.softmax(-bits.detach().mean(1) / WORST, dim=0)
        told = [weight @ part.mean(1) for part in bits.split(SIZES, dim=1)]
        optimisers["extractor"].zero_grad()
        (-sum(share * each for share, each in zip(shares, told, strict=True))).backward()
        from_extractor = fake.grad
        gradient = lengths.unit("critic", from_critic)
        gradient = gradient + LOOKS * lengths.unit("patches", from_patches)
        gradient = gradient + strength * lengths.unit("extractor", from_extractor)
        optimisers["generator"].zero_grad()
        painted.backward(gradient.to(painted.dtype))
        sane = all(
            math.isfinite(float(nn.utils.clip_grad_norm_(networks[name].parameters(), 1.0)))
            for name in ("generator", "extractor")
        )
        if sane:
            optimisers["extractor"].step()
            optimisers["generator"].step()
        read = np.asarray([each.item() for each in told])
        missing = np.clip(1 - read / AIMS, -1, 1)
        strength = float(np.clip(strength * math.exp(0.01 * missing.mean()), *STRENGTHS))
        shares = np.clip(shares * np.exp(0.02 * missing), 0.1, 10)
        shares = shares / shares.sum()
        for name, averages in means.items():
            averaged(averages, networks[name], min(DECAY, (1 + step) / (10 + step)))
        step += 1
        recent.append([*read, patches.item(), loss.item(), strength, *shares])
        if step % 50 == 0:
            history.append([step, *np.mean(recent, axis=0).round(4).tolist()])
            recent.clear()
            print(f"{60 * arguments.minutes * spent:6.0f} s", *history[-1], flush=True)
        if (step % 200 == 0 or spent > 0.998) and read.min() > 0:
            state = {name: network.state_dict() for name, network in networks.items()}
            state |= {f"mean_{name}": value for name, value in means.items()}
            torch.save(state, arguments.out / "gan.pt")
            record = {
                "steps": step,
                "batch": len(kind),
                "minutes": round(spent * arguments.minutes, 1),
                "aims": AIMS,
                "seed": arguments.seed,
                "torch": torch.__version__,
                "columns": "step, bits a dimension of each block, patches, critic, strength, "
                "shares",
                "history": history[-3:],
                "before": before,
            }
            (arguments.out / "gan.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
