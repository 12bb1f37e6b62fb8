"""Bundles: what goes in comes out, elsewhere too, and nothing else is believed."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latebra.compiling import apart, bundle, contents, contract, target
from latebra.compiling.artifact import Artifact, needed_to_load
from latebra.compiling.backends.onnxruntime import OnnxRuntime
from latebra.compiling.bundle import Bundle
from latebra.compiling.contract import Model
from latebra.compiling.manifest import read_manifest
from latebra.compiling.opening import open_network
from latebra.compiling.schema import check_schema, load_schema
from latebra.compiling.target import Target, this_target
from latebra.compiling.worker import make
from latebra.core import tensors
from latebra.core.errors import (
    NumericsMismatch,
    Unavailable,
    UnknownPlugin,
    UnreadableFile,
    UnwritableFile,
)
from latebra.core.network import Golden

pytest.importorskip("onnx", reason="the programs are made with onnx")
from latebra.testing.programs import PROGRAMS, clock, integers


def vouched(title: str = "integers", **more) -> tuple[Model, dict]:
    program = PROGRAMS[title]()
    network = open_network(program.model, "reference", isolated=False, cache=None)
    golden = Golden(program.inputs, network.run(program.inputs))
    card = replace(program.model.card, golden=golden, bound=program.bound, **more)
    return Model(program.model.onnx, card), dict(program.inputs)


@pytest.fixture(scope="module")
def made() -> Bundle:
    model, _ = vouched(about={"data": ["none"], "licence": "Apache-2.0"})
    return Bundle.built(model, ["onnxruntime"], threads=1, licence="as you like\n")


@pytest.fixture(scope="module")
def saved(made, tmp_path_factory) -> Path:
    return made.save(tmp_path_factory.mktemp("bundle") / "it.bundle")


@pytest.fixture
def builds(monkeypatch) -> list[str]:
    """Names of what onnxruntime builds from now on."""
    names: list[str] = []
    build = OnnxRuntime.build

    def counted(self, model):
        names.append(model.card.name)
        return build(self, model)

    monkeypatch.setattr(OnnxRuntime, "build", counted)
    return names


def run(opened: Bundle, compiler: str = "onnxruntime", **more):
    return opened.network(compiler, isolated=False, cache=None, **more)


@pytest.mark.parametrize("folder", [False, True])
def test_what_goes_in_comes_out(made, tmp_path, folder):
    found = Bundle.open(made.save(tmp_path / "it", folder=folder), digest=made.digest)
    assert found.model.onnx == made.model.onnx
    assert replace(found.model.card, golden=None) == replace(made.model.card, golden=None)
    assert found.artifacts == made.artifacts
    assert (found.licence, found.core, found.trusted) == (made.licence, made.core, True)
    for side in ("inputs", "outputs"):
        wanted, got = (getattr(each.model.card.golden, side) for each in (made, found))
        assert set(got) == set(wanted)
        for name, array in wanted.items():
            assert got[name].dtype == array.dtype
            np.testing.assert_array_equal(got[name], array)


def test_equal_bundles_are_equal_files(made, saved, tmp_path):
    assert made.save(tmp_path / "again").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ({"x": [1]}, "array 'x' belongs to no sample"),
        ({".x": [1]}, "array '.x' belongs to no sample"),
        ({"-1.x": [1]}, "array '-1.x' belongs to no sample"),
        ({"00.x": [1]}, "array '00.x' belongs to no sample"),
        ({"².x": [1]}, "array '².x' belongs to no sample"),
        ({"1.x": [1]}, "numbered [1], not from 0 on"),
        ({"0.y": None}, "inputs are called y"),
        ({"0.x": [[1]]}, "input 'x' is int64 (1, 1)"),
        ({"0.x": None, "1.x": [1.5]}, "input 'x' is float64 (1,)"),
    ],
)
def test_samples_that_do_not_fit_are_refused(made, tmp_path, monkeypatch, named, says):
    model = replace(made.model, samples=(dict(made.model.card.golden.inputs),))
    kept = Bundle.open(Bundle(model).save(tmp_path / "good")).model.samples
    np.testing.assert_array_equal(kept[0]["x"], model.samples[0]["x"])
    arrays = {
        name: model.samples[0]["x"] if each is None else np.array(each)
        for name, each in named.items()
    }
    monkeypatch.setattr(contents, "numbered", lambda _: arrays)
    path = Bundle(model).save(tmp_path / "bad")
    with pytest.raises(UnreadableFile) as caught:
        Bundle.open(path)
    assert says in caught.value.what
    assert "samples.safetensors" in caught.value.what


@pytest.mark.parametrize("title", list(PROGRAMS))
def test_other_tools_open_the_graph_where_its_weights_lie(tmp_path, title):
    import onnx
    import onnxruntime

    model, inputs = vouched(title)
    folder = Bundle(model).save(tmp_path / "it", folder=True)
    onnx.checker.check_model(str(folder / "model.onnx"))
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    for name, array in zip(model.card.golden.outputs, session.run(None, inputs), strict=True):
        error = np.abs(array - model.card.golden.outputs[name]).max(initial=0)
        assert error <= model.card.bound


def test_the_library_of_safetensors_reads_and_writes_the_same(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    arrays = {"b": np.arange(6).reshape(2, 3), "a": np.float32([1, 2]), "none": np.zeros((0, 3))}
    file, _ = tensors.written(tensors.from_arrays(arrays))
    for found in (library.load(file), tensors.to_arrays(tensors.read(library.save(arrays)))):
        assert set(found) == set(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_small_weights_stay_and_large_ones_go(tmp_path):
    model, _ = vouched("clock")
    split = apart.split(model.onnx, "w")
    assert len(split.weights) < len(model.onnx)
    (only,) = tensors.read(split.weights)
    assert only == "held2"
    assert apart.join(split.graph, split.weights, "w") == model.onnx


def test_a_model_without_weights_is_whole(tmp_path):
    bare = clock().model
    sigmoid = _one_operator("Sigmoid")
    model = Model(sigmoid, replace(bare.card, name="bare"))
    path = Bundle(model).save(tmp_path / "it", folder=True)
    assert sorted(each.name for each in path.iterdir()) == [
        "card.json",
        "manifest.json",
        "model.onnx",
    ]
    assert Bundle.open(path).model.onnx == sigmoid


def _one_operator(name: str) -> bytes:
    import onnx

    helper = onnx.helper
    values = [helper.make_tensor_value_info(each, 1, [3]) for each in ("x", "y")]
    graph = helper.make_graph([helper.make_node(name, ["x"], ["y"])], name, *[[v] for v in values])
    opsets = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def test_a_trusted_artifact_is_loaded_and_not_built(made, saved, builds):
    for opened in (Bundle.open(saved, digest=made.digest), Bundle.open(saved, trusted=True)):
        network = run(opened)
        inputs = integers().inputs
        wanted = made.model.card.golden.outputs["y"]
        np.testing.assert_array_equal(network.run(inputs)["y"], wanted)
    assert builds == []


def test_an_artifact_that_nobody_vouches_for_is_left_alone(saved, builds, caplog):
    with caplog.at_level("INFO", "latebra"):
        run(Bundle.open(saved))
    assert builds == ["integers"]
    assert "the artifact of onnxruntime is left alone: nobody vouches for it" in caplog.text


def test_another_digest_is_refused(saved):
    with pytest.raises(UnreadableFile, match=r"its digest is [0-9a-f]{64} and not 0000"):
        Bundle.open(saved, digest="0" * 64)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"versions": {"onnxruntime": "0.1"}}, "built with onnxruntime 0.1, and"),
        ({"versions": {}}, "built with onnxruntime nothing of that name, and"),
        ({"settings": "OnnxRuntime(threads=1, quick=True)"}, "quick=True"),
        ({"target": replace(this_target(), features=("sse9",))}, "this processor lacks sse9"),
        ({"target": replace(this_target(), features=())}, "this processor also has "),
        ({"target": replace(this_target(), system="Plan9")}, "built for Plan9, and this is"),
        ({"target": replace(this_target(), architecture="z80")}, "built for z80, and this is"),
        ({"content": b"not an artifact"}, "onnxruntime could not load its artifact"),
    ],
)
def test_what_does_not_suit_this_machine_is_built_anew(
    made, tmp_path, builds, caplog, change, reason
):
    (artifact,) = made.artifacts
    other = replace(made, artifacts=(replace(artifact, **change),))
    opened = Bundle.open(other.save(tmp_path / "it"), trusted=True)
    with caplog.at_level("INFO", "latebra"):
        network = run(opened, threads=1)
    assert reason in caplog.text
    assert builds == ["integers"]
    assert network.compiler == "onnxruntime"


def test_what_only_a_build_needs_may_be_of_another_version(monkeypatch):
    plain = make("glow", 1)
    artifact = Artifact("glow", b"", repr(plain), 1, needed_to_load(plain), this_target())
    monkeypatch.setattr(
        contract, "version", lambda name: "9.9" if name == "onnx" else version(name)
    )
    assert set(artifact.versions) == {"llvmlite"}
    assert not artifact.difference(plain)
    # Whoever wrote that it depends on it is believed.
    told = replace(artifact, versions={**artifact.versions, "onnx": "1.17"})
    assert "built with onnx 1.17, and 9.9 is here" in told.difference(plain)


def test_an_artifact_that_computes_something_else_is_built_anew(made, tmp_path, builds, caplog):
    other, _ = vouched("integers")
    negated = OnnxRuntime(threads=1).build(Model(_one_operator("Neg"), other.card))
    (artifact,) = made.artifacts
    wrong = replace(made, artifacts=(replace(artifact, content=negated),))
    builds.clear()
    with caplog.at_level("INFO", "latebra"):
        run(Bundle.open(wrong.save(tmp_path / "it"), trusted=True))
    assert "is left alone" in caplog.text
    assert builds == ["integers"]


def test_auto_takes_the_compiler_whose_artifact_suits(made, saved, monkeypatch):
    opened = Bundle.open(saved, trusted=True)
    monkeypatch.setattr(bundle, "installed", list)
    assert run(opened, "auto").compiler == "onnxruntime"
    with pytest.raises(Unavailable, match="no compiler is installed"):
        run(replace(opened, artifacts=()), "auto")


def test_an_artifact_is_loaded_where_what_built_it_is_absent(made, saved, builds, monkeypatch):
    opened = Bundle.open(saved, trusted=True)
    monkeypatch.setattr(OnnxRuntime, "needs", {**OnnxRuntime.needs, "absent_builder": "absent"})
    assert not OnnxRuntime().probe()
    assert run(opened).run(integers().inputs)["y"].size
    assert builds == []
    with pytest.raises(Unavailable, match="absent is not installed"):
        run(replace(opened, artifacts=()))


def test_without_an_artifact_auto_takes_the_first_that_can(made):
    assert run(Bundle(made.model), "auto").compiler == "onnxruntime"


def test_an_unknown_compiler_is_named(made):
    with pytest.raises(UnknownPlugin, match="'onnxrutime'"):
        made.network("onnxrutime")


def test_a_wrong_golden_vector_stops_even_what_is_compiled_here(made):
    golden = made.model.card.golden
    off = Golden(golden.inputs, {"y": golden.outputs["y"] + 1})
    wrong = Bundle(Model(made.model.onnx, replace(made.model.card, golden=off)))
    with pytest.raises(NumericsMismatch):
        run(wrong)
    with pytest.raises(NumericsMismatch):
        Bundle.built(wrong.model, ["onnxruntime"], threads=1)


def test_nothing_is_overwritten_unasked(made, saved):
    with pytest.raises(UnwritableFile, match="is there already"):
        made.save(saved)
    assert made.save(saved, force=True) == saved


def test_a_place_that_takes_nothing_is_named(made, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in (False, True):
        with pytest.raises(UnwritableFile, match="cannot be written"):
            made.save(tmp_path / "file" / "it", folder=folder)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_is_no_card_or_no_model_is_not_written(made, tmp_path):
    card = made.model.card
    for model in (
        Model(made.model.onnx, replace(card, name="Not an id")),
        Model(made.model.onnx, replace(card, about={"f": print})),
        Model(b"\x89PNG", card),
    ):
        with pytest.raises(UnwritableFile, match="cannot be written as a bundle"):
            Bundle(model).save(tmp_path / "it")
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_json_lacks_are_null(made, tmp_path):
    about = {"apart": {"a": {"b": float("nan")}}, "most": [1.5, float("inf")]}
    card = replace(made.model.card, about=about, bound=float("inf"), golden=None)
    found = Bundle.open(Bundle(Model(made.model.onnx, card)).save(tmp_path / "it"))
    assert found.model.card.about == {"apart": {"a": {"b": None}}, "most": [1.5, None]}
    assert found.model.card.bound == float("inf")


def test_artifacts_of_unknown_compilers_are_passed_over(made, tmp_path):
    (artifact,) = made.artifacts
    strange = [replace(artifact, compiler=name) for name in ("of_tomorrow", "ngraph:of_tomorrow")]
    path = replace(made, artifacts=tuple(strange)).save(tmp_path / "it")
    assert run(Bundle.open(path, trusted=True), "auto").compiler == "onnxruntime"


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(UnreadableFile, match="No such file"):
        Bundle.open(tmp_path / "nowhere")
    with pytest.raises(UnreadableFile, match=r"has no manifest\.json"):
        Bundle.open(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are POSIX")
@pytest.mark.parametrize("kind", ["link", "linked folder", "pipe"])
def test_a_folder_with_what_is_no_file_is_refused(made, tmp_path, kind):
    path = made.save(tmp_path / "it", folder=True)
    if kind == "linked folder":
        (path / "artifacts").rename(tmp_path / "elsewhere")
        (path / "artifacts").symlink_to(tmp_path / "elsewhere")
    else:
        (path / "LICENCE").rename(tmp_path / "elsewhere")
        if kind == "link":
            (path / "LICENCE").symlink_to(tmp_path / "elsewhere")
        else:
            os.mkfifo(path / "LICENCE")
    with pytest.raises(UnreadableFile, match="is neither file nor folder"):
        Bundle.open(path)


def test_what_file_managers_leave_in_a_folder_is_not_looked_at(made, tmp_path):
    path = made.save(tmp_path / "it", folder=True)
    (path / ".DS_Store").write_bytes(b"\x00")
    assert Bundle.open(path).licence == made.licence
    (path / "more").write_bytes(b"")
    with pytest.raises(UnreadableFile, match="does not list 'more'"):
        Bundle.open(path)


def test_a_manifest_without_end_is_refused(tmp_path, made):
    path = made.save(tmp_path / "it", folder=True)
    (path / "manifest.json").write_bytes(b"[" * 200_000)
    with pytest.raises(UnreadableFile, match="nested too deeply"):
        Bundle.open(path)
    (path / "manifest.json").write_bytes(b" " * ((1 << 22) + 1))
    with pytest.raises(UnreadableFile, match="longer than 4194304 bytes"):
        Bundle.open(path)


def test_more_members_than_a_manifest_can_list_are_refused(tmp_path):
    path = tmp_path / "it"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1100):
            archive.writestr(f"m{number}", b"")
    with pytest.raises(UnreadableFile, match="more than 1025 members"):
        Bundle.open(path)


@given(
    st.integers(0, 1 << 20),
    st.sampled_from(["flip", "cut", "insert", "drop"]),
    st.integers(1, 255),
    st.binary(min_size=1, max_size=9),
)
def test_whatever_is_changed_is_refused_or_changes_nothing(
    made, saved, tmp_path_factory, place, kind, mask, more
):
    whole = saved.read_bytes()
    at = place % (len(whole) + 1)
    changed = {
        "flip": whole[:at] + bytes(each ^ mask for each in whole[at : at + 1]) + whole[at + 1 :],
        "cut": whole[:at],
        "insert": whole[:at] + more + whole[at:],
        "drop": whole[:at] + whole[at + 1 :],
    }[kind]
    path = tmp_path_factory.getbasetemp() / "changed.bundle"
    path.write_bytes(changed)
    try:
        found = Bundle.open(path)
    except UnreadableFile:
        return
    # Only the manifest is covered by nothing in the bundle; the bundle's digest covers it.
    assert found.model.onnx == made.model.onnx
    assert [each.content for each in found.artifacts] == [each.content for each in made.artifacts]
    try:
        found = Bundle.open(path, digest=made.digest)
    except UnreadableFile:
        return
    assert found.artifacts == made.artifacts
    assert found.digest == made.digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _places(told, at=()):
    yield at
    if isinstance(told, dict | list):
        for key in told if isinstance(told, dict) else range(len(told)):
            yield from _places(told[key], (*at, key))


@given(
    st.integers(0, 10_000),
    st.none() | st.sampled_from(["new", "../up", "a/b"]),
    JSON,
)
def test_our_reading_of_the_schema_is_everyones(made, place, name, value):
    jsonschema = pytest.importorskip("jsonschema")
    told = json.loads(written_manifest(made))
    places = [each for each in _places(told) if each]
    *path, last = places[place % len(places)]
    inner = told
    for key in path:
        inner = inner[key]
    if name is None:
        inner[last] = value
    elif isinstance(inner, dict):
        inner[name] = inner.pop(last)
    schema = load_schema("bundle")
    whole = json.loads(json.dumps(told), parse_float=_whole_as_text)
    try:
        check_schema(whole, schema)
        ours = True
    except ValueError:
        ours = False
    assert ours == jsonschema.Draft202012Validator(schema).is_valid(whole)


def _whole_as_text(spelling: str) -> object:
    """We ask for 1 where the standard takes 1.0 as well: such numbers are made no numbers."""
    number = float(spelling)
    return spelling if number.is_integer() else number


def written_manifest(made: Bundle) -> bytes:
    from latebra.compiling.contents import Contents, members_of

    told = Contents(made.model, made.artifacts, made.licence, made.core)
    return members_of(told)["manifest.json"]


def test_what_is_written_is_read_back(made):
    table = read_manifest(written_manifest(made))
    assert table.name == "integers"
    assert [each.compiler for each in table.artifacts] == ["onnxruntime"]
    assert table.artifacts[0].target == this_target()


def test_instruction_sets_are_those_that_code_is_chosen_by(monkeypatch):
    shown = "flags\t\t: fpu smep sse2 avx2 fma avx512f amx_bf16 tsc\n"
    monkeypatch.setattr(Path, "read_text", lambda _: shown)
    assert target._features() == ("amx_bf16", "avx2", "avx512f", "fma", "sse2")


def test_equal_targets_differ_in_nothing():
    here = Target("Linux", "x86_64", ("avx2",))
    assert here.difference(here) == ""


@pytest.mark.parametrize("value", [b"", b"\x00" * 7, b"\xff" * 40, b"\x0a" + b"\xff" * 11])
def test_damaged_protobuf_is_a_value_error(value):
    for read in (apart.require_whole, lambda each: apart.split(each, "w")):
        if value:
            with pytest.raises(ValueError):  # noqa: PT011 each says something else
                read(value)
