from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import latebra as lb
from latebra.compiling.backends.glow import Glow
from latebra.compiling.glow.lowering import Step, Steps
from latebra.compiling.glow.profiling import LEVELS, Scale, fitted
from latebra.compiling.glow.quantising import read_as_bytes
from latebra.core.errors import InputError, NumericsMismatch, Unsupported
from latebra.testing.programs import PROGRAMS, batched
from tests.unit.glow_targets import (
    FOR_BYTES,
    SMALL,
    computed,
    computed_in_bytes,
    elsewhere,
    others,
    ran,
    ran_in_bytes,
    require_one_answer,
    require_parts,
    scales,
    scales_of,
)

pytest.importorskip("onnx", reason="the networks are made with onnx")


@pytest.mark.parametrize("name", SMALL)
def test_every_processor_and_any_number_of_threads_give_the_same_bits(name):
    program = SMALL[name]()
    told = program.model.onnx, scales(name), program.inputs
    require_one_answer(partial(elsewhere, ran_in_bytes, *told), FOR_BYTES)


@pytest.mark.parametrize("name", ["resnet", "unet"])
def test_a_batch_gives_the_bits_of_its_parts(name):
    whole = SMALL[name](batch=3)
    known = elsewhere(scales_of, whole.model.onnx, [whole.inputs])

    def run(program, threads):
        told = program.model.onnx, known, program.inputs
        return elsewhere(ran_in_bytes, *told, FOR_BYTES[0].name, threads)

    require_parts(name, run)


@pytest.mark.parametrize("name", SMALL)
def test_error_is_what_bytes_explain(name):
    program = SMALL[name]()
    known = scales(name)
    wanted = elsewhere(ran, program)
    target = FOR_BYTES[0].name
    got = elsewhere(ran_in_bytes, program.model.onnx, known, program.inputs, target, 1)
    narrow = {each: Scale(scale.scale / 8, scale.zero) for each, scale in known.items()}
    off = elsewhere(ran_in_bytes, program.model.onnx, narrow, program.inputs, target, 1)
    errors = [
        max(np.abs(found[o] - y).max() / np.abs(y).max() for o, y in wanted.items())
        for found in (got, off)
    ]
    # A step is 1/255 of a range, and some 20 layers add theirs.
    assert 1e-4 < errors[0] <= Glow.variants["int8"].bound
    assert errors[1] > 2 * errors[0], "ranges that are cut are to be seen"


@pytest.mark.parametrize("inputs", [1, 3, 4, 7, 33])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("target", FOR_BYTES, ids=lambda target: target.name)
def test_sums_of_products_of_bytes_are_exact(inputs, groups, target):
    rng = np.random.default_rng(inputs)
    x = rng.integers(0, 256, (2, inputs * groups, 5, 6)).astype(np.uint8)
    weights = rng.integers(-127, 128, (18 * groups, inputs, 3, 2)).astype(np.int8)
    x.flat[:9], weights.flat[:9] = 255, 127  # Pairs of these overflow 16 bits.
    told = {"strides": [2, 1], "pads": [1, 0, 2, 1], "dilations": [1, 2], "group": groups}
    conv = Step("Conv", ("x", "w"), "y", {**told, "fill": 200})
    graph = Steps({"x": ("uint8", x.shape)}, {"w": weights}, [conv], ["y"])
    got = elsewhere(computed, graph, {"x": x}, target.name)["y"]
    wide = np.pad(x.astype(np.int64), ((0, 0), (0, 0), (1, 2), (0, 1)), constant_values=200)
    wanted = np.zeros(got.shape, np.int64)
    for at, row, column in np.ndindex(got.shape[0], *got.shape[2:]):
        window = wide[at, :, 2 * row : 2 * row + 3, column : column + 3 : 2]
        parts = window.reshape(groups, -1), weights.astype(np.int64).reshape(groups, 18, -1)
        wanted[at, :, row, column] = np.einsum("gk,gok->go", *parts).reshape(-1)
    assert got.dtype == np.int32
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("rows", [1, 5, 40])
@pytest.mark.parametrize("k", [1, 6, 64])
def test_matrices_of_bytes_are_exact(rows, k):
    rng = np.random.default_rng(k)
    x = rng.integers(0, 256, (3, k, rows)).astype(np.uint8)
    weights = rng.integers(-127, 128, (k, 37)).astype(np.int8)
    # Turned first, so that what is summed does not lie side by side.
    steps = [
        Step("Transpose", ("x",), "turned", {"perm": [0, 2, 1]}),
        Step("MatMul", ("turned", "w"), "y"),
    ]
    graph = Steps({"x": ("uint8", x.shape)}, {"w": weights}, steps, ["y"])
    for target in FOR_BYTES:
        got = elsewhere(computed, graph, {"x": x}, target.name)["y"]
        wanted = np.swapaxes(x, 1, 2).astype(np.int64) @ weights.astype(np.int64)
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("target", FOR_BYTES, ids=lambda target: target.name)
def test_numbers_become_the_nearest_byte(target):
    scale, zero = 0.25, 100
    edges = [np.nan, np.inf, -np.inf, 0.0, -0.0, 3e38, -3e38, 0.125, 0.375, -0.125, -25, 38.75]
    rng = np.random.default_rng(0)
    x = np.array([*edges, *rng.uniform(-30, 45, 500)], np.float32)
    step = Step("Quantise", ("x",), "y", {"scale": scale, "zero": zero})
    graph = Steps({"x": ("float32", x.shape)}, {}, [step], ["y"])
    got = elsewhere(computed, graph, {"x": x}, target.name)["y"]
    # Halves go to the even byte.
    wanted = np.clip(
        np.rint(np.nan_to_num(x.astype(np.float64) / scale, nan=-np.inf) + zero), 0, LEVELS
    )
    np.testing.assert_array_equal(got, wanted.astype(np.uint8))


@pytest.mark.parametrize("kind", ["drawn", "one", "zero", "denormal"])
@pytest.mark.parametrize("name", ["MatMul", "Conv"])
def test_a_product_of_an_input_alone_is_of_bytes(name, kind):
    rng = np.random.default_rng(5)
    x, weights = rng.uniform(-1, 1, (2, 4)), rng.standard_normal((4, 3))
    told = {}
    if name == "Conv":
        x, weights = rng.uniform(-1, 1, (1, 4, 5, 5)), rng.standard_normal((3, 4, 2, 2))
        told = {"strides": [1, 1], "pads": [0] * 4, "dilations": [1, 1], "group": 1}
    held = {"drawn": weights, "one": 0 * weights + 1, "zero": 0 * weights}
    held["denormal"] = 1.9e-43 * np.sign(weights)
    inputs = {"x": x.astype(np.float32)}
    used = held[kind].astype(np.float32)
    graph = Steps(
        {"x": ("float32", x.shape)}, {"w": used}, [Step(name, ("x", "w"), "y", told)], ["y"]
    )
    wanted = elsewhere(computed, graph, inputs)["y"]
    got = elsewhere(computed_in_bytes, graph, [inputs], inputs)["y"]
    # Sixteen terms, each at most half a step of 2/255 off, times weights of at most 3.
    np.testing.assert_allclose(got, wanted, atol=0.0 if kind == "zero" else 0.25)
    assert kind in ("zero", "denormal") or not np.array_equal(got, wanted)


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_weights_that_are_not_finite_stay_floats(number):
    weights = np.ones((4, 3), np.float32)
    weights[1, 2] = number
    step = Step("MatMul", ("x", "w"), "y")
    assert read_as_bytes(Steps({"x": ("float32", (2, 4))}, {"w": weights}, [step], ["y"])) == []


def test_a_range_gives_up_few_for_the_many():
    rng = np.random.default_rng(0)
    many = rng.standard_normal(10_000)
    one_off = np.append(many, 40.0)
    narrow = fitted(one_off)
    assert narrow.scale < (40.0 - many.min()) / LEVELS, "one far number would widen every step"
    whole = fitted(rng.uniform(-1, 3, 10_000))
    np.testing.assert_allclose(whole.scale, 4 / LEVELS, rtol=0.01)
    assert whole.zero in (63, 64, 65)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], Scale(1.0, 0)),
        ([0.0, 0.0], Scale(1.0, 0)),
        ([np.nan, np.inf], Scale(1.0, 0)),
        ([0.0, 255.0], Scale(1.0, 0)),
        ([-255.0, 0.0, np.inf], Scale(1.0, 255)),
        ([1e-44], Scale(1.0, 0)),
        ([-1e-40, 5e-37], Scale(1.0, 0)),
    ],
)
def test_odd_ranges_have_a_scale(values, wanted):
    assert fitted(np.array(values, np.float32)) == wanted


def test_samples_are_what_the_variant_is_fitted_to(tmp_path):
    program = SMALL["resnet"]()
    x = program.inputs["x"]
    model = lb.load_model(program.model, samples=[{"x": 1e-3 * x}])
    with pytest.raises(NumericsMismatch, match="off its golden vector"):
        lb.compile(model, compiler="glow:int8", threads=1)
    good = lb.load_model(program.model, samples=others(program))
    made = lb.compile(good, compiler="glow:int8", threads=1)
    here = made.run({"x": x})
    # Where nobody vouches for the artifact the bundle is compiled anew: of the same samples.
    opened = lb.Bundle.open(made.save(tmp_path / "a.bundle"))
    assert len(opened.model.samples) == 4
    anew = opened.network("glow:int8", cache=None).run({"x": x})
    drawn = lb.compile(program.model, compiler="glow:int8", threads=1).run({"x": x})
    for name, array in here.items():
        assert array.tobytes() == anew[name].tobytes()
        assert array.tobytes() != drawn[name].tobytes()
    plain = lb.compile(good, compiler="glow", threads=1)
    assert plain.model.samples == ()
    assert len(made.artifacts[0].content) < len(plain.artifacts[0].content) / 2


def test_samples_fill_axes_of_other_lengths():
    program = SMALL["unet"](batch=2)
    parts = [{"x": program.inputs["x"][i : i + 1]} for i in range(2)]
    one = SMALL["unet"]()
    for model, samples in ((program.model, parts), (one.model, [dict(program.inputs)])):
        found = lb.compile(replace(model, samples=tuple(samples)), compiler="glow:int8", threads=1)
        assert found.artifacts[0].compiler == "glow:int8"


def test_samples_that_do_not_fit_are_said():
    model = PROGRAMS["picture"]().model
    with pytest.raises(InputError, match="a sample does not fit: input"):
        lb.load_model(model, samples=[{"x": np.zeros((1, 1), np.float32)}])


def test_nothing_to_quantise_is_said():
    with pytest.raises(Unsupported, match="glow has no product with constant weights to quantise"):
        lb.compile(batched(), compiler="glow:int8", shapes={"x": (2, 3)})


def test_pieces_of_a_model_have_no_samples():
    with pytest.raises(Unsupported, match="fitted to samples needs those of the whole model"):
        lb.compile(PROGRAMS["clock"]().model, compiler="glow:int8+onnxruntime")


def test_who_compares_is_told_what_the_variant_saw():
    program = SMALL["resnet"]()
    names = ["reference", "glow", "glow:int8"]
    report = lb.compare(program.model, compilers=names, rounds=1, threads=1)
    assert any("glow:int8 saw drawn inputs alone" in note for note in report.notes)
    assert report["glow:int8"].outcome == "ok"
    assert report["glow:int8"].error.relative > 10 * report["glow"].error.relative
    seen = lb.compare(
        program.model, compilers=["glow:int8"], inputs=dict(program.inputs), rounds=1, threads=1
    )
    assert not seen.notes
