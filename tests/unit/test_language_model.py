"""Language models: from a GGUF file to graphs that say the same as NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from latebra.core import gguf
from latebra.core.errors import InputError, LatebraError, UnreadableFile
from latebra.models.language import graph, layout
from latebra.models.language.forward import Forward
from latebra.models.language.graph import Shape
from latebra.models.language.weights import ModelFile
from tests.unit.llama import tiny

TOKENS = np.random.default_rng(3).integers(0, 268, (2, 12))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return ModelFile(tiny(tmp_path_factory.mktemp("llama") / "tiny.gguf"))


@pytest.fixture(scope="module")
def weights(file):
    return file.weights()


def session(weights, shape: Shape, folder: Path) -> onnxruntime.InferenceSession:
    tied = weights.head is weights.embedding
    with (folder / f"weights.{shape.dtype}").open("wb") as out:
        layout.write_weights(weights, shape.dtype, out)
    path = folder / "graph.onnx"
    path.write_bytes(graph.build(weights.hyper, shape, f"weights.{shape.dtype}", tied=tied))
    pytest.importorskip("onnx").checker.check_model(path, full_check=True)
    return onnxruntime.InferenceSession(path)


def stepped(run, caches, chunk: int) -> np.ndarray:
    """Returns logits of all places, computed in chunks; the last of them is filled up."""
    found = []
    for at in range(0, TOKENS.shape[1], chunk):
        tokens = TOKENS[:, at : at + chunk]
        short = chunk - tokens.shape[1]
        padded = np.pad(tokens, ((0, 0), (0, short)))
        logits, *new = run(padded, at, *caches)
        kept = tokens.shape[1]
        for cache, array in zip(caches, new, strict=True):
            cache[:, :, :, at : at + kept] = array[:, :, :, :kept]
        found.append(logits[:, :kept])
    return np.concatenate(found, 1)


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 2e-5), ("float64", 1e-13)])
def test_steps_and_chunks_say_the_same_as_the_whole(weights, dtype, bound):
    forward = Forward(weights, np.dtype(dtype).type)
    whole = forward.full(TOKENS)
    assert whole.dtype == dtype
    assert 0.5 < whole.std() < 50
    for chunk in (1, 5):
        found = stepped(forward.step, forward.cache(2, 24), chunk)
        assert np.abs(found - whole).max() < bound


@pytest.mark.parametrize(("dtype", "bound"), [("float32", 2e-5), ("float64", 1e-13)])
def test_graphs_say_the_same_as_numpy(weights, tmp_path, dtype, bound):
    whole = Forward(weights, np.float64).full(TOKENS)
    full = session(weights, Shape("full", dtype, 2, 12, 0), tmp_path)
    (logits,) = full.run(None, {"tokens": TOKENS})
    assert logits.dtype == dtype
    assert np.abs(logits - whole).max() < bound
    for chunk in (1, 5):
        step = session(weights, Shape("step", dtype, 2, chunk, 24), tmp_path)

        def run(tokens, position, keys, values, step=step):
            given = {"tokens": tokens, "position": np.array([position])}
            return step.run(None, given | {"keys": keys, "values": values})

        caches = Forward(weights, np.dtype(dtype).type).cache(2, 24)
        for cache in caches:
            cache[:] = 1e3  # What no token has been written to yet must not count.
        assert np.abs(stepped(run, caches, chunk) - whole).max() < bound


def test_a_place_sees_nothing_after_it(weights):
    forward = Forward(weights, np.float64)
    changed = TOKENS.copy()
    changed[:, 8:] += 1
    before, after = forward.full(TOKENS), forward.full(changed % 268)
    assert np.array_equal(before[:, :8], after[:, :8])
    assert not np.allclose(before[:, 8:], after[:, 8:])


def test_an_output_of_its_own_is_used(tmp_path):
    tied, untied = (
        ModelFile(tiny(tmp_path / f"{t}.gguf", tied=t)).weights() for t in (True, False)
    )
    assert tied.digest != untied.digest
    assert untied.head is not untied.embedding
    step = session(untied, Shape("full", "float64", 2, 12, 0), tmp_path)
    whole = Forward(untied, np.float64).full(TOKENS)
    assert np.abs(step.run(None, {"tokens": TOKENS})[0] - whole).max() < 1e-13


REFUSED = {
    "another architecture": ({"architecture": "gemma"}, "the architecture 'gemma'"),
    "a bias": ({"extra": ("blk.0.attn_q_bias",)}, "has more than a plain Llama"),
    "a block too few": ({"block_count": 3}, "lacks 'blk.2.attn_k.weight'"),
    "a norm missing": ({"without": ("output_norm",)}, "lacks 'output_norm.weight'"),
    "a billion layers": ({"block_count": 10**9}, "20 tensors for 1000000000 layers"),
    "heads that share no keys": ({"attention.head_count_kv": 3}, "4 heads on 3"),
    "another width": ({"feed_forward_length": 128}, "not (128, 64)"),
    "half of a head turned": ({"rope.dimension_count": 8}, "8 of 16 numbers"),
    "no heads": ({"attention.head_count": 0}, "attention.head_count is 0"),
    "experts": ({"expert_count": 4}, "4 experts"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_other_models_are_refused_in_words(what, tmp_path):
    changed, told = REFUSED[what]
    file = ModelFile(tiny(tmp_path / "other.gguf", **changed))
    with pytest.raises(InputError, match=r"other\.gguf") as error:
        file.weights()
    assert told in error.value.what
    assert error.value.fix


def test_a_damaged_file_is_refused_wherever_it_is_cut(file, tmp_path):
    content = file.path.read_bytes()
    path = tmp_path / "cut.gguf"
    for end in [0, 3, 8, 30, *range(100, len(content), 9_973), len(content) - 1]:
        path.write_bytes(content[:end])
        with pytest.raises(UnreadableFile):
            ModelFile(path).weights()


def test_a_file_with_a_damaged_head_is_refused_or_read(file, tmp_path):
    content = bytearray(file.path.read_bytes())
    rng, path = np.random.default_rng(5), tmp_path / "damaged.gguf"
    refused = 0
    for at in rng.integers(0, 6_000, 60):
        damaged = bytearray(content)
        damaged[at] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            ModelFile(path).weights()
        except LatebraError:
            refused += 1
    assert refused > 10


def test_no_number_is_refused(file, tmp_path):
    content = bytearray(file.path.read_bytes())
    start = gguf.read(memoryview(content)).tensors["output_norm.weight"].start
    content[start : start + 4] = np.float32("nan").tobytes()
    path = tmp_path / "nan.gguf"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="no number"):
        ModelFile(path).weights()


@pytest.mark.parametrize(
    "shape",
    [
        Shape("step", "float32", 1, 1, 0),
        Shape("full", "float32", 1, 8, 8),
        Shape("step", "float32", 1, 1, 129),
        Shape("full", "float64", 0, 1, 0),
    ],
)
def test_a_graph_that_cannot_be_is_refused(file, shape):
    with pytest.raises(InputError):
        graph.build(file.hyper, shape, "weights", tied=True)
