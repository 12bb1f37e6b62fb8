"""Recordings out of files: WAV by the standard library, other formats by soundfile."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float64

from latebra.core.errors import Unavailable, UnreadableFile

LARGEST: Final = 2**28
"""Most bytes of a recording that is opened."""
MOST_SAMPLES: Final = 2**27
"""A compressed file can claim any number."""
_STARTS: Final = (b"RIFF", b"fLaC", b"OggS")
_FULL: Final = {1: 2.0**7, 2: 2.0**15, 4: 2.0**31}
"""Full scale, by bytes of a sample."""

Recording = tuple[Float64[np.ndarray, " samples"], int]
"""Sound of one channel, full scale 1, and samples a second."""


def is_sound(start: bytes) -> bool:
    """Returns whether a file starts as recordings do."""
    return start.startswith(_STARTS)


def load(path: Path) -> Recording:
    """Returns the recording in a file; several channels are averaged.

    Raises:
        UnreadableFile: There is no such file, it is no recording, damaged, empty or too long.
        Unavailable: It is no plain WAV, and soundfile is not installed.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableFile(f"{path} has more than {LARGEST} bytes", fix="cut out less of it")
        found = _plain_wav(path) or _other(path)
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None
    samples, rate = found
    if not len(samples):
        raise UnreadableFile(f"{path} is a recording of nothing", fix="record it again")
    return samples.mean(axis=1), rate


def _plain_wav(path: Path) -> tuple[Float64[np.ndarray, "samples channels"], int] | None:
    """Returns what is in a WAV file of whole numbers, None if it is none."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        return None
    if width not in _FULL or not channels or not rate:
        return None
    whole = len(content) // (width * channels) * (width * channels)
    levels = np.frombuffer(content[:whole], "u1" if width == 1 else f"<i{width}")
    centre = _FULL[1] if width == 1 else 0.0
    return (levels.reshape(-1, channels) - centre) / _FULL[width], rate


def _other(path: Path) -> tuple[Float64[np.ndarray, "samples channels"], int]:
    try:
        import soundfile
    except ImportError:
        raise Unavailable(
            f"{path} is no plain WAV, and soundfile is not installed",
            fix="pip install 'latebra[identity]', or convert it to WAV of 16 bits",
        ) from None
    vendor: Any = soundfile
    try:
        with vendor.SoundFile(str(path)) as file:
            if file.frames * file.channels > MOST_SAMPLES:
                raise UnreadableFile(f"{path} claims {file.frames} samples", fix="cut out less")
            return file.read(dtype="float64", always_2d=True), int(file.samplerate)
    except vendor.LibsndfileError as error:
        raise UnreadableFile(
            f"{path} is no recording that can be read: {error.error_string.rstrip('.')}",
            fix="give WAV, FLAC or OGG",
        ) from None
