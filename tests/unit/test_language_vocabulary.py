"""The tokens and the logits of a Llama, beside those of another loader."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from latebra.core.errors import InputError
from latebra.models.language import vocabulary
from latebra.models.language.forward import Forward
from latebra.models.language.weights import ModelFile
from tests.unit.llama import tiny

TOKENS = np.random.default_rng(3).integers(0, 268, (1, 8))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return ModelFile(tiny(tmp_path_factory.mktemp("llama") / "tiny.gguf"))


TEXT = (
    "Hello, it's 2024! naïve café — 東京 🙂\n\n\tfoo_bar(1234);  spaces   end <|im_start|>user\nx"
    "<|im_end|> I'LL don't 12345.678 Straße ①²\r\n\r\n  then the other thing x "
)


@pytest.mark.parametrize("way", ["smollm", "gpt-2", "llama-bpe"])
def test_text_becomes_the_tokens_of_another_loader_and_comes_back(way, tmp_path):
    path = tiny(tmp_path / "tiny.gguf", pre=way)
    ids = encoded(path)
    assert ids == other_loader(path, "tokenize", content=TEXT, parse_special=True)["tokens"]


def test_logits_are_those_of_another_loader(tmp_path):
    path = tiny(tmp_path / "tiny.gguf", packed=False)
    logits = Forward(ModelFile(path).weights(), np.float64).full(TOKENS)[0, -1]
    ours = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
    found = other_loader(
        path, "completion", prompt=TOKENS[0].tolist(), n_predict=1, n_probs=268, temperature=0
    )
    theirs = found["completion_probabilities"][0]["top_logprobs"]
    assert len(theirs) == 268
    assert max(abs(each["logprob"] - ours[each["id"]]) for each in theirs) < 2e-5


def encoded(path: Path) -> list[int]:
    """Returns the tokens of ``TEXT``, once they are seen to become the text again."""
    tokenizers = pytest.importorskip("tokenizers", reason="the extra 'language' is not installed")
    read = vocabulary.read(ModelFile(path).facts, path.name)
    tokenizer = tokenizers.Tokenizer.from_str(read.tokenizer)
    assert tokenizer.get_vocab_size() == read.size
    ids = tokenizer.encode(TEXT, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == TEXT
    return ids


# In a process of its own, that ends without tidying up: its server may wait for ever to be ended.
ASKED = """
import http.client, json, os, sys
import xllamacpp
path, what, question = sys.argv[1:]
given = xllamacpp.CommonParams()
given.model.path, given.n_ctx, given.cpuparams.n_threads = path, 64, 1
# Its usual attention, and its usual cache, round to 16 bits.
given.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
given.cache_type_k = given.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
server = xllamacpp.Server(given)
line = http.client.HTTPConnection(server.listening_address.removeprefix("http://"), timeout=60)
line.request("POST", "/" + what, question.encode(), {"Content-Type": "application/json"})
print(line.getresponse().read().decode(), flush=True)
os._exit(0)
"""


def other_loader(path: Path, what: str, **question):
    """Returns what llama.cpp answers, on this machine alone."""
    if find_spec("xllamacpp") is None:
        pytest.skip("llama.cpp is not installed")
    command = [sys.executable, "-c", ASKED, str(path), what, json.dumps(question)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_facts_of_a_vocabulary_are_found(file):
    read = vocabulary.read(file.facts, "tiny")
    assert (read.begin, read.end, read.special) == (None, (0, 2), (0, 1, 2))
    assert read.chat == {
        "system": "<|im_start|>system\n",
        "user": "<|im_start|>user\n",
        "assistant": "<|im_start|>assistant\n",
        "close": "<|im_end|>\n",
        "usual_system": "You help.",
    }


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("model", "llama", "splits text in the way 'llama'"),
        ("pre", "viking", "'viking'"),
        ("tokens", ["a", "a"], "1 different tokens of 2"),
        ("tokens", ["a", "\ud800"], "no list of tokens"),
        ("merges", ["t h", "x"], "joins 'x'"),
        ("merges", None, "no list of merges"),
        ("token_type", np.ones(3, np.int32), "types of 3"),
    ],
)
def test_other_vocabularies_are_refused_in_words(file, name, value, told):
    with pytest.raises(InputError) as error:
        vocabulary.read({**file.facts, f"tokenizer.ggml.{name}": value}, "other.gguf")
    assert told in error.value.what


def test_no_template_is_no_chat_and_an_odd_token_no_end(file):
    changed = {"tokenizer.chat_template": "{{ bos }}", "tokenizer.ggml.eos_token_id": 10**6}
    read = vocabulary.read({**file.facts, **changed}, "tiny")
    assert read.chat is None
    assert read.end == (0, 2)
