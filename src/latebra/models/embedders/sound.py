"""From sound to what the speaker network hears: resampled, without silence, as mel energies.

The network was trained on energies as librosa computes them (16 kHz, frames of 25 ms every 10 ms,
40 bands on Slaney's mel scale, no logarithm); ``tests/vectors`` holds ours against librosa's. What
is left out as silence is our own choice: the original asks a detector of voice that another
package brings.
"""

from __future__ import annotations

from functools import cache
from math import gcd
from typing import Final

import numpy as np
from jaxtyping import Float32, Float64
from numpy.lib.stride_tricks import sliding_window_view

from latebra.core.errors import InputError

RATE_HZ: Final = 16_000
SLOWEST_HZ: Final = 8_000
"""Telephone; below that there is too little of a voice."""
FASTEST_HZ: Final = 192_000
LONGEST_S: Final = 600.0
BANDS: Final = 40
FRAME: Final = 400
HOP: Final = 160
LOUDNESS_DBFS: Final = -30.0
"""Quieter sound is made so loud, as the network's training data was."""
_BLOCK: Final = 480
"""Samples, 30 ms, that are silent or are not."""
_BELOW_DB: Final = 35.0
"""So far below loud speech is silence."""
_QUIETEST: Final = 1e-4
"""Of full scale: a sixteenth of the smallest step of eight bits."""
_AROUND: Final = 4
"""Blocks that are kept on either side of speech."""
_TAPS: Final = 24
"""Zero crossings of the resampling filter on either side."""
_KAISER: Final = 9.0
_AT_ONCE: Final = 1 << 16

Sound = Float64[np.ndarray, " _"]


def speech(sound: Sound, rate_hz: int) -> Sound:
    """Returns sound at 16 kHz without its silence, as loud as the network expects.

    Args:
        sound: One channel, full scale 1.
        rate_hz: Samples a second.

    Raises:
        InputError: The rate is out of range, the sound too long, silent, or no number.
    """
    if not SLOWEST_HZ <= rate_hz <= FASTEST_HZ:
        raise InputError(
            f"the sound has {rate_hz} samples a second",
            fix=f"record with {SLOWEST_HZ} to {FASTEST_HZ}, best with {RATE_HZ}",
        )
    if len(sound) > LONGEST_S * rate_hz:
        raise InputError(
            f"the sound lasts {len(sound) / rate_hz:.0f} s",
            fix=f"cut out {LONGEST_S:.0f} s or less",
        )
    if not np.isfinite(sound).all():
        raise InputError("the sound holds what is no number", fix="record it again")
    kept = _without_silence(resampled(sound, rate_hz))
    level = np.sqrt(np.mean(kept**2)) if len(kept) else 0.0
    if level < _QUIETEST:
        raise InputError("the sound is silent", fix="record a voice, six seconds or more")
    return kept * max(1.0, 10 ** (LOUDNESS_DBFS / 20) / level)


def resampled(sound: Sound, rate_hz: int) -> Sound:
    """Returns sound at 16 kHz, by a windowed sinc (Smith, Gossett, ICASSP 1984)."""
    if rate_hz == RATE_HZ:
        return sound
    shared = gcd(rate_hz, RATE_HZ)
    up, down = RATE_HZ // shared, rate_hz // shared
    narrow = min(1.0, up / down)
    reach = int(np.ceil(_TAPS / narrow))
    padded = np.pad(sound, reach + 1)
    windows = sliding_window_view(padded, 2 * reach + 2)
    count = len(sound) * up // down
    out = np.empty(count)
    offsets = np.arange(-reach, reach + 2)
    for phase in range(up):
        numbers = np.arange(phase, count, up)
        whole, part = numbers * down // up, (phase * down % up) / up
        at = offsets - part
        taps = narrow * np.sinc(narrow * at)
        taps *= np.i0(_KAISER * np.sqrt(np.clip(1 - (at / (reach + 1)) ** 2, 0, 1)))
        for start in range(0, len(numbers), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            out[numbers[some]] = windows[whole[some] + 1] @ (taps / np.i0(_KAISER))
    return out


def mel_energies(sound: Sound) -> Float32[np.ndarray, "frames 40"]:
    """Returns the energy in each band, frame by frame, the frames centred on their time."""
    padded = np.pad(sound, FRAME // 2)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
    frames = sliding_window_view(padded, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return (power @ _bands().T).astype(np.float32)


def _without_silence(sound: Sound) -> Sound:
    whole = len(sound) // _BLOCK * _BLOCK
    if not whole:
        return sound[:0]
    blocks = sound[:whole].reshape(-1, _BLOCK)
    levels = np.sqrt(np.mean(blocks**2, axis=1))
    loud = levels > max(_QUIETEST, np.quantile(levels, 0.95) * 10 ** (-_BELOW_DB / 20))
    near = np.convolve(loud, np.ones(2 * _AROUND + 1))[_AROUND : _AROUND + len(loud)] > 0
    return blocks[near].reshape(-1)


@cache
def _bands() -> Float64[np.ndarray, "40 bins"]:
    """Returns triangles on Slaney's mel scale, of equal area (Auditory Toolbox, 1998)."""
    edges = _hertz(np.linspace(_mels(0.0), _mels(RATE_HZ / 2), BANDS + 2))
    bins = np.arange(FRAME // 2 + 1) * RATE_HZ / FRAME
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.clip(np.minimum(rising, falling), 0, None) * 2 / (edges[2:] - edges[:-2])[:, None]


_LINEAR: Final = 200 / 3
"""Hertz a mel below 1,000 Hz."""
_STEP: Final = np.log(6.4) / 27
"""Of the logarithm, a mel above it."""


def _mels(hertz: float) -> float:
    if hertz < 1000:
        return hertz / _LINEAR
    return 1000 / _LINEAR + float(np.log(hertz / 1000)) / _STEP


def _hertz(mels: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    above = 1000 * np.exp(_STEP * (mels - 1000 / _LINEAR))
    return np.where(mels < 1000 / _LINEAR, mels * _LINEAR, above)
