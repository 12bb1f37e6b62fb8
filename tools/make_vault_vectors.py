"""Write the golden vectors of the vault: one small safetensors file, one scenario, a text file.

They were made by this implementation; a second reader, written from spec/vault.md and spec/frame.md
alone, opened each that opens. A vector is never edited: a new format gets new files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latebra.core import tensors
from latebra.core.keys import Key
from latebra.core.tensors import Entry
from latebra.hiding import frame
from latebra.hiding.frame import Profile
from latebra.hiding.vaults.layout import Layout
from latebra.hiding.vaults.model_file import open_model
from latebra.hiding.vaults.slots import Slots
from tools.make_frame_vectors import SECRET, flipped, stream

FOLDER = Path(__file__).parents[1] / "vectors" / "vault"
TYPES = {"F32": ("<u4", 23, 127), "F16": ("<u2", 10, 15), "BF16": ("<u2", 7, 127)}


def weights(kind: str, count: int) -> NDArray[np.unsignedinteger]:
    """Returns words with any sign, any mantissa and one of eight exponents."""
    word, mantissa, bias = TYPES[kind]
    drawn = np.frombuffer(stream(kind.encode())(8 * count), "<u8")
    exponents = (bias - 8 + (drawn >> np.uint64(60) & np.uint64(7))).astype("<u8")
    signs = drawn >> np.uint64(63) << np.uint64(8 * np.dtype(word).itemsize - 1)
    low = drawn & np.uint64((1 << mantissa) - 1)
    return (signs | exponents << np.uint64(mantissa) | low).astype(word)


def write(name: str, expect: str, file: bytes, message: bytes, key: bytes = SECRET) -> None:
    """Writes one vector."""
    fields = {"expect": expect, "key": key.hex(), "message": message.hex()}
    told = file.hex()
    body = [told[at : at + 96] for at in range(0, len(told), 96)]
    lines = [f"{label}: {value}" for label, value in fields.items()]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", *body]) + "\n")


def main() -> None:
    """Writes all vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    said, key = b"meet at nine", Key(SECRET)
    models = {
        "f32": {"b": ("F32", weights("F32", 300)), "a": ("F32", weights("F32", 100))},
        "f16": {"w": ("F16", weights("F16", 2100))},
        "bf16": {"w": ("BF16", weights("BF16", 2100))},
        "f16_in_f32": {"w": ("F32", weights("F16", 1200).view("<f2").astype("<f4").view("<u4"))},
    }
    for name, arrays in models.items():
        entries = {n: Entry(k, words.shape, words.tobytes()) for n, (k, words) in arrays.items()}
        model = open_model(tensors.written(entries)[0])
        layout = Layout(Slots.of(model))
        room = next(each for each in layout.rooms if frame.largest(each.size, Profile.FULL) > 12)
        sealed = frame.seal(
            said,
            layout.binding,
            key=key,
            profile=Profile.FULL,
            room=room.size,
            random=stream(b"vault"),
        )
        before = bytes(model.content)
        layout.write(sealed, room, key)
        file = bytes(model.content)
        write(f"{name}_hello", "success", file, said)
        write(f"{name}_wrong_key", "key failure", file, said, bytes(32))
        write(f"{name}_empty", "head failure", before, said)
        last = max(at for at in range(len(file)) if file[at] != before[at])
        spoilt = bytearray(file)
        spoilt[last] = before[last]
        write(f"{name}_one_number_put_back", "body failure", bytes(spoilt), said)
    write("no_model", "file failure", flipped(b"\0" * 64, 3), said)


if __name__ == "__main__":
    main()
