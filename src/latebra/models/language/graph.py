"""A Llama's cached step and its full forward pass, as ONNX graphs whose weights lie beside them.

Only the plainest operators are used, each in one type of floats, so that every compiler takes them:
angles of positions are tables, masks are sums, heads that share keys are rows of one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import NDArray

from latebra.core.errors import InputError, Unavailable
from latebra.models.language.forward import HIDDEN, turns
from latebra.models.language.hyperparameters import Hyperparameters
from latebra.models.language.layout import Dtype, Place, places

Kind = Literal["step", "full"]
OPSET: Final = 17
IR_VERSION: Final = 8
"""Of the release of ONNX that brought opset 17."""


@dataclass(frozen=True)
class Shape:
    """What a graph is built for.

    Args:
        kind: ``step`` or ``full``.
        dtype: Of every float in it.
        batch: Texts at once.
        length: Tokens at once of each.
        capacity: Places of the cache; 0 for ``full``, which has none.
    """

    kind: Kind
    dtype: Dtype
    batch: int
    length: int
    capacity: int

    def check(self, hyper: Hyperparameters) -> None:
        """Sees that there is such a graph.

        Raises:
            InputError: There is not.
        """
        if min(self.batch, self.length) < 1 or (self.capacity < 1) == (self.kind == "step"):
            raise InputError(
                f"a {self.kind} of {self.batch} × {self.length} tokens with a cache of "
                f"{self.capacity} is none",
                fix="give a step a capacity, and a full pass none; the others are one at least",
            )
        if self.kind == "step" and self.length > self.capacity:
            raise InputError(
                f"{self.length} tokens at once do not fit a cache of {self.capacity}",
                fix="ask for fewer at once, or for a larger cache",
            )
        if max(self.length, self.capacity) > hyper.context:
            raise InputError(
                f"the model knows {hyper.context} positions, and "
                f"{max(self.length, self.capacity)} are asked for",
                fix="ask for fewer",
            )


def build(hyper: Hyperparameters, shape: Shape, location: str, *, tied: bool) -> bytes:
    """Returns the bytes of an ONNX file, its weights in a file of its folder.

    Args:
        hyper: The model's lengths and constants.
        shape: What the graph is for.
        location: The name of the file of weights.
        tied: Is the output's matrix that of the embedding?

    Raises:
        InputError: There is no such graph.
        Unavailable: onnx is not installed.
    """
    shape.check(hyper)
    return _Builder(hyper, shape, location, tied).built()


@final
class _Builder:
    """Puts down one node after the other."""

    def __init__(self, hyper: Hyperparameters, shape: Shape, location: str, tied: bool) -> None:
        self._hyper, self._shape, self._tied = hyper, shape, tied
        self._vendor = _onnx()
        self._dtype = np.dtype(shape.dtype)
        self._nodes: list[Any] = []
        self._names: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self._held = [
            self._outside(name, place, location)
            for name, place in places(hyper, tied=tied, dtype=shape.dtype).items()
        ]

    def built(self) -> bytes:
        hyper, shape = self._hyper, self._shape
        batch, length, capacity = shape.batch, shape.length, shape.capacity
        x = self._node("Gather", "embedding", self._reshaped("tokens", (batch * length,)), axis=0)
        turned = [
            self._constant(each)
            for each in turns(hyper.rope_base, hyper.head_dim, capacity + length)
        ]
        hidden = ""
        if capacity:
            rows = self._node("Add", self._integers(range(length)), "position")
            turned = [self._node("Gather", each, rows, axis=0) for each in turned]
            is_past = self._node("Less", self._integers(range(capacity)), "position")
            hidden = self._node("Where", is_past, self._constant(0.0), self._constant(HIDDEN))
        new: list[list[str]] = [[], []]
        for at in range(hyper.layers):
            h = self._normed(x, f"{at}.norm")
            query, key, value = (
                self._heads(self._product(h, f"{at}.{name}")) for name in ("query", "key", "value")
            )
            query, key = self._turned(query, *turned), self._turned(key, *turned)
            mixed = self._attended(at, query, key, value, hidden)
            x = self._node("Add", x, self._product(mixed, f"{at}.output"))
            x = self._node("Add", x, self._fed(self._normed(x, f"{at}.forward_norm"), at))
            one = (1, batch, hyper.kv_heads, length, hyper.head_dim)
            for names, each in zip(new, (key, value), strict=True):
                names.append(self._reshaped(each, one))
        logits = self._product(self._normed(x, "norm"), "embedding" if self._tied else "head")
        self._reshaped(logits, (batch, length, hyper.vocabulary), out="logits")
        if capacity:
            self._node("Concat", *new[0], out="new_keys", axis=0)
            self._node("Concat", *new[1], out="new_values", axis=0)
        return self._proto()

    def _attended(self, at: int, query: str, key: str, value: str, hidden: str) -> str:
        """Returns what the heads take from the cache and from the new, each up to itself."""
        hyper, (batch, length) = self._hyper, (self._shape.batch, self._shape.length)
        group = hyper.heads // hyper.kv_heads
        query = self._node("Mul", query, self._constant(hyper.head_dim**-0.5))
        rows = (batch, hyper.kv_heads, group * length, hyper.head_dim)
        # Queries are turned on their side, and not the keys, which are many more.
        query = self._node("Transpose", self._reshaped(query, rows), perm=(0, 1, 3, 2))
        scores, seen = [self._scores(key, query)], [value]
        if length > 1:
            later = np.triu(np.full((length, length), HIDDEN), 1)
            bias = self._constant(np.tile(later, (group, 1)))
            scores = [self._node("Add", *scores, bias)]
        if hidden:
            layer = self._integers(at)
            past = self._scores(self._node("Gather", "keys", layer, axis=0), query)
            scores.insert(0, self._node("Add", past, hidden))
            seen.insert(0, self._node("Gather", "values", layer, axis=0))
        return self._mixed(scores, seen)

    def _mixed(self, scores: Sequence[str], values: Sequence[str]) -> str:
        """Returns what attention takes from the values, [batch * length, heads * head_dim]."""
        hyper, shape = self._hyper, self._shape
        if len(scores) == 1:
            mixed = self._node("MatMul", self._node("Softmax", *scores, axis=-1), *values)
        else:
            shares = self._node("Softmax", self._node("Concat", *scores, axis=-1), axis=-1)
            lengths = self._integers([shape.capacity, shape.length])
            parts = self._nodes_of("Split", 2, shares, lengths, axis=-1)
            taken = [self._node("MatMul", *each) for each in zip(parts, values, strict=True)]
            mixed = self._node("Add", *taken)
        by_head = (shape.batch, hyper.heads, shape.length, hyper.head_dim)
        by_place = self._node("Transpose", self._reshaped(mixed, by_head), perm=(0, 2, 1, 3))
        rows = shape.batch * shape.length
        return self._reshaped(by_place, (rows, hyper.heads * hyper.head_dim))

    def _scores(self, keys: str, query: str) -> str:
        return self._node("Transpose", self._node("MatMul", keys, query), perm=(0, 1, 3, 2))

    def _fed(self, h: str, at: int) -> str:
        gate = self._product(h, f"{at}.gate")
        gate = self._node("Mul", gate, self._node("Sigmoid", gate))
        inside = self._node("Mul", gate, self._product(h, f"{at}.up"))
        return self._product(inside, f"{at}.down")

    def _product(self, x: str, weight: str) -> str:
        """Returns rows times a matrix that is stored as [out, in].

        With few rows, what takes time is to read the matrix: so stored, it is read in one go.
        """
        return self._node("Gemm", x, weight, transB=1)

    def _heads(self, x: str) -> str:
        lengths = (self._shape.batch, self._shape.length, -1, self._hyper.head_dim)
        return self._node("Transpose", self._reshaped(x, lengths), perm=(0, 2, 1, 3))

    def _turned(self, x: str, cos: str, sin: str) -> str:
        low, high = self._nodes_of("Split", 2, x, axis=-1)
        first = self._node("Sub", self._node("Mul", low, cos), self._node("Mul", high, sin))
        second = self._node("Add", self._node("Mul", high, cos), self._node("Mul", low, sin))
        return self._node("Concat", first, second, axis=-1)

    def _normed(self, x: str, weight: str) -> str:
        mean = self._node("ReduceMean", self._node("Mul", x, x), axes=(-1,), keepdims=1)
        root = self._node("Sqrt", self._node("Add", mean, self._constant(self._hyper.epsilon)))
        return self._node("Mul", self._node("Div", x, root), weight)

    def _reshaped(self, x: str, lengths: Sequence[int], out: str = "") -> str:
        return self._node("Reshape", x, self._integers(lengths), out=out)

    def _node(self, operator: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        return self._nodes_of(operator, 1, *inputs, out=out, **attributes)[0]

    def _nodes_of(
        self, operator: str, count: int, *inputs: str, out: str = "", **attributes: Any
    ) -> list[str]:
        outputs = [out or f"t{len(self._nodes)}.{at}" for at in range(count)]
        made = self._vendor.helper.make_node(operator, inputs, outputs, **attributes)
        self._nodes.append(made)
        return outputs

    def _constant(self, value: NDArray[Any] | float) -> str:
        return self._kept(np.asarray(value, self._dtype))

    def _integers(self, values: Sequence[int] | int) -> str:
        return self._kept(np.asarray(values, np.int64))

    def _kept(self, array: NDArray[Any]) -> str:
        """Returns the name of a constant; the same one is held once."""
        fact = (array.tobytes(), array.dtype.str, array.shape)
        if fact not in self._names:
            self._names[fact] = name = f"c{len(self._names)}"
            self._held.append(self._vendor.numpy_helper.from_array(array, name))
        return self._names[fact]

    def _outside(self, name: str, place: Place, location: str) -> Any:
        kind = self._vendor.helper.np_dtype_to_tensor_dtype(self._dtype)
        tensor = self._vendor.TensorProto(name=name, data_type=kind, dims=place.shape)
        tensor.data_location = self._vendor.TensorProto.EXTERNAL
        length = prod(place.shape) * self._dtype.itemsize
        told = {"location": location, "offset": place.offset, "length": length}
        for key, value in told.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        return tensor

    def _proto(self) -> bytes:
        helper, hyper, shape = self._vendor.helper, self._hyper, self._shape
        many = (shape.batch, shape.length)
        given = [self._info("tokens", "int64", many)]
        result = [self._info("logits", shape.dtype, (*many, hyper.vocabulary))]
        if shape.capacity:
            given.append(self._info("position", "int64", (1,)))
            for name in ("keys", "values"):
                before = (hyper.layers, shape.batch, hyper.kv_heads, shape.capacity, hyper.head_dim)
                new = (hyper.layers, shape.batch, hyper.kv_heads, shape.length, hyper.head_dim)
                given.append(self._info(name, shape.dtype, before))
                result.append(self._info(f"new_{name}", shape.dtype, new))
        proto = helper.make_model(
            helper.make_graph(self._nodes, shape.kind, given, result, self._held),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
        return bytes(proto.SerializeToString())

    def _info(self, name: str, dtype: str, lengths: Sequence[int]) -> Any:
        helper = self._vendor.helper
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return helper.make_tensor_value_info(name, kind, lengths)


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise Unavailable("onnx is not installed", fix="pip install 'latebra[language]'") from error
    return onnx
