"""What one compiler hides, every other reveals; ``benchmarks.matrix`` takes many messages."""

import numpy as np
import pytest

import latebra as lb
from latebra.compiling.opening import installed
from latebra.hiding.channel.passage import send

KEY = lb.Key(bytes(range(32)))
NAMES = [name for name in lb.compilers if name != "null"]


@pytest.fixture(scope="module")
def written():
    made = {}

    def write(name: str, channel: str):
        if (name, channel) not in made:
            message = f"from {name} through {channel}".encode()
            made[name, channel] = message, lb.hide(message, key=KEY, compiler=name, channel=channel)
        return made[name, channel]

    return write


@pytest.mark.parametrize("channel", ["png", "jpeg75"])
@pytest.mark.parametrize("reader", NAMES)
@pytest.mark.parametrize("writer", NAMES)
def test_reads_what_another_wrote(written, writer, reader, channel):
    for name in (writer, reader):
        if name not in installed():
            pytest.skip(f"{name} is absent: {lb.compilers[name]().probe()}")
    message, stego = written(writer, channel)
    received = send(stego.pictures[0], channel, np.random.default_rng(1))
    assert lb.reveal(received, key=KEY, compiler=reader, channel=channel, kind="bark") == message
