"""A model that says what follows in a picture, a few pixels at a time or all at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Float32, Int64

from latebra.core.network import Network

Greys = Int64[np.ndarray, "side side"]
Choose = Callable[[Int64[np.ndarray, "pixels greys"]], Int64[np.ndarray, " pixels"]]
"""Chooses greys for some pixels, given their logits."""


@final
class PixelModel:
    """A causal network of square pictures, in whole numbers, so that it is the same everywhere.

    Pixels are known in fronts: ``4 row + column`` is the same for those of one front, with windows
    of 7 by 7, and none of them sees another. So 156 runs of 8 pixels paint 32 by 32, rather than
    1,024 runs of one.

    The card of ``step`` names the picture's ``side``, its ``greys``, what a step of a logit is
    worth in ``nats``, the ``offset`` and the ``scale`` of what stands for a grey, the side and the
    channels of each of the step's ``windows``, the picture's own first, and how many pixels it
    takes ``at_once``.

    Args:
        step: Inputs ``earlier0``, ``earlier1``, …, float32, what the windows hold of earlier
            pixels, one row a pixel; outputs ``y`` int32 (pixels, greys), and ``held1``, …, what the
            later windows are made of.
        whole: Input ``x`` float32 (1, 1, side, side); output ``y`` int32 (1, greys, side, side).
    """

    def __init__(self, step: Network, whole: Network) -> None:
        self._step, self._whole = step, whole
        about = step.card.about
        self.side, self.greys = int(about["side"]), int(about["greys"])
        self.nats = float(about["nats"])
        self._scale, self._offset = int(about["scale"]), int(about["offset"])
        self._windows = [(int(side), int(channels)) for side, channels in about["windows"]]
        self._at_once = int(about["at_once"])

    def paint(self, choose: Choose) -> Greys:
        """Returns a picture whose greys are chosen front after front."""
        margin = self._margin
        wide = self.side + 2 * margin
        held = [np.zeros((wide * wide, channels), np.float32) for _, channels in self._windows]
        greys = np.zeros(self.side**2, np.int64)
        for pixels, places, seen in self._plan:
            inputs = {
                f"earlier{number}": _rows(each[window], self._at_once)
                for number, (each, window) in enumerate(zip(held, seen, strict=True))
            }
            found = self._step.run(inputs)
            chosen = choose(found["y"][: pixels.size].astype(np.int64))
            greys[pixels] = chosen
            held[0][places, 0] = self._shown(chosen)
            for number, each in enumerate(held[1:], 1):
                each[places] = found[f"held{number}"][: pixels.size]
        return greys.reshape(self.side, self.side)

    def logits(self, greys: Greys) -> Int64[np.ndarray, "pixels greys"]:
        """Returns the logits of all pixels of a picture, in the order of ``paint``."""
        x = self._shown(greys)[None, None]
        found = self._whole.run({"x": x})["y"][0].reshape(self.greys, -1)
        return found[:, self.order].T.astype(np.int64)

    @cached_property
    def order(self) -> Int64[np.ndarray, " pixels"]:
        """The pixels, numbered row after row, in the order in which they are known."""
        return np.concatenate(list(_fronts(self.side, self._margin + 1)))

    @property
    def _margin(self) -> int:
        return max(side for side, _ in self._windows) // 2

    @cached_property
    def _plan(
        self,
    ) -> list[
        tuple[
            Int64[np.ndarray, " pixels"],
            Int64[np.ndarray, " pixels"],
            list[Int64[np.ndarray, "pixels seen"]],
        ]
    ]:
        """Each front's pixels, where they lie with a margin around, and where their windows do."""
        margin = self._margin
        wide = self.side + 2 * margin
        plan: list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]] = []
        for pixels in _fronts(self.side, margin + 1):
            rows, columns = np.divmod(pixels, self.side)
            places = (rows + margin) * wide + columns + margin
            seen = [places[:, None] + _before(side, wide) for side, _ in self._windows]
            plan.append((pixels, places, seen))
        return plan

    def _shown(self, greys: Int64[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
        return (greys * self._scale + self._offset).astype(np.float32)


def _fronts(side: int, slope: int) -> Iterator[Int64[np.ndarray, " pixels"]]:
    """Yields the pixels of one ``slope · row + column`` after another."""
    rows, columns = np.divmod(np.arange(side * side), side)
    times = slope * rows + columns
    for time in range(int(times.max()) + 1):
        yield np.flatnonzero(times == time)


def _before(side: int, wide: int) -> Int64[np.ndarray, " seen"]:
    """Returns how far a window's earlier pixels lie from its middle one."""
    rows, columns = np.divmod(np.arange(side * side // 2), side)
    return (rows - side // 2) * wide + columns - side // 2


def _rows(windows: Float32[np.ndarray, "pixels seen channels"], count: int) -> np.ndarray:
    """Returns windows as rows, and zeros after them where a front is short."""
    rows = np.zeros((count, windows[0].size), np.float32)
    rows[: len(windows)] = windows.reshape(len(windows), -1)
    return rows
