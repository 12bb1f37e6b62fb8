"""Golden vectors for models that came without one, and what is known of each pair of compilers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from latebra.compiling.contract import Model
from latebra.compiling.isolated import Isolated
from latebra.compiling.verdict import BOUND, REFERENCE
from latebra.compiling.worker import compilers
from latebra.core.errors import CompileError
from latebra.core.network import Arrays, Golden

log = logging.getLogger(__name__)


def golden_vector(model: Model, inputs: Arrays, timeout_s: float = 120.0) -> Golden | None:
    """Returns what the reference makes of ``inputs`` in 64-bit floats, or None where it cannot.

    Args:
        model: The network, its axes fixed.
        inputs: What to run it on.
        timeout_s: How long building, loading and running may take each, in seconds.
    """
    judge = compilers[REFERENCE]()
    if not (judge.probe() and judge.supports(model)):
        return None
    worker = Isolated(
        threads=1,
        name=REFERENCE,
        build_timeout_s=timeout_s,
        load_timeout_s=timeout_s,
        run_timeout_s=timeout_s,
    )
    with worker:
        try:
            outputs = worker.load(worker.build(model), model.card).run(inputs)
        except CompileError as error:
            log.info("%s gets no golden vector: %s", model.card.name, error.what)
            return None
    return Golden(dict(inputs), outputs)


def vouched(
    model: Model,
    golden: Golden,
    bound: float = BOUND,
    about: Mapping[str, Any] | None = None,
) -> Model:
    """Returns the model with a golden vector on its card: whoever opens it is checked against it.

    A card that has a golden vector keeps it, and its bound.

    Args:
        model: The network.
        golden: One input and the output it must give.
        bound: Share of the largest magnitude of the outputs by which a result may be off.
        about: Facts for the card: who judged, how far each pair of compilers is apart.
    """
    card = model.card
    if card.golden is None:
        floats = [array for array in golden.outputs.values() if array.dtype.kind == "f"]
        largest = max((_largest(array) for array in floats), default=0.0)
        card = replace(card, golden=golden, bound=bound * largest)
    return replace(model, card=replace(card, about={**card.about, **(about or {})}))


def _largest(array: np.ndarray) -> float:
    finite = array[np.isfinite(array)]
    return float(np.abs(finite).max(initial=0.0))
