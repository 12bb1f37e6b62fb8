"""The commands that keep content in a model's weights."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

import latebra as lb
from latebra.api.vault import run_onnx
from latebra.cli import console
from latebra.cli.options import Force, Json, KeyOptions, load_settings
from latebra.core.errors import InputError, UnreadableFile

app = App(
    name="vault",
    help="Keep content in a model's weights, where only its key opens it.",
    help_format="plaintext",
)
NO_KEY = KeyOptions()


@app.command
def put(
    model: Path,
    /,
    *,
    out: Path,
    content: Path | None = None,
    drift: float | None = None,
    measure: Annotated[bool, Parameter(negative=())] = False,
    bound: float | None = None,
    key: KeyOptions = NO_KEY,
    json: Json = False,
    force: Force = False,
) -> None:
    """Write a model that has content in its weights.

    Args:
        model: A safetensors, ONNX or GGUF file; it stays as it is.
        out: The file to write.
        content: The file whose bytes are kept; without it, what comes on stdin.
        drift: The largest relative change of a weight, such as 1e-5.
        measure: Run the model, which is ONNX, before and after, and say how far outputs moved.
        bound: How far they may move, as a share of the largest, such as 1e-4; it measures, too.
    """
    console.refuse_to_write(
        out, [each for each in (model, content, key.key_file) if each], force=force
    )
    _refuse_absent(model)
    kept = console.read_message(None, content)
    if not kept:
        raise InputError("the content is empty", fix="give at least one byte")
    secret = key.key(load_settings(), twice=True)
    report = lb.vault_put(
        model,
        kept,
        key=secret,
        out=out,
        drift=drift,
        run=run_onnx if measure or bound is not None else None,
        bound=bound,
        force=force,
    )
    if json:
        console.say_json({"file": str(out), **asdict(report)})
        return
    console.say(str(out))
    bits = ", ".join(f"{n} of {kind}" for kind, n in report.low_bits.items())
    console.note(
        f"kept {report.content_bytes} bytes in the low bits ({bits}) of {report.tensors} tensors: "
        f"{report.changed} of {report.weights} weights changed, by {report.drift:.2g} of "
        "themselves at the most"
    )
    if report.output_drift is not None:
        console.note(f"outputs moved by {report.output_drift:.2g} of the largest")


@app.command(name="open")
def open_(
    model: Path,
    /,
    *,
    out: Path | None = None,
    key: KeyOptions = NO_KEY,
    force: Force = False,
) -> None:
    """Show the content that a key opens in a model; the model stays as it is.

    Args:
        model: A model that latebra vault put wrote, or the same weights saved again.
        out: Write the content to this file instead of stdout.
    """
    if out is not None:
        console.refuse_to_write(out, [each for each in (model, key.key_file) if each], force=force)
    _refuse_absent(model)
    content = lb.vault_open(model, key=key.key(load_settings(), twice=False))
    console.write_message(content, out, force=force)


@app.command
def room(model: Path, /, *, drift: float | None = None, json: Json = False) -> None:
    """Show how many bytes of content a model's weights hold.

    Args:
        model: A safetensors, ONNX or GGUF file.
        drift: The largest relative change of a weight, such as 1e-5.
    """
    found = lb.vault_room(model, drift=drift)
    row = {
        "bytes": found.content_bytes,
        "drift": found.drift,
        "low_bits": " ".join(f"{kind}:{n}" for kind, n in found.low_bits.items()),
        "tensors": found.tensors,
        "left_alone": len(found.left_alone),
        "weights": found.weights,
    }
    console.say_table([row], as_json=json)


def _refuse_absent(model: Path) -> None:
    """Raises before anybody types a passphrase."""
    if not model.exists():
        raise UnreadableFile(f"there is no file {model}", fix="check the path")
