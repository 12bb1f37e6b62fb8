"""Measure what was trained on what was held out, prove it exact, and write it with its card.

    python -m training.exact.export texts --run work/language --data work/texts.npz
    python -m training.exact.export tiles --run work/pictures --data work/tiles.npz

Writes the weights, a golden vector and the card to ``--out``.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from latebra.models.exact.proof import prove_graph
from latebra.models.exact.sequence import drafted
from latebra.models.exact.stepping import drafted_step
from latebra.models.exact.stored import stored
from latebra.models.learned import TEXTS, TILES, digest_of
from latebra.models.pieces import Pieces
from training.exact import language, pictures, text, tiles
from training.exact.fitting import PHASES
from training.exact.layers import Chain
from training.exact.straight import in_floats
from training.flow.photos import SOURCES

_AT_ONCE: Final = 32


def texts(run: Path, data: Path) -> dict[str, Any]:
    """Returns what the card of the language model says, and what is stored."""
    listed = json.loads((run / "pieces.json").read_text())
    pieces, held = Pieces(listed), str(np.load(data)["held"])
    tokens = torch.tensor(pieces.encode(held), dtype=torch.int64)
    measured = _measured(run, language.made(), lambda network: _per_byte(network, tokens, pieces))
    network = _loaded(run, language.made(), "exact").exact()
    shape = (language.LENGTH,)
    proof = prove_graph(drafted_step(network, 1, language.LENGTH))
    return {
        "network": network,
        "name": TEXTS,
        "shape": shape,
        "dtype": "int64",
        "nats": language.NATS,
        "golden": tokens[None, : language.LENGTH].numpy(),
        "about": {
            "what": "what follows in a text: logits of 1,024 pieces of English manuals",
            "held_out_bits_per_byte": measured,
            "held_out_bytes": len(held),
            "step_bits": round(proof.bits, 2),
            "recipe": "training/exact: text.py, language.py, export.py",
            "data": [asdict(each) for each in text.PACKAGES],
            "data_licence": "free licences, as the Debian packages state and `data` repeats; the "
            "texts themselves are not distributed here",
            "pieces": listed,
        },
    }


def greys(run: Path, data: Path, count: int = tiles.GREYS) -> dict[str, Any]:
    """Returns what the card of a picture model says, and what is stored."""
    held = torch.from_numpy(np.load(data)["held"].astype(np.int64))[::4]
    if count != tiles.GREYS:
        held = pictures.grained(held, count, torch.Generator().manual_seed(1))
    phases = PHASES if count == tiles.GREYS else PHASES[:2]
    made = pictures.made(count)
    measured = _measured(run, made, lambda network: _per_pixel(network, held, count), phases)
    network = _loaded(run, pictures.made(count), "exact").exact()
    packages = sorted({source.package for source in SOURCES})
    return {
        "network": network,
        "name": TILES,
        "shape": (1, tiles.SIDE, tiles.SIDE),
        "dtype": "float32",
        "nats": pictures.NATS,
        "golden": pictures.shown(held[:1], count).numpy(),
        "about": {
            "what": f"what follows in a picture of 32 by 32 pixels: logits of {count} greys",
            "held_out_bits_per_pixel": measured,
            "held_out_pictures": len(held),
            "held_out_photographs": [source.name for source in tiles.held_out()],
            "recipe": "training/exact: tiles.py, pictures.py, export.py",
            "data": {
                package: sorted(s.name for s in SOURCES if s.package == package)
                for package in packages
            },
            "data_licence": "GPL-2+ and CC-BY-SA-4.0 photographs as the Debian packages state; "
            "the photographs themselves are not distributed here",
        },
    }


def _loaded(run: Path, network: Chain, phase: str) -> Chain:
    network.load_state_dict(torch.load(run / f"{phase}.pt")["network"])
    return network


@torch.no_grad()
def _measured(
    run: Path, network: Chain, measure: Any, phases: Sequence[str] = PHASES
) -> dict[str, float]:
    """Returns what each phase came to; the start in floats, as its twin."""
    found: dict[str, float] = {}
    for phase in phases:
        _loaded(run, network, phase)
        with nullcontext() if phase == "exact" else in_floats():
            found[phase] = round(measure(network), 4)
    return found


def _per_byte(network: Chain, tokens: Tensor, pieces: Pieces) -> float:
    """Returns bits per byte; every token but the first half window's sees 64 or more before it."""
    length = language.LENGTH
    windows = tokens[: len(tokens) - (len(tokens) - 1) % (length // 2)].unfold(
        0, length + 1, length // 2
    )
    nats, last = 0.0, length // 2
    for some in windows.split(_AT_ONCE):
        lost = language.losses(network, some).view(len(some), length)
        nats += float(lost[:, -last:].double().sum())
    scored = windows[:, -last:].flatten().tolist()
    return nats / math.log(2) / len(pieces.decode(scored))


def _per_pixel(network: Chain, held: Tensor, count: int) -> float:
    parts = [pictures.losses(network, some, count).double().sum() for some in held.split(_AT_ONCE)]
    return float(sum(parts)) / math.log(2) / held.numel()


def main() -> None:
    """Write ``NAME.npz`` and ``NAME.json``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kind", choices=["texts", "tiles"])
    parser.add_argument("--run", type=Path, required=True, help="the folder that training wrote")
    parser.add_argument("--data", type=Path, required=True, help="what text.py or tiles.py wrote")
    parser.add_argument("--out", type=Path, default=Path("src/latebra/models/data"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    told = (texts if arguments.kind == "texts" else greys)(arguments.run, arguments.data)
    network, golden, name = told.pop("network"), told.pop("golden"), told.pop("name")
    proof = prove_graph(drafted(network, (1, *told["shape"]), told["dtype"]))
    layers, arrays = stored(network)
    out = network.apply(golden).astype(np.int32)
    numbered = {f"array{number}": array for number, array in enumerate(arrays)}
    small = np.int16 if told["dtype"] == "int64" else np.int8
    np.savez_compressed(
        arguments.out / f"{name}.npz", **numbered, **{"in": golden.astype(small), "out": out}
    )
    records = {phase: json.loads((arguments.run / f"{phase}.json").read_text()) for phase in PHASES}
    about = {
        **told.pop("about"),
        "weights": int(sum(array.size for array in arrays)),
        "bits": round(proof.bits, 2),
        "training": {
            "phases": records,
            "what": "first `start` in floats; from there `exact` in exact arithmetic, and `twin` "
            "in floats for as many steps on the same examples; seconds of one processor core",
        },
        "licence": "Apache-2.0",
    }
    card = {"name": name, "digest": digest_of(layers, arrays), "tier": "T1", "bound": 0.0}
    written = json.dumps({**card, **told, "layers": layers, "about": about}, indent=1)
    (arguments.out / f"{name}.json").write_text(written + "\n")
    measured = {key: each for key, each in about.items() if key.startswith("held_out_bits")}
    print(json.dumps({**measured, "weights": about["weights"], "bits": about["bits"]}))


if __name__ == "__main__":
    main()
