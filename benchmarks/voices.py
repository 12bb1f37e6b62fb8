"""Voices to measure with: prompts that Debian packages ship, cut into stretches of six seconds.

    python -m benchmarks.voices --folder work/voices

Fetches the packages with apt-get, joins the prompts of each voice in a drawn order, and writes
a file for each voice: one embedding, not whitened, for each stretch. No prompt is in two stretches.
Every voice is brought to the band of a telephone, which most of the prompts have anyhow: the
recording must not tell people apart. Needs soundfile.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from latebra.api.opened import chosen
from latebra.compiling.contract import Model
from latebra.compiling.opening import open_network
from latebra.core.errors import InputError
from latebra.models.embedders import sound
from latebra.models.embedders.catalogue import find

TESTED = {
    "allison-en": ("asterisk-core-sounds-en-wav", "asterisk/sounds/en_US_f_Allison"),
    "allison-es": ("asterisk-core-sounds-es-wav", "asterisk/sounds/es_MX_f_Allison"),
    "june-fr": ("asterisk-core-sounds-fr-wav", "asterisk/sounds/fr_CA_f_June"),
    "carlo-it": ("asterisk-core-sounds-it-wav", "asterisk/sounds/it_IT_m_Carlo"),
    "ivrvoice-ru": ("asterisk-core-sounds-ru-wav", "asterisk/sounds/ru_RU_f_IvrvoiceRU"),
    "menardi-it": ("asterisk-prompt-it-menardi-wav", "asterisk/sounds/it_IT_f_Menardi"),
    "armelle-fr": ("asterisk-prompt-fr-armelle", "asterisk/sounds/fr"),
    "colombia-es": ("asterisk-prompt-es-co", "asterisk/sounds/es"),
    "librivox-en": ("pocketsphinx-testdata", "pocketsphinx/test/data/librivox"),
}
"""Voice and language to the package and folder that has it."""
BACKGROUND = {"ktuberling": "ktuberling/sounds", "klettres": "klettres"}
"""Packages, less ``-data``, with a folder of short words for each language and speaker."""
TWICE = {"sr@latin", "sr@ijekavian", "sr@ijekavianlatin", "en_GB"}
"""Folders that repeat another, or whose speaker does."""
STRETCH_S = 6.0
BAND_HZ = 3_400
SAME = {"allison-es": "allison-en"}
"""Voices that are one person."""
MOST = 120
"""Stretches of a voice that is tested."""
MOST_OTHER = 8
"""Of one that is not."""
ENDINGS = {".wav", ".gsm", ".ogg"}


def fetch(folder: Path, package: str) -> Path:
    """Returns where a Debian package is unpacked."""
    target = folder / package
    if not target.exists():
        with tempfile.TemporaryDirectory() as temporary:
            subprocess.run(["apt-get", "download", package], cwd=temporary, check=True)
            (archive,) = Path(temporary).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
    return target / "usr" / "share"


def voices(folder: Path) -> Iterator[tuple[str, bool, list[Path]]]:
    """Yields each voice's name, whether it is tested, and its prompts."""
    for name, (package, place) in TESTED.items():
        yield name, True, prompts(fetch(folder, package) / place)
    for package, place in BACKGROUND.items():
        for each in sorted((fetch(folder, f"{package}-data") / place).iterdir()):
            if each.is_dir() and each.name not in TWICE and prompts(each):
                yield f"{package}-{each.name}", False, prompts(each)


def prompts(folder: Path) -> list[Path]:
    """Returns the recordings in a folder, silence left out."""
    found = (path for path in folder.rglob("*") if path.suffix in ENDINGS)
    return sorted(path for path in found if path.parent.name != "silence")


def stretches(paths: list[Path], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yields six seconds of speech after another; what is left of the last prompt is dropped."""
    parts: list[np.ndarray] = []
    for at in rng.permutation(len(paths)):
        try:
            parts.append(telephone(paths[at]))
        except InputError:
            continue
        if sum(map(len, parts)) >= STRETCH_S * sound.RATE_HZ:
            yield np.concatenate(parts)[: int(STRETCH_S * sound.RATE_HZ)]
            parts = []


def telephone(path: Path) -> np.ndarray:
    """Returns a prompt's speech at 16 kHz with what a telephone lets through, at one loudness."""
    samples, rate = soundfile.read(path, always_2d=True)
    spoken = sound.speech(samples.mean(axis=1), rate)
    spectrum = np.fft.rfft(spoken)
    spectrum[np.fft.rfftfreq(len(spoken), 1 / sound.RATE_HZ) > BAND_HZ] = 0
    return np.fft.irfft(spectrum, len(spoken))


def main() -> None:
    """Embed all stretches of all voices; what is there already is not done again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--most", type=int, default=1_000, help="voices to do now")
    options = parser.parse_args()
    embedder = find("voice")
    network = open_network(Model(embedder.onnx, embedder.card), chosen("auto")[0], threads=1)
    for number, (name, is_tested, paths) in enumerate(voices(options.folder)):
        target = options.folder / f"{'tested' if is_tested else 'background'}.{name}.npy"
        if target.exists() or not options.most:
            continue
        rows: list[np.ndarray] = []
        most = MOST if is_tested else MOST_OTHER
        for stretch in islice(stretches(paths, np.random.default_rng(number)), most):
            sample = (stretch, sound.RATE_HZ)
            try:
                outputs = [network.run(given) for given in embedder.inputs(sample)]
            except InputError:
                continue
            rows.append(embedder.pooled(outputs, sample))
        print(f"{name}: {len(paths)} prompts, {len(rows)} stretches", flush=True)
        np.save(target, np.array(rows, np.float32))
        options.most -= 1


def embeddings(folder: Path, *, tested: bool) -> dict[str, np.ndarray]:
    """Returns the embeddings of each voice, not whitened, one row a stretch."""
    start = "tested." if tested else "background."
    found = {path.name[len(start) : -4]: np.load(path) for path in folder.glob(f"{start}*.npy")}
    return {name: rows for name, rows in sorted(found.items()) if len(rows)}


def people(folder: Path) -> dict[str, np.ndarray]:
    """Returns the embeddings of each person who is tested, languages one after another."""
    found: dict[str, list[np.ndarray]] = {}
    for name, rows in embeddings(folder, tested=True).items():
        found.setdefault(SAME.get(name, name), []).append(rows)
    return {name: np.concatenate(rows) for name, rows in found.items()}


def centre(of: dict[str, np.ndarray], without: Collection[str] = ()) -> np.ndarray:
    """Returns the mean of the means of all people but some."""
    means = [rows.mean(axis=0) for name, rows in of.items() if name not in without]
    return np.mean(means, axis=0, dtype=np.float64)


if __name__ == "__main__":
    main()
