"""Each pass of the core graph, by the program before and the program expected."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from latebra.compiling.ir.builder import Builder
from latebra.compiling.ir.composed import mean
from latebra.compiling.ir.graph import Graph, Type
from latebra.compiling.ir.interpret import interpret
from latebra.compiling.ir.operators import check
from latebra.compiling.ir.passes.cleaning import (
    compare_with_itself,
    drop_dead,
    drop_neutral,
    drop_spread,
    fold_constants,
    join_reshapes,
    join_transposes,
    merge_equal,
)
from latebra.compiling.ir.passes.flattening import flatten_convs
from latebra.compiling.ir.passes.fusing import (
    find_normalise,
    join_offsets,
    scale_into_conv,
    scale_past_bias,
)
from latebra.compiling.ir.passes.halves import widen_halves
from latebra.compiling.ir.passes.usual import improved
from latebra.core.errors import Unsupported

Make = Callable[[Builder], Graph]
PICTURE = Type("float32", (1, 2, 3, 3))


def constants(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2,)))
    return b.finish({"y": x + (x.like(1) + x.like(2))})


def dead(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2,)))
    graph = b.finish({"y": x.op("exp"), "gone": x.op("log")})
    return Graph("g", graph.inputs, {"y": "exp_1"}, graph.nodes, graph.constants, graph.types)


def equal(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2,)))
    return b.finish({"y": x.op("exp") * x.op("exp")})


def compared(b: Builder) -> Graph:
    x, n = b.input("x", Type("float32", (2,))), b.input("n", Type("int32", (2,)))
    return b.finish({"y": x.op("equal", x), "m": n.op("equal", n)})


def transposes(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2, 3, 4)))
    return b.finish({"y": x.transpose(1, 2, 0).transpose(2, 1, 0)})


def undone(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2, 3, 4)))
    return b.finish({"y": x.transpose(1, 2, 0).transpose(2, 0, 1).op("exp")})


def reshapes(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2, 1, 6)))
    return b.finish({"y": x.reshape(12).reshape(3, 4), "z": x.transpose(1, 0, 2)})


def neutral(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2,)))
    return b.finish({"y": (x + 0).op("exp") * 1})


def spread(b: Builder) -> Graph:
    x, y = b.input("x", Type("float32", (2, 3))), b.input("y", Type("float32", (3,)))
    return b.finish({"z": x * y.broadcast(2, 3)})


def scaled(b: Builder) -> Graph:
    x = b.input("x", PICTURE)
    w = b.constant(np.ones((1, 2, 1, 1), np.float32), "w")
    told = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "groups": 1}
    y = x.op("conv", w, **told)
    return b.finish({"y": y * b.constant(np.full((1, 1, 1), 3, np.float32), "s")})


def biased(b: Builder) -> Graph:
    x = b.input("x", PICTURE)
    w = b.constant(np.ones((1, 2, 1, 1), np.float32), "w")
    told = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "groups": 1}
    y = x.op("conv", w, **told) + b.constant(np.full((1, 1, 1), 2, np.float32), "b")
    return b.finish({"y": y * b.constant(np.full((1, 1, 1), 3, np.float32), "s")})


def offsets(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2,)))
    return b.finish({"y": (x + 1) + 2})


def written_out(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (2, 8)))
    off = x - mean(x, [1])
    return b.finish({"y": off / (mean(off * off, [1]) + 0.5).op("sqrt")})


def convolved(
    b: Builder, space: tuple[int, ...], kernel: tuple[int, ...], pads: tuple[int, ...]
) -> Graph:
    x = b.input("x", Type("float32", (2, 4, *space)))
    w = b.constant(np.arange(12 * np.prod(kernel), dtype=np.float32).reshape(6, 2, *kernel), "w")
    steps = (1, *(2,) * (len(space) - 1))
    told = {"strides": steps, "pads": (*pads, *pads), "dilations": (1,) * len(space), "groups": 2}
    return b.finish({"y": x.op("conv", w, **told)})


def one_frame(b: Builder) -> Graph:
    return convolved(b, (1, 5, 5), (3, 3, 2), (1, 0, 1))


def frames(b: Builder) -> Graph:
    return convolved(b, (3, 5, 5), (1, 3, 2), (0, 0, 1))


def four_axes(b: Builder) -> Graph:
    return convolved(b, (3, 5, 5, 1), (1, 3, 2, 3), (0, 0, 1, 1))


def single_numbers(b: Builder) -> Graph:
    x = b.input("x", Type("float32", (1, 2, 3, 4, 5)))
    w = b.constant(np.ones((2, 2, 1, 1, 1), np.float32), "w")
    told = {"strides": (1,) * 3, "pads": (0,) * 6, "dilations": (1,) * 3, "groups": 1}
    return b.finish({"y": x.op("conv", w, **told)})


CASES = {
    fold_constants: (
        constants,
        """\
graph g
  input x: float32[2]
  const c_3: float32[] = 3.0
  add_2: float32[2] = add(x, c_3)
  return y=add_2""",
    ),
    drop_dead: (
        dead,
        """\
graph g
  input x: float32[2]
  exp_1: float32[2] = exp(x)
  return y=exp_1""",
    ),
    merge_equal: (
        equal,
        """\
graph g
  input x: float32[2]
  exp_1: float32[2] = exp(x)
  mul_1: float32[2] = mul(exp_1, exp_1)
  return y=mul_1""",
    ),
    compare_with_itself: (
        compared,
        """\
graph g
  input x: float32[2]
  input n: int32[2]
  const c_1: bool[] = True
  const c_2: bool[2] = [True,True]
  is_nan_1: bool[2] = is_nan(x)
  xor_1: bool[2] = xor(is_nan_1, c_1)
  return y=xor_1, m=c_2""",
    ),
    join_transposes: (
        transposes,
        """\
graph g
  input x: float32[2,3,4]
  transpose_2: float32[2,4,3] = transpose(x) permutation=[0,2,1]
  return y=transpose_2""",
    ),
    join_reshapes: (
        reshapes,
        """\
graph g
  input x: float32[2,1,6]
  reshape_2: float32[3,4] = reshape(x) shape=[3,4]
  reshape_3: float32[1,2,6] = reshape(x) shape=[1,2,6]
  return y=reshape_2, z=reshape_3""",
    ),
    drop_neutral: (
        neutral,
        """\
graph g
  input x: float32[2]
  exp_1: float32[2] = exp(x)
  return y=exp_1""",
    ),
    drop_spread: (
        spread,
        """\
graph g
  input x: float32[2,3]
  input y: float32[3]
  mul_1: float32[2,3] = mul(x, y)
  return z=mul_1""",
    ),
    scale_into_conv: (
        scaled,
        """\
graph g
  input x: float32[1,2,3,3]
  const c_1: float32[1,2,1,1] = [[[[3.0]],[[3.0]]]]
  conv_2: float32[1,1,3,3] = conv(x, c_1) strides=[1,1] pads=[0,0,0,0] dilations=[1,1] groups=1
  return y=conv_2""",
    ),
    scale_past_bias: (
        biased,
        """\
graph g
  input x: float32[1,2,3,3]
  const w: float32[1,2,1,1] = [[[[1.0]],[[1.0]]]]
  const s: float32[1,1,1] = [[[3.0]]]
  const c_1: float32[1,1,1] = [[[6.0]]]
  conv_1: float32[1,1,3,3] = conv(x, w) strides=[1,1] pads=[0,0,0,0] dilations=[1,1] groups=1
  mul_1: float32[1,1,3,3] = mul(conv_1, s)
  add_2: float32[1,1,3,3] = add(mul_1, c_1)
  return y=add_2""",
    ),
    join_offsets: (
        offsets,
        """\
graph g
  input x: float32[2]
  const c_3: float32[] = 3.0
  add_2: float32[2] = add(x, c_3)
  return y=add_2""",
    ),
    flatten_convs: (
        frames,
        """\
graph g
  input x: float32[2,4,3,5,5]
  const w: float32[6,2,1,3,2] = sha256:cb28bcd04237
  transpose_1: float32[2,3,4,5,5] = transpose(x) permutation=[0,2,1,3,4]
  reshape_1: float32[6,4,5,5] = reshape(transpose_1) shape=[6,4,5,5]
  reshape_2: float32[6,2,3,2] = reshape(w) shape=[6,2,3,2]
  conv_1: float32[6,6,2,3] = conv(reshape_1, reshape_2) strides=[2,2] pads=[0,1,0,1] \
dilations=[1,1] groups=2
  reshape_3: float32[2,3,6,2,3] = reshape(conv_1) shape=[2,3,6,2,3]
  transpose_2: float32[2,6,3,2,3] = transpose(reshape_3) permutation=[0,2,1,3,4]
  return y=transpose_2""",
    ),
    find_normalise: (
        written_out,
        """\
graph g
  input x: float32[2,8]
  normalise_1: float32[2,8] = normalise(x) axis=1 epsilon=0.5
  return y=normalise_1""",
    ),
}
"""The program before, and the program expected, by the pass."""


@pytest.mark.parametrize("step", CASES, ids=lambda each: str(each.__name__))
def test_the_program_after_is_the_program_expected(step: Callable[[Graph], Graph]) -> None:
    make, expected = CASES[step]
    before = make(Builder("g", fold=False))
    after = step(before)
    check(after)
    assert str(before) != expected
    assert str(after) == expected


OVER_FEWER_AXES = [one_frame, frames, four_axes, single_numbers]


@pytest.mark.parametrize(
    "make",
    [*(make for make, _ in CASES.values()), undone, *OVER_FEWER_AXES],
    ids=lambda each: str(each.__name__),
)
def test_all_passes_together_compute_the_same(make: Make) -> None:
    before = make(Builder("g", fold=False))
    after = improved(before)
    check(after)
    random = np.random.default_rng(0)
    inputs = {
        name: random.random(kind.shape).astype(kind.dtype) for name, kind in before.inputs.items()
    }
    wanted = interpret(before, inputs, "double")
    for name, found in interpret(after, inputs, "double").items():
        np.testing.assert_allclose(found, wanted[name], rtol=1e-6)
    if make not in (*OVER_FEWER_AXES, compared):  # These trade one node for several lighter ones.
        assert len(after.nodes) <= len(before.nodes)


@pytest.mark.parametrize("make", OVER_FEWER_AXES, ids=lambda each: str(each.__name__))
def test_convolutions_have_two_axes_where_their_kernels_reach_along_two(make: Make) -> None:
    kinds = improved(make(Builder("g", fold=False))).types
    convolved = [kind for name, kind in kinds.items() if name.startswith("conv")]
    assert [len(kind.shape) for kind in convolved] == [4]


def test_what_is_no_number_does_not_equal_itself() -> None:
    given = {"x": np.array([1, np.nan], np.float32), "n": np.array([1, 2], np.int32)}
    found = interpret(improved(compared(Builder("g"))), given)
    assert found["y"].tolist() == [True, False]
    assert found["m"].tolist() == [True, True]


def test_transposes_that_undo_each_other_vanish() -> None:
    assert [node.op for node in improved(undone(Builder("g", fold=False))).nodes] == ["exp"]


def test_a_digest_sees_what_is_computed_and_not_what_it_is_called() -> None:
    a, b = equal(Builder("g")), equal(Builder("another"))
    assert a.digest() == b.digest()
    assert a.digest() != spread(Builder("g")).digest()


def test_a_graph_that_breaks_a_rule_is_refused_in_words() -> None:
    good = equal(Builder("g"))
    with pytest.raises(Unsupported, match="before anything gives it"):
        check(Graph("g", {}, good.outputs, good.nodes, {}, good.types))
    wrong = {**good.types, "exp_1": Type("float32", (3,))}
    with pytest.raises(Unsupported, match=r"float32\[2\], not float32\[3\]"):
        check(Graph("g", good.inputs, good.outputs, good.nodes, {}, wrong))


def test_halves_are_computed_in_32_bits() -> None:
    b = Builder("g")
    x = b.input("x", Type("float16", (3,)))
    graph = widen_halves(b.finish({"y": (x * 3.0).cast("float16") + 1.0, "x": x}))
    check(graph)
    assert graph.output_type("y") == Type("float16", (3,))
    kinds = [(node.op, graph.types[node.output].dtype) for node in graph.nodes]
    assert ("mul", "float32") in kinds
    assert ("add", "float32") in kinds
    given = np.array([1, 2, 3], np.float16)
    found = interpret(graph, {"x": given})
    assert np.array_equal(found["y"], given * 3 + 1)
    assert np.array_equal(found["x"], given)
