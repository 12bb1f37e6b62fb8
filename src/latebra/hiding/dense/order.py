"""The keyed order in which the samples of a picture tell bits."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from jaxtyping import Int32

from latebra.hiding.channel.kernel import kernel
from latebra.hiding.channel.stream import Stream

_AT_ONCE: Final = 1 << 20
"""Words that are drawn at a time: those of a large picture would fill gigabytes."""


def shuffled(stream: Stream, count: int) -> Int32[np.ndarray, " count"]:
    """Returns ``range(count)`` in an order that the stream says.

    Fisher and Yates's shuffle with 32-bit words: of 150 million samples, the most that a photograph
    has, no place is likelier than another by more than one part in 28.

    Args:
        stream: Of this purpose.
        count: Below 2^31.
    """
    order = np.arange(count, dtype=np.int32)
    for number, first in enumerate(range(0, count, _AT_ONCE)):
        last = min(first + _AT_ONCE, count)
        drawn = stream.child("words", number.to_bytes(4, "little")).bytes(4 * (last - first))
        _shuffle(order, first, np.frombuffer(drawn, "<u4"))
    return order


@kernel
def _shuffle(order: Any, first: Any, words: Any) -> Any:
    """Puts each of the places from ``first`` on in the place of one that comes before, or itself.

    That order, from the first on, is the shuffle from the inside out.
    """
    for number in range(len(words)):
        at = first + number
        other = (np.uint64(words[number]) * np.uint64(at + 1)) >> np.uint64(32)
        held = order[at]
        order[at] = order[other]
        order[other] = held
