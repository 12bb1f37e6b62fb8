"""Convolutions and matrix products as one kind of loop: rows unrolled, lanes a vector.

Each result is a sum over k of one number of a row times one vector of weights. The weights are
packed so that a vector of them is contiguous, ``(block, k..., lane)``; the sums of a tile of rows
stay in registers until they are whole:

    for each block of lanes, each tile of rows      (threads split these)
        for each k                                  (in order)
            for each row of the tile                (unrolled)
                sum[row] += data[row, k] * weights[block, k]        (a vector of lanes)

Measured with tiles of 14 rows of 16 lanes: nearly every instruction of the inner loop is a fused
multiply-add.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from typing import Any, Final

import numpy as np

from latebra.compiling.tvm.places import flat, unflat, where

DONE: Final = "latebra.scheduled"
"""An attribute of functions that need no other schedule."""
_OPAQUE: Final = 8
"""The vendor's word for a function that is fused with no other, ``kOpaque``."""
_LAYOUTS: Final = ("NCW", "NCHW", "NCDHW")
_TILE_BYTES: Final = 1023
"""From 1024 bytes on the vendor takes a tile from the heap, and not from registers."""
_MOST_ROWS: Final = 14
"""With the weights and one number of the data, what fits in AVX-512's 32 registers unspilt."""
_FEWEST_ROWS: Final = 6
"""Below, a product's rows are padded to a multiple of 8: a sum waits four cycles for the last."""
_LEAST_PARALLEL: Final = 1 << 19
"""Products below which waking a thread costs more than it saves; a choice."""


@dataclass(frozen=True)
class Tiled:
    """Replaces operators of the graph by tiled loops.

    Args:
        lanes: Floats in one vector register.
        threads: How many threads may split the blocks.
    """

    lanes: int
    threads: int

    def operators(self) -> dict[str, Callable[[Any, Any], Any]]:
        """Returns the vendor's operators that this knows, each with what replaces a call of it."""
        return {
            **{f"relax.nn.conv{rank}d": self._convolution for rank in (1, 2, 3)},
            "relax.nn.conv2d_transpose": self._enlargement,
            "relax.matmul": self._product,
        }

    def _convolution(self, builder: Any, call: Any) -> Any:
        (data, weights), told = call.args, call.attrs
        plain = str(told.data_layout) in _LAYOUTS and _is_constant(weights)
        channels, groups = _shape(weights)[0], int(told.groups)
        part, lanes = channels // groups, self.lanes
        # Smaller parts would leave most lanes empty.
        full = groups == 1 or 2 * part >= lanes
        if not (plain and full and _is_float32(data, weights)):
            return _as_vendor(builder, call)
        around = [int(n) for n in told.padding]
        rank = len(around) // 2
        if any(around):
            pad = import_module("tvm.topi").nn.pad
            data = builder.emit_te(pad, data, [0, 0, *around[:rank]], [0, 0, *around[rank:]])
        parts = np.split(weights.value.numpy(), groups)
        found, shape = self._windows(builder, data, parts, told.strides, told.dilation)

        def unpacked(whole: Any) -> Any:
            def at(*place: Any) -> Any:
                image, channel, *rest = place
                block = channel // part * (shape[1] // groups) + channel % part // lanes
                return whole[(image, block, *rest, channel % part % lanes)]

            whole_shape = (shape[0], channels, *shape[2:-1])
            return import_module("tvm.te").compute(whole_shape, at, "unpacked")

        return builder.call_te(unpacked, found)

    def _enlargement(self, builder: Any, call: Any) -> Any:
        """A transposed convolution whose windows do not overlap: a product, then shuffled."""
        data, weights = call.args
        told = call.attrs
        plain = str(told.data_layout) == "NCHW" and str(told.kernel_layout) == "IOHW"
        plain = plain and int(told.groups) == 1 and _is_constant(weights)
        if not (plain and _is_float32(data, weights)):
            return _as_vendor(builder, call)
        _, channels, *kernel = _shape(weights)
        still = {int(n) for n in (*told.padding, *told.output_padding)} == {0}
        if not still or [int(n) for n in told.strides] != kernel or set(told.dilation) != {1}:
            return _as_vendor(builder, call)
        high, wide = kernel
        # To each output its taps: a convolution of one element a window.
        taps = np.moveaxis(weights.value.numpy(), 0, -1).reshape(channels * high * wide, -1)
        found, shape = self._windows(builder, data, [taps[..., None, None]], (1, 1), (1, 1))

        def shuffled(whole: Any) -> Any:
            def at(*place: Any) -> Any:
                image, channel, row, column = place
                tap = (channel * high + row % high) * wide + column % wide
                here = (tap // self.lanes, row // high, column // wide, tap % self.lanes)
                return whole[image, *here]

            whole_shape = (shape[0], channels, shape[2] * high, shape[3] * wide)
            return import_module("tvm.te").compute(whole_shape, at, "shuffled")

        return builder.call_te(shuffled, found)

    def _windows(
        self, builder: Any, data: Any, parts: list[Any], strides: Any, dilations: Any
    ) -> tuple[Any, tuple[int, ...]]:
        """Returns sums over windows, and their shape ``(image, block, place..., lane)``.

        Args:
            builder: The vendor's, which writes the graph.
            data: Shape ``(image, channel, place...)``, with its border.
            parts: Weights of each group of channels, ``(out, in, tap...)``.
            strides: From one window to the next, along each axis.
            dilations: From one number under a kernel to the next.
        """
        te: Any = import_module("tvm.te")
        packed = np.concatenate([self._packed(each) for each in parts])
        n, _, *space = _shape(data)
        blocks, depth, *taps, lanes = packed.shape
        each = blocks // len(parts)
        steps, gaps = (list(map(int, told)) for told in (strides, dilations))
        lengths = [
            (length - gap * (tap - 1) - 1) // step + 1
            for length, tap, step, gap in zip(space, taps, steps, gaps, strict=True)
        ]
        x = te.placeholder(_shape(data), "float32", "x")
        w = te.placeholder(packed.shape, "float32", "w")
        c, *inner = (te.reduce_axis((0, length)) for length in (depth, *taps))

        def term(*at: Any) -> Any:
            image, block, *places, lane = at
            moved = zip(places, inner, steps, gaps, strict=True)
            here = [place * step + tap * gap for place, tap, step, gap in moved]
            channel = block // each * depth + c
            return te.sum(x[(image, channel, *here)] * w[(block, c, *inner, lane)], [c, *inner])

        shape = (n, blocks, *lengths, lanes)
        loops = te.create_prim_func([x, w, te.compute(shape, term, "y")])
        held = import_module("tvm.relax").const(packed)
        return self._emit(builder, loops, [data, held], shape), shape

    def _product(self, builder: Any, call: Any) -> Any:
        left, right = call.args
        one, two = _shape(left), _shape(right)
        held = _is_constant(right) and len(two) == 2 and len(one) >= 2
        paired = held or (len(one) >= 2 and one[:-2] == two[:-2])
        if not (paired and _is_float32(left, right)):
            return _as_vendor(builder, call)
        te: Any = import_module("tvm.te")
        (depth, columns), lanes = two[-2:], self.lanes
        # One matrix for all of a batch makes the batch more rows.
        batch = [] if held else one[:-2]
        leading = one[:-1] if held else one[-2:-1]
        whole, rows, blocks = prod(batch), prod(leading), -(-columns // lanes)
        padded = rows
        if rows > self._most_rows and _most(rows, self._most_rows) < _FEWEST_ROWS:
            padded = -(-rows // 8) * 8
        if held:
            value = self._packed(right.value.numpy().T)[None]
            weights = import_module("tvm.relax").const(value)
        else:
            weights = builder.emit_te(self._packing(batch, depth, columns), right)

        def as_rows(source: Any) -> Any:
            def at(*place: Any) -> Any:
                matrix, row, k = place
                value = source(*unflat(matrix, batch), *unflat(row, leading), k)
                return value if rows == padded else where(row < rows, value)

            return te.compute((whole, padded, depth), at, "rows")

        data = builder.emit_te(as_rows, left)
        x = te.placeholder((whole, padded, depth), "float32", "x")
        w = te.placeholder((whole, blocks, depth, lanes), "float32", "w")
        k = te.reduce_axis((0, depth))

        def term(*at: Any) -> Any:
            matrix, block, row, lane = at
            return te.sum(x[matrix, row, k] * w[matrix, block, k, lane], k)

        shape = (whole, blocks, padded, lanes)
        loops = te.create_prim_func([x, w, te.compute(shape, term, "y")])
        found = self._emit(builder, loops, [data, weights], shape)

        def unpacked(source: Any) -> Any:
            def at(*place: Any) -> Any:
                *before, column = place
                matrix, row = before[: len(batch)], before[len(batch) :]
                block, lane = column // lanes, column % lanes
                return source[flat(matrix, batch), block, flat(row, leading), lane]

            return te.compute([*batch, *leading, columns], at, "unpacked")

        return builder.call_te(unpacked, found)

    def _packed(self, weights: Any) -> Any:
        """Returns weights ``(out, k...)`` as ``(block, k..., lane)``, zeros where out ends."""
        out, *rest = weights.shape
        blocks = -(-out // self.lanes)
        whole = np.zeros((blocks * self.lanes, *rest), np.float32)
        whole[:out] = weights
        parted = whole.reshape(blocks, self.lanes, *rest)
        return np.ascontiguousarray(np.moveaxis(parted, 1, -1))

    def _packing(self, batch: Sequence[int], depth: int, columns: int) -> Callable[[Any], Any]:
        te: Any = import_module("tvm.te")
        blocks = -(-columns // self.lanes)

        def packing(source: Any) -> Any:
            def at(*place: Any) -> Any:
                matrix, block, k, lane = place
                column = block * self.lanes + lane
                value = source(*unflat(matrix, batch), k, column)
                return where(column < columns, value) if columns % self.lanes else value

            return te.compute((prod(batch), blocks, depth, self.lanes), at, "packed")

        return packing

    @property
    def _most_rows(self) -> int:
        return min(_MOST_ROWS, _TILE_BYTES // (4 * self.lanes))

    def _emit(self, builder: Any, loops: Any, inputs: list[Any], shape: Sequence[int]) -> Any:
        relax: Any = import_module("tvm.relax")
        done = self._scheduled(loops).with_attr({DONE: 1, "op_pattern": _OPAQUE})
        name = builder.add_func(done.without_attr("global_symbol"), "tiled")
        kind = relax.TensorType(tuple(shape), "float32")
        return builder.emit(relax.call_tir(name, inputs, kind))

    def _scheduled(self, loops: Any) -> Any:
        """Returns loops ``(outer..., lane), k...`` as the head of this file draws them."""
        schedule = import_module("tvm.s_tir").Schedule(loops)
        sums = schedule.get_sblock("y")
        stored = schedule.cache_write(sums, 0, "local")
        every = schedule.get_loops(sums)
        lengths = [int(schedule.get(loop).extent) for loop in every]
        spatial = [int(each.iter_type) for each in schedule.get(sums).iter_vars].count(0)
        (*outer, lane), k = every[:spatial], every[spatial:]
        tile: list[Any] = []
        room = self._most_rows
        for at in reversed(range(len(outer))):
            # An axis that does not fill a tile leaves room for one before it.
            rows = _most(lengths[at], room)
            if rows > 1:
                outer[at], inner = schedule.split(outer[at], [None, rows])
                tile.insert(0, inner)
                room //= rows
        schedule.reorder(*outer, *k, *tile, lane)
        schedule.reverse_compute_at(stored, outer[-1])
        if self.threads > 1 and prod(lengths) >= _LEAST_PARALLEL:
            outer = [schedule.fuse(*outer[:-1]), outer[-1]]
            schedule.parallel(outer[0])
        for loop in tile:
            schedule.unroll(loop)
        schedule.vectorize(lane)
        for block in (schedule.decompose_reduction(sums, k[0]), stored):
            # What is stored has no loops over axes of one element.
            *unrolled, vector = schedule.get_loops(block)[len(outer) :]
            for loop in unrolled:
                schedule.unroll(loop)
            schedule.vectorize(vector)
        return schedule.mod["main"]


def _most(length: int, room: int) -> int:
    """Returns the largest divisor of a length that there is room for."""
    return max(n for n in range(1, room + 1) if length % n == 0)


def _is_constant(value: Any) -> bool:
    return getattr(value, "value", None) is not None


def _is_float32(*values: Any) -> bool:
    return all(str(value.ty.dtype) == "float32" for value in values)


def _shape(value: Any) -> list[int]:
    return [int(length) for length in value.ty.shape.values]


def _as_vendor(builder: Any, call: Any) -> Any:
    return call.op.get_attr("FLegalize")(builder, call)
