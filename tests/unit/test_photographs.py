import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

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


def png(width, height, depth, colour, rows):
    """A PNG file of kinds that Pillow does not write."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_sixteen_bits_of_colour_become_eight(tmp_path):
    deep = RGB.astype(">u2") * 257
    (tmp_path / "a.png").write_bytes(png(60, 40, 16, 2, [row.tobytes() for row in deep]))
    np.testing.assert_array_equal(load(tmp_path / "a.png"), RGB)


def test_a_palette_with_transparency_keeps_it(tmp_path):
    image = Image.fromarray(RGB).quantize(16)
    pixels = load(written(tmp_path / "a.png", image, transparency=3))
    assert pixels.shape == (40, 60, 4)
    np.testing.assert_array_equal(pixels[:, :, 3] == 0, np.asarray(image) == 3)


def test_a_telephone_s_jpeg_with_a_second_picture_in_it_is_its_first(tmp_path):
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    path = written(
        tmp_path / "a.jpg",
        frames[0],
        format="MPO",
        save_all=True,
        append_images=frames[1:],
        quality=95,
    )
    with Image.open(path) as image:
        assert image.n_frames == 2
    assert np.abs(load(path).astype(int) - RGB).mean() < np.abs(255 - RGB - RGB.astype(int)).mean()


def _jpeg(**how):
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG", **how)
    return file.getvalue()


def _png(**how):
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG", **how)
    return file.getvalue()


def _told(words):
    told = PngInfo()
    told.add_itxt("Comment", words, zip=True)
    return told


HOSTILE = {
    "nothing": (b"", "is not a picture"),
    "half a PNG": (_png()[:2000], "could not be read"),
    "the start of a PNG": (_png()[:20], "could not be read|is not a picture"),
    "the start of a JPEG": (_jpeg()[:300], "could not be read"),
    "a PNG of no pixels": (png(0, 5, 8, 2, []), "could not be read|is not a picture"),
    "a PNG that claims 4 billion pixels": (png(65535, 65535, 8, 2, []), "the limit"),
    "a comment that unpacks to 100 MB": (_png(pnginfo=_told("a" * 100_000_000)), "could not be"),
}


@pytest.mark.parametrize(("content", "told"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_said_in_words(tmp_path, content, told):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnreadableFile, match=told) as caught:
        load(tmp_path / "a.png")
    assert caught.value.fix


def test_a_folder_is_no_photograph(tmp_path):
    with pytest.raises(UnreadableFile, match="could not be read"):
        load(tmp_path)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\0" * 50])
def test_orientation_that_makes_no_sense_is_none(tmp_path, exif):
    (tmp_path / "a.jpg").write_bytes(_jpeg(exif=exif))
    assert load(tmp_path / "a.jpg").shape == RGB.shape


def test_a_profile_that_is_none_harms_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(_png(icc_profile=b"no profile at all"))
    pixels = load(tmp_path / "a.png")
    MEDIUM.like(tmp_path / "a.png").save(pixels, tmp_path / "b.png")
    np.testing.assert_array_equal(load(tmp_path / "b.png"), RGB)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.5])
def test_files_of_floats_are_said_in_words(tmp_path, value):
    floats = np.full((40, 60), value, np.float32)
    written(tmp_path / "a.tif", Image.fromarray(floats))
    with pytest.raises(UnreadableFile, match="of 32 bits"):
        load(tmp_path / "a.tif")


def test_a_picture_of_one_pixel_is_one(tmp_path):
    written(tmp_path / "a.png", Image.fromarray(RGB[:1, :1]))
    assert load(tmp_path / "a.png").shape == (1, 1, 3)
    for channel in CHANNELS:
        assert MEDIUM.send(RGB[:1, :1], channel, RNG).ndim == 3
