"""The weights of a Llama, from a GGUF file, as 32-bit floats."""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from jaxtyping import Float32

from latebra.core import gguf
from latebra.core.errors import InputError, Unavailable, UnreadableFile
from latebra.core.progress import Progress, silent

Matrix = Float32[np.ndarray, "out in"]
Vector = Float32[np.ndarray, " width"]

_ARCHITECTURE: Final = "llama"
_USUAL_BASE: Final = 10_000.0
_OUTSIDE: Final = ("token_embd.weight", "output_norm.weight", "output.weight")
_INSIDE: Final = {
    "attn_norm": "norm",
    "attn_q": "query",
    "attn_k": "key",
    "attn_v": "value",
    "attn_output": "output",
    "ffn_norm": "forward_norm",
    "ffn_gate": "gate",
    "ffn_up": "up",
    "ffn_down": "down",
}
"""A block's tensors as the format calls them, and as we do."""


@dataclass(frozen=True)
class Hyperparameters:
    """The lengths of a Llama's axes, and its two constants.

    Args:
        layers: Blocks.
        width: Of what passes from block to block.
        hidden: Width inside a block's second half.
        heads: Of queries.
        kv_heads: Of keys and values; each serves ``heads // kv_heads`` of queries.
        head_dim: Width of a head.
        vocabulary: Tokens.
        context: Positions it was trained for.
        rope_base: Of the angles of positions.
        epsilon: Added to a mean square before its root.
    """

    layers: int
    width: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    rope_base: float
    epsilon: float


@dataclass(frozen=True, eq=False)
class Block:
    """One layer. A matrix is stored as [out, in]; see ``Weights`` for the order of rows."""

    norm: Vector
    query: Matrix
    key: Matrix
    value: Matrix
    output: Matrix
    forward_norm: Vector
    gate: Matrix
    up: Matrix
    down: Matrix


@final
@dataclass(frozen=True, eq=False)
class Weights:
    """All of a model's numbers.

    The format turns neighbours, 2i and 2i + 1, of each head of queries and keys by one angle. Here
    their rows are put in another order, so that i and i + head_dim / 2 are turned: halves are cheaper
    to take apart than pairs, and products of queries with keys stay what they are.

    Args:
        hyper: Lengths and constants.
        embedding: One row a token.
        blocks: The layers.
        norm: After the last of them.
        head: One row a token; the very same array as ``embedding`` where the two are tied.
        digest: SHA-256 of the hyperparameters and of the tensors as 32-bit floats in the file's
            order of rows, 64 hexadecimal digits: the same however the file stores them.
    """

    hyper: Hyperparameters
    embedding: Matrix
    blocks: tuple[Block, ...]
    norm: Vector
    head: Matrix
    digest: str


class ModelFile:
    """A GGUF file of the Llama architecture: what it says of itself, and its weights.

    Args:
        path: The file.

    Raises:
        UnreadableFile: It cannot be read, is cut short, or is not GGUF.
        InputError: It holds another architecture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._bytes = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            contents = gguf.read(self._bytes)
        except FileNotFoundError:
            raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
        except OSError as error:
            raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise UnreadableFile(
                f"{path} is not a whole GGUF file: {error}", fix="fetch it again"
            ) from None
        self.facts: Mapping[str, Any] = contents.facts
        self._tensors = contents.tensors

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, 64 hexadecimal digits."""
        return hashlib.sha256(self._bytes).hexdigest()

    @cached_property
    def hyper(self) -> Hyperparameters:
        """Lengths and constants, held against the tensors that are there.

        Raises:
            InputError: It is another architecture, or a variation that is not computed here.
        """
        told = self.facts.get("general.architecture")
        if told != _ARCHITECTURE:
            raise InputError(
                f"{self.path.name} holds a model of the architecture {told!r:.50}",
                fix="give a GGUF file of the architecture 'llama'",
            )
        scaling = self.facts.get("llama.rope.scaling.type", "none")
        experts = self.facts.get("llama.expert_count", 0)
        if scaling != "none" or experts:
            what = f"{experts} experts" if experts else f"positions scaled by {scaling!r:.50}"
            raise InputError(f"{self.path.name} has {what}", fix="give a plain Llama")
        heads = self._count("attention.head_count")
        width = self._count("embedding_length")
        head_dim = self._count("attention.key_length", width // heads)
        hyper = Hyperparameters(
            layers=self._count("block_count"),
            width=width,
            hidden=self._count("feed_forward_length"),
            heads=heads,
            kv_heads=self._count("attention.head_count_kv", heads),
            head_dim=head_dim,
            vocabulary=self._shape("token_embd.weight")[0],
            context=self._count("context_length"),
            rope_base=self._number("rope.freq_base", _USUAL_BASE),
            epsilon=self._number("attention.layer_norm_rms_epsilon", None),
        )
        turned = self._count("rope.dimension_count", head_dim)
        if heads % hyper.kv_heads or head_dim % 2 or turned != head_dim:
            raise InputError(
                f"{self.path.name} has {heads} heads on {hyper.kv_heads}, {turned} of {head_dim} "
                "numbers of each turned by position",
                fix="give a plain Llama",
            )
        self._check(hyper)
        return hyper

    def weights(self, progress: Progress = silent) -> Weights:
        """Returns the weights, dequantised.

        Raises:
            UnreadableFile: A tensor lies past the end, or holds what is no number.
            InputError: Tensors are missing, too many, or of other shapes.
            Unavailable: The package that dequantises is not installed.
        """
        hyper = self.hyper
        digest = hashlib.sha256(json.dumps(asdict(hyper), sort_keys=True).encode())
        read: dict[str, Float32[np.ndarray, ...]] = {}
        for at, name in enumerate(sorted(self._tensors)):
            progress("weights", at, len(self._tensors))
            read[name] = self._tensor(name)
            digest.update(f"{name} {read[name].shape};".encode())
            digest.update(read[name].data)
        progress("weights", len(self._tensors), len(self._tensors))
        embedding = read["token_embd.weight"]
        return Weights(
            hyper=hyper,
            embedding=embedding,
            blocks=tuple(_block(read, at, hyper) for at in range(hyper.layers)),
            norm=read["output_norm.weight"],
            head=read.get("output.weight", embedding),
            digest=digest.hexdigest(),
        )

    def _check(self, hyper: Hyperparameters) -> None:
        """Sees that the tensors are those of a Llama of these lengths.

        Raises:
            InputError: They are not.
        """
        if hyper.layers > len(self._tensors):
            raise InputError(
                f"{self.path.name} has {len(self._tensors)} tensors for {hyper.layers} layers",
                fix="give a plain Llama, in one file",
            )
        wanted = _shapes(hyper)
        if "output.weight" not in self._tensors:
            del wanted["output.weight"]
        if odd := sorted(wanted.keys() ^ self._tensors.keys()):
            how = "lacks" if odd[0] in wanted else "has more than a plain Llama:"
            raise InputError(
                f"{self.path.name} {how} {odd[0]!r:.80}", fix="give a plain Llama, in one file"
            )
        for name, shape in wanted.items():
            if self._shape(name) != shape:
                raise InputError(
                    f"{self.path.name} has {name} of shape {self._shape(name)}, not {shape}",
                    fix="give a plain Llama",
                )

    def _tensor(self, name: str) -> Float32[np.ndarray, ...]:
        vendor = _gguf()
        stored = self._tensors[name]
        try:
            kind = vendor.GGMLQuantizationType(stored.kind)
            block, size = vendor.GGML_QUANT_SIZES[kind]
            length = prod(stored.shape) // block * size
            if stored.shape[-1] % block or stored.start + length > len(self._bytes):
                raise ValueError(f"it ends at {len(self._bytes)} of {stored.start + length} bytes")
            content = np.frombuffer(self._bytes[stored.start : stored.start + length], np.uint8)
            rows = content.reshape(*stored.shape[:-1], -1)
            whole = vendor.dequantize(rows, kind).astype(np.float32, copy=False)
        except (ValueError, KeyError, NotImplementedError) as error:
            raise UnreadableFile(
                f"{self.path.name} has a tensor {name} that cannot be read: {error}",
                fix="fetch it again, or give one that is quantised otherwise",
            ) from None
        if not np.isfinite(whole).all():
            raise UnreadableFile(
                f"{self.path.name} has a tensor {name} that holds what is no number",
                fix="fetch it again",
            )
        return np.ascontiguousarray(whole.reshape(stored.shape))

    def _shape(self, name: str) -> tuple[int, ...]:
        if name not in self._tensors:
            raise InputError(f"{self.path.name} lacks {name!r}", fix="give a plain Llama")
        return self._tensors[name].shape

    def _count(self, name: str, usual: int | None = None) -> int:
        found = self.facts.get(f"{_ARCHITECTURE}.{name}", usual)
        if type(found) is not int or not 0 < found < 2**31:
            raise InputError(f"{self.path.name} says {name} is {found!r:.50}", fix="fetch it again")
        return found

    def _number(self, name: str, usual: float | None) -> float:
        found = self.facts.get(f"{_ARCHITECTURE}.{name}", usual)
        if not isinstance(found, float) or not 0 < found < float("inf"):
            raise InputError(f"{self.path.name} says {name} is {found!r:.50}", fix="fetch it again")
        return found


def _shapes(hyper: Hyperparameters) -> dict[str, tuple[int, ...]]:
    """Returns the tensors of a Llama with their shapes."""
    queries, keys = hyper.heads * hyper.head_dim, hyper.kv_heads * hyper.head_dim
    width, hidden = hyper.width, hyper.hidden
    inside = {
        "attn_norm": (width,),
        "attn_q": (queries, width),
        "attn_k": (keys, width),
        "attn_v": (keys, width),
        "attn_output": (width, queries),
        "ffn_norm": (width,),
        "ffn_gate": (hidden, width),
        "ffn_up": (hidden, width),
        "ffn_down": (width, hidden),
    }
    rows = (hyper.vocabulary, width)
    outside = dict(zip(_OUTSIDE, (rows, (width,), rows), strict=True))
    blocks = {
        f"blk.{at}.{name}.weight": shape
        for at in range(hyper.layers)
        for name, shape in inside.items()
    }
    return {**outside, **blocks}


def _block(read: Mapping[str, Float32[np.ndarray, ...]], at: int, hyper: Hyperparameters) -> Block:
    block = Block(**{ours: read[f"blk.{at}.{name}.weight"] for name, ours in _INSIDE.items()})
    return replace(
        block, query=_halved(block.query, hyper.head_dim), key=_halved(block.key, hyper.head_dim)
    )


def _halved(matrix: Matrix, head_dim: int) -> Matrix:
    """Returns rows of pairs, head by head, as rows of halves."""
    pairs = matrix.reshape(-1, head_dim // 2, 2, matrix.shape[1])
    return np.ascontiguousarray(pairs.transpose(0, 2, 1, 3).reshape(matrix.shape))


def _gguf() -> Any:
    try:
        import gguf as vendor
    except ImportError as error:
        raise Unavailable("gguf is not installed", fix="pip install 'latebra[language]'") from error
    return vendor
