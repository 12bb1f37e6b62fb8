"""Write ``vectors/voice/mel.txt`` with librosa, whose energies the speaker network was trained on.

python -m tools.make_mel_vectors        # needs librosa, which nothing else here does
"""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np

RATE_HZ = 16_000


def main() -> None:
    """Write every tenth frame of one second."""
    at = np.arange(RATE_HZ)
    sound = 0.5 * np.sin(2e-5 * at**2) + 0.1 * np.cos(0.31 * at)
    energies = librosa.feature.melspectrogram(
        y=sound, sr=RATE_HZ, n_fft=400, hop_length=160, n_mels=40
    )
    lines = [
        f"# librosa {librosa.__version__}: melspectrogram, 16 kHz, n_fft 400, hop 160, 40 bands",
        "# of 0.5 sin(2e-5 n^2) + 0.1 cos(0.31 n), n from 0 to 15999; every tenth frame",
        *(" ".join(f"{value:.6e}" for value in frame) for frame in energies.T[::10]),
    ]
    Path("vectors/voice/mel.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
