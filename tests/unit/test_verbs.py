import logging

import numpy as np
import pytest

import latebra as lb
from latebra.hiding.media.passage import send

KEY = lb.Key(bytes(range(32)))


@pytest.fixture(scope="module")
def stego() -> lb.Stego:
    return lb.hide(b"meet at nine", key=KEY, compiler="onnxruntime", context=b"monday")


def test_what_was_hidden_is_revealed(stego):
    assert lb.reveal(stego, key=KEY, context=b"monday") == b"meet at nine"
    assert stego.report.attempts >= stego.report.covers == 1
    assert 0 < stego.report.seconds_in_network <= stego.report.seconds


def test_one_failure_for_all(stego):
    damaged = stego.covers[0].copy()
    damaged[::2] = 255 - damaged[::2]
    tries = [
        (stego, lb.Key.generate(), b"monday"),
        (stego, KEY, b"tuesday"),
        (damaged, KEY, b"monday"),
        (np.zeros((64, 64, 3), np.uint8), KEY, b"monday"),
        (stego, lb.Identity.generate(), b"monday"),
    ]
    said = set()
    for source, key, context in tries:
        with pytest.raises(lb.NothingRevealed) as caught:
            lb.reveal(source, key=key, context=context, channel="png")
        said.add(str(caught.value))
        assert caught.value.__cause__ is None
    assert len(said) == 1


def test_no_two_pictures_are_alike(stego):
    again = lb.hide(b"meet at nine", key=KEY, compiler="onnxruntime", context=b"monday")
    assert (again.covers[0] != stego.covers[0]).mean() > 0.5


def test_long_messages_take_a_set_in_any_order():
    message = np.random.default_rng(1).bytes(2 * lb.capacity(channel="jpeg75") + 5)
    stego = lb.hide(message, key=KEY, channel="jpeg75", compiler="onnxruntime")
    received = [send(p, "jpeg75", np.random.default_rng(0)) for p in stego.covers[::-1]]
    assert len(received) >= 3
    assert lb.reveal(received, key=KEY, channel="jpeg75") == message
    with pytest.raises(lb.PartsMissing, match=rf"part {len(received)} of {len(received)} missing"):
        lb.reveal(received[1:], key=KEY, channel="jpeg75")


def test_recipients_and_signatures():
    alice, bob, eve = (lb.Identity.generate() for _ in range(3))
    stego = lb.hide(
        b"for two",
        recipients=[alice.public(), bob.public()],
        sign_with=alice,
        compiler="onnxruntime",
    )
    for reader in (alice, bob):
        found = lb.reveal(stego, key=reader, signer=alice.public(), channel="png")
        assert found == b"for two"
    for reader, signer in ((eve, None), (bob, eve.public())):
        with pytest.raises(lb.NothingRevealed):
            lb.reveal(stego, key=reader, signer=signer, channel="png")


@pytest.mark.parametrize("channel", ["png", "jpeg95", "jpeg75", "jpeg50", "noise5", "resize"])
def test_full_pictures_survive_their_channel(channel):
    message = np.random.default_rng(2).bytes(lb.capacity(channel=channel))
    stego = lb.hide(message, key=KEY, channel=channel, compiler="onnxruntime")
    assert len(stego.covers) == 1
    received = send(stego.covers[0], channel, np.random.default_rng(3))
    assert lb.reveal(received, key=KEY, channel=channel) == message


def test_capacity_is_exact():
    room = lb.capacity(channel="jpeg50")
    stego = lb.hide(bytes(room), key=KEY, channel="jpeg50", compiler="onnxruntime")
    assert len(stego.covers) == 1
    more = lb.hide(bytes(room + 1), key=KEY, channel="jpeg50", compiler="onnxruntime")
    assert len(more.covers) > 1


def test_wrong_inputs_say_what_to_do():
    with pytest.raises(lb.InputError, match="the message is empty"):
        lb.hide(b"", key=KEY)
    with pytest.raises(lb.InputError, match="a key, or recipients"):
        lb.hide(b"x")
    with pytest.raises(lb.InputError, match="paints no kind 'cats'"):
        lb.hide(b"x", key=KEY, kind="cats")
    with pytest.raises(lb.LatebraError, match="no carrier is called 'difusion'") as caught:
        lb.hide(b"x", key=KEY, carrier="difusion")
    assert caught.value.fix == "did you mean 'diffusion'?"
    with pytest.raises(lb.InputError, match="not calibrated for a channel 'fax'"):
        lb.hide(b"x", key=KEY, channel="fax")
    for verb in (lambda **given: lb.hide(b"x", key=KEY, **given), lb.capacity):
        with pytest.raises(lb.InputError, match="diffusion makes its own picture") as caught:
            verb(cover="photo.jpg")
        assert caught.value.fix == "leave the cover out"
    with pytest.raises(lb.DoesNotFit, match=r"255 (parts|carriers) of \d+ bytes hold \d+"):
        lb.hide(bytes(2_000_000), key=KEY)
    with pytest.raises(lb.InputError, match="16 by 16 pixels, this carrier reads 64 by 64"):
        lb.reveal(np.zeros((16, 16, 3), np.uint8), key=KEY)


def test_nothing_secret_is_logged(caplog):
    key = lb.Key.from_passphrase("horse battery staple")
    with caplog.at_level(logging.DEBUG):
        stego = lb.hide(b"the hidden word", key=key, compiler="onnxruntime")
        lb.reveal(stego, key=key, channel="png")
    written = caplog.text + repr(stego) + repr(key)
    assert "hidden word" not in written
    assert "horse" not in written


def test_audit_names_its_statistics(stego):
    marks = lb.audit(stego, compiler="onnxruntime")
    assert marks.suspects == 1
    assert marks.as_dict()["ordinary"] == marks.ordinary == 12
    assert {"kolmogorov-smirnov", "norm", "values as covers"} <= {row["name"] for row in marks.rows}
    assert all(0 <= row["p_value"] <= 1 for row in marks.rows)


def test_doctor_opens_what_is_bundled():
    checks = {(check.kind, check.id): check for check in lb.doctor()}
    assert checks["carrier", "diffusion"].ok
    assert not checks["compiler", "null"].ok
    assert checks["compiler", "null"].fix
