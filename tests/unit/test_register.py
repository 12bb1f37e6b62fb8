"""Vaults through files: copies of pictures, shares that are forgotten, tries that are counted."""

from __future__ import annotations

import stat
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import latebra as lb
from latebra.core.errors import InputError, TriedTooOften, UnreadableFile, UnwritableFile

KEY = lb.Key(bytes(range(32)))


def scene(seed: int, side: int = 128) -> np.ndarray:
    """A picture of a few soft shapes."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.fromarray(scene(1)).save(tmp_path / "key.png")
    Image.fromarray(scene(1)).resize((90, 80)).save(tmp_path / "copy.jpg", quality=60)
    Image.fromarray(scene(2)).save(tmp_path / "other.png")
    return tmp_path


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_copy_of_the_picture_opens_and_another_picture_does_not(folder):
    register = lb.Register(folder / "register.sqlite")
    out = folder / "a.vault"
    options = {"key": KEY, "out": out, "register": register}
    found = lb.vault_enrol([folder / "key.png"], b"the content", **options)
    assert (found.kind, found.samples, found.has_share) == ("picture", 1, True)
    assert found.strength.factor_bits == 256
    opened = lb.vault_open(out, key=KEY, samples=[folder / "copy.jpg"], register=register)
    assert opened == b"the content"
    told = lb.vault_info(out, [folder / "key.png"], key=KEY, register=register)
    assert told == found
    for key, sample, shares in (
        (KEY, "other.png", register),
        (lb.Key.generate(), "key.png", register),
        (KEY, "key.png", None),
        (KEY, "key.png", lb.Register(folder / "elsewhere.sqlite")),
    ):
        with pytest.raises(lb.NothingRevealed):
            lb.vault_open(out, key=key, samples=[folder / sample], register=shares)
    if sys.platform != "win32":
        for path in (out, register.path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(UnwritableFile, match="exists"):
        lb.vault_enrol([folder / "key.png"], b"again", **options)


def test_every_copy_is_dead_once_it_is_revoked(folder):
    register = lb.Register(folder / "register.sqlite")
    out, copy = folder / "a.vault", folder / "copy.vault"
    lb.vault_enrol([folder / "key.png"], b"content", key=KEY, out=out, register=register)
    copy.write_bytes(out.read_bytes())
    share = register.share(out.read_bytes()[:16])
    lb.vault_revoke(out, register=register)
    for file in (out, copy):
        with pytest.raises(lb.NothingRevealed):
            lb.vault_open(file, key=KEY, samples=[folder / "key.png"], register=register)
    with pytest.raises(UnreadableFile, match="keeps no share"):
        lb.vault_revoke(out, register=register)
    assert share not in register.path.read_bytes(), "a share that is forgotten stays nowhere"
    lb.vault_enrol([folder / "key.png"], b"new", key=KEY, out=copy, register=register, force=True)
    samples = [folder / "key.png"]
    assert lb.vault_open(copy, key=KEY, samples=samples, register=register) == b"new"


def test_a_portable_vault_opens_without_a_register(folder):
    out = folder / "a.vault"
    found = lb.vault_enrol([folder / "key.png", folder / "copy.jpg"], b"x", key=KEY, out=out)
    assert not found.has_share
    assert lb.vault_open(out, key=KEY, samples=[scene(1)]) == b"x"
    register = lb.Register(folder / "register.sqlite")
    assert lb.vault_open(out, key=KEY, samples=[scene(1)], register=register) == b"x"


def test_who_fails_too_often_waits_longer_each_time(tmp_path):
    clock = Clock()
    register = lb.Register(tmp_path / "register.sqlite", clock=clock)
    name = bytes(16)
    for _ in range(4):
        register.check(name)
        register.note(name, opened=False)
    register.check(name)
    register.note(name, opened=False)
    with pytest.raises(TriedTooOften, match="tried 5 times") as caught:
        register.check(name)
    assert "30 s" in caught.value.fix
    register.check(bytes(15) + b"1")
    clock.now += 31
    register.check(name)
    register.note(name, opened=False)
    with pytest.raises(TriedTooOften) as caught:
        register.check(name)
    assert "60 s" in caught.value.fix
    clock.now += 61
    register.note(name, opened=True)
    register.check(name)
    register.note(name, opened=False)
    register.check(name)


def test_a_register_that_is_none_is_refused_in_words(tmp_path):
    (tmp_path / "broken").write_bytes(b"no database, and long enough to be read as one" * 40)
    with pytest.raises(UnreadableFile, match="is no register"):
        lb.Register(tmp_path / "broken").share(bytes(16))
    with pytest.raises(UnwritableFile, match="cannot be written"):
        lb.Register(tmp_path / "broken" / "inside").add(bytes(16))


def test_what_is_no_sample_is_refused_in_words(folder):
    (folder / "noise.bin").write_bytes(np.random.default_rng(0).bytes(500))
    (folder / "long.txt").write_text("word " * 2_100_000)
    (folder / "cut.png").write_bytes((folder / "key.png").read_bytes()[:300])
    for sample, said in (
        ("noise.bin", "neither a recording, nor a picture, nor a text"),
        ("long.txt", "more than 1048576 bytes"),
        ("cut.png", "could not be read"),
        ("absent.wav", "there is no file"),
    ):
        with pytest.raises(UnreadableFile, match=said):
            lb.vault_enrol([folder / sample], b"x", key=KEY, out=folder / "a.vault")
    mixed = [folder / "key.png", lb.Text("a text")]
    with pytest.raises(InputError, match="picture and text"):
        lb.vault_enrol(mixed, b"x", key=KEY, out=folder / "a.vault")
    with pytest.raises(InputError, match="there is no sample"):
        lb.vault_enrol([], b"x", key=KEY, out=folder / "a.vault")
    with pytest.raises(InputError, match="is no picture"):
        lb.vault_enrol([np.zeros((4, 4))], b"x", key=KEY, out=folder / "a.vault")
    with pytest.raises(InputError, match=r"-1\.0 bits"):
        lb.vault_enrol([scene(1)], b"x", key=KEY, out=folder / "a.vault", factor_bits=-1.0)
    unlike = [folder / "key.png", folder / "other.png"]
    with pytest.raises(lb.DoesNotFit, match=r"sample [12] of 2 does not open"):
        lb.vault_enrol(unlike, b"x", key=KEY, out=folder / "a.vault")
    assert not (folder / "a.vault").exists()


@pytest.mark.slow
def test_a_text_and_another_wording_of_it_open_the_same_vault(tmp_path):
    from latebra.models.embedders.catalogue import PACKAGES, is_here

    if not is_here("text"):
        pytest.skip(f"{PACKAGES['text'][0].requirement} is neither installed nor kept")
    text = "The ferry to the island leaves at nine in the morning, every day but Sunday."
    other = "Every day except Sundays, a ferry goes to the island at nine in the morning."
    out = tmp_path / "a.vault"
    lb.vault_enrol([lb.Text(text)], b"content", key=KEY, out=out)
    assert lb.vault_open(out, key=KEY, samples=[lb.Text(other)]) == b"content"
    with pytest.raises(lb.NothingRevealed):
        lb.vault_open(out, key=KEY, samples=[lb.Text("My sister plays the cello in Riga.")])
    with pytest.raises(InputError, match="the text is empty"):
        lb.vault_open(out, key=KEY, samples=[lb.Text("  \n ")])


def spoken(path: Path, pitch_hz: float, seed: int, rate: int = 16_000, channels: int = 1) -> Path:
    """Writes six seconds of something like vowels, with a little noise, as a WAV file."""
    at = np.arange(6 * rate) / rate
    phase = 2 * np.pi * np.cumsum(pitch_hz + 15 * np.sin(2 * at)) / rate
    weights = np.random.default_rng(int(pitch_hz)).random(30) / np.arange(1, 31)
    sound = sum(w * np.sin(n * phase) for n, w in enumerate(weights, start=1))
    sound = sound + 0.02 * np.random.default_rng(seed).standard_normal(len(at))
    levels = np.round(8_000 * sound / np.abs(sound).max()).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(levels[:, None], channels, 1).tobytes())
    return path


@pytest.mark.slow
def test_a_voice_opens_its_vault_in_stereo_and_at_another_rate(tmp_path):
    from latebra.models.embedders.catalogue import PACKAGES, is_here

    if not is_here("voice"):
        pytest.skip(f"{PACKAGES['voice'][0].requirement} is neither installed nor kept")
    out = tmp_path / "a.vault"
    samples = [spoken(tmp_path / f"{at}.wav", 110, at) for at in range(2)]
    found = lb.vault_enrol(samples, b"content", key=KEY, out=out)
    assert (found.kind, found.samples) == ("voice", 2)
    again = spoken(tmp_path / "again.wav", 110, 7, rate=44_100, channels=2)
    assert lb.vault_open(out, key=KEY, samples=[again]) == b"content"
    with pytest.raises(lb.NothingRevealed):
        lb.vault_open(out, key=KEY, samples=[spoken(tmp_path / "other.wav", 230, 8)])
