"""What every carrier promises, as small tests that anyone can run on theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from itertools import islice

import numpy as np
import pytest

from latebra.api.opened import open_reader
from latebra.core.errors import InputError
from latebra.hiding.channel.modem import Found
from latebra.hiding.channel.stream import Stream
from latebra.hiding.contract import Carrier
from latebra.hiding.medium import Cover

Promise = Callable[[Carrier], None]

HERE = Stream(b"\x11" * 32)
ELSEWHERE = Stream(b"\x12" * 32)
_MANY = 1_000_000
"""Frames that take half a minute to open."""


def given(carrier: Carrier) -> Cover | None:
    """Returns a cover such as a person gives, or None for a carrier that makes its own."""
    return carrier.sample(np.random.default_rng(5)) if carrier.takes_cover else None


def reads_back_what_it_wrote(carrier: Carrier) -> None:
    """``extract`` finds what ``embed`` wrote, in every room of the first channel.

    Of a carrier that checks, nothing else; of others, in the smallest, the middle and the largest.
    """
    channel = next(iter(carrier.channels))
    rng, rooms = np.random.default_rng(1), carrier.rooms(channel, given(carrier))
    for room in rooms if carrier.checks else (rooms[0], rooms[len(rooms) // 2], rooms[-1]):
        frame, salt = rng.bytes(room), rng.bytes(carrier.salt_bytes(channel))
        cover = carrier.embed(frame, salt, HERE, channel, cover=given(carrier))
        found = list(carrier.extract(cover, HERE, [channel]))
        assert Found(salt, frame) in found
        assert len(found) == 1 or not carrier.checks


def is_noise_to_anyone_else(carrier: Carrier) -> None:
    """Another stream finds nothing; without a check, nothing that has to do with the frame."""
    channel, rng = next(iter(carrier.channels)), np.random.default_rng(2)
    cover = given(carrier)
    frame = rng.bytes(carrier.rooms(channel, cover)[0])
    salt = rng.bytes(carrier.salt_bytes(channel))
    cover = carrier.embed(frame, salt, HERE, channel, cover=cover)
    for found in carrier.extract(cover, ELSEWHERE, [channel]):
        assert not carrier.checks
        assert found.salt != salt
        assert frame[:4] not in found.frame


def finds_nothing_in_ordinary_covers(carrier: Carrier) -> None:
    """A cover without a frame yields nothing; without a check, not more than can be opened."""
    cover = carrier.sample(np.random.default_rng(2))
    found = list(islice(carrier.extract(cover, HERE, list(carrier.channels)), _MANY))
    assert len(found) < (1 if carrier.checks else _MANY)


def is_deterministic(carrier: Carrier) -> None:
    """The same frame, salt and stream give the same cover."""
    channel = next(iter(carrier.channels))
    cover = given(carrier)
    frame, salt = bytes(carrier.rooms(channel, cover)[0]), bytes(carrier.salt_bytes(channel))
    one = carrier.embed(frame, salt, HERE, channel, cover=cover)
    assert np.array_equal(one, carrier.embed(frame, salt, HERE, channel, cover=cover))


def another_salt_is_another_cover(carrier: Carrier) -> None:
    """No two covers share a keystream."""
    channel = next(iter(carrier.channels))
    size = carrier.salt_bytes(channel)
    cover = given(carrier)
    frame = bytes(carrier.rooms(channel, cover)[0])
    one = carrier.embed(frame, bytes(size), HERE, channel, cover=cover)
    two = carrier.embed(frame, b"\1" * size, HERE, channel, cover=cover)
    if isinstance(one, str):
        same = [a == b for a, b in zip(one.split(), str(two).split(), strict=False)]
    else:
        touched = True if cover is None else (one != cover) | (two != cover)
        same = (one == two)[touched].ravel().tolist()
    assert sum(same) < 0.5 * len(same)


def covers_are_of_its_medium(carrier: Carrier) -> None:
    """``embed`` and ``sample`` give what the medium takes and sends through every channel."""
    channel = next(iter(carrier.channels))
    cover = given(carrier)
    frame, salt = bytes(carrier.rooms(channel, cover)[0]), bytes(carrier.salt_bytes(channel))
    made = carrier.embed(frame, salt, HERE, channel, cover=cover)
    ordinary = carrier.sample(np.random.default_rng(3))
    rng = np.random.default_rng(3)
    for each in (made, ordinary):
        assert carrier.medium.take(each) is each
        for name in carrier.channels:
            assert type(carrier.medium.send(each, name, rng)) is type(each)


def leaves_the_cover_alone(carrier: Carrier) -> None:
    """Neither ``extract`` nor ``embed`` writes into a cover that it is given."""
    cover = carrier.sample(np.random.default_rng(4))
    before, channel = copy(cover), next(iter(carrier.channels))
    list(carrier.extract(cover, HERE, [channel]))
    if carrier.takes_cover:
        frame, salt = bytes(carrier.rooms(channel, cover)[0]), bytes(carrier.salt_bytes(channel))
        carrier.embed(frame, salt, HERE, channel, cover=cover)
    assert np.array_equal(cover, before)


def shows_what_it_wrote(carrier: Carrier) -> None:
    """A carrier that shows says so of what it wrote, and not of a photograph of chance."""
    if not carrier.shows:
        return
    channel, rng = next(iter(carrier.channels)), np.random.default_rng(6)
    cover = given(carrier)
    frame = rng.bytes(carrier.rooms(channel, cover)[-1])
    salt = rng.bytes(carrier.salt_bytes(channel))
    made = carrier.embed(frame, salt, HERE, channel, cover=cover)
    assert carrier.trace(made).p_value < 0.001
    other = rng.integers(0, 256, np.asarray(made).shape, dtype=np.uint8)
    assert carrier.trace(other).p_value > 0.001


def takes_away_what_it_wrote(carrier: Carrier) -> None:
    """A carrier that scrubs leaves nothing to read, and little changed."""
    if not carrier.scrubs:
        return
    channel, rng = next(iter(carrier.channels)), np.random.default_rng(7)
    cover = given(carrier)
    rooms = carrier.rooms(channel, cover)
    for room in (rooms[0], rooms[-1]):
        frame, salt = rng.bytes(room), rng.bytes(carrier.salt_bytes(channel))
        made = np.asarray(carrier.embed(frame, salt, HERE, channel, cover=cover))
        before = made.copy()
        scrubbed = np.asarray(carrier.scrubbed(made, rng))
        assert np.array_equal(made, before)
        assert list(carrier.extract(scrubbed, HERE, [channel])) == []
        assert np.mean((scrubbed.astype(np.float64) - made) ** 2) < 8  # 39 dB


def rooms_ascend(carrier: Carrier) -> None:
    """Every channel has rooms, each larger than the one before."""
    for channel in carrier.channels:
        rooms = carrier.rooms(channel)
        assert rooms
        assert list(rooms) == sorted(set(rooms))


def refuses_unknown_channels(carrier: Carrier) -> None:
    """A channel that it is not calibrated for is an error that names the others."""
    with pytest.raises(InputError, match="no-such-channel") as caught:
        carrier.rooms("no-such-channel")
    assert next(iter(carrier.channels)) in caught.value.fix


def refuses_unknown_options(carrier: Carrier) -> None:
    """An option that it does not have is an error that says so."""
    with pytest.raises(InputError, match="no_such_option"):
        type(carrier).create({}, {"no_such_option": "1"})


def says_who_it_is(carrier: Carrier) -> None:
    """Title, version and reference are there."""
    assert carrier.title
    assert carrier.reference
    assert re.fullmatch(r"\d+\.\d+\.\d+", carrier.version)


PROMISES: tuple[Promise, ...] = (
    reads_back_what_it_wrote,
    is_noise_to_anyone_else,
    finds_nothing_in_ordinary_covers,
    is_deterministic,
    another_salt_is_another_cover,
    covers_are_of_its_medium,
    leaves_the_cover_alone,
    shows_what_it_wrote,
    takes_away_what_it_wrote,
    rooms_ascend,
    refuses_unknown_channels,
    refuses_unknown_options,
    says_who_it_is,
)


def carrier_checks(carriers: Mapping[str, type[Carrier]]) -> Iterator[object]:
    """Yields a pytest parameter (id, promise) for each carrier and promise.

    Known failures become strict expected ones, so that the report reads as prose.
    """
    for name, plugin in carriers.items():
        for promise in PROMISES:
            reason = plugin.known_failures.get(promise.__name__)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            yield pytest.param(name, promise, marks=marks, id=f"{name}-{promise.__name__}")


def opened(name: str, **options: str) -> Carrier:
    """Returns the carrier called ``name`` with its networks open, on ONNX Runtime."""
    return open_reader(name, "onnxruntime", options).carrier
