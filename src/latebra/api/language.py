"""Language models that one compiler opened: a network for each shape that a carrier asks for."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling import external
from latebra.compiling.contract import Model
from latebra.compiling.opening import OpenNetwork, open_network
from latebra.core.errors import Unavailable
from latebra.core.files import usual_folder
from latebra.core.network import Arrays, ModelCard
from latebra.core.progress import Progress, silent
from latebra.models.fetching import installed
from latebra.models.language.catalogue import KNOWN, find
from latebra.models.language.graph import Kind
from latebra.models.language.layout import Dtype

_NEEDS: Final = ("gguf", "onnx", "tokenizers")


def check_language(name: str) -> str:
    """Returns where the known model called ``name`` is; fetches nothing.

    Raises:
        Unavailable: What opens it is not installed.
    """
    missing = [module for module in _NEEDS if find_spec(module) is None]
    if missing:
        raise Unavailable(
            f"{' and '.join(missing)} not installed", fix="pip install 'latebra[language]'"
        )
    if installed(KNOWN[name]) or (usual_folder() / "language" / f"{name}.gguf").exists():
        return f"{name} is here"
    return f"{name} is fetched when it is first used"


class LanguageNetwork:
    """A language model, compiled for each shape that it is called with.

    With keys and values among the inputs it goes on from what they remember; with tokens alone it
    takes whole texts. The type of the floats is that of the keys.

    Args:
        name_or_path: A known model's name, or the path of a GGUF file.
        compiler: An id from ``latebra.compilers``.
        threads: How many it may use; None for the usual number.
        dtype: Of the floats where a whole text goes in at once.
        progress: Told how far the work is when a model is made ready.

    Raises:
        UnreadableFile: There is no such model.
        Unavailable: It cannot be fetched.
    """

    def __init__(
        self,
        name_or_path: str,
        compiler: str,
        *,
        threads: int | None = None,
        dtype: Dtype = "float32",
        progress: Progress = silent,
    ) -> None:
        self.progress = progress
        """Told how far the work is; whoever opens the network anew may put another here."""
        self._model = find(name_or_path, progress=self._tell)
        self._threads = threads
        self._dtype: Dtype = dtype
        self._networks = dict[tuple[object, ...], OpenNetwork]()
        self.compiler = compiler

    def _tell(self, stage: str, done: int, total: int) -> None:
        self.progress(stage, done, total)

    @property
    def card(self) -> ModelCard:
        """What is known of the model, whatever the shape."""
        return self._model.card

    @property
    def seconds_inside(self) -> float:
        """Wall-clock time spent inside ``run`` so far."""
        return sum((each.seconds_inside for each in self._networks.values()), 0.0)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name; compiles first where the shape is new.

        Args:
            inputs: As ``latebra.models.language`` says, of a step or of a whole text.

        Raises:
            CompileError: The compiler failed on the model.
            InputError: There is no network of that shape.
        """
        batch, length = inputs["tokens"].shape
        kind: Kind = "full"
        dtype: Dtype = self._dtype
        capacity = 0
        if "keys" in inputs:
            kind = "step"
            dtype = "float64" if inputs["keys"].dtype == np.float64 else "float32"
            capacity = inputs["keys"].shape[3]
        shape = (kind, dtype, batch, length, capacity)
        if shape not in self._networks:
            self._networks[shape] = self._opened(kind, dtype, batch, length, capacity)
        return self._networks[shape].run(inputs)

    def _opened(
        self, kind: Kind, dtype: Dtype, batch: int, length: int, capacity: int
    ) -> OpenNetwork:
        path = self._model.onnx(kind, dtype=dtype, batch=batch, length=length, capacity=capacity)
        card = self._model.card_for(
            kind, dtype=dtype, batch=batch, length=length, capacity=capacity
        )
        onnx = external.taken_in(path.read_bytes(), path)
        return open_network(Model(onnx, card), self.compiler, threads=self._threads)
