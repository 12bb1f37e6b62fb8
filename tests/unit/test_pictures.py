import numpy as np
import pytest

from latebra.core.errors import UnreadableFile, UnwritableFile
from latebra.hiding.media import pictures
from latebra.hiding.media.passage import CHANNELS, send

MEDIUM = pictures.Pictures((64, 64, 3))
PICTURE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_saved_pictures_come_back(tmp_path):
    MEDIUM.save(PICTURE, tmp_path / "a.png")
    np.testing.assert_array_equal(pictures.load(tmp_path / "a.png", (64, 64, 3)), PICTURE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_nothing_is_overwritten(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    with pytest.raises(UnwritableFile, match=r"a\.png exists"):
        MEDIUM.save(PICTURE, path)
    assert path.read_bytes() == b"mine"
    MEDIUM.save(PICTURE, path, force=True)
    assert pictures.load(path).shape == (64, 64, 3)


def test_a_lossy_name_is_refused(tmp_path):
    with pytest.raises(UnwritableFile, match=r"does not end in \.png"):
        MEDIUM.save(PICTURE, tmp_path / "a.jpg")


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(UnwritableFile, match="cannot be written"):
        MEDIUM.save(PICTURE, tmp_path / "none" / "a.png")


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_picture_is_said(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"a\.png (is not a picture|could not be read)"):
        pictures.load(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UnreadableFile, match="there is no file"):
        pictures.load(tmp_path / "a.png")


def test_another_size_is_said_and_can_be_fitted(tmp_path):
    pictures.write(np.zeros((48, 80, 3), np.uint8), tmp_path / "a.png")
    with pytest.raises(UnreadableFile, match="is 80 by 48 pixels, this carrier reads 64 by 64"):
        pictures.load(tmp_path / "a.png", (64, 64, 3))
    assert pictures.load(tmp_path / "a.png", (64, 64, 3), fit=True).shape == (64, 64, 3)


@pytest.mark.parametrize("channel", CHANNELS)
def test_channels_harm_as_they_say(channel):
    received = send(PICTURE, channel, np.random.default_rng(2))
    assert received.shape == PICTURE.shape
    assert received.dtype == np.uint8
    harm = float(np.abs(received.astype(float) - PICTURE).mean())
    assert (harm == 0) == (channel == "png")


def test_an_unknown_channel_is_refused():
    with pytest.raises(KeyError):
        send(PICTURE, "fax", np.random.default_rng(0))
