"""Carriers with their networks open, and what both ends derive from a key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from latebra.api.language import LanguageNetwork, check_language
from latebra.api.text_tower import TOWER, TextTower, check_tower
from latebra.compiling.contract import Compiler, Model
from latebra.compiling.opening import OpenNetwork, installed, open_network
from latebra.compiling.worker import make
from latebra.core.errors import InputError, Unavailable
from latebra.core.keys import Key, derive
from latebra.core.network import ModelCard
from latebra.core.progress import Progress, silent
from latebra.core.registry import Registry
from latebra.hiding.channel.stream import Stream
from latebra.hiding.contract import Carrier
from latebra.hiding.frame import Binding
from latebra.models.catalogue import Catalogue

carriers: Final[Registry[Carrier]] = Registry("carrier", "latebra.hiding.carriers")
compilers: Final[Registry[Compiler]] = Registry("compiler", "latebra.compiling.backends")
models: Final = Catalogue()
AnyNetwork = OpenNetwork | LanguageNetwork | TextTower


@dataclass(frozen=True)
class Reader:
    """A carrier whose networks one compiler opened.

    Args:
        carrier: The carrier, ready to embed and extract.
        compiler: The compiler's id.
        digest: SHA-256 over the digests of its networks, the same whichever compiler opened them.
        networks: The networks.
    """

    carrier: Carrier
    compiler: str
    digest: str
    networks: tuple[AnyNetwork, ...]

    @property
    def seconds_inside(self) -> float:
        """Time spent inside the networks so far."""
        return sum((network.seconds_inside for network in self.networks), 0.0)


@dataclass(frozen=True)
class Secrets:
    """What both ends derive from the carrier's id, its networks' digest and the context.

    Args:
        carrier: The carrier's id.
        digest: The reader's digest.
        context: Public bytes that both ends agree on.
    """

    carrier: str
    digest: str
    context: bytes

    def binding(self, salt: bytes) -> Binding:
        """Returns what a frame is bound to."""
        return Binding(self.carrier, self.digest, self.context, salt)

    def stream(self, key: Key | None) -> Stream:
        """Returns the carrier's stream; without a shared key it is as public as the context."""
        fields = [self.carrier.encode(), self.digest.encode(), self.context]
        salt = hashlib.sha256(b"".join(len(f).to_bytes(4, "little") + f for f in fields)).digest()
        root = (
            key.root(salt) if key else hashlib.sha256(b"latebra/1 public carrier" + salt).digest()
        )
        return Stream(derive(root, "carrier", salt))


def chosen(compiler: str) -> list[str]:
    """Returns the compiler that writes, then those that can verify, the one to prefer first.

    Raises:
        UnknownPlugin: No compiler has that id.
        Unavailable: None is installed.
    """
    if compiler != "auto":
        make(compiler, 1)  # An unknown id says what was meant.
    here = installed()
    if compiler != "auto":
        return [compiler, *(name for name in here if name != compiler)]
    if not here:
        raise Unavailable("no compiler is installed", fix="pip install onnxruntime")
    return here


def open_reader(
    carrier: str,
    compiler: str,
    options: Mapping[str, str],
    threads: int | None = None,
    progress: Progress = silent,
) -> Reader:
    """Returns the carrier with its networks opened by ``compiler``; networks stay open."""
    plugin = carriers[carrier]
    plugin.create({}, options)  # A wrong option is said before anything is built.
    names = plugin.models(options)
    networks = {role: _network(model, compiler, threads) for role, model in names.items()}
    for network in networks.values():
        if not isinstance(network, OpenNetwork):
            network.progress = progress
    opened = tuple(networks.values())
    digest = digest_of(network.card for network in opened)
    return Reader(plugin.create(networks, options), compiler, digest, opened)


def usual_channel(carrier: str) -> str:
    """Returns the channel that a carrier's covers go through unless somebody says otherwise."""
    return next(iter(carriers[carrier].channels))


def check_cover(carrier: str, options: Mapping[str, str], *, given: bool) -> None:
    """Raises InputError unless a cover is given exactly where the carrier takes one."""
    plugin = carriers[carrier]
    if plugin.takes_cover == given:
        return
    noun = plugin.create({}, options).medium.noun
    if given:
        raise InputError(
            f"{carrier} makes its own {noun}, and a cover was given", fix="leave the cover out"
        )
    raise InputError(
        f"{carrier} hides in a {noun} that you give, and there is none", fix="give a cover"
    )


def check_ordinary(carrier: str, options: Mapping[str, str]) -> None:
    """Raises InputError unless the carrier makes ordinary covers by itself."""
    plugin = carriers[carrier]
    if plugin.takes_cover and not plugin.writes:
        noun = plugin.create({}, options).medium.noun
        raise InputError(
            f"{carrier} hides in what it is given, it makes no {noun} of its own",
            fix="choose a carrier that makes its covers",
        )


def check_fetched(model: str) -> str:
    """Returns where a network that is not bundled is; fetches nothing.

    Raises:
        Unavailable: What opens it is not installed.
    """
    return check_tower() if model == TOWER else check_language(model)


def digest_of(cards: Iterable[ModelCard]) -> str:
    """Returns SHA-256 over the digests of a carrier's networks, in the order of its roles."""
    return hashlib.sha256("".join(card.digest for card in cards).encode()).hexdigest()


@cache
def _network(name: str, compiler: str, threads: int | None) -> AnyNetwork:
    if name == TOWER:
        return TextTower(compiler, threads=threads)
    if name not in models:
        return LanguageNetwork(name, compiler, threads=threads)
    return open_network(Model(models.onnx(name), models[name]), compiler, threads=threads)
