"""Marks of other people's packages beside ours: the same photographs, the same edits, one run.

    python -m benchmarks.marks --opencv FOLDER --rivals FOLDER [--packages SITE] [--count 16]

``--rivals`` is a folder where these wheels were unpacked, which are no dependencies of ours:

    pip install --no-deps --target FOLDER invisible-watermark==0.2.0 blind-watermark==0.4.4 \
        opencv-python-headless PyWavelets

invisible-watermark also imports torch. Its rivaGAN writes 32 bits, no more and no fewer; its two
others and blind-watermark are given 32 too, which makes them as robust as they can be next to it.
The lowest bits repeat 128. None of these knows whether what it reads is what was written, so exact
says for them that all bits are right, and a wrong message would have been handed over all the same.
Ours are 128 bits that open under a key, or nothing does. Tiles have 512 by 512 pixels, because
invisible-watermark takes none below 256 by 256, cut or made smaller. ``--scheme`` measures one of
them again, on the same tiles and with the same edits, and leaves the others as they were. Writes
``benchmarks/results/marks.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from attacks.edits import OTHER, PROMISED, Edit, Picture
from attacks.regeneration import REGENERATED
from benchmarks.machine import about
from benchmarks.photographs import found, tiles
from benchmarks.robustness import Ours, measured

RESULTS = Path(__file__).parent / "results" / "marks.json"
SEED = 57
SIDE = 512
NAMES = (
    "nothing",
    "jpeg 75",
    "jpeg 50",
    "jpeg 30",
    "resize 0.5",
    "crop 0.8",
    "crop 0.5",
    "brighter 8",
    "gamma 0.9",
    "mirror",
    "turn 90",
    "rotate 1",
    "blur 1",
    "noise 5",
    "palette 256",
    "screenshot: 0.8, gamma 1.05, jpeg 85",
    "regenerate: flow, noise 0.05",
)
EDITS: Mapping[str, Edit] = {name: {**PROMISED, **OTHER, **REGENERATED}[name] for name in NAMES}
Bits = np.ndarray


class Invisible:
    """invisible-watermark, with one of its methods.

    Args:
        method: As the package calls it.
    """

    bits = 32

    def __init__(self, method: str) -> None:
        self._package = import_module("imwatermark")
        self._method = method
        self._package.WatermarkEncoder.loadModel()

    def mark(self, picture: Picture, bits: Bits) -> Picture:
        encoder = self._package.WatermarkEncoder()
        encoder.set_watermark("bits", bits.tolist())
        return np.asarray(encoder.encode(_turned(picture), self._method))[:, :, ::-1]

    def read(self, picture: Picture) -> Bits | None:
        decoder = self._package.WatermarkDecoder("bits", self.bits)
        try:
            return np.asarray(decoder.decode(_turned(picture), self._method)).astype(np.uint8)
        except RuntimeError:  # Too small.
            return None


class Blind:
    """blind-watermark."""

    bits = 32

    def __init__(self) -> None:
        package = import_module("blind_watermark")
        package.bw_notes.close()
        self._new = package.WaterMark

    def mark(self, picture: Picture, bits: Bits) -> Picture:
        mark = self._new(password_img=1, password_wm=1)
        mark.read_img(img=_turned(picture))
        mark.read_wm(bits.astype(bool), mode="bit")
        return np.clip(np.rint(mark.embed()), 0, 255).astype(np.uint8)[:, :, ::-1]

    def read(self, picture: Picture) -> Bits | None:
        mark = self._new(password_img=1, password_wm=1)
        try:
            read = mark.extract(embed_img=_turned(picture), wm_shape=self.bits, mode="bit")
        except (AssertionError, IndexError, ValueError):  # Too small for so many bits.
            return None
        return (np.asarray(read) >= 0.5).astype(np.uint8)


class LowestBits:
    """128 bits in the lowest bits of all samples, again and again; the majority is read."""

    bits = 128

    def mark(self, picture: Picture, bits: Bits) -> Picture:
        return picture & np.uint8(254) | np.resize(bits, picture.shape)

    def read(self, picture: Picture) -> Bits | None:
        low = (picture & 1).ravel()
        whole = low[: low.size // self.bits * self.bits].reshape(-1, self.bits)
        return (2 * whole.sum(axis=0, dtype=int) > len(whole)).astype(np.uint8)


SCHEMES: Mapping[str, Callable[[], Any]] = {
    "Latebra, for jpeg75": partial(Ours, "onnxruntime", "jpeg75"),
    "Latebra, for jpeg50": partial(Ours, "onnxruntime", "jpeg50"),
    "rivaGAN": partial(Invisible, "rivaGan"),
    "DWT-DCT": partial(Invisible, "dwtDct"),
    "DWT-DCT-SVD": partial(Invisible, "dwtDctSvd"),
    "blind-watermark": Blind,
    "lowest bits": LowestBits,
}


def _turned(picture: Picture) -> Picture:
    """Returns a picture with its colours in the order that OpenCV has."""
    return np.ascontiguousarray(picture[:, :, ::-1])


def speed(scheme: Any, picture: Picture) -> dict[str, float]:
    """Returns how long one picture takes to mark and to read, least of three, in processor time."""
    bits = np.arange(scheme.bits, dtype=np.uint8) % 2
    marking, reading = [], []
    for _ in range(3):
        start = time.process_time()
        marked = np.ascontiguousarray(scheme.mark(picture, bits))
        middle = time.process_time()
        scheme.read(marked)
        marking.append(middle - start)
        reading.append(time.process_time() - middle)
    return {"mark_s": round(min(marking), 3), "read_s": round(min(reading), 3)}


def main() -> None:
    """Measure all schemes that are here, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--opencv", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--rivals", type=Path, required=True)
    parser.add_argument("--count", type=int, default=16)
    parser.add_argument("--scheme", choices=SCHEMES, action="append", help="only these, again")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor, per scheme")
    arguments = parser.parse_args()
    sys.path.append(str(arguments.rivals))
    paths = found(arguments.opencv, arguments.packages)
    large = next(tiles(paths, 1, 1000, SEED))
    chosen = arguments.scheme or list(SCHEMES)
    rows: dict[str, Any] = json.loads(RESULTS.read_text())["schemes"] if arguments.scheme else {}
    for name in chosen:
        scheme = SCHEMES[name]()

        def say(text: str, name: str = name) -> None:
            print(f"{name}: {text}", flush=True)

        pictures = tiles(paths, arguments.count, SIDE, SEED)
        rows[name] = measured(scheme, pictures, EDITS, arguments.minutes, say)
        rows[name]["authenticated"] = isinstance(scheme, Ours)
        rows[name]["megapixel"] = speed(scheme, large)
        say(f"{rows[name]['psnr']}, {rows[name]['megapixel']}")
    packages = ("invisible-watermark", "blind-watermark", "opencv-python-headless", "PyWavelets")
    report = {
        "side": SIDE,
        "photographs": [path.name for path in paths],
        "schemes": rows,
        "measured": about(),
        "rivals": {package: version(package) for package in packages},
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
