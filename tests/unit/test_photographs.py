import io

import numpy as np
import pytest
from PIL import Image, ImageCms

import latebra as lb
from latebra.core.errors import InputError, UnreadableFile, UnwritableFile
from latebra.hiding.media.photographs import CHANNELS, LARGEST, Photographs, eight_bit, load

RNG = np.random.default_rng(1)
RGB = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
MEDIUM = Photographs()


def written(path, image, **how):
    image.save(path, **how)
    return path


@pytest.mark.parametrize(
    "pixels",
    [
        RGB,
        RGB[:, :, 0],
        RNG.integers(0, 256, (40, 60, 4), dtype=np.uint8),
        RNG.integers(0, 65536, (40, 60), dtype=np.uint16),
    ],
    ids=["rgb", "grey", "rgba", "deep grey"],
)
def test_saved_photographs_come_back(tmp_path, pixels):
    MEDIUM.save(pixels, tmp_path / "a.png")
    back = MEDIUM.take(tmp_path / "a.png")
    assert back.dtype == pixels.dtype
    np.testing.assert_array_equal(back, pixels)
    assert eight_bit(pixels).shape == (40, 60, 3)


def test_a_photograph_is_taken_the_right_way_up_and_keeps_its_colours(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: the camera was held upright.
    exif[0x010F] = "A maker of cameras"
    path = written(tmp_path / "a.png", Image.fromarray(RGB), exif=exif, icc_profile=profile)
    pixels = MEDIUM.take(path)
    np.testing.assert_array_equal(pixels, np.rot90(RGB, -1))
    MEDIUM.like(path).save(pixels, tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["icc_profile"] == profile
        assert not image.getexif()
    assert b"maker" not in (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("mode", ["CMYK", "P", "1", "LA", "YCbCr"])
def test_other_kinds_of_picture_become_colours_or_greys(tmp_path, mode):
    image = Image.fromarray(RGB).convert(mode)
    pixels = load(written(tmp_path / "a.tif", image))
    assert pixels.dtype == np.uint8
    assert pixels.shape[:2] == RGB.shape[:2]


def test_hostile_files_are_said(tmp_path):
    file = io.BytesIO()
    Image.fromarray(np.kron(RGB, np.ones((4, 4, 1), np.uint8))).save(file, "JPEG")
    (tmp_path / "cut.jpg").write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    (tmp_path / "words.png").write_bytes(b"no picture")
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    written(tmp_path / "moves.webp", frames[0], save_all=True, append_images=frames[1:])
    bomb = Image.new("1", (10_000, 10_000))
    written(tmp_path / "bomb.png", bomb)
    for name, told in {
        "cut.jpg": "could not be read",
        "words.png": "is not a picture",
        "moves.webp": "holds 2 pictures, one is wanted",
        "bomb.png": rf"(pixels, the limit is|has more than) {LARGEST}",
        "none.png": "there is no file",
    }.items():
        with pytest.raises(UnreadableFile, match=told):
            load(tmp_path / name)


@pytest.mark.parametrize(
    "array",
    [
        np.full((200, 200, 3), np.nan),
        np.zeros((200, 200, 2), np.uint8),
        np.zeros(200, np.uint8),
        np.zeros((0, 200, 3), np.uint8),
        np.zeros((200, 200), np.int64),
        np.broadcast_to(np.uint8(0), (10_000, 10_000)),
    ],
    ids=["NaN", "two colours", "a line", "empty", "int64", "huge"],
)
def test_arrays_that_are_no_photographs_are_said(array):
    with pytest.raises(InputError, match=r"is no photograph|the limit is"):
        MEDIUM.take(array)


def test_names_that_would_lose_it_are_refused(tmp_path):
    with pytest.raises(UnwritableFile, match=r"does not end in \.png"):
        MEDIUM.save(RGB, tmp_path / "a.jpg")
    with pytest.raises(UnreadableFile, match="a text is no photograph"):
        MEDIUM.take(lb.Text("words"))


@pytest.mark.parametrize("channel", CHANNELS)
def test_channels_harm_as_they_say(channel):
    received = MEDIUM.send(RGB, channel, RNG)
    assert received.dtype == np.uint8
    shapes = {"half": (20, 30, 3), "crop": (32, 48, 3)}
    assert received.shape == shapes.get(channel, RGB.shape)
    if channel == "png":
        assert received is RGB
