"""Write the golden vectors of texts: what a small model without weights writes from some bits.

The model has 64 tokens. After a context that ends in tokens a, b (0 where there is none), token i
has the logit -w / 4096, where w is the i-th little-endian 16-bit word of SHAKE128(LE32 a | LE32 b):
exact in every float. Every token may follow, and a text may end after every token.

They were made by this implementation; a second reader, written from spec/texts.md alone, read each
that is read. A vector is never edited: a new format gets new files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from latebra.hiding.carriers.language import AGREEMENTS
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens import coupled, dense
from latebra.hiding.tokens.tree import buckets
from tools.make_frame_vectors import SECRET, stream

FOLDER = Path(__file__).parents[1] / "vectors" / "texts"
VOCABULARY = 64
PROMPT = (7, 11)


class Words:
    """The model that the vectors are of."""

    def logits(self, context: Sequence[int]) -> Float32[np.ndarray, " vocabulary"]:
        """Returns the logits of what follows ``context``."""
        pair = np.array([0, 0, *context][-2:], "<u4").tobytes()
        digest = hashlib.shake_128(pair).digest(2 * VOCABULARY)
        return np.frombuffer(digest, "<u2").astype(np.float32) / np.float32(-4096)


def write(name: str, expect: str, numerics: str, bits: bytes, tokens: Sequence[int]) -> None:
    """Writes one vector."""
    fields = {
        "expect": expect,
        "numerics": numerics,
        "stream": SECRET.hex(),
        "prompt": " ".join(map(str, PROMPT)),
        "bits": bits.hex(),
    }
    lines = [f"{label}: {value}" for label, value in fields.items()]
    body = [" ".join(map(str, tokens[at : at + 24])) for at in range(0, len(tokens), 24)]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", *body]) + "\n")


def write_edited(name: str, bits: bytes, tokens: Sequence[int], expect: str, written: str) -> None:
    """Writes one vector of a text that may be edited."""
    fields = {"expect": expect, "channel": "edited", "numerics": "float32"}
    fields |= {"stream": SECRET.hex(), "prompt": " ".join(map(str, PROMPT)), "bits": bits.hex()}
    fields |= {"written": written}
    lines = [f"{label}: {value}" for label, value in fields.items()]
    body = [" ".join(map(str, tokens[at : at + 24])) for at in range(0, len(tokens), 24)]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", *body]) + "\n")


def edited() -> None:
    """Writes the vectors of texts that may be edited."""
    for size, longest in ((4, 0), (28, 0), (28, 600)):
        bits = stream(f"edited texts {size} {longest}".encode())(size)

        def enough(tokens: Sequence[int], longest: int = longest) -> bool:
            return len(tokens) >= longest

        tokens = coupled.write(
            Words(),
            PROMPT,
            np.unpackbits(np.frombuffer(bits, np.uint8)),
            Stream(SECRET),
            lambda tokens: True,
            enough,
            buckets=buckets(Stream(SECRET), VOCABULARY),
            agreement=AGREEMENTS["float32"],
        )
        name = f"edited_{size}_bytes" + ("_twice" if longest else "")
        write_edited(name, bits, tokens, "success", "yes")
    replaced = [(7 * t + 1) % VOCABULARY if at % 11 == 5 else t for at, t in enumerate(tokens)]
    write_edited("edited_tokens_replaced", bits, replaced, "success", "no")
    fewer = [token for at, token in enumerate(tokens) if at % 20 != 10]
    more = [each for at, t in enumerate(fewer) for each in ([t, at % 64] if at % 20 == 3 else [t])]
    write_edited("edited_tokens_moved", bits, more, "success", "no")
    write_edited("edited_tokens_reversed", bits, tokens[::-1], "failure", "no")


def main() -> None:
    """Writes all vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    edited()
    for numerics, agreement in AGREEMENTS.items():
        for size in (1, 32, 200):
            bits = stream(f"texts {size}".encode())(size)
            tokens = dense.write(
                Words(),
                PROMPT,
                np.unpackbits(np.frombuffer(bits, np.uint8)),
                Stream(SECRET),
                lambda tokens: True,
                agreement=agreement,
            )
            write(f"{numerics}_{size}_bytes", "success", numerics, bits, tokens)
        changed = [*tokens[:9], (tokens[9] + 1) % VOCABULARY, *tokens[10:]]
        write(f"{numerics}_one_token_changed", "failure", numerics, bits, changed)


if __name__ == "__main__":
    main()
