"""What embedders hear, read and see, and how their networks come out of packages."""

from __future__ import annotations

import pickle
import struct
import sys
import types
import wave
from collections import OrderedDict
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest

from latebra.compiling.contract import Model
from latebra.compiling.opening import installed, open_network
from latebra.core.errors import InputError, UnknownPlugin, UnreadableFile
from latebra.hiding.media import sounds
from latebra.models.embedders import catalogue, sound, torch_file, voice
from tests.docs.pages import ROOT

RATE = sound.RATE_HZ
SECOND = np.arange(RATE) / RATE


def tones(seconds: float, rate: int = RATE) -> np.ndarray:
    """Something like vowels: harmonics of a pitch that moves, which stop now and then."""
    at = np.arange(int(seconds * rate)) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * at)) / rate
    spoken = sum(np.sin(number * pitch) / number for number in range(1, 12))
    return 0.1 * spoken * (np.sin(2 * np.pi * at) > -0.5)


def test_mel_energies_are_those_of_the_original():
    """``vectors/voice/mel.txt``, by librosa 0.11, which the original asks."""
    lines = (ROOT / "vectors" / "voice" / "mel.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    wanted = np.array(rows, np.float64)
    at = np.arange(RATE)
    found = sound.mel_energies(0.5 * np.sin(2e-5 * at**2) + 0.1 * np.cos(0.31 * at))
    np.testing.assert_allclose(found[::10][: len(wanted)], wanted, rtol=2e-4, atol=1e-9)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
def test_resampled_sound_is_the_same_sound(rate):
    def tone(at):
        return np.sin(2 * np.pi * 440 * at) + 0.5 * np.sin(2 * np.pi * 3_000 * at)

    made = sound.resampled(tone(np.arange(rate) / rate), rate)
    middle = slice(RATE // 4, RATE // 2)
    np.testing.assert_allclose(made[middle], tone(SECOND)[middle], atol=1e-3)
    assert abs(len(made) - RATE) <= 1


def test_silence_goes_and_quiet_speech_is_made_loud():
    spoken = tones(2.0)
    quiet = np.concatenate([np.zeros(RATE), spoken / 300, np.zeros(2 * RATE)])
    kept = sound.speech(quiet, RATE)
    assert 1.2 < len(kept) / RATE < 2.4
    level = 20 * np.log10(np.sqrt(np.mean(kept**2)))
    assert abs(level - sound.LOUDNESS_DBFS) < 1


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros(RATE), RATE, "silent"),
        (np.zeros(0), RATE, "silent"),
        (tones(0.2), RATE, "0.2 s of speech"),
        (tones(2.0, 4_000), 4_000, "4000 samples a second"),
        (tones(2.0), 400_000, "400000 samples a second"),
        (np.full(RATE, np.nan), RATE, "no number"),
        (np.zeros(8_000 * 601), 8_000, "lasts 601 s"),
    ],
)
def test_too_little_of_a_voice_is_refused_in_words(samples, rate, said):
    with pytest.raises(InputError, match=said):
        voice.spoken(samples, rate)


@pytest.mark.parametrize("seconds", [1.6, 1.7, 2.5, 3.2, 6.0])
def test_windows_cover_an_utterance(seconds):
    spoken = tones(seconds)
    windows = voice.windows_of(spoken)
    assert windows.shape == (voice.count_of(len(spoken)), voice.WINDOW, sound.BANDS)
    end = ((len(windows) - 1) * voice.STEP + voice.WINDOW) * sound.HOP
    assert abs(end - len(spoken)) < voice.WINDOW * sound.HOP


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (4, 1)])
def test_wav_files_of_whole_numbers_are_read(tmp_path, width, channels):
    samples = np.round(tones(0.5) * 0.9 * 2 ** (8 * width - 1)) / 2 ** (8 * width - 1)
    whole = np.repeat(samples[:, None], channels, 1) * 2 ** (8 * width - 1)
    kind = np.uint8 if width == 1 else np.dtype(f"<i{width}")
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((channels, width, RATE, 0, "NONE", ""))
        file.writeframes((whole + (128 if width == 1 else 0)).astype(kind).tobytes())
    found, rate = sounds.load(tmp_path / "a.wav")
    assert rate == RATE
    np.testing.assert_allclose(found, samples, atol=2.0 ** (1 - 8 * width))


@pytest.mark.parametrize("ending", ["flac", "ogg", "wav"])
def test_other_recordings_are_read_by_soundfile(tmp_path, ending):
    soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")
    path, samples = tmp_path / f"a.{ending}", tones(0.5)
    subtype = "FLOAT" if ending == "wav" else None
    soundfile.write(path, np.stack([samples, samples], 1), RATE, subtype=subtype)
    found, rate = sounds.load(path)
    assert rate == RATE
    assert abs(len(found) - len(samples)) < 3_000
    if ending != "ogg":
        np.testing.assert_allclose(found, samples, atol=1e-3)


@pytest.mark.parametrize("content", [b"RIFF\0\0\0\0WAVE", b"fLaC" + bytes(40), b"OggS" + bytes(40)])
def test_a_broken_recording_is_refused_in_words(tmp_path, content):
    pytest.importorskip("soundfile", reason="soundfile is not installed")
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnreadableFile, match="no recording that can be read"):
        sounds.load(tmp_path / "a")


class _Described:
    """What torch names in its files, without torch."""


def _torch_file(told: dict, arrays: dict[str, np.ndarray], monkeypatch) -> bytes:
    """Writes torch's first format, as torch does, with modules that only have its names."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch._utils = utils
    for module, name in ((torch, "FloatStorage"), (utils, "_rebuild_tensor_v2")):
        made = type(name, (), {"__module__": module.__name__, "__qualname__": name})
        setattr(module, name, made)
        monkeypatch.setitem(sys.modules, module.__name__, module)

    class Tensor:
        def __init__(self, key: str) -> None:
            self.key = key

        def __reduce__(self):
            array = arrays[self.key]
            strides = tuple(step // 4 for step in array.strides)
            stored = _Stored(self.key)
            return utils._rebuild_tensor_v2, (stored, 0, array.shape, strides, False, OrderedDict())

    class _Stored:
        def __init__(self, key: str) -> None:
            self.key = key

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, _Stored):
                count = arrays[thing.key].size
                return ("storage", torch.FloatStorage, thing.key, "cpu", count, None)
            return None

    file = BytesIO()
    for part in (torch_file.MAGIC, torch_file.PROTOCOL, {"little_endian": True}):
        pickle.dump(part, file, protocol=2)
    Pickler(file, protocol=2).dump({name: _walk(each, Tensor) for name, each in told.items()})
    pickle.dump(sorted(arrays), file, protocol=2)
    for key in sorted(arrays):
        file.write(struct.pack("<q", arrays[key].size) + arrays[key].astype("<f4").tobytes())
    return file.getvalue()


def _walk(told, tensor):
    if isinstance(told, dict):
        return OrderedDict((name, _walk(each, tensor)) for name, each in told.items())
    return tensor(told) if isinstance(told, str) and told.startswith("tensor") else told


def test_tensors_come_out_of_a_torch_file_without_torch(monkeypatch):
    arrays = {
        "tensor1": np.arange(6, dtype=np.float32).reshape(2, 3),
        "tensor2": np.array(3.5, np.float32),
    }
    told = {"state": {"a": "tensor1", "b": "tensor2"}, "step": 70_000, "name": "x", "on": True}
    file = _torch_file(told, arrays, monkeypatch)
    found = torch_file.read(file)
    np.testing.assert_array_equal(found["state"]["a"], arrays["tensor1"])
    np.testing.assert_array_equal(found["state"]["b"], arrays["tensor2"])
    assert (found["step"], found["name"], found["on"]) == (70_000, "x", True)
    for cut in range(0, len(file), 7):
        with pytest.raises(ValueError, match=r"[a-z]"):
            torch_file.read(file[:cut])


class _Hostile:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("touch /tmp/latebra-was-here",)


@pytest.mark.parametrize(
    "thing", [_Hostile(), {"a": _Hostile()}, {1: _Described()}, {1: Fraction(1, 2)}]
)
def test_a_torch_file_that_asks_for_more_is_refused_and_nothing_runs(thing, monkeypatch):
    file = BytesIO()
    for part in (torch_file.MAGIC, torch_file.PROTOCOL, {"little_endian": True}, thing):
        pickle.dump(part, file, protocol=2)

    def forbidden(*_):
        raise AssertionError("something ran")

    monkeypatch.setattr("os.system", forbidden)
    monkeypatch.setattr("pickle.loads", forbidden)
    with pytest.raises(ValueError, match=r"it asks for|it has the instruction|it calls"):
        torch_file.read(file.getvalue())


def test_an_unknown_kind_says_which_there_are():
    with pytest.raises(UnknownPlugin, match="embeds 'face'") as caught:
        catalogue.find("face")
    assert "voice, text, picture" in caught.value.fix


@pytest.mark.parametrize("compiler", installed())
def test_the_picture_network_agrees_with_its_golden_vector_everywhere(compiler):
    embedder = catalogue.find("picture")
    network = open_network(Model(embedder.onnx, embedder.card), compiler, threads=1)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    (given,) = embedder.inputs(pixels)
    found = network.run(given)["embedding"]
    assert found.shape == (1, 255)
    assert np.isfinite(
        embedder.whitening.apply(embedder.pooled([{"embedding": found}], pixels))
    ).all()


def test_a_picture_of_one_colour_shows_nothing():
    with pytest.raises(InputError, match="one colour"):
        catalogue.find("picture").inputs(np.full((50, 50, 3), 127, np.uint8))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["voice", "text"])
def test_fetched_networks_agree_with_their_golden_vectors(kind):
    if not catalogue.is_here(kind):
        pytest.skip(f"{catalogue.PACKAGES[kind][0].requirement} is neither installed nor kept")
    embedder = catalogue.find(kind)
    open_network(Model(embedder.onnx, embedder.card), "onnxruntime", threads=1)
    sample = (tones(6.0), RATE) if kind == "voice" else "A dog runs over the meadow."
    assert len(embedder.inputs(sample)) == 1
