"""Small models in each format that a vault takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latebra.core import tensors
from latebra.core.tensors import Entry


def honest(kind: str, count: int, seed: int = 0) -> NDArray[np.unsignedinteger]:
    """Returns the bits of unit normals, rounded to ``kind``."""
    numbers = np.random.default_rng(seed).standard_normal(count)
    if kind == "F16":
        return numbers.astype("<f2").view("<u2")
    words = numbers.astype("<f4").view("<u4")
    return words if kind == "F32" else ((words + 0x8000) >> 16).astype("<u2")


def safetensors(arrays: Mapping[str, tuple[str, NDArray]]) -> bytes:
    """Returns a file with the bits of tensors of one axis, by name and type."""
    return tensors.written(
        {name: Entry(kind, words.shape, words.tobytes()) for name, (kind, words) in arrays.items()}
    )[0]


def small(path: Path, kind: str = "F32", count: int = 20_000, write=safetensors) -> Path:
    """Writes a model with two tensors of honest weights."""
    arrays = {"b.weight": (kind, honest(kind, count, 1)), "a.bias": (kind, honest(kind, 100, 2))}
    path.write_bytes(write(arrays))
    return path


def onnx(arrays: Mapping[str, tuple[str, NDArray]], *, listed: bool = False) -> bytes:
    """Returns an ONNX file with such initialisers, as raw data or as a list of numbers."""
    from onnx import TensorProto, helper

    types = {"F32": TensorProto.FLOAT, "F16": TensorProto.FLOAT16, "BF16": TensorProto.BFLOAT16}
    tensors_ = []
    for name, (kind, words) in arrays.items():
        content = words.view("<f4") if listed and kind == "F32" else words.tobytes()
        raw = isinstance(content, bytes)
        tensors_.append(helper.make_tensor(name, types[kind], words.shape, content, raw=raw))
    graph = helper.make_graph([], "weights", [], [], tensors_)
    return helper.make_model(graph).SerializeToString()


def onnx_listed(arrays: Mapping[str, tuple[str, NDArray]]) -> bytes:
    """Returns an ONNX file that lists numbers one by one where they are 32-bit floats."""
    return onnx(arrays, listed=True)


def gguf(arrays: Mapping[str, tuple[str, NDArray]]) -> bytes:
    """Returns a GGUF file, of version 3, with metadata of many types."""

    def text(words: bytes) -> bytes:
        return len(words).to_bytes(8, "little") + words

    def number(value: int, size: int = 4) -> bytes:
        return value.to_bytes(size, "little")

    told = [
        text(b"general.architecture") + number(8) + text(b"small"),
        text(b"a.flag") + number(7) + b"\1",
        text(b"a.float") + number(6) + bytes(4),
        text(b"tokens") + number(9) + number(8) + number(2, 8) + text(b"a") + text(b"bc"),
        text(b"counts") + number(9) + number(10) + number(3, 8) + bytes(24),
        text(b"general.alignment") + number(4) + number(64),
    ]
    types = {"F32": 0, "F16": 1, "BF16": 30}
    infos, content = b"", b""
    for name, (kind, words) in arrays.items():
        infos += text(name.encode()) + number(1) + number(len(words), 8)
        infos += number(types[kind]) + number(len(content), 8)
        content += words.tobytes()
        content += bytes(-len(content) % 64)
    head = b"GGUF" + number(3) + number(len(arrays), 8) + number(len(told), 8)
    head += b"".join(told) + infos
    return head + bytes(-len(head) % 64) + content
