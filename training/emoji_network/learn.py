"""Train the picture encoder: names of what pictures show, and that drawings by any hand agree.

    meaning   softmax over many seen names of  s <meaning, name>  (Radford et al., "Learning
              transferable visual models from natural language supervision", ICML 2021); what stands
              for a name is now the name, now what is said of it
    looks     supervised contrastive loss (Khosla et al., NeurIPS 2020): drawings of one thing by
              other hands are near, all others far

Classes that are kept for choosing and for judging are shown in no style, and icons near them are
left out by ``icons.py``. The weights that are kept are averaged over steps.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.emoji_network.data import Data, accuracy, features_of
from training.emoji_network.hands import HANDS
from training.emoji_network.inks import inked
from training.emoji_network.network import Encoder
from training.zeroshot.augment import varied
from training.zeroshot.fit import SIDE

EMOJI, ICONS, DRAWINGS = 48, 40, 2
"""Classes of each kind in a batch, and pictures of each class."""
RATE, DECAY = 2e-3, 0.05
WARM = 200
KEPT = 0.99
"""Of the averaged weights, in each step."""
NEAR = 0.75
"""Cosine of two names above which one is no wrong answer where the other is right."""
SHARPNESS = 0.1
"""Temperature of the loss of looks."""
EVERY = 250
SMALL, SMALL_UNTIL = 32, 0.7
"""Side of pictures until so much of the time is over: they take less than half as long."""
SLOWER, SLOWEST = 0.4, 0.01
"""Share of the time in which the rate falls, and what it falls to."""
RENEWED = 8
"""Steps between other sayings."""
OTHERS = 1_200
"""Names that are held beside those of the pictures in a batch, drawn."""
LOOKS_WEIGHT = 0.5
MOST_SCALE = 60.0
LONGEST = 2.0
"""Of the gradient."""


def prototypes(said: Tensor, rng: torch.Generator) -> Tensor:
    """Returns a vector for each class: its name for half of them, else a mixture of sayings."""
    there = said.abs().sum(dim=2) > 0
    weights = torch.rand(there.shape, generator=rng) ** 3 * there
    alone = torch.rand(len(said), generator=rng) < 0.5
    weights[alone] = torch.tensor([1.0, 0, 0, 0])
    return functional.normalize((said * weights[:, :, None]).sum(dim=1), dim=1)


def drawn(by_class: list[np.ndarray], count: int, rng: np.random.Generator) -> np.ndarray:
    """Returns rows: ``DRAWINGS`` of each of ``count`` classes, by other hands if it can."""
    rows = []
    for at in rng.choice(len(by_class), count, replace=False):
        mine = by_class[at]
        rows.append(rng.choice(mine, DRAWINGS, replace=len(mine) < DRAWINGS))
    return np.concatenate(rows)


def losses(
    network: Encoder, pictures: Tensor, label: Tensor, table: Tensor, names: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the losses of meaning and of looks.

    Args:
        network: The encoder.
        pictures: ``(n, 3, 48, 48)``.
        label: Rows of ``table``.
        table: What stands for each name in this step.
        names: The names themselves, by which those are found that are too near to be wrong.
        scale: Of cosines.
    """
    with torch.autocast("cpu", torch.bfloat16):
        features = network.features(pictures)
    meaning = functional.normalize(network.meaning(features), dim=1)
    looks = functional.normalize(network.looks(features), dim=1)
    scores = scale * meaning @ table.T
    near = names[label] @ names.T > NEAR
    near[torch.arange(len(label)), label] = False
    of_meaning = functional.cross_entropy(scores.masked_fill(near, -1e4), label)
    alike = (looks @ looks.T / SHARPNESS).fill_diagonal_(-1e4)
    same = (label[:, None] == label[None]).float().fill_diagonal_(0)
    share = alike.log_softmax(dim=1)
    of_looks = -(share * same).sum() / same.sum()
    return of_meaning, of_looks


class Course:
    """Training: what is drawn, what learns, and how far it is.

    Args:
        data: Pictures and names.
        with_icons: Whether icons are shown beside emoji.
        seed: Of all chance.
    """

    def __init__(self, data: Data, seed: int, *, with_icons: bool) -> None:
        self._data = data
        self._seed = seed
        self._rng, self._chance = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        parts = ("seen", "icons") if with_icons else ("seen",)
        trained = np.concatenate([data.parts[part] for part in parts])
        self._place = np.full(len(data.said), -1)
        self._place[trained] = np.arange(len(trained))
        self._said, self._names = data.said[trained], data.said[trained, 0]
        self._table = self._names
        self._groups = [_by_class(data, part, with_icons=with_icons) for part in parts]
        self._counts = (EMOJI, ICONS) if with_icons else (EMOJI + ICONS,)
        self.network = Encoder().to(memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.network)
        self.scale = torch.nn.Parameter(torch.tensor(math.log(20.0)))
        self._optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in self.network.parameters() if p.ndim > 1]},
                {
                    "params": [*(p for p in self.network.parameters() if p.ndim < 2), self.scale],
                    "weight_decay": 0.0,
                },
            ],
            lr=RATE,
            weight_decay=DECAY,
        )
        self.steps = 0

    def state(self) -> dict[str, Any]:
        """Returns what a course goes on from."""
        return {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "scale": self.scale.detach(),
            "optimiser": self._optimiser.state_dict(),
            "steps": self.steps,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Goes on from a state, with other draws than those that led there."""
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.scale.data.copy_(state["scale"])
        self.steps = state["steps"]
        self._rng = np.random.default_rng([self._seed, self.steps])
        self._chance.manual_seed(self._seed + self.steps)

    def step(self, side: int, rate: float) -> tuple[float, float]:
        """Learns from one batch and returns its losses.

        Args:
            side: Of the pictures.
            rate: Of learning.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = rate * min(1, (self.steps + 1) / WARM)
        groups = zip(self._groups, self._counts, strict=True)
        rows = np.concatenate([drawn(group, count, self._rng) for group, count in groups])
        kinds = self._data.classes[rows]
        label, mirror = (torch.from_numpy(each[kinds]) for each in (self._place, self._data.mirror))
        pictures = inked(self._data.pictures[torch.from_numpy(rows)], self._chance)
        pictures = varied(pictures, side, mirror, self._chance)
        if self.steps % RENEWED == 0:
            self._table = prototypes(self._said, self._chance)
        shown = torch.unique(label)
        others = torch.randperm(len(self._names), generator=self._chance)[:OTHERS]
        among = torch.cat([shown, others[~torch.isin(others, shown)]])
        label = torch.searchsorted(shown, label)
        scale = self.scale.exp().clamp(max=MOST_SCALE)
        self.network.train()
        table, names = self._table[among], self._names[among]
        found = losses(self.network, pictures, label, table, names, scale)
        self._optimiser.zero_grad()
        (found[0] + LOOKS_WEIGHT * found[1]).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST)
        self._optimiser.step()
        self.steps += 1
        self._average()
        return float(found[0].detach()), float(found[1].detach())

    @torch.no_grad()
    def _average(self) -> None:
        kept = min(KEPT, 1 - 1 / (self.steps + 1))
        both = zip(self.mean.state_dict().values(), self.network.state_dict().values(), strict=True)
        for ours, theirs in both:
            if ours.dtype.is_floating_point:
                ours.lerp_(theirs, 1 - kept)
            else:
                ours.copy_(theirs)


def _by_class(data: Data, part: str, *, with_icons: bool) -> list[np.ndarray]:
    rows = data.rows(part)
    if not with_icons:
        rows = rows[data.styles[rows] < len(HANDS)]
    return [rows[data.classes[rows] == kind] for kind in np.unique(data.classes[rows])]


def main() -> None:
    """Write ``encoder.pt`` every few hundred steps, and what the classes for choosing say."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="what hands.py and icons.py wrote")
    parser.add_argument("--packages", type=Path, required=True, help="where archives are kept")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60, help="of a processor, in all")
    parser.add_argument("--resume", type=Path, help="a folder to go on from")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-icons", action="store_true", help="emoji alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = Data.read(arguments.data, arguments.packages)
    course = Course(data, arguments.seed, with_icons=not arguments.no_icons)
    before = 0.0
    if arguments.resume:
        course.load(torch.load(arguments.resume / "course.pt", weights_only=True))
        record = json.loads((arguments.resume / "encoder.json").read_text())
        before = record["processor_minutes"]
    arguments.out.mkdir(parents=True, exist_ok=True)
    judged = data.rows("choosing")
    judged = judged[data.styles[judged] < len(HANDS)]
    start, past, averages = time.process_time(), 0.0, np.zeros(2)
    while past < 1:
        minutes = before + (time.process_time() - start) / 60
        past = minutes / arguments.minutes
        side = SIDE if past > SMALL_UNTIL else SMALL
        found = course.step(side, RATE * max(SLOWEST, min(1, (1 - past) / SLOWER)))
        averages = averages * 0.98 + 0.02 * np.asarray(found)
        if course.steps % EVERY == 0 or past >= 1:
            with torch.inference_mode():
                meaning = course.mean.meaning(features_of(course.mean, data, judged, side))
            record = {
                "steps": course.steps,
                "processor_minutes": round(minutes, 2),
                "seed": arguments.seed,
                "icons": not arguments.no_icons,
                "torch": torch.__version__,
                "losses": [round(float(each), 3) for each in averages],
                "scale": round(float(course.scale.detach().exp()), 1),
                "choosing": accuracy(
                    functional.normalize(meaning, dim=1).numpy(), data, judged, "choosing"
                ),
            }
            print(json.dumps(record), flush=True)
            torch.save(course.mean.state_dict(), arguments.out / "encoder.pt")
            torch.save(course.state(), arguments.out / "course.pt")
            (arguments.out / "encoder.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
