"""Coefficients of the elementary functions, lowest power first.

Made by ``tools/make_glow_polynomials.py``; ``tests/unit/test_glow_math.py`` measures what they
are worth.
"""

from __future__ import annotations

from typing import Final


def _of(*written: str) -> tuple[float, ...]:
    return tuple(float.fromhex(each) for each in written)


EXP: Final = _of(
    "0x1.000000p-1", "0x1.555556p-3", "0x1.5554e4p-5", "0x1.110feep-7", "0x1.6d5168p-10",
    "0x1.a273f2p-13",
)  # fmt: skip
"""``(exp(r) - 1 - r) / r^2`` for ``|r| <= ln(2) / 2``."""

TANH: Final = _of(
    "-0x1.555554p-2", "0x1.11106ep-3", "-0x1.b9edc6p-5", "0x1.637206p-6", "-0x1.0b3d68p-7",
    "0x1.15a284p-9",
)  # fmt: skip
"""``(tanh(x) / x - 1) / x^2`` in ``x^2``, for ``|x| <= 0.625``."""

ERF_SMALL: Final = _of(
    "0x1.06eba6p-3", "-0x1.8126e6p-2", "0x1.ce1a38p-4", "-0x1.b685a2p-6", "0x1.470e66p-8",
    "-0x1.393a22p-11",
)  # fmt: skip
"""``erf(x) / x - 1`` in ``x^2``, for ``|x| <= 0.93``."""

ERF_LARGE: Final = _of(
    "0x1.077330p-3", "0x1.4538dap-1", "0x1.b2ca1ap-4", "-0x1.83f7bcp-6", "0x1.d7cf36p-9",
    "-0x1.46530ep-12", "0x1.4e0cd4p-17",
)  # fmt: skip
"""``-log(erfc(x)) / x - 1``, for ``0.93 <= x <= 4``."""

LOG: Final = _of(
    "0x1.555546p-2", "-0x1.00000ap-2", "0x1.99a548p-3", "-0x1.555ae8p-3", "0x1.232cbap-3",
    "-0x1.fc4c5cp-4", "0x1.e7a8aap-4", "-0x1.dd7088p-4", "0x1.11cf18p-4",
)  # fmt: skip
"""``(log(1 + f) - f + f^2 / 2) / f^3`` for ``1/sqrt(2) <= 1 + f <= sqrt(2)``."""
