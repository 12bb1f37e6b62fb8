"""What a bundle says that it holds: ``manifest.json``, and the card beside it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from latebra.compiling.schema import check_schema, load_schema
from latebra.compiling.target import Target
from latebra.core.network import Golden, ModelCard
from latebra.core.tensors import strict_json

VERSION: Final = 1
MANIFEST: Final = "manifest.json"
MOST_MANIFEST_BYTES: Final = 1 << 22
"""A table of 1,024 members takes a tenth of it."""


@dataclass(frozen=True)
class Built:
    """What a manifest says of one artifact.

    Args:
        compiler: The id of who built it.
        file: The member that holds it.
        settings: The compiler's settings, as it prints them.
        threads: How many threads it was built for.
        versions: Versions of what the compiler needs, by distribution.
        target: The machine it was built for.
    """

    compiler: str
    file: str
    settings: str
    threads: int
    versions: Mapping[str, str]
    target: Target


@dataclass(frozen=True)
class Manifest:
    """A table of contents.

    Args:
        name: The model's name.
        graph: The member that is the model's ONNX file.
        weights: The member that holds its weights; empty where the graph holds them.
        model_sha256: SHA-256 of the model as one ONNX file.
        card: The member that is its card.
        core: The member that is its core graph, or empty.
        golden: The member that is its golden vector, or empty.
        samples: The member that holds inputs that are typical of it, or empty.
        licence: The member that is its licence, or empty.
        artifacts: What compilers made of it.
        members: Size and SHA-256 of every member, this one left out.
    """

    name: str
    graph: str
    weights: str
    model_sha256: str
    card: str
    core: str
    golden: str
    samples: str
    licence: str
    artifacts: tuple[Built, ...]
    members: Mapping[str, tuple[int, str]]

    def named(self) -> list[str]:
        """Returns the members that it says something of, in its order."""
        plain = [self.card, self.graph, self.weights, self.core, self.golden, self.samples]
        return [*filter(None, [*plain, self.licence]), *(each.file for each in self.artifacts)]


def write_manifest(manifest: Manifest) -> bytes:
    """Returns it as JSON; equal manifests give equal bytes."""
    optional = {
        "core": manifest.core,
        "golden": manifest.golden,
        "samples": manifest.samples,
        "licence": manifest.licence,
    }
    told: dict[str, Any] = {
        "bundle": VERSION,
        "name": manifest.name,
        "model": {"graph": manifest.graph, "sha256": manifest.model_sha256},
        "card": manifest.card,
        **{name: member for name, member in optional.items() if member},
        "artifacts": [
            {
                "compiler": each.compiler,
                "file": each.file,
                "settings": each.settings,
                "threads": each.threads,
                "versions": dict(sorted(each.versions.items())),
                "target": each.target.told(),
            }
            for each in manifest.artifacts
        ],
        "members": {
            name: {"size": size, "sha256": digest}
            for name, (size, digest) in manifest.members.items()
        },
    }
    if manifest.weights:
        told["model"]["weights"] = manifest.weights
    check_schema(told, load_schema("bundle"))
    return json.dumps(told, indent=1).encode() + b"\n"


def read_manifest(content: bytes) -> Manifest:
    """Returns what a manifest says.

    Raises:
        ValueError: It is not one of this version; the text says why.
    """
    told = strict_json(content)
    _require_version(told)
    check_schema(told, load_schema("bundle"))
    artifacts: list[Built] = []
    for each in told["artifacts"]:
        target = each["target"]
        where = Target(target["system"], target["architecture"], tuple(target["features"]))
        artifacts.append(
            Built(
                each["compiler"],
                each["file"],
                each["settings"],
                each["threads"],
                each["versions"],
                where,
            )
        )
    members: dict[str, Any] = told["members"]
    manifest = Manifest(
        name=told["name"],
        graph=told["model"]["graph"],
        weights=told["model"].get("weights", ""),
        model_sha256=told["model"]["sha256"],
        card=told["card"],
        core=told.get("core", ""),
        golden=told.get("golden", ""),
        samples=told.get("samples", ""),
        licence=told.get("licence", ""),
        artifacts=tuple(artifacts),
        members={name: (each["size"], each["sha256"]) for name, each in members.items()},
    )
    named = manifest.named()
    if len(set(named)) != len(named) or MANIFEST in named:
        raise ValueError("it says two things of one member")
    if set(named) != set(members):
        odd = min(set(named) ^ set(members))
        raise ValueError(f"{odd!r} is listed and nothing is said of it, or the other way round")
    if len({name.casefold() for name in members}) != len(members):
        raise ValueError("two members differ in nothing but capitals")
    return manifest


def _require_version(told: Any) -> None:
    version = cast("dict[str, Any]", told).get("bundle") if isinstance(told, dict) else None
    if isinstance(version, int) and version != VERSION:
        raise ValueError(f"it is of version {version}, and this reads version {VERSION}")


def digest_of(content: bytes) -> str:
    """Returns the SHA-256 of a member, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_card(card: ModelCard) -> bytes:
    """Returns a card as JSON, its golden vector left out; infinities become null.

    Raises:
        TypeError: One of its facts is nothing that JSON holds.
        ValueError: Its name is none.
    """
    told = {
        "name": card.name,
        "digest": card.digest,
        "tier": card.tier,
        "bound": _finite(card.bound),
        "about": _finite(dict(card.about)),
    }
    check_schema(told, load_schema("card"))
    return json.dumps(told, indent=1, allow_nan=False).encode() + b"\n"


def _finite(told: Any) -> Any:
    """Returns the same with null for numbers that JSON does not hold: some compiler gave them."""
    if isinstance(told, float):
        return told if math.isfinite(told) else None
    if isinstance(told, Mapping):
        return {key: _finite(each) for key, each in cast("Mapping[str, Any]", told).items()}
    if isinstance(told, list | tuple):
        return [_finite(each) for each in cast("Sequence[Any]", told)]
    return told


def read_card(content: bytes, golden: Golden | None) -> ModelCard:
    """Returns what a card says.

    Raises:
        ValueError: It is none; the text says why.
    """
    told = strict_json(content)
    check_schema(told, load_schema("card"))
    bound = float("inf") if told["bound"] is None else float(told["bound"])
    return ModelCard(
        name=told["name"],
        digest=told["digest"],
        tier=told["tier"],
        bound=bound,
        golden=golden,
        about=told["about"],
    )
