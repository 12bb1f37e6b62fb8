"""A network with open axes, compiled once for each set of shapes that it is called with."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from latebra.compiling.contract import Model
from latebra.compiling.opening import OpenNetwork
from latebra.compiling.shapes import Shape
from latebra.core.network import Arrays, ModelCard

KEPT: Final = 16
"""Networks kept unless told otherwise: a batch or two, at a few lengths of a sequence."""


class SpecialisedNetwork:
    """A network with open axes.

    Args:
        model: The network; its open axes may have any length at each call.
        opened: Opens it with its axes fixed to these shapes, by input name.
        keep: How many networks are kept; the one that was not used for longest goes first.
    """

    def __init__(
        self, model: Model, opened: Callable[[Mapping[str, Shape]], OpenNetwork], keep: int = KEPT
    ) -> None:
        self._model = model
        self._opened = opened
        self._keep = keep
        self._networks: OrderedDict[tuple[Shape, ...], OpenNetwork] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def card(self) -> ModelCard:
        """What is known about the network, whatever its lengths."""
        return self._model.card

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name; compiles first where these shapes are new.

        Args:
            inputs: One array for each input of the model, of its type, its open axes of any length.

        Raises:
            RunFailed: An input does not fit, or the network failed.
            InputError: The network does not work with these shapes.
            CompileError: The compiler failed on the network with these shapes.
        """
        self._model.facts.check(inputs)
        return self.at({name: array.shape for name, array in inputs.items()}).run(inputs)

    def at(self, shapes: Mapping[str, Shape]) -> OpenNetwork:
        """Returns the network with its axes fixed; compiles first where these shapes are new.

        Args:
            shapes: A shape for each input.

        Raises:
            InputError: The network does not work with these shapes.
            CompileError: The compiler failed on the network with these shapes.
        """
        key = tuple(shapes[each.name] for each in self._model.facts.inputs)
        with self._lock:
            if key not in self._networks:
                self._networks[key] = self._opened(shapes)
                while len(self._networks) > self._keep:
                    self._networks.popitem(last=False)
            self._networks.move_to_end(key)
            return self._networks[key]

    @property
    def compiler(self) -> str:
        """The id of the compiler that opened it with the shapes of the last call."""
        last = next(reversed(self._networks.values()), None)
        return last.compiler if last else ""
