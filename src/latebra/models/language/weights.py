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
from jaxtyping import Float, Float32
from numpy.typing import NDArray

from latebra.core import gguf
from latebra.core.errors import Unavailable, UnreadableFile
from latebra.core.progress import Progress, silent
from latebra.models.language import hyperparameters
from latebra.models.language.hyperparameters import Hyperparameters

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


@dataclass(frozen=True, eq=False)
class Block:
    """One layer. A matrix is stored as [out, in]; see ``Weights`` for the order of rows."""

    norm: Float[np.ndarray, " width"]
    query: Float[np.ndarray, "queries width"]
    key: Float[np.ndarray, "keys width"]
    value: Float[np.ndarray, "keys width"]
    output: Float[np.ndarray, "width queries"]
    forward_norm: Float[np.ndarray, " width"]
    gate: Float[np.ndarray, "hidden width"]
    up: Float[np.ndarray, "hidden width"]
    down: Float[np.ndarray, "width hidden"]


@final
@dataclass(frozen=True, eq=False)
class Weights:
    """All of a model's numbers.

    The format turns neighbours, 2i and 2i + 1, of each head of queries and keys by one angle. Here
    their rows are put in another order, so that i and i + head_dim / 2 are turned: halves are
    cheaper to take apart than pairs, and products of queries with keys stay what they are.

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
    embedding: Float32[np.ndarray, "vocabulary width"]
    blocks: tuple[Block, ...]
    norm: Float32[np.ndarray, " width"]
    head: Float32[np.ndarray, "vocabulary width"]
    digest: str


class ModelFile:
    """A GGUF file of the Llama architecture: what it says of itself, and its weights.

    Args:
        path: The file.

    Raises:
        UnreadableFile: It cannot be read, is cut short, or is not GGUF.
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
        self._contents = contents
        self.facts: Mapping[str, Any] = contents.facts

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, 64 hexadecimal digits."""
        return hashlib.sha256(self._bytes).hexdigest()

    @cached_property
    def hyper(self) -> Hyperparameters:
        """Lengths and constants.

        Raises:
            InputError: The file holds another architecture, or a variation of it.
        """
        return hyperparameters.read(self._contents, self.path.name)

    @property
    def is_tied(self) -> bool:
        """Is the output's matrix that of the embedding?"""
        return "output.weight" not in self._contents.tensors

    def weights(self, progress: Progress = silent) -> Weights:
        """Returns the weights, dequantised.

        Raises:
            UnreadableFile: A tensor lies past the end, or holds what is no number.
            InputError: Tensors are missing, too many, or of other shapes.
            Unavailable: The package that dequantises is not installed.
        """
        hyper = self.hyper
        digest = hashlib.sha256(json.dumps(asdict(hyper), sort_keys=True).encode())
        read: dict[str, NDArray[np.float32]] = {}
        for at, name in enumerate(sorted(self._contents.tensors)):
            progress("weights", at, len(self._contents.tensors))
            read[name] = self._tensor(name)
            digest.update(f"{name} {read[name].shape};".encode())
            digest.update(read[name].data)
        progress("weights", len(self._contents.tensors), len(self._contents.tensors))
        embedding = read["token_embd.weight"]
        return Weights(
            hyper=hyper,
            embedding=embedding,
            blocks=tuple(_block(read, at, hyper) for at in range(hyper.layers)),
            norm=read["output_norm.weight"],
            head=read.get("output.weight", embedding),
            digest=digest.hexdigest(),
        )

    def _tensor(self, name: str) -> NDArray[np.float32]:
        vendor = _gguf()
        stored = self._contents.tensors[name]
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


def _block(read: Mapping[str, NDArray[np.float32]], at: int, hyper: Hyperparameters) -> Block:
    block = Block(**{ours: read[f"blk.{at}.{name}.weight"] for name, ours in _INSIDE.items()})
    return replace(
        block, query=_halved(block.query, hyper.head_dim), key=_halved(block.key, hyper.head_dim)
    )


def _halved(matrix: NDArray[np.float32], head_dim: int) -> NDArray[np.float32]:
    """Returns rows of pairs, head by head, as rows of halves."""
    pairs = matrix.reshape(-1, head_dim // 2, 2, matrix.shape[1])
    return np.ascontiguousarray(pairs.transpose(0, 2, 1, 3).reshape(matrix.shape))


def _gguf() -> Any:
    try:
        import gguf as vendor
    except ImportError as error:
        raise Unavailable("gguf is not installed", fix="pip install 'latebra[language]'") from error
    return vendor
