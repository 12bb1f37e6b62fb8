"""What opens a vault, out of files: a voice, a picture or a text, told apart by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from latebra.api.opened import chosen
from latebra.compiling.contract import Model
from latebra.compiling.opening import OpenNetwork, open_network
from latebra.core.errors import InputError, UnreadableFile
from latebra.core.progress import Progress, silent
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import Embedded
from latebra.hiding.media import pictures, sounds, texts
from latebra.hiding.medium import Sample, Text
from latebra.models.embedders.catalogue import find
from latebra.models.embedders.contract import Embedder

_START: Final = 16


def taken(sample: Sample) -> tuple[str, Any]:
    """Returns what kind a sample is of, and what is in it.

    Raises:
        UnreadableFile: There is no such file, or it is neither sound, nor picture, nor text.
        Unavailable: What reads it is not installed.
    """
    if isinstance(sample, Text):
        return "text", str(sample)
    if isinstance(sample, np.ndarray):
        if sample.dtype != np.uint8 or sample.ndim != 3 or sample.shape[2] != 3:
            raise InputError(
                f"an array of {sample.dtype} and shape {sample.shape} is no picture",
                fix="give levels of red, green and blue, uint8 (height, width, 3)",
            )
        return "picture", sample
    if isinstance(sample, tuple):
        return "voice", sample
    path = Path(sample)
    try:
        with path.open("rb") as file:
            start = file.read(_START)
    except FileNotFoundError:
        raise UnreadableFile(f"there is no file {path}", fix="check the path") from None
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None
    if sounds.is_sound(start):
        return "voice", sounds.load(path)
    if _is_picture(path):
        return "picture", pictures.load(path)
    try:
        return "text", str(texts.read(path))
    except UnreadableFile as error:
        if "UTF-8" not in error.what:
            raise
        raise UnreadableFile(
            f"{path} is neither a recording, nor a picture, nor a text",
            fix="give WAV, FLAC or OGG, PNG or JPEG, or a text in UTF-8",
        ) from None


def embedded(
    samples: Sequence[Sample], *, compiler: str = "auto", progress: Progress = silent
) -> Embedded:
    """Returns the embeddings of samples, which are all of one kind.

    Args:
        samples: One at least.
        compiler: An id from ``latebra.compilers``, or "auto".
        progress: Told how far the work is.

    Raises:
        InputError: There is none, they are of several kinds, or there is too little in one.
        UnreadableFile: One cannot be read.
        Unavailable: The network's weights cannot be fetched.
    """
    if not samples:
        raise InputError("there is no sample", fix="give a voice, a picture or a text")
    read = [taken(sample) for sample in samples]
    kinds = sorted({kind for kind, _ in read})
    if len(kinds) > 1:
        raise InputError(f"the samples are {' and '.join(kinds)}", fix="give samples of one kind")
    embedder = find(kinds[0], progress=progress)
    given = [embedder.inputs(content) for _, content in read]
    network = open_network(Model(embedder.onnx, embedder.card), chosen(compiler)[0])
    vectors: list[NDArray[np.float32]] = []
    for at, ((_, content), inputs) in enumerate(zip(read, given, strict=True)):
        progress("listen", at, len(read))
        vectors.append(whitened(embedder, network, content, inputs))
    progress("listen", len(read), len(read))
    return Embedded(kinds[0], embedder.digest, Shape(**embedder.facts["shape"]), vectors)


def whitened(
    embedder: Embedder, network: OpenNetwork, content: Any, inputs: Sequence[Any]
) -> NDArray[np.float32]:
    """Returns the whitened embedding of one sample."""
    outputs = [network.run(each) for each in inputs]
    return embedder.whitening.apply(embedder.pooled(outputs, content))


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path):
            return True
    except UnidentifiedImageError:
        return False
    except (OSError, ValueError, Image.DecompressionBombError):
        return True  # The loader says what is wrong with it.
