"""Write ``vectors/identity``: vaults behind samples that must open, and that must not.

    python -m tools.make_identity_vectors

Samples are made by a formula, so that no network is needed to read a vector.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from latebra.core.keys import Key
from latebra.hiding.identity.commitment import Shape
from latebra.hiding.identity.locked import HELPER, NAME, Embedded, lock

FOLDER = Path("vectors/identity")
KEY = bytes(range(32))
SHARE = bytes(range(64, 96))
CONTENT = b"meet at nine"
SHAPE = Shape(dims=256, bits=256, secret_bits=48)
LINE = 48


def sample(number: int, seed: int, dims: int) -> Float32[np.ndarray, " dims"]:
    """Returns the embedding of somebody, a little off for each seed."""
    at = np.arange(dims, dtype=np.float64)
    own = np.sin(0.003 * number * at**2 + 1.3 * at)
    return (own + 0.3 * np.sin(0.011 * at**2 + 2.1 * at + seed)).astype(np.float32)


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    samples = [sample(1, seed, SHAPE.dims) for seed in range(3)]
    embedded = Embedded("voice", "a network", SHAPE, samples)
    random = np.random.default_rng(0).bytes
    plain = lock(CONTENT, embedded, factor=Key(KEY), random=random)
    shared = lock(CONTENT, embedded, factor=Key(KEY), share=SHARE, random=random)
    told = {"expect": "success", "key": KEY.hex(), "share": "", "sample": "1 7"}
    write("hello", plain, told)
    write("with_a_share", shared, told | {"share": SHARE.hex()})
    write("without_its_share", shared, told | {"expect": "factor failure"})
    write("another_key", plain, told | {"expect": "factor failure", "key": bytes(32).hex()})
    write("another_sample", plain, told | {"expect": "sample failure", "sample": "2 7"})
    write("seed_flipped", flipped(plain, NAME), told | {"expect": "helper failure"})
    write("name_flipped", flipped(plain, 0), told | {"expect": "name failure"})
    write("frame_flipped", flipped(plain, len(plain) - 1), told | {"expect": "frame failure"})
    write("frame_cut", plain[:-1], told | {"expect": "frame failure"})
    write("no_frame", plain[: NAME + HELPER], told | {"expect": "frame failure"})
    write("empty", b"", told | {"expect": "name failure"})


def flipped(file: bytes, at: int) -> bytes:
    """Returns a file with the first bit of a byte flipped."""
    return file[:at] + bytes([file[at] ^ 0x80]) + file[at + 1 :]


def write(name: str, file: bytes, told: dict[str, str]) -> None:
    """Writes one vector."""
    fields = told | {"content": CONTENT.hex()}
    head = "".join(f"{key}: {value}\n" for key, value in fields.items())
    lines = [file[at : at + LINE].hex() for at in range(0, len(file), LINE)]
    (FOLDER / f"{name}.txt").write_text(head + "\n" + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main()
