"""The language carrier on a tiny model, which NumPy runs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from latebra.core.errors import DoesNotFit, InputError
from latebra.core.network import ModelCard
from latebra.hiding.carriers.language import SALT, Language
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.media.edits import Edits, edited
from latebra.hiding.media.texts import garbled
from latebra.hiding.medium import Text
from latebra.hiding.tokens.cached import AT_ONCE, CachedModel
from latebra.models.language import vocabulary
from latebra.models.language.forward import Forward
from latebra.models.language.weights import ModelFile
from tests.unit.llama import tiny

pytest.importorskip("tokenizers", reason="the extra 'language' is not installed")
HERE, ELSEWHERE = Stream(b"\x21" * 32), Stream(b"\x22" * 32)
FRAME, OF_COPIES = np.random.default_rng(5).bytes(24), "copied"


class Numpy:
    """A network that NumPy runs, in the type of the cache that it is handed."""

    def __init__(self, path: Path) -> None:
        file = ModelFile(path)
        words, hyper = vocabulary.read(file.facts, path.name), file.hyper
        weights = file.weights()
        self._forwards = {np.dtype(t): Forward(weights, t) for t in (np.float32, np.float64)}
        about = {"tokenizer": words.tokenizer, "special": words.special, "chat": words.chat}
        about |= {"begin": words.begin, "context": hyper.context, "layers": hyper.layers}
        about |= {"kv_heads": hyper.kv_heads, "head_dim": hyper.head_dim, "error": 1.5e-4}
        self.card = ModelCard("tiny", "0" * 64, "T2", 1e-3, about=about)
        self.shapes = list[tuple[int, ...]]()

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        keys = inputs["keys"]
        self.shapes.append((*inputs["tokens"].shape, keys.shape[3]))
        found = self._forwards[keys.dtype].step(
            inputs["tokens"], int(inputs["position"][0]), keys, inputs["values"]
        )
        return dict(zip(("logits", "new_keys", "new_values"), found, strict=True))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Numpy:
    folder = tmp_path_factory.mktemp("model")
    return Numpy(tiny(folder / "tiny.gguf", context_length=4096))


def carrier(network: Numpy, **options: str) -> Language:
    return Language.create({"model": network}, options)


def found(reader: Language, text: object, stream: Stream = HERE) -> list[tuple[bytes, bytes]]:
    return [(each.salt, each.frame) for each in reader.extract(text, stream, [OF_COPIES])]


@pytest.mark.parametrize("numerics", ["float32", "float64"])
def test_a_frame_comes_back_from_every_copy(network: Numpy, numerics: str) -> None:
    salt = b"salted!!"
    text = carrier(network, numerics=numerics).embed(FRAME, salt, HERE, OF_COPIES)
    assert isinstance(text, Text)
    for each in (text, garbled(text, np.random.default_rng(0)), Text(f"\n{text}\n\n")):
        assert (salt, FRAME) in found(carrier(network, numerics=numerics), each)


def test_others_find_nothing(network: Numpy) -> None:
    text = carrier(network).embed(FRAME, bytes(SALT), HERE, OF_COPIES)
    assert (bytes(SALT), FRAME) not in found(carrier(network), text, ELSEWHERE)
    for other in ({"prompt": "Another."}, {"numerics": "float64"}):
        assert (bytes(SALT), FRAME) not in found(carrier(network, **other), text)


@pytest.mark.parametrize("text", ["", "\n", "A letter.", "\ud55c\uae00", "x" * 5000, "\u0301"])
def test_texts_of_other_people_yield_nothing(network: Numpy, text: str) -> None:
    assert (bytes(SALT), FRAME) not in found(carrier(network), Text(text))


def test_an_ordinary_text_has_the_latents_of_one_with_a_message(network: Numpy) -> None:
    writer = carrier(network)
    rng = np.random.default_rng(1)
    ordinary = [writer.sample(rng) for _ in range(6)]
    hidden = [writer.embed(rng.bytes(64), rng.bytes(SALT), HERE, OF_COPIES) for _ in range(6)]
    hot = [Text("".join(rng.choice(list("abcdefgh ."), 400))) for _ in range(6)]
    latents = [writer.latents(each) for each in (ordinary, hidden, hot)]
    spreads = [float(np.abs(each).mean()) for each in latents]
    assert spreads[0] == pytest.approx(0.8, abs=0.12)
    assert spreads[1] == pytest.approx(0.8, abs=0.12)
    assert spreads[2] > 1.0


def test_a_text_that_is_too_short_to_look_at_is_refused(network: Numpy) -> None:
    with pytest.raises(InputError, match="48 are looked at"):
        carrier(network).latents([Text("Too short.")])


def test_a_text_longer_than_the_model_looks_back_is_refused(tmp_path: Path) -> None:
    short = Numpy(tiny(tmp_path / "short.gguf", context_length=320))
    with pytest.raises(DoesNotFit, match="looks back at 320"):
        carrier(short).embed(bytes(640), bytes(SALT), HERE, OF_COPIES)


def test_a_model_without_a_template_or_a_system_writes_too(network: Numpy) -> None:
    plain = network.card.about["chat"]
    user_alone = {name: text for name, text in plain.items() if name != "usual_system"}
    starts = set[tuple[int, ...]]()
    for chat in (plain, user_alone, None):
        other = copy(network)
        other.card = replace(network.card, about={**network.card.about, "chat": chat})
        text = carrier(other).embed(FRAME, bytes(SALT), HERE, OF_COPIES)
        assert (bytes(SALT), FRAME) in found(carrier(other), text)
        starts.add(tuple(carrier(other).prompt_tokens))
    assert len(starts) == 3
    with pytest.raises(InputError, match="the prompt has 0 tokens"):
        carrier(other, prompt="").embed(FRAME, bytes(SALT), HERE, OF_COPIES)


def test_a_prompt_that_leaves_no_room_is_refused(network: Numpy) -> None:
    with pytest.raises(InputError, match="1 to 1024 leave room"):
        carrier(network, prompt="long " * 600).embed(FRAME, bytes(SALT), HERE, OF_COPIES)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"numerics": "bfloat16"}, "no numerics 'bfloat16'"),
        ({"size": "many"}, "size of 'many'"),
        ({"size": "0"}, "size of '0'"),
        ({"colour": "red"}, "no option 'colour'"),
        ({"reader": "anyone"}, "no reader 'anyone'"),
    ],
)
def test_wrong_options_are_said(network: Numpy, options: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        carrier(network, **options)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_cached_model_says_what_a_full_pass_says(network: Numpy, batch: int) -> None:
    tokens = np.random.default_rng(2).integers(3, 260, 600).tolist()
    full = network._forwards[np.dtype(np.float64)].full(np.array([tokens]))[0]
    model = CachedModel(network, "float64", batch)
    for count in (1, 7, 8, 9, 40):
        np.testing.assert_allclose(model.logits(tokens[:count]), full[count - 1], atol=1e-11)
    model.expect(tokens)
    network.shapes.clear()
    for count in range(41, 601):
        np.testing.assert_allclose(model.logits(tokens[:count]), full[count - 1], atol=1e-11)
    assert len(network.shapes) == -(-560 // AT_ONCE)
    assert {shape[2] for shape in network.shapes} == {512, 2048}
    for count in (20, 300, 21):
        np.testing.assert_allclose(model.logits(tokens[:count]), full[count - 1], atol=1e-11)
    other = [*tokens[:10], 5, 6]
    want = network._forwards[np.dtype(np.float64)].full(np.array([other]))[0]
    np.testing.assert_allclose(model.logits(other), want[-1], atol=1e-11)


class Unrun(Numpy):
    """A network that nobody may run."""

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError("the network was run")


def test_an_edited_text_is_read_without_running_the_network(
    network: Numpy, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This model's words are as long as sentences: it is promised fewer edits than a real one.
    few = Edits(replaced=0.01)
    for name in ("HARD", "HARDER"):
        monkeypatch.setattr(f"latebra.hiding.tokens.edited.{name}", (few, few))
    writer = carrier(network)
    salt = b"salt"
    assert writer.salt_bytes("edited") == len(salt)
    text = writer.embed(FRAME, salt, HERE, "edited")
    unrun = copy(network)
    unrun.__class__ = Unrun
    got = edited(garbled(text, np.random.default_rng(1)), few, np.random.default_rng(2))
    for reader in (carrier(unrun, prompt="Another."), carrier(network, reader="model")):
        assert Found(salt, FRAME) in reader.extract(got, HERE, ["edited"])
    with pytest.raises(AssertionError, match="was run"):
        list(carrier(unrun, reader="model").extract(text, HERE, ["edited"]))
