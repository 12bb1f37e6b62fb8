"""A model to take elsewhere: with its weights, its card, its golden vector and what was built."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from latebra.compiling import archive
from latebra.compiling.artifact import Artifact, needed_to_load
from latebra.compiling.cache import USUAL_CACHE
from latebra.compiling.contents import Contents, members_of, read_contents
from latebra.compiling.contract import Compiler, Model, failing_as, usual_threads
from latebra.compiling.ir.legalise import printed
from latebra.compiling.isolated import worker_of
from latebra.compiling.manifest import MANIFEST, digest_of
from latebra.compiling.opening import OpenNetwork, installed, open_network
from latebra.compiling.shapes import Shape, fixed
from latebra.compiling.specialised import SpecialisedNetwork
from latebra.compiling.target import this_target
from latebra.compiling.worker import make
from latebra.core.errors import (
    BuildFailed,
    CompileError,
    LatebraError,
    LoadFailed,
    RunFailed,
    Unavailable,
    UnknownPlugin,
    UnreadableFile,
    Unsupported,
    UnwritableFile,
)
from latebra.core.network import Arrays

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bundle:
    """A model to take elsewhere.

    An artifact is code for a processor: whoever wrote it decides what the processor does. So those
    of an opened bundle are left alone, and the model is compiled anew, unless the bundle is vouched
    for: by its digest, had from somebody you trust by another way, or by you.

    Args:
        model: The model; its card holds the golden vector.
        artifacts: What compilers made of it.
        licence: The text that says what may be done with it.
        core: The model as a core graph, as that prints itself; empty where there is none.
        trusted: Whether artifacts may be loaded.
    """

    model: Model
    artifacts: tuple[Artifact, ...] = ()
    licence: str = ""
    core: str = ""
    trusted: bool = True

    @classmethod
    def built(
        cls,
        model: Model,
        chosen: Sequence[str] = (),
        *,
        threads: int | None = None,
        licence: str = "",
    ) -> Bundle:
        """Returns a bundle with what each of ``chosen`` compilers makes of the model.

        Each is loaded and checked against the model's golden vector first. Where the model leaves
        axes open, artifacts are for the lengths that the golden vector's inputs have.

        Args:
            model: The network before it is compiled.
            chosen: Ids of compilers; none for the model alone.
            threads: How many each may use; None for one each processor, at most four.
            licence: The text that says what may be done with the model.

        Raises:
            UnknownPlugin: No compiler has that id.
            Unavailable: A compiler is not installed.
            Unsupported: A compiler cannot take this model.
            CompileError: A compiler failed, or disagrees with the golden vector.
        """
        golden = model.card.golden
        still = model
        if golden:
            still = fixed(model, {name: array.shape for name, array in golden.inputs.items()})
        artifacts = tuple(_built(still, name, threads) for name in chosen)
        if not any(make(name, 1).is_fitted for name in chosen):
            model = replace(model, samples=())  # Nobody needs them to build it anew.
        return cls(model, artifacts, licence, printed(still))

    @property
    def digest(self) -> str:
        """SHA-256 of its manifest, 64 hexadecimal digits: it covers every member."""
        return digest_of(members_of(self._contents())[MANIFEST])

    def save(self, path: Path | str, *, folder: bool = False, force: bool = False) -> Path:
        """Writes it as one file, or as a folder, and returns where.

        Raises:
            UnwritableFile: Something is there already, or it cannot be written.
        """
        path = Path(path)
        write = archive.write_folder if folder else archive.write_file
        try:
            members = members_of(self._contents())
        except (TypeError, ValueError) as error:
            raise UnwritableFile(
                f"{self.model.card.name} cannot be written as a bundle: {error}",
                fix="give it a card whose facts are JSON, and a model that is ONNX",
            ) from error
        write(path, members, force=force)
        return path

    @classmethod
    def open(cls, path: Path | str, *, digest: str | None = None, trusted: bool = False) -> Bundle:
        """Returns the bundle at ``path``, once every member has its digest.

        Args:
            path: One file, or a folder.
            digest: What ``Bundle.digest`` was where it comes from; it makes the bundle trusted.
            trusted: Whether its artifacts, which are code, may be loaded all the same.

        Raises:
            UnreadableFile: It is no bundle, or not a whole one; the text says why.
        """
        path = Path(path)
        members = archive.read_members(path)
        try:
            found = read_contents(members, digest)
        except (ValueError, OSError) as error:
            raise UnreadableFile(
                f"{path} is no sound bundle: {error}",
                fix="get it again, from whom you trust",
            ) from error
        return cls(**vars(found), trusted=trusted or digest is not None)

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Returns the outputs by name; the first call opens the network, as ``network()`` does.

        Args:
            inputs: One array for each input of the model, of its type and shape; axes that the
                model leaves open may have any length, and new lengths are compiled first.

        Raises:
            RunFailed: An input does not fit, or the network failed.
            CompileError: No compiler could open it, or it disagrees with its golden vector.
        """
        return self._usual_network.run(inputs)

    @cached_property
    def _usual_network(self) -> OpenNetwork | SpecialisedNetwork:
        return self.network()

    def network(
        self,
        compiler: str = "auto",
        *,
        threads: int | None = None,
        isolated: bool = True,
        cache: Path | None = USUAL_CACHE,
    ) -> OpenNetwork | SpecialisedNetwork:
        """Returns the model, ready to run, checked against its golden vector.

        An artifact that suits this machine is loaded; else the model is compiled here. Axes that
        the model leaves open may have any length: each new set of lengths is compiled once.

        Args:
            compiler: An id from ``compilers``; ``auto`` for one whose artifact suits this machine,
                or else for the first that is installed and takes the model.
            threads: How many it may use; None for what the artifact was built for.
            isolated: Whether it runs in a process of its own.
            cache: Where what is compiled here is kept; None keeps nothing.

        Raises:
            UnknownPlugin: No compiler has that id.
            Unavailable: The compiler is not installed.
            CompileError: It could not build, load or run the model, or disagrees with the vector.
        """
        terms = _Terms(compiler, threads, isolated, cache)
        golden = self.model.card.golden
        usual = {name: array.shape for name, array in golden.inputs.items()} if golden else {}
        if all(None not in each.shape for each in self.model.facts.inputs):
            return self._opened(terms, usual)
        network = SpecialisedNetwork(self.model, lambda shapes: self._opened(terms, shapes))
        if golden:
            network.at(usual)  # What is wrong is said now.
        return network

    def _opened(self, terms: _Terms, shapes: Mapping[str, Shape]) -> OpenNetwork:
        """Returns the model with its axes fixed, from an artifact or compiled."""
        golden = self.model.card.golden
        if golden is None or all(
            array.shape == shapes[name] for name, array in golden.inputs.items()
        ):
            for artifact, plain in self._fitting(terms.compiler, terms.threads):
                doer = plain
                if terms.isolated:
                    doer = worker_of(artifact.compiler, plain.threads)
                try:
                    return _checked(doer, artifact.content, self.model, artifact.compiler)
                except (CompileError, Unavailable) as error:
                    log.info("the artifact of %s is left alone: %s", artifact.compiler, error.what)
        model = fixed(self.model, shapes)
        first: LatebraError | None = None
        for name in installed() if terms.compiler == "auto" else [terms.compiler]:
            try:
                return open_network(
                    model, name, isolated=terms.isolated, threads=terms.threads, cache=terms.cache
                )
            except CompileError as error:
                first = first or error
        raise first or Unavailable("no compiler is installed here", fix="pip install onnxruntime")

    def _fitting(self, wanted: str, threads: int | None) -> list[tuple[Artifact, Compiler]]:
        """Returns the artifacts to try, the compiler to prefer first."""
        if wanted != "auto":
            make(wanted, 1)  # It must exist, whatever the bundle holds.
        found: list[tuple[Artifact, Compiler]] = []
        for artifact in self.artifacts:
            if not _is_known(artifact.compiler) or wanted not in ("auto", artifact.compiler):
                continue
            plain = make(artifact.compiler, threads or artifact.threads)
            reason = artifact.difference(plain) if self.trusted else "nobody vouches for it"
            if reason:
                log.info("the artifact of %s is left alone: %s", artifact.compiler, reason)
            else:
                found.append((artifact, plain))
        return sorted(found, key=lambda each: each[1].rank)

    def _contents(self) -> Contents:
        return Contents(self.model, self.artifacts, self.licence, self.core)


@dataclass(frozen=True)
class _Terms:
    """How a network is to be opened: what ``Bundle.network`` was given."""

    compiler: str
    threads: int | None
    isolated: bool
    cache: Path | None


def _built(model: Model, name: str, threads: int | None) -> Artifact:
    """Returns what a compiler makes of the model, once it agrees with the golden vector."""
    plain = make(name, threads or usual_threads())
    if not (able := plain.probe()):
        raise Unavailable(f"compiler {name!r} cannot run here: {able}", fix=able.fix)
    if not (takes := plain.supports(model)):
        raise Unsupported(f"{name!r} cannot take {model.card.name}: {takes}", fix=takes.fix)
    worker = worker_of(name, plain.threads)
    with failing_as(BuildFailed, f"compiler {name!r} could not build {model.card.name}"):
        content = worker.build(model)
    _checked(worker, content, model, name)
    return Artifact(name, content, repr(plain), plain.threads, needed_to_load(plain), this_target())


def _is_known(compiler: str) -> bool:
    try:
        make(compiler, 1)
    except UnknownPlugin:
        return False
    return True


def _checked(doer: Compiler, content: bytes, model: Model, name: str) -> OpenNetwork:
    """Returns an artifact, loaded and checked against the golden vector."""
    with failing_as(LoadFailed, f"compiler {name!r} could not load {model.card.name}"):
        executable = doer.load(content, model.card)
    with failing_as(RunFailed, f"compiler {name!r} could not be checked with {model.card.name}"):
        return OpenNetwork(executable, model.card, model.facts, name).checked()
