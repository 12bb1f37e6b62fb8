"""What each compiler hides, the next one reveals; ``benchmarks.matrix`` takes every pair, often."""

import numpy as np
import pytest

import latebra as lb
from latebra.compiling.opening import installed
from latebra.hiding.media.passage import send
from latebra.hiding.media.photographs import natural
from latebra.testing.carriers import opened

KEY = lb.Key(bytes(range(32)))
HERE = installed()
RING = list(zip(HERE, [*HERE[1:], *HERE[:1]], strict=True))
"""Each compiler that is here, once as a writer and once as a reader."""
ABSENT = [
    pytest.param(name, name, marks=pytest.mark.skip(f"{name}: {plugin().probe()}"))
    for name, plugin in lb.compilers.items()
    if name not in HERE
]


@pytest.mark.parametrize("channel", ["png", "jpeg75"])
@pytest.mark.parametrize(("writer", "reader"), [*RING, *ABSENT])
def test_reads_what_another_wrote(writer, reader, channel):
    message = f"from {writer} through {channel}".encode()
    stego = lb.hide(message, key=KEY, compiler=writer, channel=channel)
    received = send(stego.covers[0], channel, np.random.default_rng(1))
    assert lb.reveal(received, key=KEY, compiler=reader, channel=channel, kind="bark") == message


@pytest.mark.parametrize(("writer", "reader"), [*RING, *ABSENT])
def test_reads_marks_that_another_painted(writer, reader):
    photo = opened("autoencoder").sample(np.random.default_rng(4))[:160, :160]
    name = writer.encode().ljust(16, b".")
    stego = lb.hide(name, key=KEY, carrier="autoencoder", cover=photo, compiler=writer)
    received = stego.medium.send(stego.covers[0], "jpeg75", np.random.default_rng(1))
    assert lb.reveal(received, key=KEY, carrier="autoencoder", compiler=reader) == name


@pytest.mark.parametrize(("writer", "reader"), [*RING, *ABSENT])
def test_reads_what_another_packed(writer, reader):
    photo = natural(np.random.default_rng(4), 80, 100)
    message = np.random.default_rng(5).bytes(photo[:, :, 0].size // 4)
    stego = lb.hide(message, key=KEY, carrier="dense", cover=photo, compiler=writer)
    assert lb.reveal(stego, key=KEY, carrier="dense", compiler=reader) == message
