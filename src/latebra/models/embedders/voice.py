"""Who speaks: the speaker encoder of Resemblyzer, out of its Python package.

Three LSTM layers, a linear one, a rectifier, length one (Wan, Wang, Papir, Moreno, "Generalized
end-to-end loss for speaker verification", ICASSP 2018). A window lasts 1.6 s; the windows of an
utterance overlap by half, and their mean is its embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core.errors import InputError
from latebra.core.network import Arrays
from latebra.models.embedders import sound
from latebra.models.embedders.contract import Embedder
from latebra.models.exact.graph import Draft, Graph, Tensor
from latebra.models.fetching import Packaged

PACKAGED: Final = Packaged(
    distribution="Resemblyzer",
    version="0.1.4",
    member="resemblyzer/pretrained.pt",
    digest="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
    licence="Apache-2.0",
)
WINDOW: Final = 160
"""Frames, 1.6 s."""
STEP: Final = 77
"""Frames from one window to the next: 1.3 windows a second, as the original takes."""
COVERED: Final = 0.75
"""Of the last window, or it is left out."""
BATCH: Final = 8
"""Windows at once: 6.9 s of speech."""
LAYERS: Final = 3
HIDDEN: Final = 256
SHORTEST_S: Final = 1.6


class Voice(Embedder):
    """Who speaks. A sample is a pair: sound of one channel, samples a second."""

    kind: ClassVar[str] = "voice"

    @override
    def inputs(self, sample: tuple[sound.Sound, int]) -> list[Arrays]:
        windows = windows_of(spoken(*sample))
        rest = -len(windows) % BATCH
        filled = np.concatenate([windows, np.zeros((rest, *windows.shape[1:]), np.float32)])
        return [{"frames": part} for part in filled.reshape(-1, BATCH, WINDOW, sound.BANDS)]

    @override
    def pooled(
        self, outputs: Sequence[Arrays], sample: tuple[sound.Sound, int]
    ) -> NDArray[np.float32]:
        count = count_of(len(spoken(*sample)))
        each = np.concatenate([output["embedding"] for output in outputs])[:count]
        mean = each.mean(axis=0)
        return (mean / np.linalg.norm(mean)).astype(np.float32)


def spoken(recorded: sound.Sound, rate_hz: int) -> sound.Sound:
    """Returns the speech in a recording, at 16 kHz.

    Raises:
        InputError: There is too little, or it is no sound.
    """
    found = sound.speech(recorded, rate_hz)
    seconds = len(found) / sound.RATE_HZ
    if seconds < SHORTEST_S:
        raise InputError(
            f"the sound holds {seconds:.1f} s of speech",
            fix=f"record {SHORTEST_S} s at least, six or more if you can",
        )
    return found


def count_of(samples: int) -> int:
    """Returns how many windows so much speech has."""
    frames = ceil((samples + 1) / sound.HOP)
    count = max(1, ceil(max(1, frames - WINDOW + STEP + 1) / STEP))
    last = (count - 1) * STEP * sound.HOP
    if count > 1 and samples - last < COVERED * WINDOW * sound.HOP:
        count -= 1
    return count


def windows_of(speech: sound.Sound) -> Float32[np.ndarray, "windows 160 40"]:
    """Returns the mel energies of each window."""
    starts = np.arange(count_of(len(speech))) * STEP
    length = (int(starts[-1]) + WINDOW) * sound.HOP
    energies = sound.mel_energies(np.pad(speech, (0, max(0, length - len(speech)))))
    return np.stack([energies[start : start + WINDOW] for start in starts])


def graph(weights: Mapping[str, NDArray[np.float32]], batch: int = BATCH) -> Graph:
    """Returns the network: ``frames`` [batch, 160, 40] to ``embedding`` [batch, 256].

    Args:
        weights: By the original's names.
        batch: Windows at once.
    """
    draft = Draft()
    given = Tensor("frames", (batch, WINDOW, sound.BANDS))
    x = draft.transpose(given, 1, 0, 2)
    for layer in range(LAYERS):
        names = (f"lstm.weight_ih_l{layer}", f"lstm.weight_hh_l{layer}")
        inner, outer = (draft.constant(_gates(weights[name])[None]) for name in names)
        names = (f"lstm.bias_ih_l{layer}", f"lstm.bias_hh_l{layer}")
        bias = draft.constant(np.concatenate([_gates(weights[name]) for name in names])[None])
        shape = (WINDOW, 1, batch, HIDDEN)
        y = draft.do("LSTM", x.name, inner, outer, bias, shape=shape, hidden_size=HIDDEN)
        x = draft.reshape(y, WINDOW, batch, HIDDEN)
    last = draft.constant(np.array(WINDOW - 1, np.int64))
    end = draft.do("Gather", x.name, last, shape=(batch, HIDDEN), axis=0)
    matrix, shift = (draft.constant(weights[f"linear.{name}"]) for name in ("weight", "bias"))
    flat = draft.do("Gemm", end.name, matrix, shift, shape=(batch, HIDDEN), transB=1)
    positive = draft.do("Relu", flat.name, shape=flat.shape)
    return draft.done((given,), (of_length_one(draft, positive),))


def of_length_one(draft: Draft, x: Tensor) -> Tensor:
    """Returns rows divided by their lengths, as the output ``embedding``."""
    square = draft.do("Mul", x.name, x.name, shape=x.shape)
    axes = draft.constant(np.array([-1], np.int64))
    total = draft.do("ReduceSum", square.name, axes, shape=(x.shape[0], 1), keepdims=1)
    safe = draft.do("Max", total.name, draft.scalar(1e-12), shape=total.shape)
    root = draft.do("Sqrt", safe.name, shape=total.shape)
    return draft.do("Div", x.name, root.name, shape=x.shape, name="embedding")


def _gates(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the rows of torch's gates, in, forget, cell, out, in ONNX's order."""
    into, forget, cell, out = np.split(array, 4)
    return np.concatenate([into, out, forget, cell])
