"""Fit the polynomials of the Glow compiler's elementary functions.

Each is a weighted least-squares fit on Chebyshev points, in 80-bit floats; the coefficients are
rounded to float32 from the lowest power upwards, and those that follow are fitted again.
"""

from __future__ import annotations

import numpy as np
from scipy import special


def fit(values, powers, low, high, weight):
    """Returns float32 coefficients of ``sum c_i x^powers[i]`` close to ``values`` by ``weight``."""
    angle = np.pi * (np.arange(4000) + 0.5) / 4000
    x = ((low + high) / 2 + (high - low) / 2 * np.cos(angle)).astype(np.longdouble)
    left, scale = values(x), weight(x)
    found = []
    for i in range(len(powers)):
        basis = np.stack([x**power * scale for power in powers[i:]], 1).astype(np.float64)
        best = np.linalg.lstsq(basis, (left * scale).astype(np.float64), rcond=None)[0]
        found.append(np.float32(best[0]))
        left = left - np.longdouble(found[-1]) * x ** powers[i]
    return found


def _line(name, found):
    print(f"{name} = ({', '.join(float(c).hex() for c in found)})")


half_ln2 = float(np.log(2) / 2) * 1.001
_line("EXP", fit(lambda r: (np.expm1(r) - r) / r**2, range(6), -half_ln2, half_ln2, lambda r: r**2))
_line(
    "TANH",
    fit(lambda s: (np.tanh(np.sqrt(s)) / np.sqrt(s) - 1) / s, range(6), 1e-6, 0.64**2, lambda s: s),
)
_line(
    "ERF_SMALL",
    fit(
        lambda s: (special.erf(np.sqrt(s.astype(np.float64))) / np.sqrt(s) - 1).astype(np.longdouble),
        range(6), 1e-6, 0.93**2, lambda s: 1 + 0 * s,
    ),
)  # fmt: skip
_line(
    "ERF_LARGE",
    fit(
        lambda t: -(np.log(special.erfc(t.astype(np.float64))).astype(np.longdouble) / t) - 1,
        range(7), 0.92, 4.0, lambda t: t * np.exp(-t - t**2),
    ),
)  # fmt: skip
_line(
    "LOG",
    fit(
        lambda f: (np.log1p(f) - f + f * f / 2) / f**3, range(9), 2**-0.5 - 1.0001, 2**0.5 - 0.9999,
        lambda f: f**3 / np.maximum(np.abs(np.log1p(f)), 1e-30),
    ),
)  # fmt: skip
