"""What the picture encoder learns from and is judged by: pictures, names, and other sayings."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.emoji_network.hands import HANDS
from training.emoji_network.network import Encoder
from training.emoji_network.wordings import Dictionary, Tower, descriptions
from training.zeroshot.augment import plain
from training.zeroshot.fit import DIRECTED, SIDE

SAYINGS = 4
"""Most that are kept of a class."""


@dataclass(frozen=True)
class Data:
    """Pictures and names; classes of emoji come first, then those of icons alone.

    Args:
        pictures: Bytes ``(n, 4, 64, 64)``.
        classes: What each shows.
        styles: Who drew it; icons' sets follow the emoji's.
        said: Vectors of what is said of each class ``(classes, sayings, 384)``, zero where less is.
        parts: Classes for training, for choosing, for judging once.
        mirror: Which classes may be mirrored.
    """

    pictures: Tensor
    classes: np.ndarray
    styles: np.ndarray
    said: Tensor
    parts: dict[str, np.ndarray]
    mirror: np.ndarray

    @classmethod
    def read(cls, folder: Path, packages: Path) -> Data:
        emoji, hands, icons = (np.load(folder / f"{it}.npz") for it in ("emoji", "hands", "icons"))
        told = json.loads((folder / "emoji.json").read_text(encoding="utf-8"))
        names = json.loads((folder / "icons.json").read_text(encoding="utf-8"))["names"]
        seen = np.flatnonzero(emoji["seen"])
        by_name = {told[at]["name"]: at for at in seen}
        place, more = [], []
        for name in names:
            if name not in by_name:
                by_name[name] = len(told) + len(more)
                more.append(name)
            place.append(by_name[name])
        classes = np.concatenate(
            [emoji["classes"], hands["classes"], np.asarray(place)[icons["classes"]]]
        )
        mirror = [not each["subcategory"].startswith(DIRECTED) for each in told]
        parts = {name: np.flatnonzero(emoji[name]) for name in ("seen", "choosing", "unseen")}
        parts["icons"] = np.arange(len(told), len(told) + len(more))
        return cls(
            torch.from_numpy(np.concatenate([it["pictures"] for it in (emoji, hands, icons)])),
            classes,
            np.concatenate([emoji["styles"], hands["styles"], len(HANDS) + icons["sets"]]),
            _said(folder, packages, told, more),
            parts,
            np.asarray(mirror + [True] * len(more)),
        )

    def rows(self, part: str, *, trained: bool = True) -> np.ndarray:
        """Returns which pictures show a part's classes in styles that are trained on, or not."""
        judged = [at for at, each in enumerate(HANDS.values()) if not each.trained]
        return np.flatnonzero(
            np.isin(self.classes, self.parts[part]) & (np.isin(self.styles, judged) != trained)
        )


def _said(folder: Path, packages: Path, told: list[dict], more: list[str]) -> Tensor:
    kept, newest = folder / "said.npy", (folder / "icons.json").stat().st_mtime
    if not kept.exists() or kept.stat().st_mtime < newest:
        dictionary, tower = Dictionary(packages), Tower()
        texts = [descriptions(each["name"], each["keywords"], dictionary) for each in told]
        texts += [[name] for name in more]
        flat = tower.vectors([text for each in texts for text in each])
        said = np.zeros((len(texts), SAYINGS, flat.shape[1]), np.float32)
        at = 0
        for row, each in enumerate(texts):
            said[row, : len(each)] = flat[at : at + len(each)]
            at += len(each)
        np.save(kept, said)
    return torch.from_numpy(np.load(kept))


@torch.inference_mode()
def features_of(network: Encoder, data: Data, rows: np.ndarray, side: int = SIDE) -> Tensor:
    """Returns features of pictures as they are."""
    network.eval()
    return torch.cat(
        [
            network.features(plain(data.pictures[torch.from_numpy(rows[at : at + 256])], side))
            for at in range(0, len(rows), 256)
        ]
    )


def accuracy(meaning: np.ndarray, data: Data, rows: np.ndarray, part: str) -> dict[str, float]:
    """Returns shares of pictures that are named right among a part's names, alone and described."""
    indices = data.parts[part]
    own = np.searchsorted(indices, data.classes[rows])
    said = data.said[indices]
    tables = {"": said[:, 0], "_described": functional.normalize(said.sum(dim=1), dim=1)}
    found = {}
    for name, table in tables.items():
        scores = meaning @ table.numpy().T
        place = (scores >= scores[np.arange(len(rows)), own][:, None]).sum(axis=1)
        found |= {f"top{k}{name}": round(float((place <= k).mean()), 4) for k in (1, 5)}
    return found
