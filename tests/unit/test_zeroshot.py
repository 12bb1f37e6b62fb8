import math

import numpy as np
import pytest

import latebra as lb
from latebra.api.opened import open_reader
from latebra.core.errors import DoesNotFit, InputError, NothingRevealed
from latebra.hiding.audit.fit import kolmogorov_smirnov
from latebra.hiding.carriers import zeroshot
from latebra.hiding.carriers.zeroshot import Zeroshot
from latebra.hiding.channel.jitter import JITTER, jitter_of, jittered, table
from latebra.hiding.channel.modem import Found, Modem
from latebra.hiding.channel.stream import Stream
from latebra.hiding.media import class_tables

KEY = lb.Key(bytes(range(32)))
HERE = Stream(b"\x21" * 32)


@pytest.fixture(scope="module")
def classes():
    """A table of 20 classes of 384 values, one of them loud, as language models have them."""
    values = np.random.default_rng(7).standard_normal((20, 384)).astype(np.float32)
    values[:, 100] *= 6
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return class_tables.table([f"thing {number}" for number in range(20)], values)


@pytest.fixture(scope="module")
def carrier(classes):
    return Zeroshot({}, classes)


@pytest.mark.parametrize("channel", list(Zeroshot.channels))
def test_what_is_hidden_outlives_its_channel(carrier, classes, channel):
    rng = np.random.default_rng(2)
    for room in carrier.rooms(channel, classes):
        for _ in range(8):  # As ``hide`` does: through 4 bits one word in ten is lost.
            frame, salt = rng.bytes(room), rng.bytes(carrier.salt_bytes(channel))
            made = carrier.embed(frame, salt, HERE, channel, cover=classes)
            received = carrier.medium.send(made, channel, rng)
            found = list(carrier.extract(received, HERE, [channel]))
            if found or channel != "int4":
                break
        assert found == [Found(salt, frame)]


def test_a_jitter_takes_the_place_of_another(carrier, classes):
    rng = np.random.default_rng(6)
    frame, salt = rng.bytes(carrier.rooms("float", classes)[-1]), rng.bytes(8)
    made = carrier.embed(frame, salt, HERE, "float", cover=classes)
    again = carrier.embed(frame, salt, HERE, "float", cover=carrier.sample(rng))
    np.testing.assert_allclose(made["prototype"], again["prototype"], atol=1e-6)


def test_other_lengths_and_another_order_do_no_harm(carrier, classes):
    rng = np.random.default_rng(3)
    frame, salt = rng.bytes(carrier.rooms("float", classes)[1]), rng.bytes(8)
    made = carrier.embed(frame, salt, HERE, "float", cover=classes)
    np.testing.assert_allclose(np.linalg.norm(made["prototype"], axis=1), 1, atol=1e-6)
    received = made[rng.permutation(len(made))]
    received["prototype"] *= rng.uniform(0.1, 9.0, (len(made), 1)).astype(np.float32)
    assert list(carrier.extract(received, HERE, ["float"])) == [Found(salt, frame)]


def test_lengths_stay_as_they_were(classes):
    longer = classes.copy()
    longer["prototype"] *= np.arange(1, 21, dtype=np.float32)[:, None]
    noise = np.random.default_rng(4).standard_normal(20 * 384).astype(np.float32)
    moved = jittered(longer, noise)
    np.testing.assert_allclose(
        np.linalg.norm(moved["prototype"], axis=1), np.arange(1, 21), rtol=1e-5
    )
    found = jitter_of(moved, longer["prototype"])
    # One of 384 dimensions, the length, is lost: 1/sqrt(384) of noise.
    assert np.std(found - noise) == pytest.approx(1 / math.sqrt(384), rel=0.4)


def test_the_jitter_is_small_and_standard(carrier, classes):
    frame, salt = bytes(carrier.rooms("float", classes)[-1]), b"\7" * 8
    made = carrier.embed(frame, salt, HERE, "float", cover=classes)
    cosines = np.einsum("ij,ij->i", made["prototype"], classes["prototype"])
    assert np.all(cosines > 1 - JITTER**2 * 384)
    sent = Modem(table("float", 20 * 384), HERE.child("float")).modulate(frame, salt)
    assert kolmogorov_smirnov(sent)[1] > 0.001
    assert abs(float(sent.std()) - 1) < 0.03


def test_a_missing_class_loses_the_frame(carrier, classes):
    frame, salt = bytes(carrier.rooms("float", classes)[0]), b"\1" * 8
    made = carrier.embed(frame, salt, HERE, "float", cover=classes)
    assert not list(carrier.extract(np.delete(made, 3), HERE, ["float"]))


def test_rooms_grow_with_the_table(carrier, classes):
    for channel in Zeroshot.channels:
        usual = Zeroshot({}).rooms(channel)
        assert usual[-1] > carrier.rooms(channel, classes)[-1] > carrier.rooms(channel, classes)[0]
    assert 8 * Zeroshot({}).rooms("float")[-1] >= 10_000
    assert 8 * Zeroshot({}).rooms("int8")[-1] >= 1_000
    with pytest.raises(DoesNotFit, match="has 384 values, too few for any frame through 'int4'"):
        carrier.rooms("int4", classes[:1])
    assert table("float", 2_000_000).rooms[-1].size < 20_000


def saved(tmp_path, classes):
    path = tmp_path / "classes.npz"
    class_tables.write(classes, path)
    return path


def test_the_verbs_hide_in_a_table_of_ones_own(tmp_path, classes):
    path = saved(tmp_path, classes)
    told = {"carrier": "zeroshot", "original": str(path)}
    stego = lb.hide(b"meet at nine", key=KEY, cover=path, **told)
    (written,) = stego.save(tmp_path / "public.safetensors")
    assert lb.reveal(written, key=KEY, **told) == b"meet at nine"
    for channel in ("int8", "int4"):
        stego = lb.hide(b"at ten", key=KEY, cover=path, channel=channel, **told)
        bits = int(channel.removeprefix("int"))
        whole, scales = class_tables.quantised(stego.covers[0]["prototype"], bits)
        received = class_tables.table(classes["name"].tolist(), whole * scales)
        assert lb.reveal(received, key=KEY, **told) == b"at ten"
    honest = lb.write(**told)
    for source, key in ((written, lb.Key.generate()), (honest.cover, KEY), (path, KEY)):
        with pytest.raises(NothingRevealed):
            lb.reveal(source, key=key, **told)
    assert lb.capacity(cover=path, **told) > lb.capacity(cover=path, channel="int4", **told) > 0
    with pytest.raises(DoesNotFit, match="message is 100000 bytes, this cover holds"):
        lb.hide(bytes(100_000), key=KEY, cover=path, **told)


def test_recipients_and_signatures_fit(tmp_path, classes):
    path = saved(tmp_path, classes)
    alice, bob = lb.Identity.generate(), lb.Identity.generate()
    told = {"carrier": "zeroshot", "original": str(path)}
    stego = lb.hide(b"x", recipients=[alice.public()], sign_with=bob, cover=path, **told)
    assert lb.reveal(stego, key=alice, signer=bob.public(), **told) == b"x"
    with pytest.raises(NothingRevealed):
        lb.reveal(stego, key=bob, **told)


def test_names_alone_are_enough_for_common_classes(tmp_path):
    reader = open_reader("zeroshot", "onnxruntime", {})
    usual = reader.carrier.usual()
    assert len(usual) == zeroshot.CLASSES
    stego = lb.hide(b"by name", key=KEY, carrier="zeroshot", cover=usual)
    (path,) = stego.save(tmp_path / "public.npz")
    assert lb.reveal(path, key=KEY, carrier="zeroshot") == b"by name"


def test_wrong_inputs_say_what_to_do(tmp_path, classes):
    path = saved(tmp_path, classes)
    with pytest.raises(InputError, match="hides in a class table that you give") as caught:
        lb.hide(b"x", key=KEY, carrier="zeroshot")
    assert caught.value.fix == "give a cover"
    other = saved(tmp_path, classes)
    with pytest.raises(lb.InputError, match="there is no file"):
        lb.reveal(path, key=KEY, carrier="zeroshot", original=str(tmp_path / "none.npz"))
    moved = classes.copy()
    moved["prototype"] = moved["prototype"][::-1]
    with pytest.raises(InputError, match="of its length away") as caught:
        lb.hide(b"x", key=KEY, carrier="zeroshot", cover=moved, original=str(other))
    assert "--original" in caught.value.fix
    strange = class_tables.table(["a", "b"], classes["prototype"][:2])
    with pytest.raises(InputError, match="the original table has no class 'a'"):
        lb.reveal(strange, key=KEY, carrier="zeroshot", original=str(other))
    narrow = class_tables.table(["thing 1"], classes["prototype"][:1, :100].copy())
    with pytest.raises(InputError, match="have 100 values, and 384 before the jitter"):
        lb.reveal(narrow, key=KEY, carrier="zeroshot", original=str(other))


def test_a_readers_view_needs_no_key(carrier):
    rng = np.random.default_rng(5)
    covers = [carrier.sample(rng) for _ in range(3)]
    latents = carrier.latents(covers)
    assert latents.shape == (3, 20 * 384)
    assert kolmogorov_smirnov(latents.ravel())[1] > 0.001
