"""What to compare compilers on: a model with its axes fixed, inputs, and how patiently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from latebra.compiling.cache import USUAL_CACHE, Cache
from latebra.compiling.contract import Model
from latebra.compiling.inputs import drawn
from latebra.compiling.shapes import fixed, told_shapes
from latebra.compiling.trial import Patience
from latebra.compiling.verdict import BOUND
from latebra.core.errors import InputError, RunFailed

ROUNDS: Final = 9
BATCH: Final = 8
USUAL_PATIENCE: Final = Patience()


@dataclass(frozen=True)
class Question:
    """What to compare on.

    Args:
        inputs: Arrays by input name; without them they are drawn.
        shapes: Lengths for open axes, by input name, where they are drawn.
        seed: Of the draw.
        threads: Of the second measurement; None for one each processor, at most four.
        batch: Items in a batch, where the first axis of every input is open; 1 leaves that out.
        rounds: How often all take turns.
        bound: Largest relative difference from the judge that is accepted.
        patience: How long each may take.
        cache: Where artifacts are kept; None keeps nothing.

    Raises:
        InputError: A number is too small to ask with.
    """

    inputs: Mapping[str, NDArray[Any]] | None = None
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    seed: int = 0
    threads: int | None = None
    batch: int = BATCH
    rounds: int = ROUNDS
    bound: float = BOUND
    patience: Patience = USUAL_PATIENCE
    cache: Path | None = USUAL_CACHE

    def __post_init__(self) -> None:
        least_one = {"threads": self.threads, "batch": self.batch, "rounds": self.rounds}
        for what, number in least_one.items():
            if number is not None and number < 1:
                raise InputError(f"{what} is {number}", fix=f"give {what} of 1 or more")
        if not self.bound >= 0:
            raise InputError(f"the bound is {self.bound:g}", fix="give 0 or more, such as 1e-3")
        if not min(self.patience.build_s, self.patience.run_s) > 0:
            raise InputError("a time limit is not above 0 s", fix="give seconds, such as 60")

    def kept(self) -> Cache | None:
        """Returns where artifacts are kept, if anywhere."""
        return None if self.cache is None else Cache.at(self.cache)


USUAL_QUESTION: Final = Question()


@dataclass(frozen=True)
class Posed:
    """A model as given, and with its axes fixed.

    Args:
        given: As it came.
        at_one: For the inputs that it is compared on.
    """

    given: Model
    at_one: Model


def posed(model: Model, question: Question) -> tuple[Posed, dict[str, NDArray[Any]]]:
    """Returns the model with its axes fixed, and the inputs to run it on.

    Raises:
        InputError: Shapes or inputs do not fit the model.
        Unsupported: It is not an ONNX file.
    """
    if question.inputs is not None:
        try:
            model.facts.check(question.inputs)
        except RunFailed as error:
            raise InputError(error.what, fix=error.fix) from None
        shapes = {name: array.shape for name, array in question.inputs.items()}
        model = replace(model, samples=model.samples or (question.inputs,))
        return Posed(model, fixed(model, shapes)), dict(question.inputs)
    golden = model.card.golden
    if golden:
        model = replace(model, samples=model.samples or (golden.inputs,))
    if golden and not question.shapes:
        shapes = {name: array.shape for name, array in golden.inputs.items()}
    else:
        shapes = told_shapes(model, question.shapes)
    still = fixed(model, shapes)
    return Posed(model, still), drawn(still, shapes, question.seed)
