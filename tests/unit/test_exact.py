from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latebra.core.errors import InputError, UnreadableFile
from latebra.models.exact.graph import Draft, Tensor
from latebra.models.exact.layer import LIMIT
from latebra.models.exact.linear import Linear
from latebra.models.exact.norm import Norm
from latebra.models.exact.proof import bounds_of, prove
from latebra.models.exact.rescale import Rescale
from latebra.models.exact.sequence import Flatten, Sequence, drafted
from latebra.models.exact.softmax import CausalSoftmax
from latebra.models.exact.stepping import drafted_step, empty, kept

pytest.importorskip("onnx", reason="networks are written with it")

import onnx
from onnx.reference import ReferenceEvaluator

from latebra.models.exact.onnx_file import from_onnx, to_onnx
from latebra.testing.exact import SAMPLES


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def proven(layer, shape=(1, 2), dtype="float32"):
    return prove(to_onnx(drafted(Sequence((Rescale(0), layer)), shape, dtype)))


def all_tensors(graph, x):
    """Every tensor that ONNX's own definitions compute, by name."""
    shown = replace(graph, outputs=tuple(Tensor(n.output, ()) for n in graph.nodes))
    names = [each.name for each in shown.outputs]
    proto = onnx.load_model_from_string(to_onnx(graph))
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    return dict(zip(names, ReferenceEvaluator(proto).run(None, {"x": x}), strict=True))


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_proven_with_little_to_spare(name):
    proof = prove(SAMPLES[name]().model(2).onnx)
    assert 16 < proof.bits < 24


@pytest.mark.parametrize("name", SAMPLES)
def test_numpy_and_onnx_define_the_same(name):
    sample = SAMPLES[name]()
    x = sample.inputs(3)
    (found,) = ReferenceEvaluator(sample.model(3).onnx).run(None, {"x": x})
    expected = sample.network.apply(x)
    assert np.array_equal(found, expected)
    assert expected.dtype == np.float32
    assert np.unique(expected).size > 20


@pytest.mark.parametrize("name", SAMPLES)
def test_every_tensor_stays_within_its_bounds(name):
    sample = SAMPLES[name]()
    graph = drafted(sample.network, (2, *sample.shape), sample.dtype)
    bounds = bounds_of(graph)
    for seed in range(5):
        for tensor, value in all_tensors(graph, sample.inputs(2, seed)).items():
            known = bounds[tensor]
            exact = value.astype(np.float64)
            assert (known.low <= exact).all(), tensor
            assert (exact <= known.high).all(), tensor
            assert (np.abs(exact) <= known.spread).all(), tensor
            steps = np.ldexp(exact, -known.step)
            assert np.array_equal(steps, np.floor(steps)), tensor


@pytest.mark.parametrize("name", SAMPLES)
def test_another_order_of_sums_gives_the_same(name):
    sample = SAMPLES[name]()
    x = sample.inputs(3)
    other = sample.mirrored()
    assert np.array_equal(other.network.apply(other.inputs(3)), sample.network.apply(x))
    assert other.model(1).onnx != sample.model(1).onnx


@settings(max_examples=60)
@given(st.data())
def test_what_is_proven_never_rounds_in_any_order(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    terms, most = data.draw(st.integers(1, 300)), data.draw(st.sampled_from([31, 2000, 2**13]))
    weight = rng.integers(-most, most + 1, (terms, 1)).astype(np.float32)
    layer = Linear(weight, numbers(rng.integers(-most, most)), Rescale(8))
    x = rng.integers(-127, 128, (1, terms)).astype(np.float32)
    try:
        proven(layer, (1, terms))
    except InputError:
        assert 127 * np.abs(weight).sum() + abs(layer.bias[0]) >= LIMIT
        return
    products = x[0] * weight[:, 0]
    for order in (np.arange(terms), np.arange(terms)[::-1], np.argsort(products)):
        running = np.float32(0)
        for each in products[order]:
            running = np.float32(running + each)
        assert running == np.dot(x[0].astype(np.float64), weight[:, 0])


def test_the_edge_is_where_floats_stop_counting():
    whole = Linear(numbers(2**16, 1)[:, None], numbers(127 * (2**16 - 1) + 2**17), Rescale(8))
    edge = LIMIT - 127 * (2**16 + 1)
    with pytest.raises(InputError):
        proven(replace(whole, bias=numbers(edge)))
    assert proven(replace(whole, bias=numbers(edge - 1))).bits == pytest.approx(24, abs=1e-6)


@pytest.mark.parametrize(
    ("weight", "what"),
    [
        (numbers(2**20, 1), "can sum to"),
        (numbers(0.3, 1), "in steps of 2^-2"),
        (numbers(np.nan, 1), "not known to be whole"),
        (numbers(np.inf, 1), "not known to be whole"),
        (numbers(1, 2.0**-40), "in steps of 2^-40"),
    ],
)
def test_weights_that_could_round_are_refused(weight, what):
    with pytest.raises(InputError, match=r"matmul2.*is not proven exact") as caught:
        proven(Linear(weight[:, None], numbers(0), Rescale(8)))
    assert what in caught.value.what
    assert caught.value.fix


def test_a_scale_that_is_no_power_of_two_is_refused():
    draft = Draft()
    x = Rescale(0).write(draft, Tensor("x", (1, 2)))
    scaled = draft.do("Mul", x.name, draft.scalar(0.1), shape=x.shape)
    y = Rescale(0).write(draft, scaled)
    with pytest.raises(InputError, match=r"'mul2' \(Mul\).*2\^-2"):
        prove(to_onnx(draft.done((Tensor("x", (1, 2)),), (y,))))


def test_an_input_that_is_not_made_whole_is_refused():
    layer = Linear(numbers(1, 1)[:, None], numbers(0), Rescale(0))
    with pytest.raises(InputError, match="'x' is not known to be whole") as caught:
        prove(to_onnx(drafted(layer, (1, 2))))
    assert caught.value.fix == "put Floor and Clip after it"


def test_sums_that_a_compiler_could_multiply_out_are_refused():
    # One layer's weights times the next one's: nothing rounds between, so nothing may grow.
    draft = Draft()
    x = Rescale(0).write(draft, Tensor("x", (1, 64)))
    first = np.where(np.arange(64)[:, None] % 2, 31, -31) * np.ones((64, 64))
    once = draft.do("MatMul", x.name, draft.constant(first.astype(np.float32)), shape=x.shape)
    twice = draft.do(
        "MatMul", once.name, draft.constant(np.eye(64, dtype=np.float32) * 31), shape=x.shape
    )
    thrice = draft.do(
        "MatMul", twice.name, draft.constant(np.ones((64, 1), np.float32)), shape=(1, 1)
    )
    y = Rescale(8).write(draft, thrice)
    with pytest.raises(InputError, match="matmul4"):
        prove(to_onnx(draft.done((Tensor("x", (1, 64)),), (y,))))


def test_an_operator_without_a_rule_is_refused():
    draft = Draft()
    x = Rescale(0).write(draft, Tensor("x", (1, 2)))
    y = draft.do("Exp", x.name, shape=x.shape)
    with pytest.raises(InputError, match=r"'exp2'.*no rule for this operator"):
        prove(to_onnx(draft.done((Tensor("x", (1, 2)),), (y,))))


def test_what_is_no_onnx_file_is_refused():
    with pytest.raises(UnreadableFile, match="not a sound ONNX file"):
        prove(b"weights")


def test_a_file_comes_back_as_the_graph_it_was_written_from():
    sample = SAMPLES["mlp"]()
    graph = drafted(sample.network, (2, *sample.shape))
    back = from_onnx(to_onnx(graph))
    assert (back.inputs, back.outputs, back.nodes) == (graph.inputs, graph.outputs, graph.nodes)
    assert all(np.array_equal(back.constants[n], each) for n, each in graph.constants.items())


def test_a_table_that_is_too_short_is_refused():
    draft = Draft()
    x = Rescale(0, 0, 8).write(draft, Tensor("x", (1, 2)))
    y = draft.look_up(numbers(*range(8)), x)
    with pytest.raises(InputError, match=r"'gather3'.*from 0 to 8 in 8 rows"):
        prove(to_onnx(draft.done((Tensor("x", (1, 2)),), (y,))))


def test_a_network_of_tokens_is_proven_on_one_condition():
    assert prove(SAMPLES["transformer"]().model(1).onnx).assumes == (
        "'x' holds rows of a table: 0 to 63",
    )


def test_a_place_does_not_see_later_ones():
    sample = SAMPLES["transformer"]()
    tokens = sample.inputs(2)
    other = tokens.copy()
    other[:, 11:] = (other[:, 11:] + 1) % sample.tokens
    whole, changed, short = map(sample.network.apply, (tokens, other, tokens[:, :11]))
    assert np.array_equal(whole[:, :11], changed[:, :11])
    assert np.array_equal(whole[:, :11], short)
    assert not np.array_equal(whole[:, 11:], changed[:, 11:])


@pytest.mark.parametrize("length", [1, 24, 300])
def test_whole_softmax_is_near_the_real_one(length):
    softmax = CausalSoftmax(length)
    rng = np.random.default_rng(length)
    scores = rng.normal(0, 20, (length, length)).round().clip(-127, 127).astype(np.float32)
    found = softmax.apply(scores) / 2.0**softmax.bits
    real = np.where(np.tril(np.ones_like(scores)), np.exp2(scores / softmax.halving), 0)
    # Terms below 1/510 of a row's largest count as none.
    assert np.abs(found - real / real.sum(-1, keepdims=True)).max() < 0.02
    assert not np.triu(found, 1).any()


@pytest.mark.parametrize(("width", "most"), [(16, 127), (48, 8 * 127), (256, 8 * 127), (1000, 127)])
@pytest.mark.parametrize("size", [0.03, 0.1, 0.3])
def test_whole_norm_is_near_the_real_one(width, most, size):
    rng = np.random.default_rng(width)
    x = rng.normal(0, size * most, (50, width)).round().clip(-most, most).astype(np.float32)
    real = 32 * x / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True))
    found = Norm(width, most).apply(x)
    unclipped = np.abs(real) < 126
    # Half a step of the result, and what the places and the entries of the table lost.
    assert np.abs(found - real)[unclipped].max() < 0.5 + 0.02 * np.abs(real[unclipped]).max()
    assert np.sqrt((found**2).mean()) == pytest.approx(32, rel=0.05)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_twin_in_floats_is_the_same_kind_of_function(name):
    sample = SAMPLES[name]()
    x = sample.inputs(20)
    (real,) = ReferenceEvaluator(sample.twin(20).onnx).run(None, {"x": x})
    whole = sample.network.apply(x)
    assert np.corrcoef(real.ravel(), whole.ravel())[0, 1] > 0.9
    with pytest.raises(InputError):
        prove(sample.twin(1).onnx)


def test_a_network_of_numbers_is_proven_on_one_condition():
    assert prove(SAMPLES["mlp"]().model(1).onnx).assumes == ("'x' holds no NaN",)


def test_no_axes_means_all_of_them():
    given_ = Tensor("x", (1, 2**9))
    for axes, refusal in ([], "can sum to"), ([0], ""):
        draft = Draft()
        x = Rescale(0, -(2**15), 2**15).write(draft, given_)
        axis = draft.constant(np.array(axes, np.int64))
        total = draft.do("ReduceSum", x.name, axis, shape=(1, 1) if not axes else (1, 2**9))
        file = to_onnx(draft.done((given_,), (total,)))
        if refusal:
            with pytest.raises(InputError, match=refusal):
                prove(file)
        else:
            assert prove(file).bits == 15


def test_whole_numbers_beyond_what_an_integer_holds_are_refused():
    draft = Draft()
    x = Rescale(0).write(draft, Tensor("x", (1, 2)))
    x = draft.do("Mul", x.name, draft.scalar(2.0**40), shape=x.shape)
    y = draft.do("Cast", x.name, shape=x.shape, dtype="int32", to=6)
    with pytest.raises(InputError, match=r"'cast3'.*in steps of 2\^40"):
        prove(to_onnx(draft.done((Tensor("x", (1, 2)),), (y,))))


def test_weights_that_anybody_may_replace_are_refused():
    proto = onnx.load_model_from_string(SAMPLES["mlp"]().model(1).onnx)
    held = proto.graph.initializer[-1]
    kind = onnx.TensorProto.FLOAT
    proto.graph.input.append(onnx.helper.make_tensor_value_info(held.name, kind, held.dims))
    with pytest.raises(InputError, match="an input too"):
        prove(proto.SerializeToString())


def test_an_open_shape_is_refused():
    proto = onnx.load_model_from_string(SAMPLES["mlp"]().model(1).onnx)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    with pytest.raises(InputError, match="'x' has an open or empty shape"):
        prove(proto.SerializeToString())


def test_one_place_at_a_time_gives_what_the_whole_gives():
    sample = SAMPLES["transformer"]()
    (length,) = sample.shape
    graph = drafted_step(sample.network, 2, length)
    file = to_onnx(graph)
    assert prove(file).bits < 24
    runner, tokens, state = ReferenceEvaluator(file), sample.inputs(2), empty(graph)
    whole = sample.network.apply(tokens)
    names = [each.name for each in graph.outputs]
    for place in range(length):
        inputs = {"x": tokens[:, place : place + 1], "place": np.array([place]), **state}
        outputs = dict(zip(names, runner.run(None, inputs), strict=True))
        assert np.array_equal(outputs["y"], whole[:, place : place + 1])
        state = kept(outputs)


def test_a_layer_that_sees_other_places_is_not_stepped():
    with pytest.raises(InputError, match="Flatten is not computed place by place"):
        drafted_step(Sequence((Flatten(),)), 1, 4)


def test_an_output_that_is_only_passed_on_is_refused():
    draft = Draft()
    x = draft.reshape(Tensor("x", (1, 2)), 2, 1)
    with pytest.raises(InputError, match=r"output 'reshape0' is not known to be whole"):
        prove(to_onnx(draft.done((Tensor("x", (1, 2)),), (x,))))
