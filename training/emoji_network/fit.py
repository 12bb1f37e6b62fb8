"""Fit the two heads in closed form on what the trained convolutions find.

    looks     B (features - mean),  B from Fisher's discriminants of the seen classes, beside the
              head that was trained: whichever tells the classes for choosing apart better
    meaning   the head that was trained

``looks`` throws away what differs between drawings of one thing (styles, places, tints), whichever
thing it is, so that it serves things that were never seen.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from training.emoji_network.data import Data, accuracy, features_of
from training.emoji_network.hands import HANDS
from training.emoji_network.inks import inked
from training.emoji_network.network import Encoder
from training.zeroshot.augment import varied
from training.zeroshot.emoji import NEEDED
from training.zeroshot.fit import SIDE, Rows, discriminants

OTHERS = ("flat", "blobs", "emojione", "openmoji")
"""Hands that show what the needed ones enrolled."""
SHOWN = 3
FALSE = 1e-3
"""Share of other classes that may pass, where looks are compared."""


@torch.inference_mode()
def varied_features(network: Encoder, data: Data, rows: np.ndarray, seed: int) -> Rows:
    """Returns features of pictures as chance changed them."""
    network.eval()
    rng = torch.Generator().manual_seed(seed)
    found = []
    for start in range(0, len(rows), 256):
        some = rows[start : start + 256]
        mirror = torch.from_numpy(data.mirror[data.classes[some]])
        pictures = inked(data.pictures[torch.from_numpy(some)], rng)
        pictures = varied(pictures, SIDE, mirror, rng)
        found.append(network.features(pictures).numpy())
    return np.concatenate(found)


def agreement(looks: Rows, data: Data, rows: np.ndarray, part: str) -> float:
    """Returns how many classes are told by three drawings from three by others.

    Where as many other classes as ``FALSE`` would pass, as locks compare: by the mean's direction.

    Args:
        looks: Of ``rows``.
        data: Where they are from.
        rows: Pictures of a part's classes.
        part: Of the classes.
    """
    places = {
        key: at for at, key in enumerate(zip(data.classes[rows], data.styles[rows], strict=True))
    }

    def means(styles: tuple[str, ...]) -> dict[int, np.ndarray]:
        numbers = [list(HANDS).index(name) for name in styles]
        found = {}
        for kind in data.parts[part]:
            mine = [places[kind, each] for each in numbers if (kind, each) in places][:SHOWN]
            if len(mine) == SHOWN:
                mean = looks[mine].mean(axis=0)
                found[kind] = mean / np.linalg.norm(mean)
        return found

    enrolled, others = means(NEEDED), means(OTHERS)
    kinds = [kind for kind in others if kind in enrolled]
    cosines = (
        np.stack([enrolled[kind] for kind in kinds]) @ np.stack([others[kind] for kind in kinds]).T
    )
    own = np.diag(cosines)
    false = np.sort(cosines[~np.eye(len(kinds), dtype=bool)])[::-1]
    return float((own > false[int(FALSE * len(false))]).mean())


def main() -> None:
    """Write ``fitted.pt`` and ``fitted.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--packages", type=Path, required=True, help="where archives are kept")
    parser.add_argument("--run", type=Path, required=True, help="the folder that learn.py wrote")
    parser.add_argument("--copies", type=int, default=2, help="varied ones of each picture")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = Data.read(arguments.data, arguments.packages)
    network = Encoder()
    network.load_state_dict(torch.load(arguments.run / "encoder.pt", weights_only=True))
    rows = data.rows("seen")
    rows = rows[data.styles[rows] < len(HANDS)]
    found = [features_of(network, data, rows).numpy()]
    found += [varied_features(network, data, rows, seed) for seed in range(arguments.copies)]
    mean, directions = discriminants(
        np.concatenate(found), np.tile(data.classes[rows], arguments.copies + 1)
    )
    every = np.flatnonzero(
        np.isin(data.classes, data.parts["choosing"]) & (data.styles < len(HANDS))
    )
    features = features_of(network, data, every)
    with torch.inference_mode():
        trained = functional.normalize(network.looks(features), dim=1).numpy()
        meaning = functional.normalize(network.meaning(features), dim=1).numpy()
    fisher = (features.numpy() - mean) @ directions
    fisher /= np.linalg.norm(fisher, axis=1, keepdims=True)
    agreed = {
        "trained": agreement(trained, data, every, "choosing"),
        "fisher": agreement(fisher, data, every, "choosing"),
    }
    if agreed["fisher"] > agreed["trained"]:
        network.looks.weight.data = torch.from_numpy(np.ascontiguousarray(directions.T))
        network.looks.bias.data = torch.from_numpy(-(mean @ directions))
    judged = np.isin(every, data.rows("choosing"))
    record = json.loads((arguments.run / "encoder.json").read_text()) | {
        "seen_classes": len(data.parts["seen"]),
        "seen_pictures": len(rows),
        "icon_names": len(data.parts["icons"]),
        "icons": int((data.styles >= len(HANDS)).sum()),
        "choosing": accuracy(meaning[judged], data, every[judged], "choosing"),
        "looks": agreed,
    }
    torch.save(network.state_dict(), arguments.run / "fitted.pt")
    (arguments.run / "fitted.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
