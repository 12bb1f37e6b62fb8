"""Hide bits in a text that survives edits: every token coupled with bytes that the bits choose.

The vocabulary falls into 256 buckets, by a keyed hash of the token alone, and the bits give each
bucket v a byte at each token, the highest part of a number r_v in (0, 1), whose lower part is the
writer's own. The bucket is chosen that wins the race of

    -ln(r_v) / P_v                                          P_v the bucket's share of the table

and a token of it by its weight. Where the bytes are coin flips, a bucket wins with probability P_v
exactly, so that the text is a sampler's; and the winner's r is near 1 the more surely the less
likely it was. Thus the reader, who has tokens and key, knows of each hypothesis how well its bytes
fit, without any model: 2.6 bits a token of a small model's English (``benchmarks/robust.py``),
where one hashed bit a token with the likeliest coupling gives 0.3. (Exponential races as a
coupling: Li, El Gamal, Strong Functional Representation Lemma, IEEE Trans. Inf. Theory 64(11),
2018, section 2.)

Since a token is hashed by itself, an edit spoils one token, not those after it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from jaxtyping import UInt8

from latebra.core.errors import DoesNotFit
from latebra.core.progress import Progress, silent
from latebra.hiding.channel.stream import Stream
from latebra.hiding.tokens.agreement import Agreement, Bits, Secrets, TokenModel
from latebra.hiding.tokens.dense import Finished
from latebra.hiding.tokens.tables import Levels
from latebra.hiding.tokens.tree import BUCKETS, OPENING, Path, Row, begins

_MORE: Final = 12
"""Tokens from one trial to the next."""
_EARLY: Final = OPENING + 20
"""Tokens after which a text may be given up for its opening, which no later token helps."""


def chosen(
    levels: Levels,
    buckets: UInt8[np.ndarray, " vocabulary"],
    row: Row,
    coins: Stream,
) -> int:
    """Returns the token that wins.

    Args:
        levels: What may follow.
        buckets: The bucket of each token.
        row: A byte for each bucket.
        coins: The writer's own; every token wants a stream of its own.
    """
    weights = levels.weights()
    mine = buckets[levels.tokens]
    shares = np.bincount(mine, weights, BUCKETS)
    flips = coins.uniform(BUCKETS + 1)
    with np.errstate(divide="ignore"):
        race = -np.log((row + flips[:BUCKETS]) / BUCKETS) / shares
    within = np.cumsum(np.where(mine == int(np.argmin(race)), weights, 0))
    return int(levels.tokens[np.searchsorted(within, flips[-1] * within[-1], side="right")])


def write(
    model: TokenModel,
    prompt: Sequence[int],
    bits: Bits,
    stream: Stream,
    finished: Finished,
    enough: Callable[[Sequence[int]], bool],
    *,
    buckets: UInt8[np.ndarray, " vocabulary"],
    opens: Callable[[Sequence[int]], bool] = lambda tokens: True,
    agreement: Agreement | None = None,
    most: int = 4096,
    progress: Progress = silent,
) -> list[int]:
    """Returns tokens that carry ``bits``, and go on until they are read however they are edited.

    Args:
        model: The language model.
        prompt: Tokens before the text; nobody else needs them.
        bits: Zeros and ones that look like coin flips, the first of them a salt: 20, and a whole
            number of blocks.
        stream: The reader's too.
        finished: Where the text may end.
        enough: Says whether a text that may end is read with a margin.
        buckets: The bucket of each token.
        opens: Says whether a text that has just begun will be found by its first tokens.
        agreement: How tables are made.
        most: Tokens at most.
        progress: Told how many tokens there are, of those that are likely to be needed.

    Raises:
        DoesNotFit: Copies of the text are not read: its first words tell too little, or ``most``
            tokens were not enough. Other bits, that is, another salt, lead to another text.
        InputError: No token is allowed after some context, or the bits are no blocks.
    """
    agreement = agreement or Agreement()
    secrets = Secrets(stream, agreement.tick_bits)
    path, coins = Path(stream, bits), secrets.tail(bits)
    context, start = list(prompt), len(prompt)
    due = usual = begins(1, len(path.values))
    for token in range(most):
        levels = agreement.levels(model, context, secrets.dither(context))
        own = coins.child("token", token.to_bytes(4, "little"))
        context.append(chosen(levels, buckets, path.row(token), own))
        progress("write", min(token + 1, usual), usual)
        if token + 1 == _EARLY and not opens(context[start:]):
            break
        if token + 1 >= due and finished(context[start:]):
            if enough(context[start:]):
                return context[start:]
            due = token + 1 + _MORE
    raise DoesNotFit(
        f"{len(context) - start} tokens do not carry {bits.size} bits through every edit that is "
        "promised",
        fix="shorten the message, or choose a channel that harms less",
    )
