"""Tensors out of a file of torch's first format, without running anything that stands in it.

The format is a row of pickles, then the numbers. A pickle is a program; here its instructions are
listed, which runs none of them, and a machine that knows a few dozen of them and can only make
numbers, text, lists, dictionaries and tensors reads the description of what follows. Whatever else
a file asks for is refused.

Source: ``_legacy_save`` in torch/serialization.py.
"""

from __future__ import annotations

import pickletools  # It lists instructions; what runs them is another module, and not imported.
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from math import prod
from typing import Any, Final, cast, final

import numpy as np
from numpy.typing import NDArray

MAGIC: Final = 0x1950A86A20F9469CFC6C
PROTOCOL: Final = 1001
MOST_INSTRUCTIONS: Final = 100_000
_TYPES: Final = {
    "torch FloatStorage": "<f4",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
}
_TENSOR: Final = "torch._utils _rebuild_tensor_v2"
_ORDERED: Final = "collections OrderedDict"


@dataclass(frozen=True)
class _Named:
    """Something that a file names; nothing of that name is ever looked up."""

    name: str


@dataclass(frozen=True)
class _Storage:
    """Where the numbers of a tensor are to be found."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    """A tensor before its numbers are read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read(file: bytes) -> dict[str, Any]:
    """Returns what is in a file: dictionaries of dictionaries, tensors as NumPy arrays.

    Raises:
        ValueError: It is damaged, of another format, or asks for anything else; the text says what.
    """
    stream = BytesIO(file)
    try:
        if _Machine(stream).run() != MAGIC or _Machine(stream).run() != PROTOCOL:
            raise ValueError("it is not of torch's first format")
        if not _Machine(stream).run().get("little_endian"):
            raise ValueError("its numbers are big-endian")
        told, keys = _Machine(stream).run(), _Machine(stream).run()
        storages = _storages(told)
        numbers: dict[str, NDArray[Any]] = {}
        for key in keys:
            storage = storages[key]
            kind = np.dtype(_TYPES[storage.kind])
            (count,) = struct.unpack("<q", stream.read(8))
            content = stream.read(count * kind.itemsize)
            if count != storage.count or len(content) != count * kind.itemsize:
                raise ValueError(f"storage {key!r} is cut")
            numbers[key] = np.frombuffer(content, kind)
        return _filled(told, numbers)
    except (KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        raise ValueError(f"it is damaged: {type(error).__name__}") from error


def _storages(told: Any) -> dict[str, _Storage]:
    if isinstance(told, _Tensor):
        return {told.storage.key: told.storage}
    found: dict[str, _Storage] = {}
    for part in _parts(told):
        found.update(_storages(part))
    return found


def _parts(told: Any) -> list[Any]:
    """Returns what a dictionary, a list or a tuple holds; nothing of anything else."""
    if isinstance(told, dict):
        return list(cast("dict[Any, Any]", told).values())
    return list(cast("list[Any]", told)) if isinstance(told, (list, tuple)) else []


def _filled(told: Any, numbers: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(told, _Tensor):
        return _array(told, numbers[told.storage.key])
    if isinstance(told, dict):
        named = cast("dict[Any, Any]", told)
        return {key: _filled(value, numbers) for key, value in named.items()}
    if isinstance(told, (list, tuple)):
        return [_filled(value, numbers) for value in _parts(cast("Any", told))]
    return told


def _array(tensor: _Tensor, numbers: NDArray[Any]) -> NDArray[Any]:
    """Returns a tensor's numbers, which must lie in the order of its axes."""
    plain = tuple(prod(tensor.shape[at + 1 :]) for at in range(len(tensor.shape)))
    count = prod(tensor.shape)
    if tensor.strides != plain or not 0 <= tensor.offset <= len(numbers) - count:
        raise ValueError(f"a tensor of shape {tensor.shape} lies crosswise, or ends too late")
    return numbers[tensor.offset : tensor.offset + count].reshape(tensor.shape)


@final
class _Machine:
    """Reads one pickle, up to its end."""

    def __init__(self, stream: BytesIO) -> None:
        self._stream = stream
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        for at, (operation, argument, _) in enumerate(pickletools.genops(self._stream)):
            if operation.name == "STOP":
                return self._stack.pop()
            if at > MOST_INSTRUCTIONS:
                raise ValueError("it has too many instructions")
            if operation.name in _PLAIN:
                self._stack.append(argument)
                continue
            do = _KNOWN.get(operation.name)
            if do is None:
                raise ValueError(f"it has the instruction {operation.name}")
            do(self, argument)
        raise ValueError("it has no end")

    def marked(self) -> list[Any]:
        """Takes off what lies above the last mark."""
        start = self._marks.pop()
        taken = self._stack[start:]
        del self._stack[start:]
        return taken

    def mark(self, _: Any) -> None:
        self._marks.append(len(self._stack))

    def nothing(self, _: Any) -> None:
        """Passes over what says only how a pickle is written."""

    def constant(self, make: Callable[[], Any]) -> None:
        self._stack.append(make())

    def keep(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    def recall(self, number: int) -> None:
        self._stack.append(self._memo[number])

    def name(self, argument: str) -> None:
        if argument not in (*_TYPES, _TENSOR, _ORDERED):
            raise ValueError(f"it asks for {argument.replace(' ', '.')}")
        self._stack.append(_Named(argument))

    def tuple_of(self, count: int) -> None:
        taken = self._stack[len(self._stack) - count :]
        del self._stack[len(self._stack) - count :]
        self._stack.append(tuple(taken))

    def tuple_marked(self, _: Any) -> None:
        self._stack.append(tuple(self.marked()))

    def append(self, _: Any) -> None:
        value = self._stack.pop()
        self._stack[-1].append(value)

    def append_marked(self, _: Any) -> None:
        values = self.marked()
        self._stack[-1].extend(values)

    def set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._stack[-1][key] = value

    def set_marked(self, _: Any) -> None:
        values = self.marked()
        self._stack[-1].update(zip(values[::2], values[1::2], strict=True))

    def storage(self, _: Any) -> None:
        word, kind, key, _place, count, view = self._stack.pop()
        if word != "storage" or view is not None or kind.name not in _TYPES:
            raise ValueError("it has a storage of an unknown kind")
        self._stack.append(_Storage(kind.name, str(key), int(count)))

    def call(self, _: Any) -> None:
        given, what = self._stack.pop(), self._stack.pop()
        if what == _Named(_ORDERED) and not given:
            self._stack.append({})
        elif what == _Named(_TENSOR):
            storage, offset, shape, strides = given[:4]
            self._stack.append(_Tensor(storage, int(offset), tuple(shape), tuple(strides)))
        else:
            raise ValueError("it calls something")

    def state(self, _: Any) -> None:
        """Drops attributes of a dictionary: torch keeps versions of its layers there."""
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise ValueError("it sets attributes")


_PLAIN: Final = frozenset(
    ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE")
)
"""Instructions that put down what they say."""
_KNOWN: Final[Mapping[str, Callable[[_Machine, Any], None]]] = {
    "PROTO": _Machine.nothing,
    "MARK": _Machine.mark,
    "NONE": lambda machine, _: machine.constant(lambda: None),
    "NEWTRUE": lambda machine, _: machine.constant(lambda: True),
    "NEWFALSE": lambda machine, _: machine.constant(lambda: False),
    "EMPTY_DICT": lambda machine, _: machine.constant(dict),
    "EMPTY_LIST": lambda machine, _: machine.constant(list),
    "EMPTY_TUPLE": lambda machine, _: machine.constant(tuple),
    "BINPUT": _Machine.keep,
    "LONG_BINPUT": _Machine.keep,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": _Machine.name,
    "TUPLE": _Machine.tuple_marked,
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "APPEND": _Machine.append,
    "APPENDS": _Machine.append_marked,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_marked,
    "BINPERSID": _Machine.storage,
    "REDUCE": _Machine.call,
    "BUILD": _Machine.state,
}
