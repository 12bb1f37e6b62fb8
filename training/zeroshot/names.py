"""Write the vectors of emoji's names that the package brings, as the text network makes them."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.hiding.media.class_tables import quantised
from latebra.models.embedders.catalogue import find
from latebra.models.named import NAME
from training.zeroshot.emoji import KEYWORDS, NAMES, SEED, classes

USUAL = 50


def main() -> None:
    """Write ``emoji_names.npz`` and its card."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--packages", type=Path, required=True, help="where archives are kept")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    embedder = find("text")
    network = open_network(Model(embedder.onnx, embedder.card), "onnxruntime", threads=1)
    known = classes(arguments.packages, flags=True)
    names = sorted({one.name for one in known})
    vectors = np.stack(
        [
            embedder.pooled([network.run(each) for each in embedder.inputs(name)], name)
            for name in names
        ]
    )
    whole, scales = quantised(vectors, 8)
    path = arguments.out / f"{NAME}.npz"
    np.savez_compressed(path, names=np.asarray(names), vectors=whole, scales=scales)
    told = whole * scales
    told /= np.linalg.norm(told, axis=1, keepdims=True)
    plain = sorted({one.name for one in known if one.category != "Flags" and ":" not in one.name})
    drawn = np.random.default_rng(SEED).permutation(len(plain))[:USUAL]
    card = {
        "digest": hashlib.sha256(path.read_bytes()).hexdigest(),
        "about": {
            "what": "vectors of the names of emoji, 8 bits a value",
            "names": len(names),
            "tower": embedder.card.name,
            "tower_digest": embedder.card.digest,
            "worst_error": round(float(np.abs(told - vectors).max()), 6),
            "usual": [plain[index] for index in sorted(drawn)],
            "recipe": "training/zeroshot: names.py",
            "data": [NAMES, KEYWORDS],
            "licence": "Unicode-3.0 (names), Apache-2.0 (text network)",
        },
    }
    (arguments.out / f"{NAME}.json").write_text(json.dumps(card, indent=1) + "\n")
    print(len(names), "names,", path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
