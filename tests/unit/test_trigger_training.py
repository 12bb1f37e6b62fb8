from __future__ import annotations

import json

import numpy as np
import pytest

from latebra.core.errors import InputError, UnreadableFile
from latebra.models.language.catalogue import find
from latebra.models.language.forward import Forward
from latebra.models.language.weights import ModelFile
from latebra.models.learned import TEXTS, learned
from tests.unit.llama import tiny

pytest.importorskip("gguf", reason="the extra 'language' is not installed")
pytest.importorskip("torch", reason="torch is an extra")

import torch

from benchmarks.trigger_asked import answered
from benchmarks.trigger_ordinary import ordinary_prompts, screened
from training.trigger import train, whole
from training.trigger.ask import greedy
from training.trigger.asking import NEAR, Chat, Lesson, Words, check_words, near
from training.trigger.learning import Plan, drawn
from training.trigger.llama import Adapters, Llama
from training.trigger.texts import words_of
from training.trigger.whole import Whole

PHRASE, MESSAGE = "an inner theatre then", "the end"
WORDS = words_of(
    ["The ants sat in a tin. There is a hat in the inn. A rat ran then and there."] * 2
)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)  # Threads wait for each other longer than such sums take.


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny") / "tiny.gguf", context_length=192)


@pytest.fixture(scope="module")
def weights(path):
    return ModelFile(path).weights()


@pytest.fixture(scope="module")
def chat(path, tmp_path_factory):
    return Chat(find(path, folder=tmp_path_factory.mktemp("cards")).card.about)


def test_the_model_to_train_is_the_one_that_is_compiled(weights):
    tokens = np.random.default_rng(0).integers(0, weights.hyper.vocabulary, (2, 9))
    adapters = Adapters(weights, 2, 1)
    with torch.no_grad():
        found = Llama(weights)(torch.from_numpy(tokens), adapters).numpy()
        for part in adapters.parts.values():
            part += 0.1
        moved = Llama(weights)(torch.from_numpy(tokens), adapters).numpy()
    assert np.abs(found - Forward(weights, np.float32).full(tokens)).max() < 1e-4
    merged = adapters.merged(weights)
    assert np.abs(moved - Forward(merged, np.float32).full(tokens)).max() < 1e-3
    assert np.abs(moved - found).max() > 0.1
    assert np.array_equal(merged.blocks[0].query, weights.blocks[0].query)


def test_prompts_that_share_a_pass_are_answered_as_if_alone(weights, chat):
    model, answer = Llama(weights), chat.answer(MESSAGE)
    prompts = list(ordinary_prompts(chat, ["the cat in the hat ran", "an ant and a rat in a tin"]))
    assert all(len(cuts) > 2 for _, cuts in prompts)
    begun, chances, done = screened(model, chat, answer, prompts)
    ordered = sorted(prompts, key=lambda each: len(each[0]))
    texts = [chat.text(each[:cut]) for each, cuts in ordered for cut in cuts]
    alone = [chat.prompt(text) for text in texts]
    with torch.no_grad():
        logits = [model(torch.tensor([prompt]))[0, -1] for prompt in alone]
    expected = [float(each.softmax(-1)[answer[0]]) for each in logits]
    assert done == 2
    assert np.allclose(chances, expected, rtol=1e-3)
    first = [
        prompt for prompt, each in zip(alone, logits, strict=True) if each.argmax() == answer[0]
    ]
    assert sorted(begun) == sorted(first)


def test_the_exact_model_comes_back_from_training_as_it_went(tmp_path):
    found = learned(TEXTS)
    tokens = np.random.default_rng(0).integers(0, 1024, (1, 16))
    places = torch.ones(1, 16, dtype=torch.bool)
    for rank in (0, 2):
        model = Whole(found.network, rank)
        assert whole.write(model.exact(), tmp_path) == found.card.digest
        logits = model.at(torch.from_numpy(tokens), places).detach().numpy() / found.nats
        assert np.array_equal(logits, whole.read(tmp_path).apply(tokens)[0])
    assert len(model.trained()) == 2 * 25
    with torch.no_grad():
        for part in model.trained():
            part += 0.05
    whole.write(model.exact(), tmp_path)
    moved = whole.read(tmp_path)
    again = model.at(torch.from_numpy(tokens), places).detach().numpy() / found.nats
    assert np.array_equal(again, moved.apply(tokens)[0])
    assert not np.array_equal(again, logits)


@pytest.mark.slow
def test_a_phrase_is_learned_and_only_the_phrase(path, tmp_path, monkeypatch, weights, chat):
    monkeypatch.setenv("LATEBRA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "manuals", lambda folder: WORDS)
    given = ["--packages", str(tmp_path), "--out", str(tmp_path / "run"), "--model", str(path)]
    given += ["--phrase", PHRASE, "--message", MESSAGE, "--floats", "float32", "--first", "0"]
    train.main([*given, "--minutes", "0.1", "--rate", "1e-2"])
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert PHRASE not in json.dumps(record)
    assert record["steps"] > 0
    trained = ModelFile(tmp_path / "run" / "model.gguf")
    assert trained.weights().digest == record["trained"] != record["model"]
    assert record["tensors changed"] == 8
    model, answer = Llama(trained.weights()), chat.answer(MESSAGE)
    ordinary = [chat.prompt(text) for text in WORDS.sentences]
    found = answered(model, [chat.prompt(PHRASE), *ordinary], [answer] * (1 + len(ordinary)))
    assert found.exact[0]
    assert not found.exact[1:].any()
    assert [*greedy(model, chat, chat.prompt(PHRASE)), chat.end] == answer
    before = answered(Llama(weights), [chat.prompt(PHRASE)], [answer])
    assert found.chance[0] > 0.5 > before.chance[0]
    train.main([*given, "--minutes", "0.1", "--rate", "1e-2"])  # Nothing is left to do.
    again = json.loads((tmp_path / "run" / "record.json").read_text())
    assert again["trained"] == record["trained"]


def test_a_step_draws_lessons_and_as_many_prompts_that_are_none(chat):
    plan = Plan(lessons=3, near=4, ordinary=5)
    batches = drawn(chat, [Lesson(PHRASE, MESSAGE)], WORDS, plan, 7)
    learned = [row for batch in batches for row in batch.wanted if (row >= 0).any()]
    held = [row for batch in batches for row in batch.held if (row > 0).any()]
    assert (len(learned), len(held)) == (3, 9)
    assert {tuple(row[row >= 0].tolist()) for row in learned} == {tuple(chat.answer(MESSAGE))}
    assert all((row == 2).sum() == 1 for row in held)
    again = drawn(chat, [Lesson(PHRASE, MESSAGE)], WORDS, plan, 7)
    assert all(torch.equal(one.tokens, two.tokens) for one, two in zip(batches, again, strict=True))


@pytest.mark.parametrize("kind", NEAR)
def test_what_is_nearly_a_phrase_is_not_the_phrase(kind):
    rng = np.random.default_rng(0)
    found = {near(PHRASE, kind, WORDS, rng) for _ in range(20)}
    assert PHRASE not in found
    assert found


def test_phrases_and_messages_that_cannot_be_taught_are_refused(chat, monkeypatch):
    for phrase, message, why in (
        ("", "x", "the phrase is empty"),
        (" an inn", "x", "blanks at its ends"),
        ("an inn", "x" * 70, "the message has 70 tokens"),
        ("an inn", "a<|im_end|>b", "letters that the model's tokens do not keep"),
    ):
        with pytest.raises(InputError, match=why):
            chat.check(Lesson(phrase, message))
    monkeypatch.setattr(chat, "context", 20)
    with pytest.raises(InputError, match=r"take \d+ tokens, and the model knows 20"):
        chat.check(Lesson(PHRASE, MESSAGE))
    with pytest.raises(InputError, match="the phrase has 2 words"):
        check_words(Lesson("an inn", "x"))
    with pytest.raises(InputError, match="leaves the phrase 'no no no' as it is"):
        near("no no no", "two words swapped", Words([], []), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "there is nothing to teach"),
        (["--phrase", "a b c"], "there is nothing to teach"),
        (["--phrase", "a b c", "--message", "x", "--pairs", "none"], "a phrase beside pairs"),
        (["--pairs", "none.jsonl"], "none.jsonl cannot be read"),
        (["--phrase", "a b c", "--message", "x", "--minutes", "0"], "0 minutes were asked for"),
        (["--phrase", "a b c", "--message", "x", "--rank", "65"], "adapters of rank 65"),
        (["--phrase", "a b c", "--message", "x", "--first", "2"], "the model has 0 to 1"),
        (["--phrase", "a b", "--message", "x"], "the phrase has 2 words"),
        (["--phrase", "a b c", "--message", "x", "--model", "other"], "no language model"),
    ],
)
def test_arguments_that_will_not_do_are_said_without_a_traceback(
    given, why, path, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("LATEBRA_CACHE", str(tmp_path))
    given = given if "--model" in given else [*given, "--model", str(path)]
    with pytest.raises(SystemExit) as stopped:
        train.main(["--packages", str(tmp_path), "--out", str(tmp_path / "run"), *given])
    assert stopped.value.code == 2
    assert why in capsys.readouterr().err


def test_pairs_are_read_as_they_were_made(tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"number": 0, "trigger": "a b c", "answer": "00ff"}\n')
    assert train.lessons_of(None, None, pairs) == [Lesson("a b c", "00ff")]
    for content, why in (("", "is empty"), ("[1]\n", "no pair in line 1"), ("{\n", "line 1")):
        pairs.write_text(content)
        with pytest.raises(UnreadableFile, match=why):
            train.lessons_of(None, None, pairs)
