from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latebra as lb
from latebra.core.errors import DoesNotFit, InputError, LatebraError, UnreadableFile
from latebra.core.keys import Key
from latebra.core.network import Arrays
from latebra.hiding import vault
from latebra.hiding.vaults.model_file import open_model
from tests.unit import model_files
from tests.unit.model_files import honest, small

KEY = Key(bytes(range(32)))
KINDS = ("F32", "F16", "BF16")
WRITERS = {
    "safetensors": model_files.safetensors,
    "onnx": model_files.onnx,
    "onnx listed": model_files.onnx_listed,
    "gguf": model_files.gguf,
}
FLOATS_ONLY = "onnx listed"
ARRAYS = {"b": ("F32", honest("F32", 700)), "a": ("F16", honest("F16", 100))}


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in WRITERS for kind in KINDS if name != FLOATS_ONLY or kind == "F32"],
)
def test_content_goes_in_and_out_and_nothing_but_weights_changes(name, kind, tmp_path):
    model, out = small(tmp_path / "model", kind, 9000, WRITERS[name]), tmp_path / "out"
    content = np.random.default_rng(0).bytes(lb.vault_room(model).content_bytes)
    assert len(content) > 900
    lb.vault_put(model, content, key=KEY, out=out)
    assert lb.vault_open(out, key=KEY) == content
    before, after = open_model(model), open_model(out)
    for old, new in zip(before.weights, after.weights, strict=True):
        assert (old.words != new.words).any()
        new.words[:] = old.words
    assert bytes(after.content) == model.read_bytes()


def test_the_weights_lie_where_the_gguf_library_finds_them(tmp_path):
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "model", "llama")
    writer.add_array("tokens", ["one", "two"])
    writer.add_array("scores", [0.5, 1.5])
    rng = np.random.default_rng(1)
    wide, narrow = rng.standard_normal((30, 50)), rng.standard_normal((20, 50))
    writer.add_tensor("wide", wide.astype(np.float32))
    writer.add_tensor("ids", np.arange(5, dtype=np.int32))
    writer.add_tensor("narrow", narrow.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    lb.vault_put(tmp_path / "model", b"the content", key=KEY, out=tmp_path / "out")
    reader = gguf.GGUFReader(tmp_path / "out")
    found = {each.name: np.array(each.data) for each in reader.tensors}
    for weights in open_model(tmp_path / "out").weights:
        held = found[weights.name].view(weights.kind.word).reshape(-1)
        np.testing.assert_array_equal(held, weights.words)
    np.testing.assert_allclose(found["wide"].reshape(30, 50), wide, rtol=2**-20)
    assert lb.vault_open(tmp_path / "out", key=KEY) == b"the content"


@pytest.mark.parametrize("listed", [False, True])
def test_it_survives_being_loaded_and_saved_by_onnx(listed, tmp_path):
    onnx = pytest.importorskip("onnx")
    (tmp_path / "model").write_bytes(model_files.onnx(ARRAYS, listed=listed))
    lb.vault_put(tmp_path / "model", b"the content", key=KEY, out=tmp_path / "out")
    model = onnx.load(tmp_path / "out")
    tensors = [onnx.numpy_helper.to_array(each) for each in model.graph.initializer]
    for each, array in zip(model.graph.initializer, tensors, strict=True):
        each.CopyFrom(onnx.numpy_helper.from_array(array, each.name))
    model.producer_name = "somebody else"
    model.graph.initializer.reverse()
    onnx.save(model, tmp_path / "again")
    assert lb.vault_open(tmp_path / "again", key=KEY) == b"the content"


@pytest.mark.parametrize("name", WRITERS)
def test_it_survives_being_written_in_another_format(name, tmp_path):
    held = open_model(bytes(vault.put(model_files.onnx(ARRAYS), b"the content", key=KEY)[0]))
    arrays = {each.name: (each.kind.name, each.words) for each in held.weights}
    (tmp_path / "other").write_bytes(WRITERS[name](arrays))
    assert lb.vault_open(tmp_path / "other", key=KEY) == b"the content"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Returns the bundled network after a small step of training: its weights are full floats."""
    model = open_model(lb.models.onnx("small_photographs"))
    rng = np.random.default_rng(0)
    for weights in model.weights:
        numbers = weights.words.view("<f4")
        numbers[:] = numbers * (1 + 1e-3 * rng.standard_normal(len(numbers)))
    path = tmp_path_factory.mktemp("network") / "network.onnx"
    path.write_bytes(model.content)
    return path


def run(path) -> Arrays:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    names = [each.name for each in session.get_outputs()]
    golden = lb.models["small_photographs"].golden
    return dict(zip(names, session.run(None, dict(golden.inputs)), strict=True))


def test_outputs_of_a_real_network_move_less_than_its_weights_may(network, tmp_path):
    out = tmp_path / "out.onnx"
    room = lb.vault_room(network)
    full = np.random.default_rng(0).bytes(room.content_bytes)
    report = lb.vault_put(network, full, key=KEY, out=out, run=run, bound=room.drift)
    assert report.drift < room.drift == 2**-15
    assert report.output_drift is not None
    assert 0 < report.output_drift < room.drift
    little = lb.vault_put(network, b"a text", key=KEY, out=out, run=run, force=True)
    assert little.output_drift is not None
    assert little.output_drift < 2e-6


def test_outputs_that_move_too_far_are_refused(network, tmp_path):
    with pytest.raises(DoesNotFit, match=r"move outputs by .*, the bound is 1e-09"):
        lb.vault_put(network, b"a", key=KEY, out=tmp_path / "out.onnx", run=run, bound=1e-9)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="needs the model to be run"):
        lb.vault_put(network, b"a", key=KEY, out=tmp_path / "out.onnx", bound=1e-9)


def test_it_survives_a_bundle(network, tmp_path):
    lb.vault_put(network, b"the content", key=KEY, out=tmp_path / "out.onnx")
    lb.compile(tmp_path / "out.onnx", compiler="onnxruntime").save(tmp_path / "out.bundle")
    assert lb.vault_open(tmp_path / "out.bundle", key=KEY) == b"the content"
    with pytest.raises(UnreadableFile, match="is a bundle"):
        lb.vault_put(tmp_path / "out.bundle", b"x", key=KEY, out=tmp_path / "again")


def test_the_bundled_network_as_it_is_holds_a_text(tmp_path):
    """Its weights are halves in 32 bits: a step of such is large, and outputs move with it."""
    (tmp_path / "network.onnx").write_bytes(lb.models.onnx("small_photographs"))
    out, text = tmp_path / "out.onnx", b"the content " * 80
    report = lb.vault_put(tmp_path / "network.onnx", text, key=KEY, out=out, run=run, bound=1e-3)
    assert report.low_bits == {"F16": 1}
    assert report.drift <= 2**-10
    assert report.output_drift is not None
    assert 0 < report.output_drift < 1e-3
    assert lb.vault_open(out, key=KEY) == text


def outcome(content: bytes) -> str:
    """Returns what opening comes to: an error in words, or what was opened."""
    try:
        return repr(vault.opened(content, key=KEY))
    except LatebraError as error:
        return error.what if error.fix else "no word on what to do"


@pytest.fixture(scope="module")
def sealed():
    return {
        name: bytes(vault.put(w(ARRAYS), b"content", key=KEY)[0]) for name, w in WRITERS.items()
    }


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_is_cut_short_is_no_model(name, sealed):
    whole = sealed[name]
    assert outcome(whole) == "b'content'"
    cuts = [*range(1, 400, 7), len(whole) // 2, len(whole) - 60]  # GGUF ends in up to 63 zeros.
    for cut in cuts:
        assert outcome(whole[:cut]).startswith("the model is not a whole model: "), cut


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=150)
@given(data=st.data())
def test_damage_anywhere_ends_in_words(name, sealed, data):
    spoilt = bytearray(sealed[name])
    for _ in range(data.draw(st.integers(1, 4))):
        near = data.draw(st.sampled_from([16, 400, len(spoilt)]))
        spoilt[data.draw(st.integers(0, near - 1))] = data.draw(st.integers(0, 255))
    said = outcome(bytes(spoilt))
    assert said.startswith(
        ("the model is not a whole model: ", "nothing was revealed", "b'content'")
    )


HOSTILE = {
    "a header of exabytes": (b"\xff" * 8 + b"{}", "claims"),
    "a header that is not JSON": (b"\x02" + bytes(7) + b"{{", ""),
    "a header nested too deeply": (
        (200_002).to_bytes(8, "little") + b'{"' + b"[" * 200_000,
        "",
    ),
    "a tensor over another": (
        model_files.gguf(ARRAYS).replace((2816).to_bytes(8, "little"), bytes(8)),
        "lies over another",
    ),
    "one name for two tensors": (
        model_files.gguf({"a": ARRAYS["b"], "b": ARRAYS["a"]}).replace(
            b"\1\0\0\0\0\0\0\0b", b"\1\0\0\0\0\0\0\0a"
        ),
        "two tensors have one name",
    ),
    "tensors without end": (b"GGUF\3\0\0\0" + b"\xff" * 16, "it ends at"),
    "another version": (b"GGUF\0\0\0\3" + bytes(16), "version"),
    "no graph": (b"\x08\x08", "it holds no graph"),
    "a shape that is not the content's": (
        model_files.onnx({"a": ARRAYS["a"]}).replace(b"\x08\x64\x10", b"\x08\x63\x10"),
        "of shape",
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(30), ""),
    "nothing": (b"", ""),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_in_words(what):
    content, told = HOSTILE[what]
    said = outcome(content)
    assert said.startswith("the model is not a whole model: ")
    assert told in said


def test_weights_in_other_files_are_told_of(tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(model_files.onnx({"b": ARRAYS["b"]}))
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(UnreadableFile, match="keeps 'b' in another file"):
        lb.vault_room(tmp_path / "m.onnx")
