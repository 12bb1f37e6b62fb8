"""A small convolutional steganalyser of pictures; the one attack that needs torch.

Fixed high-pass filters of the spatial rich model (Fridrich and Kodovský 2012), cut off at a few
grey levels, then residual blocks that keep the full resolution at first, as in SRNet (Boroumand et
al. 2019). Filters lose parity, so each filtered value also comes in with the sign that its pixel's
lowest bit gives it: their mean is the weighted-stego statistic (Fridrich and Goljan 2004). The
network learns on some pictures, picks its best epoch on others, and is scored on the rest.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, UInt8
from torch import Tensor, nn

from latebra.hiding.audit import Area, area, error_at

CUT = 4.0
"""Grey levels at which filtered values are cut off: the message of any known scheme is below."""


@dataclass(frozen=True)
class Outcome:
    """What the steganalyser reached.

    Args:
        area: Area under the ROC curve on pictures it had not seen.
        error: (False alarms + misses) / 2 at 1 % of false alarms, on the same.
        epochs: Passes over the training pictures that the time allowed.
        train: Training pictures of each kind.
    """

    area: Area
    error: float
    epochs: int
    train: int


class Block(nn.Module):
    """A residual block that halves the resolution if ``stride`` is 2."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, outer, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.Conv2d(outer, outer, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outer),
        )
        self.skip = nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the rectified sum of both ways."""
        return torch.relu(self.body(x) + self.skip(x))


class Net(nn.Module):
    """Pictures of grey levels in, one logit each out."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", torch.from_numpy(_filters()))
        channels = 3 * len(self.filters)
        self.body = nn.Sequential(
            Block(2 * channels, 24, 1),
            Block(24, 32, 2),
            Block(32, 48, 2),
            Block(48, 64, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.means = nn.BatchNorm1d(channels)
        self.last = nn.Linear(64 + channels, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Returns a logit a picture, above zero for stego."""
        count, colours, height, width = pictures.shape
        flat = pictures.reshape(count * colours, 1, height, width)
        residual = nn.functional.conv2d(flat, self.filters[:, None], padding=2).clamp(-CUT, CUT)
        leaning = residual * (1 - 2 * (flat % 2))
        both = [part.reshape(count, -1, height, width) for part in (residual, leaning)]
        seen = self.body(torch.cat(both, dim=1))
        means = self.means(both[1].mean(dim=(2, 3)))
        return self.last(torch.cat([seen, means], dim=1)).squeeze(1)


def detect(
    stego: UInt8[np.ndarray, "n 3 height width"],
    cover: UInt8[np.ndarray, "n 3 height width"],
    budget_s: float,
    seed: int,
    batch: int = 64,
) -> Outcome:
    """Returns how well a network trained for ``budget_s`` tells stego from cover.

    Pictures of the same index land in the same part, so that a stego and its own cover, where the
    two are paired, are never learnt and tested apart: 60 % to learn, 10 % to choose the epoch, 30 %
    to test.

    Args:
        stego: Pictures that carry something.
        cover: As many ordinary ones, of the same generator.
        budget_s: Seconds of training after which no new epoch starts.
        seed: Of the split, the weights and the order.
        batch: Pictures a step, half of them stego.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    order = rng.permutation(len(stego))
    first, second = int(0.6 * order.size), int(0.7 * order.size)
    train, choose, test = order[:first], order[first:second], order[second:]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = Net().to(device)
    steps = max(1, 2 * train.size // batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    start, epochs = time.monotonic(), 0
    best, scores = -1.0, (np.zeros(test.size), np.zeros(test.size))
    while (used := (time.monotonic() - start) / budget_s) < 1:
        for group in optimiser.param_groups:  # Follows the clock, so that it always ends low.
            group["lr"] = 2e-3 * (0.02 + 0.98 * (1 - used))
        net.train()
        mixed = rng.permutation(train)
        for part in np.array_split(mixed, steps):
            pictures = _augment(np.concatenate([stego[part], cover[part]]), rng)
            wanted = torch.tensor([1.0] * part.size + [0.0] * part.size, device=device)
            logits = net(torch.from_numpy(pictures).to(device).float())
            optimiser.zero_grad()
            nn.functional.binary_cross_entropy_with_logits(logits, wanted).backward()
            optimiser.step()
        epochs += 1
        reached = area(_score(net, stego[choose], device), _score(net, cover[choose], device)).value
        if reached > best:
            best = reached
            scores = _score(net, stego[test], device), _score(net, cover[test], device)
    return Outcome(area(*scores), error_at(*scores), epochs, train.size)


def _score(
    net: Net, pictures: UInt8[np.ndarray, "n 3 height width"], device: torch.device
) -> Float64[np.ndarray, " n"]:
    net.eval()
    with torch.no_grad():
        parts = [
            net(torch.from_numpy(np.ascontiguousarray(pictures[i : i + 128])).to(device).float())
            for i in range(0, len(pictures), 128)
        ]
    return torch.cat(parts).double().cpu().numpy()


def _augment(
    pictures: UInt8[np.ndarray, "n 3 height width"], rng: np.random.Generator
) -> UInt8[np.ndarray, "n 3 height width"]:
    """Returns pictures turned and mirrored, all in the same way: it is the batch that varies."""
    turned = np.rot90(pictures, int(rng.integers(4)), axes=(2, 3))
    return np.ascontiguousarray(turned[..., ::-1] if rng.integers(2) else turned)


def _filters() -> np.ndarray:
    """Returns high-pass filters of 5 by 5, (9, 5, 5): differences of first to fourth order."""
    out = np.zeros((9, 5, 5), np.float32)
    out[0, 2, 2:4] = [-1, 1]
    out[1, 2:4, 2] = [-1, 1]
    out[2, 2, 1:4] = [0.5, -1, 0.5]
    out[3, 1:4, 2] = [0.5, -1, 0.5]
    out[4, 2, 1:5] = np.array([1, -3, 3, -1]) / 3
    out[5, 1:5, 2] = np.array([1, -3, 3, -1]) / 3
    out[6, 1:4, 1:4] = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
    out[7, 1:3, 1:4] = np.array([[-1, 2, -1], [2, -4, 2]])[::-1] / 4
    row = np.array([-1, 2, -2, 2, -1])
    out[8] = (
        np.array([row, [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], row], np.float32)
        / 12
    )
    return out
