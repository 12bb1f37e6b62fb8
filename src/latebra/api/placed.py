"""The verbs of several compilers or networks at once: place blocks, repeat a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from numpy.typing import NDArray

from latebra.api.compared import Source, load_model
from latebra.compiling import placing, repeating
from latebra.compiling.contract import Model
from latebra.compiling.cutting import chain
from latebra.compiling.opening import installed
from latebra.compiling.placing import Placed
from latebra.compiling.question import Question, posed
from latebra.compiling.verdict import BOUND, REFERENCE
from latebra.compiling.worker import make

MOST_TRIED: Final = 3
"""Compilers that are tried unless some are named: each block is built with each of them."""


def place(
    model: Source,
    *,
    compilers: Sequence[str] | None = None,
    inputs: Mapping[str, NDArray[Any]] | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    blocks: int = 6,
    rounds: int = 9,
    bound: float = BOUND,
    threads: int = 1,
) -> Placed:
    """Returns the model on several compilers where that is faster from end to end, else on one.

    The model is cut where a single array passes on; what each block costs with each compiler is
    measured, and the cheapest assignment found exactly. It is taken only where it wins when the
    whole is run, in turns with the best single compiler: seldom, and then by some percent.

    Args:
        model: What ``load_model`` takes, or what it returned.
        compilers: Ids from ``latebra.compilers``; None for the first three that are installed.
        inputs: Arrays by input name; without them they are drawn.
        shapes: Lengths for open axes, by input name.
        blocks: Into how many it is cut, at the most.
        rounds: How often all take turns.
        bound: Relative difference within which a compiler is right.
        threads: How many each may use when the whole is run.

    Raises:
        InputError: Shapes or inputs do not fit the model.
        UnknownPlugin: No compiler has such an id.
        Unsupported: No compiler takes some block.
    """
    first = [name for name in installed() if name != REFERENCE][:MOST_TRIED]
    names = list(dict.fromkeys(first if compilers is None else compilers))
    for name in names:
        make(name, 1)  # An unknown id is said before the work.
    question = Question(inputs=inputs, shapes=shapes or {}, rounds=rounds, bound=bound)
    asked, given = posed(load_model(model), question)
    cut = chain(asked.at_one, blocks)
    kept = question.kept()
    costs = placing.measured(cut, names, given, rounds=rounds, bound=bound, kept=kept)
    return placing.placed(cut, costs, given, rounds=rounds, threads=threads)


def repeat(model: Source, times: int, fed: Mapping[str, str]) -> Model:
    """Returns a network that is another one ``times`` times over, as one program.

    A loop of steps is then compiled whole: weights are held once, and nothing comes back to Python
    in between. Inputs that are not fed stay the same; outputs are those of the last time.

    Args:
        model: What ``load_model`` takes, or what it returned.
        times: How often, one at least.
        fed: By output: the input that takes it the next time.

    Raises:
        InputError: A name is none, shapes differ, or it is to be repeated less than once.
    """
    return repeating.repeated(load_model(model), times, fed)
