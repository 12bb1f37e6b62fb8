"""Logits of a text from a second loader: transformers, in an interpreter of its own.

Run: ``PYTHON -m benchmarks.language_peer model.gguf tokens.npy logits.npy``.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(2)
    source, tokens, logits = map(Path, sys.argv[1:])
    model = AutoModelForCausalLM.from_pretrained(
        source.parent, gguf_file=source.name, torch_dtype=torch.float32
    )
    with torch.no_grad():
        found = model(torch.from_numpy(np.load(tokens))).logits
    np.save(logits, found.numpy())


if __name__ == "__main__":
    main()
