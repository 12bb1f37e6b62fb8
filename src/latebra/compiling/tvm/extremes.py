"""The largest and smallest of floats over axes, infinities among them.

The vendor starts a maximum at the lowest finite number, so that minus infinities give that one:
an attention whose row is masked whole is then not seen to be.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

_FLOATS: Final = ("float16", "float32", "float64")


def extremes() -> dict[str, Callable[[Any, Any], Any]]:
    """Returns the vendor's operators that this knows, each with what replaces a call of it."""
    return {
        "relax.max": lambda builder, call: _extreme(builder, call, "max", -1),
        "relax.min": lambda builder, call: _extreme(builder, call, "min", 1),
    }


def _extreme(builder: Any, call: Any, name: str, sign: int) -> Any:
    te, tirx = (import_module(f"tvm.{each}") for each in ("te", "tirx"))
    (x,), told = call.args, call.attrs
    kind = str(x.ty.dtype)
    shape = [int(n) for n in x.ty.shape.values]
    axes = range(len(shape)) if told.axis is None else (int(a) % len(shape) for a in told.axis)
    folded = sorted(axes)
    keep = bool(told.keepdims)
    if kind not in _FLOATS or 0 in shape:
        return call.op.get_attr("FLegalize")(builder, call)
    vendor: Any = te
    numbers: Any = tirx
    combine = numbers.Max if name == "max" else numbers.Min

    def further(a: Any, b: Any) -> Any:  # The vendor looks into its code, which a class has not.
        return combine(a, b)

    def start(dtype: Any) -> Any:
        return numbers.const(sign * float("inf"), dtype)

    reducer = vendor.comm_reducer(further, start, f"{name}_of_all")

    def whole(values: Any) -> Any:
        over = {axis: vendor.reduce_axis((0, shape[axis])) for axis in folded}
        ones = [1] if keep else []
        lengths = [each for i, n in enumerate(shape) for each in (ones if i in over else [n])]

        def at(*place: Any) -> Any:
            # Without the axes that are folded, a place names the others in their order.
            rest = iter(each for i, each in enumerate(place) if not (keep and i in over))
            read = [over[i] if i in over else next(rest) for i in range(len(shape))]
            return reducer(values[tuple(read)], axis=list(over.values()))

        return vendor.compute(tuple(lengths), at, name)

    return builder.call_te(whole, x)
