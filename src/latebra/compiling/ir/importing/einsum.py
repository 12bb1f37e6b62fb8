"""Einstein's sums, as matrix products."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from latebra.compiling.ir.builder import Value
from latebra.compiling.ir.importing.call import Call, Rule


def _einsum(call: Call) -> Value:
    equation = str(call.told["equation"]).replace(" ", "")
    values = [call[i] for i in range(len(call.inputs))]
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if "..." in equation:
        terms, right, arrow = _spelt(terms, values, right, arrow)
    if not arrow:
        letters = "".join(terms)
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    plain = [_diagonal(call, v, t) for v, t in zip(values, terms, strict=True)]
    terms = ["".join(dict.fromkeys(term)) for term in terms]
    value, term = plain[0], terms[0]
    for i in range(1, len(terms)):
        later = "".join(terms[i + 1 :]) + right
        value, term = _contracted(value, term, plain[i], terms[i], later)
    gone = [i for i, c in enumerate(term) if c not in right]
    if gone:
        value = value.fold("sum", gone, keep=False)
        term = "".join(c for c in term if c in right)
    return value.transpose(*(term.index(c) for c in right))


def _spelt(
    terms: list[str], values: Sequence[Value], right: str, arrow: str
) -> tuple[list[str], str, str]:
    """Writes dots as letters; axes of length one among them are not stretched."""
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in "".join(terms)]
    depth = [
        v.rank - len(t.replace("...", "")) if "..." in t else 0
        for v, t in zip(values, terms, strict=True)
    ]
    dots = "".join(free[: max(depth)])
    spelt = [t.replace("...", dots[len(dots) - d :]) for t, d in zip(terms, depth, strict=True)]
    if not arrow:
        letters = "".join(t.replace("...", "") for t in terms)
        right = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return spelt, right.replace("...", dots), "->"


def _diagonal(call: Call, x: Value, term: str) -> Value:
    """Returns a value without repeated axes: of each pair, the diagonal."""
    while len(set(term)) < len(term):
        letter = next(c for c in term if term.count(c) > 1)
        first = term.index(letter)
        second = term.index(letter, first + 1)
        n = x.shape[first]
        shape = [n if i in (first, second) else 1 for i in range(x.rank)]
        mask = call.constant(np.eye(n, dtype=np.bool_).reshape(shape))
        x = mask.op("select", x, x.like(0)).fold("sum", [second], keep=False)
        term = term[:second] + term[second + 1 :]
    return x


def _contracted(a: Value, at: str, b: Value, bt: str, later: str) -> tuple[Value, str]:
    """Returns the product of two values, summed over letters that nobody needs later."""
    for_a = [i for i, c in enumerate(at) if c not in bt and c not in later]
    for_b = [i for i, c in enumerate(bt) if c not in at and c not in later]
    a = a.fold("sum", for_a, keep=False) if for_a else a
    b = b.fold("sum", for_b, keep=False) if for_b else b
    at = "".join(c for i, c in enumerate(at) if i not in for_a)
    bt = "".join(c for i, c in enumerate(bt) if i not in for_b)
    batch = [c for c in at if c in bt and c in later]
    inner = [c for c in at if c in bt and c not in later]
    rows, columns = [c for c in at if c not in bt], [c for c in bt if c not in at]
    sizes = {
        c: max(a.shape[at.index(c)] if c in at else 1, b.shape[bt.index(c)] if c in bt else 1)
        for c in at + bt
    }

    def laid(x: Value, term: str, *groups: list[str]) -> Value:
        x = x.transpose(*(term.index(c) for group in groups for c in group))
        stretched = [sizes[c] for group in groups for c in group]
        x = x.broadcast(*stretched)
        flat = [math.prod(sizes[c] for c in group) for group in groups[1:]]
        return x.reshape(*(sizes[c] for c in groups[0]), *flat)

    product = laid(a, at, batch, rows, inner) @ laid(b, bt, batch, inner, columns)
    term = "".join([*batch, *rows, *columns])
    return product.reshape(*(sizes[c] for c in term)), term


def rules() -> Mapping[str, Rule]:
    """Returns how each operator of this file is said, by its name."""
    return {"Einsum": _einsum}
