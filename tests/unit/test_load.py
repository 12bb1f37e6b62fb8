from __future__ import annotations

import numpy as np
import pytest

import latebra as lb
from latebra.compiling.likeness import difference
from latebra.compiling.opening import open_network
from latebra.core.errors import InputError, UnreadableFile
from latebra.testing.programs import PROGRAMS

onnx = pytest.importorskip("onnx", reason="networks are made with onnx")

OPSETS = range(9, 23)
IR_VERSIONS = {opset: 4 if opset < 11 else 7 if opset < 15 else 8 for opset in OPSETS}


def classifier(opset: int, stored: type = np.float32) -> bytes:
    """Returns a small classifier as that operator set spells it, its weights stored as told."""
    rng = np.random.default_rng(0)
    nodes, held = [], []

    def do(operator, *inputs, to="", **attributes):
        to = to or f"n{len(nodes)}"
        nodes.append(onnx.helper.make_node(operator, inputs, [to], **attributes))
        return to

    def hold(array):
        name = f"held{len(held)}"
        held.append(onnx.numpy_helper.from_array(array, name))
        return name

    def cast(name):
        nodes.append(onnx.helper.make_node("Cast", [name], [f"{name}_32"], to=1))
        return f"{name}_32"

    def weight(*shape):
        # Both storages hold the same numbers: those that 16 bits hold.
        drawn = (rng.standard_normal(shape) / 3).astype(np.float16).astype(stored)
        return cast(hold(drawn)) if stored is np.float16 else hold(drawn)

    h = do("Conv", "x", weight(8, 3, 3, 3), weight(8), pads=[1, 1, 1, 1], strides=[2, 2])
    h = do("Relu", h)
    h = do("GlobalAveragePool", h)
    if opset < 13:  # Axes became an input.
        h = do("Squeeze", h, axes=[2, 3])
    else:
        h = do("Squeeze", h, hold(np.array([2, 3], np.int64)))
    h = do("Gemm", h, weight(8, 5), weight(5))
    do("Softmax", h, to="y", axis=1)
    graph = onnx.helper.make_graph(
        nodes,
        "classifier",
        [onnx.helper.make_tensor_value_info("x", 1, [2, 3, 8, 10])],
        [onnx.helper.make_tensor_value_info("y", 1, [2, 5])],
        held,
    )
    made = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid("", opset)],
        ir_version=IR_VERSIONS[opset],
    )
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


X = {"x": np.random.default_rng(1).standard_normal((2, 3, 8, 10)).astype(np.float32)}


def answer(written: bytes, compiler: str):
    model = lb.load_model(written, name="classifier")
    return open_network(model, compiler, isolated=False, threads=1, cache=None).run(X)


@pytest.fixture(scope="module")
def wanted():
    return answer(classifier(18), "reference")


@pytest.mark.parametrize("opset", OPSETS)
def test_each_operator_set_gives_the_same_answer(opset, wanted):
    for stored in (np.float32, np.float16):
        written = classifier(opset, stored)
        for compiler in ("onnxruntime", "reference"):
            # Five shares of one, a sum of 27 products before them: 27 × 2^-24, rounded up.
            assert difference(answer(written, compiler), wanted).largest < 1e-5


def kept_outside(program, folder, name="weights.bin"):
    """Writes a program's file and, beside it, its weights; returns the file."""
    proto = onnx.load_model_from_string(program.model.onnx)
    path = folder / "m.onnx"
    onnx.save_model(
        proto, path, save_as_external_data=True, location=name, size_threshold=0,
        convert_attribute=True,
    )  # fmt: skip
    return path


def test_weights_beside_the_file_are_taken_in(tmp_path):
    program = PROGRAMS["picture"]()
    path = kept_outside(program, tmp_path)
    assert (tmp_path / "weights.bin").stat().st_size > 10_000
    model = lb.load_model(path)
    assert len(model.onnx) > 10_000
    bundle = lb.compile(model, compiler="onnxruntime", threads=1)
    (tmp_path / "weights.bin").unlink()
    reference = open_network(program.model, "reference", isolated=False, cache=None)
    wanted = reference.run(program.inputs)
    assert difference(bundle.run(program.inputs), wanted).largest < program.bound


def test_weights_that_are_not_there_or_not_whole_are_named(tmp_path):
    path = kept_outside(PROGRAMS["picture"](), tmp_path)
    weights = tmp_path / "weights.bin"
    content = weights.read_bytes()
    weights.write_bytes(content[:-100])
    with pytest.raises(UnreadableFile, match=f"has {len(content) - 100} bytes, and m.onnx wants"):
        lb.load_model(path)
    weights.unlink()
    with pytest.raises(UnreadableFile, match=r"weights in weights\.bin, which is not there"):
        lb.load_model(path)
    with pytest.raises(InputError, match="bytes lie in no folder"):
        lb.load_model(path.read_bytes())


@pytest.mark.parametrize("place", ["../outside.bin", "/etc/hostname", ""])
def test_no_file_from_elsewhere_is_read(tmp_path, place):
    (tmp_path / "outside.bin").write_bytes(bytes(100_000))
    (tmp_path / "in").mkdir()
    path = kept_outside(PROGRAMS["picture"](), tmp_path / "in")
    proto = onnx.load_model(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(UnreadableFile, match="which is not in its folder"):
        lb.load_model(path)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "in").mkdir()
    path = kept_outside(PROGRAMS["picture"](), tmp_path / "in")
    weights = path.with_name("weights.bin")
    weights.rename(tmp_path / "outside.bin")
    weights.symlink_to(tmp_path / "outside.bin")
    with pytest.raises(UnreadableFile, match="which is not in its folder"):
        lb.load_model(path)
