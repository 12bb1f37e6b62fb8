import pytest

from latebra.api.arranging import MICRO_ROOM, arrange, profile_of, unseal
from latebra.core.errors import DoesNotFit
from latebra.core.keys import Identity, Key
from latebra.hiding import frame
from latebra.hiding.frame import Binding, Profile

KEY = Key(bytes(range(32)))
BINDING = Binding("carrier", "digest", b"", b"salt")


def sealed(chunk: bytes, room: int, profile: Profile) -> bytes:
    return frame.seal(chunk, BINDING, key=KEY, profile=profile, room=room)


@pytest.mark.parametrize(
    ("rooms", "length"), [((24,), 16), ((24, 64), 6), ((64, 128), 100), ((128,), 300)]
)
def test_what_is_arranged_opens(rooms, length):
    message = bytes(range(1, 1 + length % 256)).ljust(length, b"x")
    profile = profile_of(rooms, full=False)
    assert (profile is Profile.MICRO) == (rooms[-1] <= MICRO_ROOM)
    room, chunks = arrange(message, rooms, profile)
    for chunk in chunks:
        opened = unseal(sealed(chunk, room, profile), BINDING, KEY, None)
        assert opened == (b"\x01" + chunk if profile is Profile.MICRO else chunk)
        assert unseal(sealed(chunk, room, profile), BINDING, Key.generate(), None) is None


def test_one_cover_takes_no_parts():
    for rooms, most in (((24,), 16), ((64,), 46)):
        profile = profile_of(rooms, full=False)
        arrange(bytes(most), rooms, profile, single=True)
        told = rf"message is {most + 1} bytes, this cover holds {most}"
        with pytest.raises(DoesNotFit, match=told):
            arrange(bytes(most + 1), rooms, profile, single=True)


def test_a_seal_that_fills_a_cover_is_said():
    alice = Identity.generate()
    with pytest.raises(DoesNotFit, match="too small for its seal alone"):
        arrange(b"x", (24,), profile_of((24,), full=True), [alice.public()], single=True)
