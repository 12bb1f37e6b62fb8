"""Networks: what their files say, what opening them checks, what is kept on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latebra.compiling import opening
from latebra.compiling.backends.onnxruntime import OnnxRuntime
from latebra.compiling.cache import Cache
from latebra.compiling.contract import Model, Outcome, Support
from latebra.compiling.facts import read_facts
from latebra.compiling.opening import doctor_rows, installed, open_network, outcome_of
from latebra.core.errors import (
    BrokenPlugin,
    BuildFailed,
    DoesNotFit,
    LoadFailed,
    NumericsMismatch,
    RunFailed,
    TimedOut,
    Unavailable,
    UnknownPlugin,
    Unsupported,
)
from latebra.core.files import usual_folder
from latebra.core.network import Golden, check_golden

pytest.importorskip("onnx", reason="the programs are made with onnx")
from latebra.testing.programs import clock, foreign, picture


@pytest.fixture(scope="module")
def program():
    """A program whose card has a golden vector, made by the reference."""
    plain = clock()
    with_none = open_network(plain.model, "reference", isolated=False, cache=None)
    golden = Golden(plain.inputs, with_none.run(plain.inputs))
    card = replace(plain.model.card, golden=golden, bound=plain.bound)
    return replace(plain, model=replace(plain.model, card=card))


@pytest.fixture
def builds(monkeypatch):
    """Counts what ONNX Runtime builds."""
    built: list[str] = []
    build = OnnxRuntime.build

    def counted(self: OnnxRuntime, model: Model) -> bytes:
        built.append(model.card.name)
        return build(self, model)

    monkeypatch.setattr(OnnxRuntime, "build", counted)
    return built


def opened(program, folder: Path | None):
    return open_network(program.model, "onnxruntime", isolated=False, cache=folder)


def test_a_file_says_what_it_takes_and_gives():
    facts = read_facts(clock().model.onnx)
    assert facts.opset == 18
    assert {"Sin", "Cos", "Gemm"} <= facts.operators
    assert [(t.name, t.dtype, t.shape) for t in facts.inputs] == [
        ("t", "float32", (2,)),
        ("kind", "float32", (2, 6)),
    ]
    assert [(t.name, t.shape) for t in facts.outputs] == [("y", (2, 10)), ("e", (2, 22))]


def test_facts_agree_with_the_onnx_package():
    import onnx

    written = picture().model.onnx
    proto = onnx.load_model_from_string(written)
    assert read_facts(written).operators == {node.op_type for node in proto.graph.node}


def test_an_operator_of_another_domain_is_named_with_it():
    assert read_facts(foreign().onnx).operators == {"example.nowhere::Nothing"}


@pytest.mark.parametrize("length", [0, 1, 7, 100, 1000])
def test_a_cut_file_is_no_onnx_file(length):
    with pytest.raises(Unsupported, match="not an ONNX file"):
        read_facts(picture().model.onnx[:length])


def test_random_bytes_are_no_onnx_file():
    rng = np.random.default_rng(0)
    for _ in range(300):
        with pytest.raises(Unsupported):
            read_facts(rng.bytes(int(rng.integers(1, 200))))


def test_an_opened_network_has_its_card_and_counts_its_calls(program, tmp_path):
    network = opened(program, tmp_path)
    assert (network.card, network.compiler) == (program.model.card, "onnxruntime")
    assert (network.calls, network.seconds_inside) == (0, 0.0)
    network.run(program.inputs)
    network.run(program.inputs)
    assert network.calls == 2
    assert 0 < network.seconds_inside < 10


def test_an_isolated_network_gives_the_same_bits(program, tmp_path):
    here = opened(program, tmp_path).run(program.inputs)
    there = open_network(program.model, "onnxruntime", cache=tmp_path).run(program.inputs)
    assert {name: array.tobytes() for name, array in here.items()} == {
        name: array.tobytes() for name, array in there.items()
    }


def test_a_network_that_is_off_its_golden_vector_is_refused(program, tmp_path):
    golden = program.model.card.golden
    shifted = {**golden.outputs, "y": golden.outputs["y"] + np.float32(0.5)}
    card = replace(program.model.card, golden=Golden(golden.inputs, shifted))
    with pytest.raises(NumericsMismatch, match=r"off its golden vector by 5\.\d\de-01") as caught:
        opened(replace(program, model=replace(program.model, card=card)), tmp_path)
    assert caught.value.error == pytest.approx(0.5, abs=1e-4)
    assert caught.value.bound == program.bound


def test_not_a_number_is_off_every_golden_vector(program, tmp_path):
    network = opened(program, tmp_path)
    golden = program.model.card.golden
    bad = {**golden.outputs, "y": golden.outputs["y"] * np.float32(np.nan)}
    network.card = replace(network.card, golden=Golden(golden.inputs, bad))
    with pytest.raises(NumericsMismatch, match="by inf"):
        check_golden(network, "onnxruntime")


@pytest.mark.parametrize(
    ("change", "what", "fix"),
    [
        ({"t": np.zeros(2)}, r"'t' is float64 \(2,\)", r"give float32 \(2,\)"),
        ({"t": np.zeros(3, np.float32)}, r"'t' is float32 \(3,\)", r"give float32 \(2,\)"),
        ({"kind": np.zeros(6, np.float32)}, r"'kind' is float32 \(6,\)", r"give float32 \(2, 6\)"),
        ({"more": np.zeros(1)}, "inputs are called kind, more, t", "give exactly t, kind"),
    ],
)
def test_inputs_that_do_not_fit_are_named(program, tmp_path, change, what, fix):
    with pytest.raises(RunFailed, match=what) as caught:
        opened(program, tmp_path).run({**program.inputs, **change})
    assert caught.match(fix)


def test_what_was_built_once_is_not_built_again(program, tmp_path, builds):
    opened(program, tmp_path)
    opened(program, tmp_path)
    assert len(builds) == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".artifact"]


def test_nothing_is_kept_without_a_folder(program, builds):
    opened(program, None)
    opened(program, None)
    assert len(builds) == 2


def test_other_threads_are_another_artifact(program, tmp_path, builds):
    for threads in (1, 2, 1):
        open_network(program.model, "onnxruntime", isolated=False, threads=threads, cache=tmp_path)
    assert len(builds) == 2


def test_another_version_is_another_artifact(program, tmp_path, builds, monkeypatch):
    opened(program, tmp_path)
    monkeypatch.setattr(OnnxRuntime, "versions", lambda _: {"onnxruntime": "99.0"})
    opened(program, tmp_path)
    assert len(builds) == 2


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied"])
def test_a_damaged_artifact_is_built_again(program, tmp_path, builds, harm):
    opened(program, tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes({"cut": whole[:-1], "flipped": bytes(flipped), "emptied": b""}[harm])
    network = opened(program, tmp_path)
    assert len(builds) == 2
    assert path.read_bytes() == whole
    assert network.run(program.inputs)["y"].shape == (2, 10)


def test_a_whole_artifact_that_does_not_load_is_built_again(program, tmp_path, builds):
    opened(program, tmp_path)
    (path,) = tmp_path.iterdir()
    kept = Cache(tmp_path)
    kept.put({"any": "thing"}, b"not what onnxruntime writes")
    (other,) = set(tmp_path.iterdir()) - {path}
    other.replace(path)
    opened(program, tmp_path)
    assert len(builds) == 2


def test_a_folder_that_cannot_be_made_is_done_without(program, tmp_path, builds):
    (tmp_path / "file").write_text("in the way")
    network = opened(program, tmp_path / "file" / "cache")
    assert network.run(program.inputs)["y"].shape == (2, 10)
    assert len(builds) == 1


def test_the_users_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("LATEBRA_CACHE", "/somewhere")
    assert usual_folder() == Path("/somewhere")


def test_an_unknown_compiler_is_named(program):
    with pytest.raises(UnknownPlugin, match="'onnxrutime'"):
        open_network(program.model, "onnxrutime")


def test_null_is_unavailable_with_its_reason(program):
    with pytest.raises(Unavailable, match="null compiles nothing"):
        open_network(program.model, "null")


def test_an_absent_compiler_says_what_to_install(program, monkeypatch):
    plugin = opening.compilers["ngraph"]
    monkeypatch.setattr(plugin, "needs", {"openvino_that_is_absent": "openvino"})
    with pytest.raises(Unavailable, match="openvino is not installed") as caught:
        open_network(program.model, "ngraph")
    assert caught.value.fix == "pip install 'latebra[ngraph]'"
    assert "ngraph" not in installed()
    (row,) = [row for row in doctor_rows() if row.compiler == "ngraph"]
    assert (row.outcome, row.reason) == (Outcome.ABSENT, "openvino is not installed")


def test_a_model_nobody_takes_is_unsupported():
    with pytest.raises(Unsupported, match=r"example\.nowhere::Nothing"):
        open_network(foreign(), "onnxruntime")


def test_installed_prefers_by_rank_and_leaves_out_what_is_absent():
    found = installed()
    ranks = [opening.compilers[name].rank for name in found]
    assert ranks == sorted(ranks)
    assert found[0] == "onnxruntime"
    assert "null" not in found


def test_no_two_compilers_have_one_rank():
    ranks = [plugin.rank for plugin in opening.compilers.values()]
    assert len(set(ranks)) == len(ranks)


def test_each_failure_has_its_word():
    mismatch = NumericsMismatch("off", error=1.0, bound=0.5)
    failures = [
        Unavailable("x"),
        Unsupported("x"),
        BuildFailed("x"),
        LoadFailed("x"),
        RunFailed("x"),
        mismatch,
        TimedOut("x"),
    ]
    words = [outcome_of(each) for each in failures]
    assert words == list(Outcome)[1:]
    with pytest.raises(BrokenPlugin):
        outcome_of(DoesNotFit("x"))


def test_support_is_false_exactly_with_reasons():
    assert Support()
    assert not Support(("no GPU",))
    assert str(Support(("no GPU", "no licence"))) == "no GPU; no licence"
