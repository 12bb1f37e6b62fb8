"""Powers by quarters as square roots, which a processor has for whole vectors.

A power is a call of the C library for each number: those of two local response normalisations were
a seventh of AlexNet's time. A root is right to the last bit, so a product of three is off by no
more than the library may be.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

_MOST_QUARTERS: Final = 8


def powers() -> dict[str, Callable[[Any, Any], Any]]:
    """Returns the vendor's operators that this knows, each with what replaces a call of it."""
    return {"relax.power": _power}


def _power(builder: Any, call: Any) -> Any:
    x, y = call.args
    exponent = getattr(y, "value", None)
    quarters = 0.0
    if exponent is not None and str(x.ty.dtype) == "float32":
        held = exponent.numpy()
        if held.size == 1 and held.ndim <= len(x.ty.shape.values):
            quarters = 4 * float(held.reshape(-1)[0])
    if quarters not in range(1, _MOST_QUARTERS + 1):
        return call.op.get_attr("FLegalize")(builder, call)
    te, tirx = (import_module(f"tvm.{each}") for each in ("te", "tirx"))
    numbers: Any = tirx

    def raised(source: Any) -> Any:
        def at(*place: Any) -> Any:
            value = source(*place)
            root = numbers.sqrt(value)
            whole, rest = divmod(int(quarters), 4)
            factors = [value] * whole + [root] * (rest // 2) + [numbers.sqrt(root)] * (rest % 2)
            found = factors[0]
            for each in factors[1:]:
                found = found * each
            return found

        vendor: Any = te
        return vendor.compute(source.shape, at, "power")

    return builder.call_te(raised, x)
