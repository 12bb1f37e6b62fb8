import numpy as np
import pytest
from PIL import Image, ImageDraw

import latebra as lb
from latebra.compiling.opening import installed
from latebra.hiding.media import class_tables
from latebra.models.named import named
from latebra.models.thing import NETWORK, prepared

WORD = lb.Key(bytes(range(32)))


def drawn(thing, size, colour):
    picture = Image.new("RGB", (200, 200), "white")
    draw, at = ImageDraw.Draw(picture), 100 - size // 2
    if thing == "house":
        draw.rectangle((at, 100, at + size, 100 + size // 2), fill=colour)
        draw.polygon([(at - 12, 100), (100, 100 - size // 2), (at + size + 12, 100)], fill="brown")
    else:
        draw.ellipse((at, at, at + size, at + size), fill=colour)
    return np.asarray(picture)


HOUSES = [drawn("house", 110, "gold"), drawn("house", 120, "orange"), drawn("house", 100, "khaki")]
SUNS = [drawn("sun", 110, "gold"), drawn("sun", 120, "orange"), drawn("sun", 100, "yellow")]


def test_names_are_those_that_were_bundled():
    assert len(named().names) > 1_800
    np.testing.assert_allclose(np.linalg.norm(named().vectors, axis=1), 1, atol=1e-5)
    table = lb.class_table(["otter", "volcano"])
    assert np.array_equal(table["prototype"][0], named().vectors[named().places()["otter"]])


def test_a_classifier_names_what_it_is_shown():
    table = lb.class_table(["house", "sun", "violin"])
    for pictures, name in ((HOUSES, "house"), (SUNS, "sun")):
        for picture in pictures:
            found = lb.classify(picture, table, most=2)
            assert found[0].name == name
            assert len(found) == 2
            assert 1 >= found[0].share > found[1].share > 0


def test_jitter_with_a_message_leaves_the_names_right():
    table = lb.class_table(["house", "sun", "violin"])
    stego = lb.hide(b"x", key=WORD, carrier="zeroshot", cover=table)
    for pictures, name in ((HOUSES, "house"), (SUNS, "sun")):
        assert [lb.classify(each, stego.covers[0])[0].name for each in pictures] == [name] * 3


def test_a_lock_opens_for_its_class(tmp_path):
    plain = lb.class_lock(b"plans", out=tmp_path / "a.lock", pictures=HOUSES[:2])
    worded = lb.class_lock(b"notes", out=tmp_path / "b.lock", pictures=SUNS[:2], code_word=WORD)
    assert lb.class_open(plain, pictures=HOUSES[2:]) == b"plans"
    assert lb.class_open(worded, pictures=SUNS[2:], code_word=WORD) == b"notes"
    for file, pictures, word in (
        (plain, SUNS, None),
        (plain, HOUSES, WORD),
        (worded, SUNS, None),
        (worded, HOUSES, WORD),
    ):
        with pytest.raises(lb.NothingRevealed):
            lb.class_open(file, pictures=pictures, code_word=word)
    found = lb.class_list([plain, worded], pictures=HOUSES)
    assert [each.content for each in found] == [b"plans", None]
    assert plain.stat().st_size == worded.stat().st_size


def test_what_cannot_be_shown_is_said(tmp_path):
    lock = lb.class_lock(b"x", out=tmp_path / "a.lock", pictures=HOUSES)
    with pytest.raises(lb.InputError, match="nothing is shown"):
        lb.class_open(lock)
    with pytest.raises(lb.InputError, match="the description is empty"):
        lb.class_open(lock, description="  ")
    with pytest.raises(lb.InputError, match="18 pictures were given"):
        lb.class_open(lock, pictures=HOUSES * 6)
    with pytest.raises(
        lb.InputError, match=r"an array of float64 and shape \(4, 4\) is no picture"
    ):
        lb.class_open(lock, pictures=[np.zeros((4, 4))])
    with pytest.raises(lb.InputError, match="there is no file"):
        lb.class_open(tmp_path / "none.lock", pictures=HOUSES)
    with pytest.raises(lb.InputError, match="exists"):
        lb.class_lock(b"x", out=lock, pictures=HOUSES)
    with pytest.raises(lb.InputError, match="the content is empty"):
        lb.class_lock(b"", out=tmp_path / "c.lock", pictures=HOUSES)
    with pytest.raises(lb.InputError, match="0 names were given"):
        lb.class_table([])
    with pytest.raises(lb.InputError, match="two classes called 'otter'"):
        lb.class_table(["otter", "otter"])
    narrow = class_tables.table(["otter"], np.ones((1, 9), np.float32))
    with pytest.raises(lb.InputError, match="9 values, the classifier's 384"):
        lb.classify(HOUSES[0], narrow)


@pytest.mark.parametrize("compiler", installed())
def test_every_compiler_sees_the_same(compiler):
    from latebra.compiling.contract import Model
    from latebra.compiling.opening import open_network

    network = open_network(Model(lb.models.onnx(NETWORK), lb.models[NETWORK]), compiler)
    found = network.run({"picture": prepared(HOUSES[0])})
    assert abs(float(np.linalg.norm(found["meaning"])) - 1) < 1e-3
    assert abs(float(np.linalg.norm(found["looks"])) - 1) < 1e-3
