import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latebra.core.errors import DoesNotFit, NothingRevealed
from latebra.core.keys import Identity, Key
from latebra.hiding import frame
from latebra.hiding.frame import Binding, Profile

KEY = Key(bytes(range(32)))
WRONG = Key(bytes(32))
ALICE, BOB = Identity(b"\x01" * 32), Identity(b"\x02" * 32)
HERE = Binding("diffusion", "00" * 32, b"here", b"salt")
LONG = (Profile.FULL, Profile.COMPACT)

bindings = st.builds(
    Binding,
    st.text(max_size=8),
    st.text(alphabet="0123456789abcdef", max_size=64),
    st.binary(max_size=40),
    st.binary(max_size=16),
)


def _said(sealed: bytes, binding: Binding, key: Key | Identity, profile: Profile) -> str:
    with pytest.raises(NothingRevealed) as caught:
        frame.unseal(sealed, binding, key=key, profile=profile)
    assert caught.value.__cause__ is None
    return str(caught.value)


@given(st.binary(max_size=300), bindings, st.sampled_from(LONG))
def test_what_is_sealed_opens(message, binding, profile):
    sealed = frame.seal(message, binding, key=KEY, profile=profile)
    assert frame.unseal(sealed, binding, key=KEY, profile=profile).message == message


@given(st.binary(max_size=16), bindings)
def test_identifiers_open(message, binding):
    sealed = frame.seal(message, binding, key=KEY, profile=Profile.MICRO)
    assert len(sealed) == len(message) + 8
    assert frame.unseal(sealed, binding, key=KEY, profile=Profile.MICRO).message == message


@pytest.mark.parametrize("profile", LONG)
@pytest.mark.parametrize("length", [0, 1, 1_000_000])
def test_lengths_at_the_ends(profile, length):
    sealed = frame.seal(bytes(length), HERE, key=KEY, profile=profile)
    assert frame.unseal(sealed, HERE, key=KEY, profile=profile).message == bytes(length)
    assert len(sealed) <= 1.12 * (length + 8) + 80


@given(st.integers(20, 400), st.sampled_from(LONG), st.data())
def test_capacity_is_exact(room, profile, data):
    most = frame.largest(room, profile)
    if most < 0:
        with pytest.raises(DoesNotFit):
            frame.seal(b"", HERE, key=KEY, profile=profile, room=room)
        return
    length = data.draw(st.integers(0, most))
    sealed = frame.seal(bytes(length), HERE, key=KEY, profile=profile, room=room)
    assert len(sealed) == room
    assert frame.unseal(sealed, HERE, key=KEY, profile=profile).message == bytes(length)
    with pytest.raises(DoesNotFit, match=rf"message is {most + 1} bytes.*holds {most}"):
        frame.seal(bytes(most + 1), HERE, key=KEY, profile=profile, room=room)


@pytest.mark.parametrize("profile", Profile)
def test_every_flipped_bit_and_every_cut_is_refused(profile):
    sealed = frame.seal(b"meet at nine", HERE, key=KEY, profile=profile)
    said = {_said(sealed, HERE, WRONG, profile)}
    for bit in range(8 * len(sealed)):
        turned = bytearray(sealed)
        turned[bit // 8] ^= 1 << bit % 8
        said.add(_said(bytes(turned), HERE, KEY, profile))
    for length in range(len(sealed)):
        said.add(_said(sealed[:length], HERE, KEY, profile))
    assert len(said) == 1


def test_every_flipped_bit_for_recipients_is_refused():
    both = [ALICE.public(), BOB.public()]
    sealed = frame.seal(
        b"meet at nine", HERE, recipients=both, sign_with=ALICE, profile=Profile.FULL
    )
    opened = frame.unseal(sealed, HERE, key=BOB, profile=Profile.FULL, signer=ALICE.public())
    assert opened.message == b"meet at nine"
    for bit in range(0, 8 * len(sealed), 3):
        turned = bytearray(sealed)
        turned[bit // 8] ^= 1 << bit % 8
        _said(bytes(turned), HERE, BOB, Profile.FULL)


@given(st.binary(max_size=400), st.sampled_from(Profile), st.sampled_from([KEY, ALICE]))
def test_any_bytes_are_refused_in_one_way(sealed, profile, key):
    _said(sealed, HERE, key, profile)


@given(bindings, st.sampled_from(Profile))
@settings(max_examples=40)
def test_another_binding_opens_nothing(binding, profile):
    if binding == HERE:
        return
    sealed = frame.seal(b"meet at nine", HERE, key=KEY, profile=profile)
    _said(sealed, binding, KEY, profile)


@pytest.mark.parametrize("profile", LONG)
def test_the_length_of_the_message_does_not_show(profile):
    lengths = {
        len(frame.seal(bytes(n), HERE, key=KEY, profile=profile, room=150)) for n in (0, 1, 50, 70)
    }
    assert lengths == {150}


@pytest.mark.parametrize("count", [1, 2, 3, 5, 32])
def test_recipients_all_open_and_strangers_do_not(count):
    people = [Identity(bytes([i + 1]) * 32) for i in range(count)]
    sealed = frame.seal(
        b"x", HERE, recipients=[each.public() for each in people], profile=Profile.FULL
    )
    for each in people:
        assert frame.unseal(sealed, HERE, key=each, profile=Profile.FULL).message == b"x"
    _said(sealed, HERE, Identity(b"\xff" * 32), Profile.FULL)
