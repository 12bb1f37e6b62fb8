"""Hide bits in the choice of a text's tokens, at the whole entropy of the model's tables.

The bits that a frame consists of choose each token from the model's table by arithmetic decoding
(Ziegler, Deng, Rush 2019, arXiv:1909.01496), so that the tokens are those of a sampler: the one
that draws from the tables that ``Quantiser`` makes, by ``sample``, which is this code too. Of every
160 bits, about 40 tokens of English, 16 are a tick that says whether the reading is right so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, final

import numpy as np

from latebra.core.errors import DoesNotFit
from latebra.core.progress import Progress, silent
from latebra.hiding.channel.stream import Stream
from latebra.hiding.coder import Decoder, edges
from latebra.hiding.tokens.agreement import Agreement, Bits, Secrets, TokenModel
from latebra.hiding.tokens.correcting import Correction, Reading
from latebra.hiding.tokens.steps import steps

Finished = Callable[[Sequence[int]], bool]
"""Says whether a text may end after these tokens; the prompt is not among them. All bits are in
before the last of them, which may be a line feed that no copy keeps."""
_COINS: Final = 4096


def write(
    model: TokenModel,
    prompt: Sequence[int],
    bits: Bits,
    stream: Stream,
    finished: Finished,
    *,
    agreement: Agreement | None = None,
    most: int = 4096,
    progress: Progress = silent,
) -> list[int]:
    """Returns tokens that carry ``bits``, and go on until the text may end.

    Args:
        model: The language model.
        prompt: Tokens before the text; the reader must have them.
        bits: Zeros and ones that look like coin flips.
        stream: The reader's too. One that serves several texts wants ``bits`` that begin with a
            salt.
        finished: Where the text may end once all bits are in.
        agreement: What the reader does alike; the default is ``Agreement()``.
        most: Tokens at most.
        progress: Told how many bits are in.

    Raises:
        DoesNotFit: ``most`` tokens did not take all bits.
        InputError: No token is allowed after some context.
    """
    agreement = agreement or Agreement()
    secrets = Secrets(stream, agreement.tick_bits)
    tape = _Tape(bits, secrets.tail(bits))
    decoder = Decoder(tape)
    context, start, due = list(prompt), len(prompt), agreement.every
    for _ in range(most):
        complete = tape.end is not None and decoder.settled >= tape.end
        levels = agreement.levels(model, context, secrets.dither(context))
        context.append(int(levels.tokens[decoder.pull(edges(levels.weights()))]))
        progress("write", min(decoder.settled, bits.size), bits.size)
        if complete and finished(context[start:]):
            break
        if decoder.taken >= due:
            tape.insert(secrets.tick(tape.gone))
            due = decoder.taken + agreement.every
    if tape.end is None or decoder.settled < tape.end:
        raise DoesNotFit(
            f"{most} tokens took {decoder.settled} bits, ticks counted; the frame has {bits.size}",
            fix="shorten the message, or allow more tokens",
        )
    return context[start:]


def sample(
    model: TokenModel,
    prompt: Sequence[int],
    bits: int,
    stream: Stream,
    finished: Finished,
    *,
    agreement: Agreement | None = None,
    most: int = 4096,
    progress: Progress = silent,
) -> list[int]:
    """Returns tokens without a message, as many as a frame of so many ``bits`` would take.

    Nobody can tell it from a text with a message: it is written by ``write``, from coin flips.
    """
    coins = stream.child("coins").bits(bits)
    return write(
        model, prompt, coins, stream, finished, agreement=agreement, most=most, progress=progress
    )


def read(
    model: TokenModel,
    prompt: Sequence[int],
    tokens: Sequence[int],
    stream: Stream,
    *,
    agreement: Agreement | None = None,
    correction: Correction | None = None,
) -> Iterator[Bits]:
    """Yields what the tokens may carry, the likeliest first; the frame's seal is the judge.

    Each begins with the frame's bits and ends with some of the coin flips after them. There is
    more than one because the reader's logits may differ from the writer's by rounding errors: up to
    the last whole tick, readings pass all ticks; after it, nothing but the frame can tell, and up
    to ``correction.tries`` are yielded. Another stream's text hardly ever gets past its first tick.

    Args:
        model: The language model; its logits may be wrong by as much as ``correction`` says.
        prompt: Tokens before the text.
        tokens: The text.
        stream: The writer's stream.
        agreement: The writer's agreement.
        correction: How hard to look; the default is ``Correction()``.
    """
    agreement, correction = agreement or Agreement(), correction or Correction()
    secrets = Secrets(stream, agreement.tick_bits)
    known = steps(model, prompt, tokens, agreement, secrets, correction.error)
    if known is not None:
        yield from Reading(known, agreement, secrets, correction).candidates()


@final
class _Tape:
    """The bits of a frame, ticks where they are put in, then coin flips without end."""

    def __init__(self, bits: Bits, coins: Stream) -> None:
        self._coins, self._drawn = coins, 0
        self._next, self._frame = bits, bits.size
        self.gone = np.zeros(0, np.uint8)
        """What was taken so far."""
        self.end = 0 if bits.size == 0 else None
        """Where the frame ends among the bits taken, once it was taken."""

    def insert(self, tick: Bits) -> None:
        """Puts a tick before what comes next."""
        self._next = np.concatenate([tick, self._next])
        if self.end is None:
            self._frame += tick.size

    def __call__(self, count: int) -> Bits:
        if self._next.size < count:
            coins = self._coins.child("block", self._drawn.to_bytes(8, "little")).bits(_COINS)
            self._next, self._drawn = np.concatenate([self._next, coins]), self._drawn + 1
        taken, self._next = self._next[:count], self._next[count:]
        self.gone = np.concatenate([self.gone, taken])
        if self.end is None and self.gone.size >= self._frame:
            self.end = self._frame
        return taken
