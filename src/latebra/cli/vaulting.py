"""The commands that keep content in a model's weights, or behind a voice, a picture or a text."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

import latebra as lb
from latebra.api.identity import as_row, read_vault
from latebra.api.vault import run_onnx
from latebra.cli import console
from latebra.cli.options import Force, Json, KeyOptions, load_settings
from latebra.core.errors import InputError, UnreadableFile
from latebra.hiding.identity.locked import name_of

app = App(
    name="vault",
    help="Keep content in a model's weights, or behind a voice, a picture or a text, and a key.",
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


@app.command
def enrol(
    first: Path,
    /,
    *more: Path,
    out: Path,
    content: Path | None = None,
    portable: Annotated[bool, Parameter(negative=())] = False,
    passphrase_bits: float | None = None,
    compiler: str | None = None,
    register: Path | None = None,
    key: KeyOptions = NO_KEY,
    json: Json = False,
    force: Force = False,
) -> None:
    """Write a vault that opens for a voice, a picture or a text, together with the key.

    Args:
        first: A recording of the voice, the picture, or the text.
        more: Others of the same; three recordings of six seconds are a good start.
        out: The vault to write.
        content: The file whose bytes are kept; without it, what comes on stdin.
        portable: Keep no share here: the vault opens on any machine, and cannot be revoked.
        passphrase_bits: With how many bits of chance the passphrase was drawn; five words of a
            list of 7776 are 64. Without it a passphrase counts as nothing.
        compiler: A compiler, from latebra compilers, or auto.
        register: The file of this machine's shares; yours, unless told.
    """
    samples = [first, *more]
    inputs = [each for each in (*samples, content, key.key_file) if each]
    console.refuse_to_write(out, inputs, force=force)
    for sample in samples:
        _refuse_absent(sample)
    kept = console.read_message(None, content)
    if not kept:
        raise InputError("the content is empty", fix="give at least one byte")
    settings = load_settings()
    secret = key.key(settings, twice=True)
    with console.bars() as progress:
        found = lb.vault_enrol(
            samples,
            kept,
            key=secret,
            out=out,
            register=None if portable else lb.Register(register),
            factor_bits=passphrase_bits if secret.is_passphrase else None,
            compiler=compiler or settings.compiler,
            force=force,
            progress=progress,
        )
    if json:
        console.say_json({"file": str(out), **as_row(found)})
        return
    console.say(str(out))
    console.note(f"enrolled {found.samples} of a {found.kind}; {found.strength}")


@app.command(name="open")
def open_(
    file: Path,
    /,
    *samples: Path,
    out: Path | None = None,
    compiler: str | None = None,
    register: Path | None = None,
    key: KeyOptions = NO_KEY,
    force: Force = False,
) -> None:
    """Show the content that a key opens in a model, or a key and samples in a vault.

    Args:
        file: A model that latebra vault put wrote, or the same weights saved again; with samples,
            what latebra vault enrol wrote.
        samples: Of the voice, the picture or the text; several count as one.
        out: Write the content to this file instead of stdout.
        compiler: A compiler, from latebra compilers, or auto.
        register: The file of this machine's shares; yours, unless told.
    """
    if out is not None:
        inputs = [each for each in (file, *samples, key.key_file) if each]
        console.refuse_to_write(out, inputs, force=force)
    for each in (file, *samples):
        _refuse_absent(each)
    settings = load_settings()
    secret = key.key(settings, twice=False)
    with console.bars() as progress:
        content = lb.vault_open(
            file,
            key=secret,
            samples=samples,
            register=lb.Register(register) if samples else None,
            compiler=compiler or settings.compiler,
            progress=progress,
        )
    console.write_message(content, out, force=force)


@app.command
def revoke(file: Path, /, *, register: Path | None = None) -> None:
    """Make a vault that was enrolled here dead, and every copy of it: nothing opens them again.

    Args:
        file: The vault, or a copy.
        register: The file of this machine's shares; yours, unless told.
    """
    lb.vault_revoke(file, register=lb.Register(register))
    console.note(f"revoked {file}: enrol again for a new vault of the same picture, voice or text")


@app.command
def info(
    file: Path,
    /,
    *samples: Path,
    compiler: str | None = None,
    register: Path | None = None,
    key: KeyOptions = NO_KEY,
    json: Json = False,
) -> None:
    """Show whether a vault can be revoked here; with samples and the key, how strong it is.

    Args:
        file: What latebra vault enrol wrote.
        samples: Of the voice, the picture or the text; nobody else is told how strong it is.
        compiler: A compiler, from latebra compilers, or auto.
        register: The file of this machine's shares; yours, unless told.
    """
    for each in (file, *samples):
        _refuse_absent(each)
    shares = lb.Register(register)
    row: dict[str, Any] = {
        "bytes": file.stat().st_size,
        "share": bool(shares.share(name_of(read_vault(file)))),
    }
    if samples:
        settings = load_settings()
        secret = key.key(settings, twice=False)
        with console.bars() as progress:
            found = lb.vault_info(
                file,
                samples,
                key=secret,
                register=shares,
                compiler=compiler or settings.compiler,
                progress=progress,
            )
        if json:
            console.say_json({**row, **as_row(found)})
            return
        row |= {"opens_for": found.kind, "samples": found.samples}
        console.note(str(found.strength))
    console.say_table([row], as_json=json)


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
