"""Class tables in and out of files: a name and a prototype for each class of a classifier.

In memory a table is a structured array, ``name`` and ``prototype``; in a file it is two arrays,
``names`` and ``prototypes``, and a third, ``scales``, where prototypes are whole numbers.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from jaxtyping import Float32, Int8
from numpy.typing import NDArray
from typing_extensions import override

from latebra.core import tensors
from latebra.core.errors import UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.core.network import Arrays
from latebra.hiding.medium import Cover, Medium, Source, Text

LARGEST: Final = 2**26
"""Most bytes of a table that is opened, unpacked."""
LONGEST: Final = 256
"""Most characters of a class's name."""

CHANNELS: Final[Mapping[str, str]] = {
    "float": "saved in floats of 32 or 16 bits, bfloat16 among them",
    "int8": "quantised to 8 bits, one scale for each class",
    "int4": "quantised to 4 bits, one scale for each class",
}
"""Channel id to what it does to a table."""

_FLOATS: Final = ("float64", "float32", "float16")
_NPZ: Final = ".npz"

Prototypes = Float32[np.ndarray, "classes dims"]


def table(names: Sequence[str], prototypes: Prototypes) -> NDArray[Any]:
    """Returns a class table: structured, fields ``name`` and ``prototype``."""
    width = max(map(len, names), default=1)
    kind = np.dtype([("name", f"U{width}"), ("prototype", "f4", prototypes.shape[1:])])
    made = np.empty(len(names), kind)
    made["name"], made["prototype"] = names, prototypes
    return made


def check(cover: NDArray[Any], place: str = "the class table") -> None:
    """Raises UnreadableFile unless ``cover`` is a class table that can be worked with."""
    fields = cover.dtype.names
    if fields != ("name", "prototype") or cover.ndim != 1 or cover["prototype"].ndim != 2:
        raise UnreadableFile(
            f"{place} is no array of names and prototypes", fix="make it with class_table"
        )
    if not len(cover) or not cover["prototype"].shape[1]:
        raise UnreadableFile(f"{place} has no classes")
    names = cover["name"].tolist()
    for name in names:
        if not name or not name.isprintable():
            raise UnreadableFile(f"{place} has a class called {name!r}", fix="name it in one line")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableFile(f"{place} has two classes called {twice!r}", fix="rename one")
    norms = np.linalg.norm(cover["prototype"].astype(np.float64), axis=1)
    for name, norm in zip(names, norms.tolist(), strict=True):
        if not 0 < norm < np.inf:
            raise UnreadableFile(f"the prototype of {name!r} in {place} has the length {norm}")


def quantised(
    prototypes: Prototypes, bits: int
) -> tuple[Int8[np.ndarray, "classes dims"], Float32[np.ndarray, "classes 1"]]:
    """Returns prototypes as whole numbers of ``bits`` bits, and a scale for each class."""
    most = 2 ** (bits - 1) - 1
    scales = np.abs(prototypes).max(axis=1, keepdims=True) / np.float32(most)
    scales = np.maximum(scales, np.float32(1e-30)).astype(np.float32)
    return np.rint(prototypes / scales).astype(np.int8), scales


def read(path: Path) -> tuple[NDArray[Any], str]:
    """Returns the class table in a file, and the type of its prototypes there.

    Raises:
        UnreadableFile: There is no such file, or it is no class table.
    """
    try:
        arrays = _npz(path) if zipfile.is_zipfile(path) else _safetensors(path)
        names = _names(arrays)
        stored = arrays["prototypes"]
        if stored.ndim != 2 or len(stored) != len(names):
            raise ValueError(f"{len(names)} names and prototypes of shape {stored.shape}")
        kind = stored.dtype.name
        if kind == "int8":
            scales = arrays["scales"].astype(np.float32).reshape(len(names), 1)
            found = stored.astype(np.float32) * scales
        elif kind in _FLOATS:
            found = stored.astype(np.float32)
        else:
            raise ValueError(f"prototypes of the type {kind}")
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except KeyError as error:
        raise UnreadableFile(
            f"{path} is no class table: it has no array {error}",
            fix="give a file with the arrays names and prototypes",
        ) from None
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise UnreadableFile(
            f"{path} is no class table: {error}",
            fix="give an .npz or .safetensors file with the arrays names and prototypes",
        ) from None
    made = table(names, np.ascontiguousarray(found))
    check(made, str(path))
    return made, kind


def write(cover: NDArray[Any], path: Path, kind: str = "float32") -> None:
    """Writes a file of the type that its name ends in, whole or not at all.

    Args:
        cover: A class table.
        path: It ends in ``.npz`` or ``.safetensors``.
        kind: The type of the prototypes: ``float32``, ``float16`` or ``int8``.

    Raises:
        UnwritableFile: The folder is not there, or it cannot be written to.
    """
    names = cover["name"]
    stored: NDArray[Any] = cover["prototype"].astype("float32" if kind == "int8" else kind)
    scales: Arrays = {}
    if kind == "int8":
        stored, scale = quantised(cover["prototype"], 8)
        scales = {"scales": scale}
    try:
        with replacing(path) as file:
            if path.suffix.lower() != _NPZ:
                lines = np.frombuffer("\n".join(names.tolist()).encode(), np.uint8)
                arrays = {"names": lines, "prototypes": stored, **scales}
                file.write(tensors.written(tensors.from_arrays(arrays))[0])
            elif scales:
                np.savez(file, names=names, prototypes=stored, scales=scales["scales"])
            else:
                np.savez(file, names=names, prototypes=stored)
    except OSError as error:
        raise UnwritableFile(
            f"{path} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None


@dataclass(frozen=True)
class ClassTables(Medium):
    """Class tables, in ``.npz`` or ``.safetensors`` files.

    Args:
        kind: The type in which prototypes are written.
    """

    noun: ClassVar[str] = "class table"
    suffixes: ClassVar[tuple[str, ...]] = (_NPZ, ".safetensors")
    harm: ClassVar[str] = "a class table is written as arrays"

    kind: str = "float32"

    @override
    def take(self, source: Source, channel: str | None = None) -> Cover:
        if isinstance(source, Text):
            raise UnreadableFile(
                "a text is no class table", fix="name the carrier that it belongs to"
            )
        if isinstance(source, np.ndarray):
            check(source)
            return source
        return read(Path(source))[0]

    @override
    def like(self, source: Source) -> Medium:
        if isinstance(source, np.ndarray | Text):
            return self
        kind = read(Path(source))[1]
        return ClassTables("float16" if kind == "float16" else "float32")

    @override
    def save(self, cover: Cover, path: Path, *, force: bool = False) -> None:
        self.refuse(path, force=force)
        write(np.asarray(cover), path, self.kind)

    @override
    def send(self, cover: Cover, channel: str, rng: np.random.Generator) -> Cover:
        if channel not in CHANNELS:
            raise KeyError(channel)
        sent = np.asarray(cover).copy()
        if channel == "float":
            # bfloat16 is the coarsest: the upper half of a 32-bit float, rounded.
            words = sent["prototype"].view(np.uint32)
            sent["prototype"] = ((words + np.uint32(0x8000)) & np.uint32(0xFFFF0000)).view("f4")
        else:
            whole, scales = quantised(sent["prototype"], int(channel.removeprefix("int")))
            sent["prototype"] = whole * scales
        return sent


def _npz(path: Path) -> Arrays:
    with zipfile.ZipFile(path) as archive:
        size = sum(info.file_size for info in archive.infolist())
    if size > LARGEST:
        raise ValueError(f"it holds {size} bytes, the limit is {LARGEST}")
    with np.load(path, allow_pickle=False) as stored:
        wanted = ("names", "prototypes", "scales")
        return {name: stored[name] for name in wanted if name in stored.files}


def _safetensors(path: Path) -> Arrays:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    entries = tensors.read(content)
    halves = entries.get("prototypes")
    if halves is not None and halves.kind == "BF16":
        words = np.frombuffer(halves.content, "<u2").astype(np.uint32) << np.uint32(16)
        entries.pop("prototypes")
        arrays = tensors.to_arrays(entries)
        return {**arrays, "prototypes": words.view(np.float32).reshape(halves.shape)}
    return tensors.to_arrays(entries)


def _names(arrays: Arrays) -> list[str]:
    """Returns the names: an array of texts, or lines of UTF-8 in an array of bytes."""
    stored = arrays["names"]
    if stored.dtype == np.uint8:
        names = bytes(stored.ravel()).decode("utf-8").split("\n")
    elif stored.dtype.kind == "U" and stored.ndim == 1:
        names = [str(name) for name in stored.tolist()]
    else:
        raise ValueError(f"names of the type {stored.dtype}")
    longest = max(map(len, names), default=0)
    if longest > LONGEST:
        raise ValueError(f"a name of {longest} characters, the limit is {LONGEST}")
    return names
