"""Draw pictures from a trained model of small pictures, above held-out photographs.

    python -m training.exact.sheet --run work/pictures --tiles work/tiles.npz --out work/sheet.png
    python -m training.exact.sheet --tiles work/tiles256.npz --out docs/pictures/pixels.png

Without ``--run`` they are of the ``pixels`` carrier, and carry frames.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from latebra.api.opened import open_reader
from latebra.hiding.carriers.pixels import LEVELS
from latebra.hiding.channel.stream import Stream
from training.exact import pictures
from training.exact.layers import Chain
from training.exact.tiles import GREYS, SIDE

ACROSS: Final = 8
_SCALE: Final = 4
_GAP: Final = 2


@torch.no_grad()
def drawn(network: Chain, count: int, seed: int) -> NDArray[np.int64]:
    """Returns pictures that are sampled pixel by pixel, shape ``(count, 32, 32)``."""
    dice = torch.Generator().manual_seed(seed)
    greys = torch.zeros(count, SIDE, SIDE, dtype=torch.int64)
    for at in range(SIDE * SIDE):
        row, column = divmod(at, SIDE)
        # Rows below do not matter.
        logits = network(pictures.shown(greys[:, : row + 1]))[:, :, row, column]
        chances = (logits * pictures.NATS).softmax(-1)
        greys[:, row, column] = torch.multinomial(chances, 1, generator=dice)[:, 0]
    return greys.numpy()


def carrying(count: int, seed: int) -> NDArray[np.int64]:
    """Returns pictures of the carrier that are full of random frames, shape ``(count, 32, 32)``."""
    carrier, rng = open_reader("pixels", "onnxruntime", {}).carrier, np.random.default_rng(seed)
    stream, room = Stream(rng.bytes(32)), carrier.rooms("png")[-1]
    covers = (carrier.embed(rng.bytes(room), rng.bytes(8), stream, "png") for _ in range(count))
    return np.stack([np.asarray(cover)[:, :, 0].astype(np.int64) // 4 for cover in covers])


def sheet(found: NDArray[np.int64], greys: int) -> Image.Image:
    """Returns pictures side by side, ``ACROSS`` in a row."""
    side = SIDE + _GAP
    page = np.full((len(found) // ACROSS * side, ACROSS * side), 255, np.uint8)
    for at, each in enumerate(found):
        top, left = (side * n for n in divmod(at, ACROSS))
        page[top : top + SIDE, left : left + SIDE] = each * 255 // (greys - 1)
    return Image.fromarray(page).resize(
        (page.shape[1] * _SCALE, page.shape[0] * _SCALE), Image.Resampling.NEAREST
    )


def main() -> None:
    """Write the sheet: two rows drawn, two rows of photographs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, help="what pictures.py wrote, of 16 greys")
    parser.add_argument("--tiles", type=Path, required=True, help="what tiles.py wrote")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    held = np.load(arguments.tiles)["held"]
    photographs = held[:: len(held) // (2 * ACROSS)][: 2 * ACROSS].astype(np.int64)
    if arguments.run:
        network = pictures.made()
        network.load_state_dict(torch.load(arguments.run / "exact.pt")["network"])
        page = sheet(np.concatenate([drawn(network, 2 * ACROSS, 1), photographs]), GREYS)
    else:
        dice = torch.Generator().manual_seed(1)
        grained = pictures.grained(torch.from_numpy(photographs), LEVELS, dice).numpy()
        page = sheet(np.concatenate([carrying(2 * ACROSS, 1), grained]), LEVELS)
    page.save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
