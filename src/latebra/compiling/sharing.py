"""One compiler where it can, another for the rest, as one: ``glow+onnxruntime``."""

from __future__ import annotations

import json
import logging
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from numpy.typing import NDArray
from typing_extensions import override

from latebra.compiling.contract import Compiler, Executable, Model, Support, failing_as
from latebra.compiling.cutting import Chain, chain
from latebra.core.errors import BuildFailed, LoadFailed, Unavailable, Unsupported
from latebra.core.network import Arrays, ModelCard

log = logging.getLogger(__name__)

Range = tuple[int, int]
"""The first block of a stretch, and the one after its last."""
PLUS: Final = "+"
"""Stands between two ids in the name of a pair."""
_LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True)
class Sharing(Compiler):
    """Two compilers that share a model: the second takes what the first cannot.

    The model is cut where one array alone passes on, so that each stretch is a model of its own;
    halves are tried until what the first cannot take is as short as the cuts allow. The stretches
    run one after another in the same process.

    Args:
        first: Runs whatever it can.
        second: Runs the rest.
    """

    title: ClassVar[str] = "Sharing"
    about: ClassVar[str] = "Two compilers: the second takes what the first cannot."
    rank: ClassVar[int] = 99

    first: Compiler = field(kw_only=True)
    second: Compiler = field(kw_only=True)

    def __post_init__(self) -> None:
        # Of a class elsewhere; a pair needs what both need, and which two it is only known here.
        object.__setattr__(self, "needs", {**self.first.needs, **self.second.needs})

    @override
    def probe(self) -> Support:
        found = [each.probe() for each in (self.first, self.second)]
        fix = "; ".join(each.fix for each in found if each.fix)
        return Support(tuple(reason for each in found for reason in each.reasons), fix)

    @override
    def supports(self, model: Model) -> Support:
        if self.first.is_fitted or self.second.is_fitted:
            return Support(
                ("a variant that is fitted to samples needs those of the whole model",),
                fix="leave the fallback out, or name the compiler without its variant",
            )
        if self.first.supports(model) or self.second.supports(model):
            return Support()
        try:
            cut = chain(model, None)
        except Unavailable as error:
            return Support((error.what,), error.fix)
        _, rest = _divided(cut, lambda block, _: bool(self.first.supports(block)))
        answers = [self.second.supports(cut.block(*each)) for each in rest]
        return next((each for each in answers if not each), Support())

    @override
    def build(self, model: Model) -> bytes:
        cut = chain(model, None)
        built: dict[Range, bytes] = {}

        def takes(block: Model, at: Range) -> bool:
            if not self.first.supports(block):
                return False
            try:
                built[at] = self.first.build(block)
            except (Unsupported, BuildFailed) as error:
                log.info("%s is given to the other compiler: %s", block.card.name, error.what)
                return False
            return True

        able, rest = _divided(cut, takes)
        head: list[dict[str, Any]] = []
        parts: list[bytes] = []
        for at in sorted([*able, *rest]):
            block = cut.block(*at)
            content = built[at] if at in able else self.second.build(block)
            told = {"inputs": [each.name for each in block.facts.inputs], "bytes": len(content)}
            head.append({**told, "first": at in able, "operators": sorted(block.facts.operators)})
            parts.append(content)
        words = json.dumps(head).encode()
        return b"".join([_LENGTH.pack(len(words)), words, *parts])

    @override
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        with failing_as(LoadFailed, "this is no artifact of two compilers"):
            head, at = _head(artifact)
            stretches: list[_Stretch] = []
            for each in head:
                compiler = self.first if each["first"] else self.second
                content = artifact[at : at + each["bytes"]]
                stretches.append(_Stretch(compiler.load(content, card), tuple(each["inputs"])))
                at += each["bytes"]
            return _Relay(tuple(stretches))


def described(artifact: bytes, first: str, second: str) -> str:
    """Returns who runs what of a model that two share, in one sentence.

    Args:
        artifact: What a pair built.
        first: How to call the one.
        second: How to call the other.
    """
    head, _ = _head(artifact)
    rest = [each for each in head if not each["first"]]
    if len(rest) == len(head):
        return (
            f"{second} runs all of it: nowhere does a single array pass around what {first} lacks"
        )
    if not rest:
        return f"{first} runs all of it"
    names = ", ".join(sorted({name for each in rest for name in each["operators"]}))
    return (
        f"{first} runs {len(head) - len(rest)} of {len(head)} stretches, {second} those of {names}"
    )


def _head(artifact: bytes) -> tuple[list[dict[str, Any]], int]:
    (size,) = _LENGTH.unpack_from(artifact)
    at = _LENGTH.size + size
    head: list[dict[str, Any]] = json.loads(artifact[_LENGTH.size : at])
    return head, at


def _divided(cut: Chain, takes: Callable[[Model, Range], bool]) -> tuple[list[Range], list[Range]]:
    """Returns the stretches that one compiler takes, and the rest, each as long as may be.

    Args:
        cut: The model.
        takes: Whether it takes a stretch, and which that is.
    """
    able: list[Range] = []
    rest: list[Range] = []

    def halve(start: int, stop: int) -> None:
        if takes(cut.block(start, stop), (start, stop)):
            able.append((start, stop))
        elif stop - start == 1:
            rest.append((start, stop))
        else:
            middle = (start + stop) // 2
            halve(start, middle)
            halve(middle, stop)

    halve(0, len(cut.cuts) + 1)
    return (
        _joined(able, lambda at: takes(cut.block(*at), at)),
        _joined(rest, lambda _: True),
    )


def _joined(stretches: list[Range], may: Callable[[Range], bool]) -> list[Range]:
    """Returns neighbours as one, where that may be."""
    found: list[Range] = []
    for start, stop in stretches:
        if found and found[-1][1] == start and may((found[-1][0], stop)):
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


@dataclass(frozen=True)
class _Stretch:
    executable: Executable
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class _Relay(Executable):
    stretches: tuple[_Stretch, ...]

    @override
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        found: Mapping[str, NDArray[Any]] = inputs
        for stretch in self.stretches:
            found = stretch.executable.run({name: found[name] for name in stretch.inputs})
        return dict(found)
