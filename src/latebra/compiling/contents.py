"""What is in a bundle, as members and back."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from latebra.compiling import apart, manifest
from latebra.compiling.archive import Reader
from latebra.compiling.artifact import Artifact
from latebra.compiling.contract import Model
from latebra.compiling.facts import Facts
from latebra.compiling.manifest import MANIFEST, Built, Manifest, digest_of
from latebra.compiling.samples import from_numbered, numbered
from latebra.core import tensors
from latebra.core.errors import LatebraError
from latebra.core.network import Golden

GRAPH: Final = "model.onnx"
WEIGHTS: Final = "weights.safetensors"
CARD: Final = "card.json"
GOLDEN: Final = "golden.safetensors"
SAMPLES: Final = "samples.safetensors"
LICENCE: Final = "LICENCE"
CORE: Final = "core.txt"

_IN: Final = "in."
_OUT: Final = "out."
"""What the names of a golden vector's arrays start with."""


@dataclass(frozen=True)
class Contents:
    """What is in a bundle.

    Args:
        model: The model; its card holds the golden vector.
        artifacts: What compilers made of it.
        licence: The text that says what may be done with it.
        core: The model as a core graph, or empty.
    """

    model: Model
    artifacts: tuple[Artifact, ...]
    licence: str
    core: str


def members_of(contents: Contents) -> dict[str, bytes]:
    """Returns every member by name, the manifest first; equal contents give equal bytes.

    Raises:
        TypeError: The card holds what JSON does not.
        ValueError: The model is no ONNX file of its own, or the card is none.
    """
    model = contents.model
    members = {CARD: manifest.write_card(model.card), GRAPH: model.onnx}
    split = apart.split(model.onnx, WEIGHTS)
    if split:
        members |= {GRAPH: split.graph, WEIGHTS: split.weights}
    else:
        apart.require_whole(model.onnx)
    optional = {CORE: contents.core, LICENCE: contents.licence}
    members |= {name: text.encode() for name, text in optional.items() if text}
    if model.card.golden is not None:
        members[GOLDEN] = _write_golden(model.card.golden)
    if model.samples:
        members[SAMPLES] = tensors.written(tensors.from_arrays(numbered(model.samples)))[0]
    built: list[Built] = []
    for at, each in enumerate(contents.artifacts):
        file = f"artifacts/{at}_{each.compiler.replace(':', '_').replace('+', '_')}"
        members[file] = each.content
        built.append(
            Built(each.compiler, file, each.settings, each.threads, each.versions, each.target)
        )

    def here(name: str) -> str:
        return name if name in members else ""

    table = Manifest(
        name=model.card.name,
        graph=GRAPH,
        weights=here(WEIGHTS),
        model_sha256=model.file_digest,
        card=CARD,
        core=here(CORE),
        golden=here(GOLDEN),
        samples=here(SAMPLES),
        licence=here(LICENCE),
        artifacts=tuple(built),
        members={name: (len(each), digest_of(each)) for name, each in members.items()},
    )
    return {MANIFEST: manifest.write_manifest(table), **members}


def read_contents(readers: Mapping[str, Reader], digest: str | None = None) -> Contents:
    """Returns what members hold, once each is what the manifest says it is.

    Args:
        readers: How to read each member.
        digest: What the manifest's digest must be, if that is known.

    Raises:
        ValueError: Something is not as it should be; the text says what.
        OSError: A member cannot be read.
    """
    if MANIFEST not in readers:
        raise ValueError(f"it has no {MANIFEST}")
    written = readers[MANIFEST](manifest.MOST_MANIFEST_BYTES)
    if len(written) > manifest.MOST_MANIFEST_BYTES:
        raise ValueError(f"its manifest is longer than {manifest.MOST_MANIFEST_BYTES} bytes")
    if digest is not None and digest_of(written) != digest:
        raise ValueError(f"its digest is {digest_of(written)} and not {digest:.64}")
    with _saying(MANIFEST):
        table = manifest.read_manifest(written)
    strange = sorted(set(readers) - set(table.members) - {MANIFEST})
    if strange:
        raise ValueError(f"its manifest does not list {strange[0]!r}")
    held: dict[str, bytes] = {}
    for name, (size, sha256) in table.members.items():
        if name not in readers:
            raise ValueError(f"it lacks {name!r}")
        held[name] = readers[name](size)
        if len(held[name]) != size or digest_of(held[name]) != sha256:
            raise ValueError(f"{name!r} is not what its digest says")
    model = _model(table, held)
    artifacts = tuple(
        Artifact(
            each.compiler,
            held[each.file],
            each.settings,
            each.threads,
            each.versions,
            each.target,
        )
        for each in table.artifacts
    )
    return Contents(model, artifacts, _text(held, table.licence), _text(held, table.core))


def _model(table: Manifest, held: Mapping[str, bytes]) -> Model:
    golden: Golden | None = None
    if table.golden:
        with _saying(table.golden):
            golden = _read_golden(held[table.golden])
    with _saying(table.card):
        card = manifest.read_card(held[table.card], golden)
        if card.name != table.name:
            raise ValueError(f"it is of {card.name!r}, and the manifest of {table.name!r}")
    with _saying(table.graph):
        onnx = held[table.graph]
        if table.weights:
            with _saying(table.weights):
                tensors.read(held[table.weights])
            onnx = apart.join(onnx, held[table.weights], table.weights)
        else:
            apart.require_whole(onnx)
        model = Model(onnx, card)
        if model.file_digest != table.model_sha256:
            raise ValueError("with its weights it is not what the manifest's digest says")
        facts = model.facts
    if golden:
        with _saying(table.golden):
            _require_fit(golden, facts)
    if not table.samples:
        return model
    with _saying(table.samples):
        samples = from_numbered(tensors.to_arrays(tensors.read(held[table.samples])))
        for sample in samples:
            facts.check(sample)
    return replace(model, samples=samples)


def _write_golden(golden: Golden) -> bytes:
    named = {_IN + name: array for name, array in golden.inputs.items()}
    named |= {_OUT + name: array for name, array in golden.outputs.items()}
    return tensors.written(tensors.from_arrays(named))[0]


def _read_golden(content: bytes) -> Golden:
    arrays = tensors.to_arrays(tensors.read(content))
    odd = [name for name in arrays if not name.startswith((_IN, _OUT))]
    if odd:
        raise ValueError(f"array {odd[0]!r} is neither input nor output")
    return Golden(
        {name.removeprefix(_IN): each for name, each in arrays.items() if name.startswith(_IN)},
        {name.removeprefix(_OUT): each for name, each in arrays.items() if name.startswith(_OUT)},
    )


def _require_fit(golden: Golden, facts: Facts) -> None:
    """Refuses a golden vector that the model could not be compared with."""
    facts.check(golden.inputs)
    given = {tensor.name: tensor for tensor in facts.outputs}
    if not golden.outputs:
        raise ValueError("it holds no output")
    for name, array in golden.outputs.items():
        if name not in given:
            raise ValueError(f"the model gives no {name!r}")
        shape = given[name].shape
        fits = len(shape) == array.ndim and all(
            length in (None, found) for length, found in zip(shape, array.shape, strict=True)
        )
        if not fits:
            raise ValueError(f"output {name!r} has the shape {array.shape}, not {given[name]}")


def _text(held: Mapping[str, bytes], name: str) -> str:
    if not name:
        return ""
    with _saying(name):
        return str(held[name], "utf-8")


@contextmanager
def _saying(member: str) -> Generator[None]:
    """Names the member that is at fault."""
    try:
        yield
    except (ValueError, LatebraError) as error:
        raise ValueError(
            f"{member}: {error.what if isinstance(error, LatebraError) else error}"
        ) from error
