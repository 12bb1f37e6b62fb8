"""The commands that compile a model into a bundle, and run one."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

import latebra as lb
from latebra.api.compiled import compiled
from latebra.cli import console
from latebra.cli.arrays import read_inputs, read_shapes
from latebra.cli.comparing import Files, Several, load_fitted
from latebra.cli.console import Usage
from latebra.cli.options import Force, Json
from latebra.cli.reporting import show


def compile(
    model: str,
    /,
    *,
    out: Annotated[Path, Parameter(alias="-o")],
    compiler: str = "auto",
    fallback: str | None = None,
    goal: str = "latency",
    bound: float | None = None,
    shape: Several = (),
    sample: Files = (),
    threads: int | None = None,
    licence: Path | None = None,
    json: Json = False,
    force: Force = False,
) -> None:
    """Compile a model into a bundle, which runs elsewhere and checks itself there.

    Where all compilers are compared, the table of what each made of it comes first.

    Args:
        model: An ONNX file, or the name of a bundled model.
        out: The bundle to write.
        compiler: A compiler, from latebra compilers, or auto: the best of those that are right.
        fallback: Another compiler, for what the one you named cannot take, such as onnxruntime.
        goal: What auto looks for: latency, throughput, memory, size or exact.
        bound: Largest error that is accepted, as a share of the largest value; 1e-3 unless told.
        shape: Lengths for an input's open axes, such as x=1,3,320,320; once for each input.
        sample: Typical inputs, .npz or .npy, once for each: for a variant that is fitted to such.
        threads: How many it may use; one each processor, at most four, unless told.
        licence: A file whose text says what may be done with the model.
    """
    console.refuse_to_write(out, [Path(model), *([licence] if licence else [])], force=force)
    asked = load_fitted(model, sample)
    words = console.read_file(licence).decode(errors="replace") if licence else ""
    with console.bars() as progress:
        made = compiled(
            asked,
            compiler=compiler,
            fallback=fallback,
            goal=goal,
            bound=bound,
            shapes=read_shapes(shape),
            threads=threads,
            licence=words,
            progress=progress,
        )
    path = made.bundle.save(out, force=force)
    if json:
        console.say_json(
            {
                "file": str(path),
                "digest": made.bundle.digest,
                "compiler": made.bundle.artifacts[0].compiler,
                "reason": made.reason,
                "bytes": path.stat().st_size,
            }
        )
        return
    if made.report:
        show(made.report, {}, aside=True)
    console.say(str(path))
    console.note(f"{made.reason}\ndigest {made.bundle.digest}")


def run_model(
    bundle: Path,
    /,
    *,
    input: Files = (),
    out: Annotated[Path | None, Parameter(alias="-o")] = None,
    compiler: str = "auto",
    threads: int | None = None,
    digest: str | None = None,
    trusted: Annotated[bool, Parameter(negative=())] = False,
    json: Json = False,
    force: Force = False,
) -> None:
    """Run a bundle on arrays.

    What compilers built is code, and is loaded only from a bundle that you vouch for; from another
    the model is compiled here.

    Args:
        bundle: A bundle that latebra compile made.
        input: Arrays to run on: FILE.npy where there is one input, one .npz by input names, or
            NAME=FILE.npy once for each; without it, the bundle's golden vector.
        out: Write the outputs to this .npz file.
        compiler: A compiler, or auto: the one whose artifact suits this machine.
        threads: How many it may use.
        digest: The digest that the bundle had where it was made: it vouches for it.
        trusted: Vouch for it.
    """
    if bundle.suffix.lower() == ".onnx":
        raise Usage(
            f"{bundle} is a model before it is compiled",
            fix=f"make a bundle of it first: latebra compile {bundle} -o {bundle.stem}.bundle",
        )
    if out is not None:
        console.refuse_to_write(out, [bundle], force=force)
    opened = lb.Bundle.open(bundle, digest=digest, trusted=trusted)
    inputs = read_inputs(input, [each.name for each in opened.model.facts.inputs])
    golden = opened.model.card.golden
    if inputs is None:
        if golden is None:
            raise Usage("there is no input, and no golden vector", fix="give --input FILE.npy")
        inputs = dict(golden.inputs)
    with console.bars() as progress:
        progress("open", 0, 2)
        network = opened.network(compiler, threads=threads)
        progress("open", 1, 2)
        outputs = network.run(inputs)
        progress("open", 2, 2)
    if out is not None:
        console.write_file(_archive(outputs), out, force=force)
    rows = [_row(name, array) for name, array in outputs.items()]
    console.say_table(rows, as_json=json)
    console.note(f"run by {network.compiler}" + (f"; wrote {out}" if out else ""))


def _row(name: str, array: NDArray[Any]) -> dict[str, Any]:
    return {
        "output": name,
        "type": str(array.dtype),
        "shape": " x ".join(map(str, array.shape)) or "one",
        "lowest": float(array.min()) if array.size else 0.0,
        "mean": float(array.mean()) if array.size else 0.0,
        "highest": float(array.max()) if array.size else 0.0,
    }


def _archive(outputs: dict[str, NDArray[Any]]) -> bytes:
    held = BytesIO()
    np.savez(held, **outputs)  # pyright: ignore[reportArgumentType] its other argument has a default
    return held.getvalue()
