"""The command that compares compilers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

import latebra as lb
from latebra.cli import console
from latebra.cli.arrays import read_inputs, read_samples, read_shapes
from latebra.cli.console import Usage
from latebra.cli.options import Force, Json
from latebra.cli.reporting import show
from latebra.compiling.choosing import GOALS
from latebra.compiling.contract import Model
from latebra.core.errors import LatebraError, Unavailable

Several = Annotated[tuple[str, ...], Parameter(negative=(), show_default=False)]
Files = Annotated[tuple[Path, ...], Parameter(negative=(), show_default=False)]


def compare(
    model: str,
    /,
    *,
    compiler: Several = (),
    shape: Several = (),
    input: Files = (),
    sample: Files = (),
    threads: int | None = None,
    batch: int = 8,
    rounds: int = 9,
    bound: float = 1e-3,
    timeout: float | None = None,
    plot: Path | None = None,
    json: Json = False,
    force: Force = False,
) -> None:
    """Show what every compiler makes of a model: how it ended, how fast, how near, how large.

    Args:
        model: An ONNX file, or the name of a bundled model.
        compiler: Only this compiler; give it once for each.
        shape: Lengths for an input's open axes, such as x=1,3,320,320; once for each input.
        input: Arrays to run on, one .npz by input names, or NAME=FILE.npy once for each input.
        sample: Typical inputs, .npz or .npy, once for each: for variants that are fitted to such.
        threads: Of the measurement with several; one each processor, at most four, unless told.
        batch: Items in a batch, where the model has an open batch axis; 1 leaves that out.
        rounds: How often all compilers take turns.
        bound: Largest error that is accepted, as a share of the largest value.
        timeout: Seconds that one build, load or run may take.
        plot: Draw times, sizes and agreement into this PNG file.
    """
    if plot is not None:
        if plot.suffix.lower() != ".png":
            raise Usage(f"{plot} does not end in .png", fix=f"call it {plot.stem}.png")
        console.refuse_to_write(plot, [Path(model)], force=force)
        from latebra.cli.plotting import draw
    else:
        draw = None
    asked = load_fitted(model, sample)
    with console.bars() as progress:
        report = lb.compare(
            asked,
            compilers=compiler or None,
            inputs=read_inputs(input, [each.name for each in asked.facts.inputs]),
            shapes=read_shapes(shape),
            threads=threads,
            batch=batch,
            rounds=rounds,
            bound=bound,
            timeout_s=timeout,
            progress=progress,
        )
    choices = _choices(report)
    if json:
        console.say_json({**report.as_dict(), "choices": choices})
    else:
        show(report, {goal: choice["reason"] for goal, choice in choices.items()})
    if draw is not None and plot is not None:
        console.write_file(draw(report), plot, force=force)
        console.note(f"wrote {plot}")
    if not report.right:
        raise Unavailable(
            f"no compiler got {report.model} right", fix="see what each row of the table says"
        )


def load_fitted(place: str, sample: Sequence[Path]) -> Model:
    """Returns a model with its samples, from files."""
    model = lb.load_model(place)
    names = [each.name for each in model.facts.inputs]
    return lb.load_model(model, samples=read_samples(sample, names))


def _choices(report: lb.Report) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for goal in GOALS:
        try:
            choice = lb.choose(report, goal)
        except LatebraError:
            continue
        found[goal] = {"compiler": choice.compiler, "reason": choice.reason}
    return found
