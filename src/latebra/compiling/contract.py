"""What a compiler is: it turns a model into bytes, and the bytes into something that runs."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, ClassVar, Final, final

import numpy as np
from numpy.typing import NDArray

from latebra.compiling.facts import Facts, read_facts
from latebra.core.errors import CompileError, LatebraError, Unsupported
from latebra.core.network import Arrays, ModelCard

MOST_THREADS: Final = 4
"""A choice, not a measurement: our networks are small, and threads wait for each other."""


def usual_threads() -> int:
    """Returns the threads a compiler uses unless told: one for each processor, at most four."""
    return min(os.cpu_count() or 1, MOST_THREADS)


class Outcome(StrEnum):
    """How it went with one compiler, in one word."""

    OK = "ok"
    ABSENT = "absent"
    UNSUPPORTED = "unsupported"
    BUILD_FAILED = "build_failed"
    LOAD_FAILED = "load_failed"
    RUN_FAILED = "run_failed"
    WRONG = "wrong"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True)
class Support:
    """Can it? True when it can; false with reasons when it cannot.

    Args:
        reasons: Why not, one phrase each; empty exactly when it can.
        fix: What would change that, or nothing.
    """

    reasons: tuple[str, ...] = ()
    fix: str = ""

    def __bool__(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        return "; ".join(self.reasons) or "yes"


@dataclass(frozen=True)
class Model:
    """A network before it is compiled.

    Args:
        onnx: The bytes of an ONNX file, weights included.
        card: What is known about it.
        samples: Inputs that are typical of it, for variants that are fitted to such.
    """

    onnx: bytes = field(repr=False)
    card: ModelCard
    samples: tuple[Arrays, ...] = field(default=(), repr=False)

    @cached_property
    def file_digest(self) -> str:
        """SHA-256 of the file, 64 hexadecimal digits."""
        return hashlib.sha256(self.onnx).hexdigest()

    @property
    def samples_digest(self) -> str:
        """SHA-256 of the samples, 64 hexadecimal digits."""
        digest = hashlib.sha256()
        for sample in self.samples:
            for name, array in sorted(sample.items()):
                digest.update(f"{name!r} {array.dtype.str} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
            digest.update(b".")
        return digest.hexdigest()

    @cached_property
    def facts(self) -> Facts:
        """What the file says of itself.

        Raises:
            Unsupported: It is not an ONNX file.
        """
        return read_facts(self.onnx)


class Executable(ABC):
    """Something that runs: what ``load`` returns."""

    @abstractmethod
    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name; they belong to the caller.

        Args:
            inputs: One array for each input of the model, of its type and shape.

        Raises:
            RunFailed: The compiled model failed, or its process died.
            TimedOut: It took longer than it was given.
        """


@dataclass(frozen=True)
class Variant:
    """A compiler with another precision, under a name of its own: ``id:variant``.

    Args:
        about: One sentence: what is different.
        bound: Largest relative difference from the reference that its precision explains.
        fitted: Does what it builds depend on the model's samples?
    """

    about: str
    bound: float
    fitted: bool = False


@dataclass(frozen=True)
class Compiler(ABC):
    """Turns a model into an artifact, and an artifact into something that runs.

    Built artifacts belong to this machine and these versions; the cache knows them by both.
    Vendor packages are imported inside the methods, by the compiler's own file, nowhere else.

    Args:
        threads: How many threads it may use.
        variant: One of ``variants``, or nothing.
    """

    title: ClassVar[str]
    """A name for people."""
    about: ClassVar[str]
    """One sentence: what it is, and what is forced so that its numbers are right."""
    needs: ClassVar[Mapping[str, str]] = {}
    """The modules it imports, each with the distribution that brings it."""
    needs_to_build: ClassVar[Collection[str]] = ()
    """Those of its distributions that only a build needs: what it built does not depend on them."""
    extra: ClassVar[str] = ""
    """The extra of this distribution that installs what it needs."""
    rank: ClassVar[int]
    """Place in the order of preference, 1 the fastest, as measured; see ``docs/compilers.md``."""
    known_failures: ClassVar[Mapping[str, str]] = {}
    """Promises it does not keep, each with the reason."""
    variants: ClassVar[Mapping[str, Variant]] = {}
    """What it can trade precision for, by name; never unless somebody asks for that name."""

    threads: int = field(default_factory=usual_threads)
    variant: str = ""

    def probe(self) -> Support:
        """Can it run on this machine at all? Never raises, never imports the compiler."""
        missing = sorted({dist for module, dist in self.needs.items() if not _is_here(module)})
        if not missing:
            return Support()
        return Support(
            tuple(f"{distribution} is not installed" for distribution in missing),
            fix=f"pip install 'latebra[{self.extra}]'" if self.extra else "",
        )

    @final
    def versions(self) -> dict[str, str]:
        """Returns the version of each distribution that it needs; absent ones are left out."""
        found: dict[str, str] = {}
        for distribution in sorted(set(self.needs.values())):
            try:
                found[distribution] = version(distribution)
            except PackageNotFoundError:
                continue
        return found

    @property
    def is_fitted(self) -> bool:
        """Does what it builds depend on the model's samples?"""
        return bool(self.variant) and self.variants[self.variant].fitted

    @final
    def kept_by(self, name: str, model: Model) -> dict[str, str]:
        """Returns all that an artifact depends on, to keep it by.

        Args:
            name: What the compiler is called.
            model: What it builds.
        """
        facts = {"compiler": name, "model": model.file_digest, "settings": repr(self)}
        facts["versions"] = repr(sorted(self.versions().items()))
        if self.is_fitted:
            facts["samples"] = model.samples_digest
        return facts

    @abstractmethod
    def supports(self, model: Model) -> Support:
        """Can it take this model? Cheap, and without the compiler."""

    @abstractmethod
    def build(self, model: Model) -> bytes:
        """Returns the artifact.

        Raises:
            BuildFailed: The compiler failed.
        """

    @abstractmethod
    def load(self, artifact: bytes, card: ModelCard) -> Executable:
        """Returns the artifact, ready to run.

        Raises:
            LoadFailed: The artifact is damaged, or not for this machine.
        """


def standard(model: Model, domains: Collection[str] = ()) -> Support:
    """Is it an ONNX file whose operators are all ONNX's own, or of ``domains``?"""
    try:
        operators = model.facts.operators
    except Unsupported as error:
        return Support((error.what,), error.fix)
    foreign = sorted(
        name for name in operators if "::" in name and name.partition("::")[0] not in domains
    )
    if not foreign:
        return Support()
    return Support(
        tuple(f"{name} is no operator of ONNX's own" for name in foreign),
        fix="export the network with standard operators",
    )


def with_fixed_shapes(model: Model) -> Support:
    """Does the file fix the length of every axis of every input?"""
    reasons = tuple(
        f"input {tensor.name!r} has an open shape: {tensor}"
        for tensor in model.facts.inputs
        if None in tensor.shape
    )
    return Support(reasons, "export the network with fixed shapes" if reasons else "")


@contextmanager
def failing_as(error: type[CompileError], doing: str, fix: str = "") -> Generator[None]:
    """Turns whatever a vendor raises into ``error``; errors of our own pass through."""
    try:
        yield
    except LatebraError:
        raise
    except Exception as cause:
        said = str(cause).strip().splitlines()
        # A tool that was called says what it was called with before it says what went wrong.
        line = next((each for each in said if "error: " in each), said[0] if said else "")
        line = line.partition("error: ")[2] or line
        detail = f"{type(cause).__name__}: {line[:200]}" if line else type(cause).__name__
        raise error(f"{doing}: {detail}", fix=fix) from cause


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
