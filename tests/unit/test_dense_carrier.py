import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import latebra as lb
from latebra.hiding.carriers.dense import HEAD
from latebra.hiding.channel.stream import Stream
from latebra.hiding.dense import trellis
from latebra.hiding.dense.layout import DEEPEST, WIDEST, Layout
from latebra.hiding.dense.order import shuffled
from latebra.hiding.media.photographs import natural
from latebra.models.exact.proof import prove
from latebra.testing.carriers import opened

KEY = lb.Key(bytes(range(32)))
OURS = {"carrier": "dense", "key": KEY, "compiler": "onnxruntime"}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return natural(np.random.default_rng(9), 150, 200)


def psnr(one, two):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - two) ** 2))


@given(samples=st.integers(1, 300), share=st.floats(0.0, 1.0), seed=st.integers(0, 99))
def test_bits_are_told_by_blocks_and_read_from_any_part_of_them(samples, share, seed):
    layout = Layout(samples, max(1, round(share * DEEPEST * samples)))
    bits = np.random.default_rng(seed).integers(0, 2, layout.bits, dtype=np.uint8)
    edges = layout.edges(0, layout.blocks)
    assert edges[0] == 0
    assert edges[-1] == layout.used <= samples
    assert np.diff(edges).min() >= 1
    assert np.diff(edges).max() <= WIDEST
    assert layout.depths(0, layout.blocks).sum(dtype=int) == layout.bits
    middle = layout.blocks // 2
    parts = [(0, middle), (middle, layout.blocks)]
    read = [layout.spelt(layout.symbols(bits, *part), part[0]) for part in parts]
    np.testing.assert_array_equal(np.concatenate(read), bits)


@settings(deadline=None)
@given(samples=st.integers(1, 400), share=st.floats(0.0, 1.0), seed=st.integers(0, 99))
def test_the_trellis_flips_what_is_wanted_and_nothing_else(samples, share, seed):
    rng, height = np.random.default_rng(seed), 5
    columns = [17 | int(each) << 1 for each in rng.integers(0, 8, WIDEST)]
    layout = Layout(samples, max(1, round(share * samples)))
    wanted = rng.integers(0, 2, layout.blocks, dtype=np.uint8)
    costs = rng.uniform(0.1, 1, samples).astype(np.float32)
    flips = trellis.flips(layout, costs, wanted, columns, height)
    said = np.zeros(layout.blocks + height, np.uint8)
    edges = layout.edges(0, layout.blocks)
    for block in range(layout.blocks):
        for slot, at in enumerate(range(edges[block], edges[block + 1])):
            for later in range(height):
                said[block + later] ^= flips[at] * (columns[slot] >> later & 1)
    np.testing.assert_array_equal(said[: layout.blocks], wanted)
    assert not flips[layout.used :].any()


def test_the_trellis_finds_the_cheapest_of_all_changes():
    rng, columns, height = np.random.default_rng(4), [5, 7, 5], 3
    layout = Layout(12, 5)
    for _ in range(20):
        wanted = rng.integers(0, 2, 5, dtype=np.uint8)
        costs = rng.uniform(0.1, 1, 12).astype(np.float32)
        every = (np.arange(1 << 12)[:, None] >> np.arange(12) & 1).astype(np.uint8)
        edges = layout.edges(0, 5)
        said = np.zeros((1 << 12, 8), np.uint8)
        for block in range(5):
            for slot, at in enumerate(range(edges[block], edges[block + 1])):
                for later in range(height):
                    said[:, block + later] ^= every[:, at] * (columns[slot] >> later & 1)
        right = (said[:, :5] == wanted).all(axis=1)
        flips = trellis.flips(layout, costs, wanted, columns, height)
        assert costs @ flips == pytest.approx((every[right] @ costs).min(), rel=1e-5)


def test_an_order_is_a_permutation_that_the_stream_says():
    order = shuffled(Stream(bytes(32)), 5000)
    assert sorted(order.tolist()) == list(range(5000))
    assert np.mean(order == shuffled(Stream(b"\1" * 32), 5000)) < 0.01
    # Places that are followed from one order to the next: a chi-square of 100 cells.
    cells = np.zeros((10, 10))
    for seed in range(40):
        order = shuffled(Stream(bytes([seed]) * 32), 1000)
        np.add.at(cells, (np.arange(1000) // 100, order // 100), 1)
    assert np.sum((cells - 400) ** 2 / 400) < 81 + 4 * np.sqrt(2 * 81)


def test_the_extractor_is_exact_and_its_columns_are_the_ones_on_its_card():
    about = lb.models["dense_extractor"].about
    assert prove(lb.models.onnx("dense_extractor")).bits < 24
    carrier = opened("dense")
    given = np.zeros((1, WIDEST, 1, about["at_once"] + about["height"] - 1), np.float32)
    for slot in range(WIDEST):
        given[0, slot, 0, 100 * slot + about["height"] - 1] = 1
    said = carrier.networks["extractor"].run({"samples": given})["symbols"].ravel()
    for slot, column in enumerate(about["columns"]):
        response = said[100 * slot : 100 * slot + about["height"]]
        assert column == sum(int(bit) << later for later, bit in enumerate(response))


@pytest.mark.parametrize(
    ("bits_a_pixel", "least"), [(0.5, 60.0), (2.0, 54.0), (6.0, 44.0), (8.9, 40.0)]
)
def test_what_a_photograph_holds_and_what_it_costs(photo, bits_a_pixel, least):
    count = int(bits_a_pixel * photo.shape[0] * photo.shape[1] / 8)
    message = np.random.default_rng(1).bytes(min(count, lb.capacity(carrier="dense", cover=photo)))
    stego = lb.hide(message, cover=photo, **OURS)
    assert len(stego.report.verified_with) == 2
    assert psnr(stego.covers[0], photo) > least
    assert lb.reveal(stego, **OURS) == message


def test_changes_go_where_they_are_seen_least(photo):
    smooth = photo.copy()
    smooth[:, :100] = 128
    stego = lb.hide(bytes(500), cover=smooth, **OURS)
    changed = (stego.covers[0] != smooth).mean(axis=(0, 2))
    assert changed[:90].mean() < 0.2 * changed[110:].mean()


def test_a_photograph_in_a_photograph(photo, tmp_path):
    inner = natural(np.random.default_rng(3), 100, 120)
    Image.fromarray(inner).save(tmp_path / "inner.jpg", quality=85)
    told = (tmp_path / "inner.jpg").read_bytes()
    lb.hide(told, cover=photo, **OURS).save(tmp_path / "outer.png")
    assert lb.reveal(tmp_path / "outer.png", **OURS) == told
    assert Image.open(io.BytesIO(told)).size == (120, 100)


@pytest.mark.parametrize("kind", ["grey", "deep grey", "transparent", "white", "small"])
def test_other_kinds_of_photograph_carry_too(photo, kind):
    grey = photo[:, :, 0]
    cover = {
        "grey": grey,
        "deep grey": grey.astype(np.uint16) * 257 + 3,
        "transparent": np.dstack([photo, grey]),
        "white": np.full((64, 64, 3), 255, np.uint8),
        "small": photo[:30, :30],
    }[kind]
    message = bytes(range(40))
    stego = lb.hide(message, cover=cover, **OURS)
    (made,) = stego.covers
    assert (made.dtype, made.shape) == (cover.dtype, cover.shape)
    assert lb.reveal(stego, **OURS) == message
    if kind == "transparent":
        np.testing.assert_array_equal(made[:, :, 3], grey)


def test_one_failure_for_all(photo):
    stego = lb.hide(b"a message", cover=photo, **OURS)
    damaged = stego.covers[0].copy()
    damaged ^= 1
    for source, key in (
        (stego, lb.Key.generate()),
        (photo, KEY),
        (damaged, KEY),
        (photo[:1, :1], KEY),
        (stego.covers[0][:, ::-1], KEY),
    ):
        with pytest.raises(lb.NothingRevealed):
            lb.reveal(source, **{**OURS, "key": key})


def test_two_pictures_share_no_keystream(photo):
    carrier, stream = opened("dense"), Stream(bytes(32))
    room = carrier.rooms("png", photo)[-1]
    made = [
        carrier.embed(bytes(room), bytes([salt]) * 16, stream, "png", cover=photo)
        for salt in (1, 2)
    ]
    # The head is written sparingly; all else is new.
    rest = shuffled(stream.child("order"), photo.size)[HEAD.samples :]
    low = [each.ravel()[rest] & 7 for each in made]
    assert np.mean(low[0] == low[1]) == pytest.approx(1 / 8, abs=0.01)


def test_what_does_not_fit_is_said(photo):
    most = lb.capacity(carrier="dense", cover=photo)
    with pytest.raises(
        lb.DoesNotFit, match=f"message is {most + 1} bytes, this cover holds {most}"
    ):
        lb.hide(bytes(most + 1), cover=photo, **OURS)
    with pytest.raises(lb.DoesNotFit, match="20 by 20 pixels, too few for any frame"):
        lb.hide(b"x", cover=photo[:20, :20], **OURS)
    with pytest.raises(lb.InputError, match="hides in a photograph that you give, and there is"):
        lb.hide(b"x", **OURS)
