"""From a traced JAX function to the core graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from latebra.compiling.ir.builder import Builder, Value
from latebra.compiling.ir.graph import Graph, Type
from latebra.compiling.jaxpr import arranging, elementwise, folding, indexing
from latebra.compiling.jaxpr.call import Call, Rule
from latebra.core.errors import Unsupported

RULES: Final[Mapping[str, Rule]] = {
    **arranging.rules(),
    **elementwise.rules(),
    **folding.rules(),
    **indexing.rules(),
}
"""How each primitive is said in core operators."""
_BODIES: Final = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_CALLED: Final = """
    checkpoint closed_call core_call custom_jvp_call custom_lin custom_vjp_call
    custom_vjp_call_jaxpr jit pjit remat remat2 xla_call
"""
_CALLS: Final = frozenset(_CALLED.split())
"""Primitives that compute the function they hold, and nothing else."""
MOST_STEPS: Final = 64
"""Longer scans are refused: each step is written out, and the graph grows with them."""


def graph_of(closed: Any, name: str) -> Graph:
    """Returns a traced function as a core graph; inputs are ``x0``, ..., outputs ``y0``, ....

    Args:
        closed: A ``jax.core.ClosedJaxpr``.
        name: A name for people.

    Raises:
        Unsupported: A primitive cannot be taken; the message names it and the reason.
    """
    builder = Builder(name)
    inputs = [
        builder.input(f"x{i}", Type(_dtype(var.aval), _shape(var.aval)))
        for i, var in enumerate(closed.jaxpr.invars)
    ]
    found = _run(builder, closed.jaxpr, closed.consts, inputs)
    return builder.finish({f"y{i}": value for i, value in enumerate(found)})


def _shape(aval: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in aval.shape)


def _dtype(aval: Any) -> str:
    return str(getattr(aval, "dtype", "a token"))


def _run(
    builder: Builder, jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Value]
) -> list[Value]:
    known: dict[Any, Value] = dict(zip(jaxpr.invars, inputs, strict=True))
    for var, array in zip(jaxpr.constvars, constants, strict=True):
        known[var] = array if isinstance(array, Value) else builder.constant(np.asarray(array))

    def value(atom: Any) -> Value:
        if hasattr(atom, "val"):  # A literal, which says what it is on the spot.
            return builder.constant(np.asarray(atom.val, _dtype(atom.aval)))
        return known[atom]

    for equation in jaxpr.eqns:
        found = _step(builder, equation, [value(each) for each in equation.invars])
        known.update(zip(equation.outvars, found, strict=True))
    return [value(each) for each in jaxpr.outvars]


def _step(builder: Builder, equation: Any, inputs: list[Value]) -> Sequence[Value]:
    name, told = str(equation.primitive.name), equation.params
    results = [(_shape(var.aval), _dtype(var.aval)) for var in equation.outvars]
    call = Call(builder, name, inputs, told, results)
    if name in _CALLS:
        return _inlined(builder, next(told[each] for each in _BODIES if each in told), inputs)
    if name == "scan":
        return _scanned(call)
    if name == "cond":
        return _chosen(call)
    rule = RULES.get(name)
    if rule is None:
        reason = "its steps are counted while it runs" if name == "while" else "it has no rule"
        raise call.unsupported(reason)
    found = rule(call)
    several = (found,) if isinstance(found, Value) else found
    for each, (shape, dtype) in zip(several, results, strict=True):
        if (each.shape, each.dtype) != (shape, dtype):
            raise Unsupported(
                f"{name} of JAX gave {each.type}, not {dtype}{list(shape)}",
                fix="this is a fault of ours; export the function to ONNX yourself",
            )
    return several


def _inlined(builder: Builder, body: Any, inputs: Sequence[Value]) -> list[Value]:
    if hasattr(body, "consts"):
        return _run(builder, body.jaxpr, body.consts, inputs)
    return _run(builder, body, (), inputs)


def _scanned(call: Call) -> Sequence[Value]:
    """A scan, written out step by step."""
    told, length = call.told, int(call.told["length"])
    if length > MOST_STEPS:
        raise call.unsupported(f"it takes {length} steps, more than {MOST_STEPS}")
    fixed, carried = int(told["num_consts"]), int(told["num_carry"])
    constants, state = call.inputs[:fixed], list(call.inputs[fixed : fixed + carried])
    rows = call.inputs[fixed + carried :]
    steps = range(length)[::-1] if told["reverse"] else range(length)
    gathered: list[list[Value]] = [[] for _ in call.results[carried:]]
    for at in steps:
        each = [row.part(0, at, at + 1).reshape(*row.shape[1:]) for row in rows]
        found = _inlined(call.builder, told["jaxpr"], [*constants, *state, *each])
        state = found[:carried]
        for kept, value in zip(gathered, found[carried:], strict=True):
            kept.append(value.reshape(1, *value.shape))
    joined: list[Value] = []
    for kept, (shape, dtype) in zip(gathered, call.results[carried:], strict=True):
        if not kept:
            joined.append(call.constant(np.zeros(shape, dtype)))
            continue
        ordered = kept[::-1] if told["reverse"] else kept
        joined.append(call.builder.add("concat", ordered, {"axis": 0}))
    return [*state, *joined]


def _chosen(call: Call) -> Sequence[Value]:
    """Branches: the one that is known, or all of them and then a choice."""
    which, *inputs = call.inputs
    branches = call.told["branches"]
    if which.array is not None:
        at = int(np.clip(int(which.array), 0, len(branches) - 1))
        return _inlined(call.builder, branches[at], inputs)
    found = _inlined(call.builder, branches[0], inputs)
    # Indices beyond the ends take the first and the last branch.
    for number, branch in enumerate(branches[1:], 1):
        later = ~which.op("less", number) if which.dtype != "bool" else which
        other = _inlined(call.builder, branch, inputs)
        found = [later.op("select", b, a) for a, b in zip(found, other, strict=True)]
    return found
