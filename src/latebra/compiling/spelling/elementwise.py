"""Operators that go element by element."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Final

import numpy as np

from latebra.compiling.spelling.node import Entry, Node
from latebra.core.errors import Unsupported

MAPS: Final = {
    "Abs": "absolute",
    "Acos": "arccos",
    "Acosh": "arccosh",
    "And": "logical_and",
    "Asin": "arcsin",
    "Asinh": "arcsinh",
    "Atan": "arctan",
    "Atanh": "arctanh",
    "Add": "add",
    "BitwiseAnd": "bitwise_and",
    "BitwiseNot": "bitwise_not",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Equal": "equal",
    "Erf": "erf",
    "Exp": "exp",
    "Floor": "floor",
    "Greater": "greater",
    "GreaterOrEqual": "greater_equal",
    "IsNaN": "isnan",
    "Less": "less",
    "LessOrEqual": "less_equal",
    "Log": "log",
    "Mul": "multiply",
    "Neg": "negative",
    "Not": "logical_not",
    "Or": "logical_or",
    "Round": "round",
    "Sigmoid": "sigmoid",
    "Sign": "sign",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Sub": "subtract",
    "Tan": "tan",
    "Tanh": "tanh",
    "Where": "where",
    "Xor": "logical_xor",
}
"""Operators that are one function of NumPy."""


def entries() -> dict[str, Entry]:
    """Returns the spelling of each operator of this kind."""
    own: dict[str, Entry] = {
        "Cast": lambda node: node.algebra.cast(node.inputs[0], node.dtype("to")),
        "CastLike": lambda node: node.algebra.cast(
            node.inputs[0], node.algebra.dtype(node.inputs[1])
        ),
        "Celu": _celu,
        "Clip": _clip,
        "Div": _div,
        "Dropout": _dropout,
        "Elu": lambda node: _elu(node, node.get("alpha", 1.0), 1.0),
        "Gelu": _gelu,
        "HardSigmoid": lambda node: _hard(node, node.get("alpha", 0.2), node.get("beta", 0.5)),
        "HardSwish": lambda node: node.map("multiply", node.inputs[0], _hard(node, 1 / 6, 0.5)),
        "Identity": lambda node: node.inputs[0],
        "LeakyRelu": lambda node: _leaky(node, node.like(node.get("alpha", 0.01))),
        "Max": _several("maximum"),
        "Mean": lambda node: node.map("divide", _several("add")(node), node.like(len(node.inputs))),
        "Min": _several("minimum"),
        "Mish": lambda node: node.map(
            "multiply", node.inputs[0], node.map("tanh", _softplus(node))
        ),
        "Mod": _mod,
        "PRelu": lambda node: _leaky(node, node.inputs[1]),
        "Pow": _pow,
        "Reciprocal": lambda node: node.map("divide", node.like(1), node.inputs[0]),
        "Relu": lambda node: node.map("maximum", node.inputs[0], node.like(0)),
        # Constants: Klambauer et al. 2017, arXiv:1706.02515, to the digits of ONNX.
        "Selu": lambda node: _elu(
            node, node.get("alpha", 1.67326319217681884765625), node.get("gamma", 1.0507009873554)
        ),
        "Softplus": _softplus,
        "Softsign": lambda node: node.map(
            "divide",
            node.inputs[0],
            node.map("add", node.like(1), node.map("absolute", node.inputs[0])),
        ),
        "Sum": _several("add"),
        "Swish": lambda node: node.map(
            "multiply",
            node.inputs[0],
            node.map(
                "sigmoid", node.map("multiply", node.inputs[0], node.like(node.get("alpha", 1.0)))
            ),
        ),
        "ThresholdedRelu": lambda node: node.map(
            "where",
            node.map("greater", node.inputs[0], node.like(node.get("alpha", 1.0))),
            node.inputs[0],
            node.like(0),
        ),
    }
    return {**{operator: _map(name) for operator, name in MAPS.items()}, **own}


def _map(name: str) -> Entry:
    return lambda node: node.map(name, *node.inputs)


def _several(name: str) -> Callable[[Node], Any]:
    return lambda node: reduce(lambda a, b: node.map(name, a, b), node.inputs)


def _dropout(node: Node) -> Any:
    training = node.known(2)
    if node.optional(2) is not None and (training is None or training.any()):
        raise Unsupported("Dropout in training", fix="export the network for inference")
    return node.inputs[0]


def _div(node: Node) -> Any:
    if node.algebra.dtype(node.inputs[0]).kind == "f":
        return node.map("divide", *node.inputs)
    return node.map("trunc_divide", *node.inputs)


def _mod(node: Node) -> Any:
    return node.map("fmod" if node.get("fmod", 0) else "remainder", *node.inputs)


def _pow(node: Node) -> Any:
    base, exponent = node.inputs
    kind = node.algebra.dtype(base)
    held = node.known(1)
    if held is not None and held.size == 1 and kind.kind == "f":
        # A logarithm of a negative base is no number, and two products are exacter.
        match float(held.reshape(-1)[0]):
            case 2.0:
                return node.map("multiply", base, base)
            case 3.0:
                return node.map("multiply", node.map("multiply", base, base), base)
            case 0.5:
                return node.map("sqrt", base)
            case _:
                pass
    return node.algebra.cast(node.map("power", base, node.algebra.cast(exponent, kind)), kind)


def _clip(node: Node) -> Any:
    x = node.inputs[0]
    for at, name, attribute in ((1, "maximum", "min"), (2, "minimum", "max")):
        limit = node.optional(at)
        told = node.get(attribute, None)
        if limit is None and told is not None:
            limit = node.like(told)
        if limit is not None:
            x = node.map(name, x, limit)
    return x


def _hard(node: Node, alpha: float, beta: float) -> Any:
    line = node.map("multiply", node.inputs[0], node.like(alpha))
    line = node.map("add", line, node.like(beta))
    return node.map("minimum", node.map("maximum", line, node.like(0)), node.like(1))


def _leaky(node: Node, slope: Any) -> Any:
    x = node.inputs[0]
    return node.map("where", node.map("less", x, node.like(0)), node.map("multiply", x, slope), x)


def _elu(node: Node, alpha: float, gamma: float) -> Any:
    x = node.inputs[0]
    # The minimum keeps the exponential of what is not used finite.
    low = node.map("exp", node.map("minimum", x, node.like(0)))
    low = node.map("multiply", node.map("subtract", low, node.like(1)), node.like(alpha))
    found = node.map("where", node.map("less", x, node.like(0)), low, x)
    return found if gamma == 1.0 else node.map("multiply", found, node.like(gamma))


def _celu(node: Node) -> Any:
    alpha = node.get("alpha", 1.0)
    x, zero = node.inputs[0], node.like(0)
    low = node.map("exp", node.map("divide", node.map("minimum", x, zero), node.like(alpha)))
    low = node.map("multiply", node.map("subtract", low, node.like(1)), node.like(alpha))
    return node.map("add", node.map("maximum", x, zero), low)


def _softplus(node: Node) -> Any:
    x = node.inputs[0]
    tail = node.map("exp", node.map("negative", node.map("absolute", x)))
    tail = node.map("log", node.map("add", tail, node.like(1)))
    return node.map("add", node.map("maximum", x, node.like(0)), tail)


def _gelu(node: Node) -> Any:
    x = node.inputs[0]
    if node.text("approximate", "none") == "tanh":
        cubed = node.map("multiply", node.map("multiply", x, x), x)
        inner = node.map("add", x, node.map("multiply", cubed, node.like(0.044715)))
        bent = node.map("tanh", node.map("multiply", inner, node.like(np.sqrt(2 / np.pi))))
    else:
        bent = node.map("erf", node.map("multiply", x, node.like(np.sqrt(0.5))))
    half = node.map("multiply", x, node.like(0.5))
    return node.map("multiply", half, node.map("add", bent, node.like(1)))
