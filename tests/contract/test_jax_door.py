"""A JAX function is a model: what it computes there, it computes with other compilers."""

from __future__ import annotations

import os

import numpy as np
import pytest

import latebra as lb
from latebra.compiling.isolated import Isolated
from latebra.compiling.worker import compilers
from latebra.core.errors import InputError, Unsupported

pytest.importorskip("onnx", reason="models are written with onnx")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
jax = pytest.importorskip("jax", reason="jax is an extra")
jnp, lax = jax.numpy, jax.lax

OTHERS = ("onnxruntime", "ngraph", "reference")


def numbers(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape, np.float32) * np.float32(0.5)


def mlp(x):
    """Two layers, a softmax."""
    hidden = jax.nn.gelu(x @ numbers(0, 8, 16) + numbers(1, 16))
    return jax.nn.softmax(hidden @ numbers(2, 16, 5))


def cnn(x):
    """Convolutions channels-last, one of them grouped, a normalisation, pools."""

    def convolve(y, w, groups=1, step=1):
        axes = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            y, w, (step, step), "SAME", dimension_numbers=axes, feature_group_count=groups
        )

    y = jax.nn.relu(convolve(x, numbers(3, 3, 3, 3, 8), step=2))
    y = (y - y.mean((1, 2), keepdims=True)) * lax.rsqrt(y.var((1, 2), keepdims=True) + 1e-5)
    y = jax.nn.silu(convolve(y, numbers(4, 3, 3, 1, 8), groups=8))
    y = lax.reduce_window(y, -jnp.inf, lax.max, (1, 3, 3, 1), (1, 2, 2, 1), "SAME")
    return y.mean((1, 2)) @ numbers(5, 8, 4)


def attention(tokens, mask):
    """Embedding, causal attention of two heads, a residual, a scan over positions."""
    x = jnp.asarray(numbers(6, 11, 8))[tokens]
    q, k, v = (jnp.reshape(x @ numbers(seed, 8, 8), (*tokens.shape, 2, 4)) for seed in (7, 8, 9))
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / 2
    scores = jnp.where(mask[:, None, None, :] & jnp.tri(tokens.shape[1], dtype=bool), scores, -1e9)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v).reshape(x.shape)
    last, _ = lax.scan(
        lambda c, row: (jnp.tanh(c + row), None), x[:, 0], (x + mixed).swapaxes(0, 1)
    )
    return x + mixed, last


def corners(x, small):
    """What the core graph says in several operators, at signs and ends."""
    low = lax.reduce_window(small, np.uint8(255), lax.min, (2,), (1,), "VALID")
    order = jnp.argsort(x, stable=True), jnp.argmin(small), jnp.flip(x), x <= x[::-1]
    return jnp.sign(x), jnp.ceil(x), jnp.tan(x), -x, x.min(), jnp.isfinite(x), low, *order


CASES = {
    "corners": (
        corners,
        [np.array([2.5, -0.4, 0, -np.inf, 7], np.float32), np.array([3, 0, 255, 1], np.uint8)],
    ),
    "mlp": (mlp, [numbers(10, 3, 8)]),
    "cnn": (cnn, [numbers(11, 2, 12, 12, 3)]),
    "attention": (
        attention,
        [
            np.arange(10, dtype=np.int32).reshape(2, 5),
            np.array([[True] * 5, [True] * 3 + [False] * 2]),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_function_computes_the_same_elsewhere(name):
    function, example = CASES[name]
    model = lb.load_model(function, example=example)
    wanted = [np.asarray(each) for each in jax.tree_util.tree_leaves(function(*example))]
    inputs = {f"x{i}": array for i, array in enumerate(example)}
    assert model.card.name == name
    for compiler in OTHERS:
        if not compilers[compiler]().probe():
            continue
        with Isolated(threads=1, name=compiler) as other:
            found = other.load(other.build(model), model.card).run(inputs)
        for i, array in enumerate(wanted):
            np.testing.assert_allclose(found[f"y{i}"], array, rtol=2e-5, atol=2e-6)


def test_indices_beyond_the_ends_are_as_in_jax():
    at = np.array([1, -1, 12, 5], np.int32)
    x, new = numbers(12, 10, 4), numbers(13, 4, 4)

    def function(x, at, new):
        return (
            jnp.take(x, at, 0),
            jnp.asarray(x).at[at].add(new),
            lax.dynamic_slice(x, (at[2], 0), (3, 2)),
        )

    model = lb.load_model(function, example=[x, at, new])
    with Isolated(threads=1, name="onnxruntime") as other:
        found = other.load(other.build(model), model.card).run({"x0": x, "x1": at, "x2": new})
    for i, each in enumerate(function(x, at, new)):
        np.testing.assert_allclose(found[f"y{i}"], np.asarray(each), rtol=1e-6)


def test_what_cannot_be_taken_is_said():
    with pytest.raises(InputError, match="without an example"):
        lb.load_model(mlp)
    with pytest.raises(Unsupported, match="while of JAX"):
        lb.load_model(
            lambda x: lax.while_loop(lambda c: c.sum() < 9, lambda c: c + 1, x),
            example=[numbers(14, 3)],
        )
    with pytest.raises(Unsupported, match="JAX cannot trace"):
        lb.load_model(lambda x: np.sin(float(x)), example=[numbers(15, 3)])
