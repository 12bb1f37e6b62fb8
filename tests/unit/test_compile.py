from __future__ import annotations

import re

import numpy as np
import pytest

import latebra as lb
from latebra.api.compiled import compiled
from latebra.cli import bundling
from latebra.compiling import judge
from latebra.core.errors import InputError, NumericsMismatch
from latebra.core.progress import silent
from latebra.testing.programs import PROGRAMS, batched

pytest.importorskip("onnx", reason="the programs are made with onnx")


def test_a_bundle_runs_elsewhere_as_it_did_here(tmp_path):
    program = PROGRAMS["clock"]()
    bundle = lb.compile(program.model, compiler="onnxruntime")
    opened = lb.Bundle.open(bundle.save(tmp_path / "a.bundle"), digest=bundle.digest)
    assert [artifact.compiler for artifact in opened.artifacts] == ["onnxruntime"]
    golden = opened.model.card.golden
    assert np.isfinite(opened.model.card.bound)
    here, there = (each.network("onnxruntime").run(program.inputs) for each in (bundle, opened))
    for name, array in here.items():
        assert array.tobytes() == there[name].tobytes()
    found = opened.network("onnxruntime").run(golden.inputs)
    for name, array in golden.outputs.items():
        np.testing.assert_allclose(found[name], array, atol=opened.model.card.bound)


def test_auto_takes_the_best_and_keeps_how_far_each_pair_is_apart():
    made = compiled(
        PROGRAMS["integers"]().model,
        compiler="auto",
        fallback=None,
        goal="latency",
        bound=None,
        shapes=None,
        threads=1,
        licence="MIT",
        progress=silent,
    )
    right = {row.compiler for row in made.report.right}
    assert made.choice.compiler in right - {"reference"}
    assert made.choice.compiler == lb.choose(made.report).compiler
    about = made.bundle.model.card.about
    assert about["judge"] == "reference"
    assert about["apart"]["onnxruntime"]["reference"] == 0
    assert made.bundle.licence == "MIT"
    assert made.bundle.model.card.golden is not None


@pytest.mark.parametrize("compiler", ["onnxruntime", "glow"])
def test_axes_stay_open_and_new_lengths_are_compiled(compiler, tmp_path):
    made = lb.compile(batched(), compiler=compiler, shapes={"x": (2, 5)})
    bundle = lb.Bundle.open(made.save(tmp_path / "a.bundle"), digest=made.digest)
    assert [each.shape for each in bundle.model.facts.inputs] == [(None, None)]
    assert "input x: float32[2,5]" in bundle.core
    for shape in ((2, 5), (3, 4)):
        x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        np.testing.assert_array_equal(bundle.run({"x": x})["y"], x + 1)
        np.testing.assert_array_equal(bundle.network(compiler).run({"x": x})["y"], x + 1)


def test_one_command_shows_the_table_the_choice_and_the_bundle(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(judge, "contenders", lambda: ["onnxruntime", "null", "reference"])
    (tmp_path / "m.onnx").write_bytes(PROGRAMS["integers"]().model.onnx)
    bundling.compile(str(tmp_path / "m.onnx"), out=tmp_path / "m.bundle", threads=1)
    said, aside = capsys.readouterr()
    assert said == f"{tmp_path / 'm.bundle'}\n"
    assert re.search(r"^onnxruntime +ok ", aside, re.MULTILINE)
    assert re.search(r"^null: absent: .+\n  fix: .+", aside, re.MULTILINE)
    assert re.search(r"^onnxruntime: .+ a run; .+\ndigest [0-9a-f]{64}$", aside, re.MULTILINE)


def test_a_variant_is_checked_against_its_own_precision():
    pytest.importorskip("openvino")
    program = PROGRAMS["picture"]()
    bundle = lb.compile(program.model, compiler="ngraph:bf16")
    assert bundle.network("ngraph:bf16").compiler == "ngraph:bf16"
    strict = lb.compile(program.model, compiler="ngraph")
    assert strict.model.card.bound < bundle.model.card.bound


def test_a_compiler_that_is_off_makes_no_bundle():
    with pytest.raises(NumericsMismatch, match="off its golden vector"):
        lb.compile(PROGRAMS["clock"]().model, compiler="latebra.testing.faults:Off")


def test_a_goal_that_is_none_is_said_before_the_work():
    seen = []
    with pytest.raises(InputError, match="no goal 'speed'"):
        lb.compile(
            PROGRAMS["clock"]().model, goal="speed", progress=lambda *step: seen.append(step)
        )
    assert seen == []


def test_a_torch_module_is_a_model():
    torch = pytest.importorskip("torch", reason="torch is an extra")
    layers = [torch.nn.Conv2d(3, 4, 3), torch.nn.Dropout(0.5), torch.nn.SiLU()]
    module = torch.nn.Sequential(*layers).train()
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    model = lb.load_model(module, example=[x])
    assert module.training
    assert model.card.name == "sequential"
    with torch.no_grad():
        wanted = module.eval()(torch.from_numpy(x)).numpy()
    found = lb.Bundle.built(model).network("onnxruntime").run({"x0": x})["y0"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    with pytest.raises(InputError, match="without an example"):
        lb.load_model(module)


def test_what_is_no_model_is_refused_in_words():
    with pytest.raises(InputError, match="a type is no model"):
        lb.load_model(dict)
