"""A tiny random Llama in a GGUF file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

TEMPLATE = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou help.<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
WORDS = ["th", "the", "Ġthe", "in", "Ġa", "an", "er", "Ġs", "\u010a\u010a"]


def tokens() -> list[str]:
    """Returns special tokens, one for each byte, and some words; 268 together."""
    return [*SPECIAL, *_bytes(), *WORDS]


def tiny(
    path: Path,
    *,
    architecture: str = "llama",
    tied: bool = True,
    extra: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    pre: str = "smollm",
    packed: bool = True,
    **changed: int,
) -> Path:
    """Writes two layers, 64 wide, four heads on two, some weights in blocks, and a tokenizer."""
    gguf = pytest.importorskip("gguf", reason="the extra 'language' is not installed")
    rng = np.random.default_rng(7)
    count = len(tokens())
    writer = gguf.GGUFWriter(path, architecture)
    numbers = {"block_count": 2, "embedding_length": 64, "feed_forward_length": 96}
    numbers |= {"attention.head_count": 4, "attention.head_count_kv": 2, "context_length": 128}
    for name, value in (numbers | changed).items():
        writer.add_uint32(f"{architecture}.{name}", value)
    writer.add_float32(f"{architecture}.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_string("general.license", "apache-2.0")
    writer.add_string("tokenizer.ggml.model", "gpt2")
    writer.add_string("tokenizer.ggml.pre", pre)
    writer.add_array("tokenizer.ggml.tokens", tokens())
    writer.add_array("tokenizer.ggml.token_type", [3] * 3 + [1] * (count - 3))
    merges = ["t h", "th e", "Ġ the", "i n", "Ġ a", "a n", "e r", "Ġ s", "Ċ Ċ"]
    writer.add_array("tokenizer.ggml.merges", merges)
    writer.add_uint32("tokenizer.ggml.bos_token_id", 1)
    writer.add_uint32("tokenizer.ggml.eos_token_id", 2)
    writer.add_bool("tokenizer.ggml.add_bos_token", False)
    writer.add_string("tokenizer.chat_template", TEMPLATE)
    shapes = {"token_embd": (count, 64), "output_norm": (64,)}
    if not tied:
        shapes["output"] = (count, 64)
    inside = {"attn_norm": (64,), "attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64)}
    inside |= {"attn_output": (64, 64), "ffn_norm": (64,)}
    inside |= {"ffn_gate": (96, 64), "ffn_up": (96, 64), "ffn_down": (64, 96)}
    shapes |= {f"blk.{at}.{name}": shape for at in range(2) for name, shape in inside.items()}
    shapes |= dict.fromkeys(extra, (64,))
    for name, shape in shapes.items():
        if name in without:
            continue
        array = rng.standard_normal(shape).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(f"{name}.weight", 1 + 0.1 * array)
        elif packed and name.endswith(("down", "_k")):
            kind = gguf.GGMLQuantizationType.Q8_0
            blocks = gguf.quants.quantize(0.2 * array, kind)
            writer.add_tensor(f"{name}.weight", blocks, raw_dtype=kind)
        else:
            writer.add_tensor(f"{name}.weight", 0.2 * array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _bytes() -> list[str]:
    """Returns a letter for each byte, as byte-level tokenizers write them, in their order."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return [chr(each) for each in plain] + [chr(256 + at) for at in range(len(others))]
