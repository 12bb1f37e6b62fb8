"""Write the golden vectors of the frame: one text file, one scenario.

They were made by this implementation and checked by it alone; a second implementation should
reproduce them from spec/frame.md. A vector is never edited: a new format gets new files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from latebra.core.keys import Identity, Key
from latebra.hiding import frame
from latebra.hiding.frame import Binding, Profile

FOLDER = Path(__file__).parents[1] / "vectors" / "frame"
SECRET = bytes(range(32))
BINDING = Binding("diffusion", "00" * 32, b"a context", b"salt")


def stream(seed: bytes) -> Callable[[int], bytes]:
    """Returns a source of bytes that repeats: SHA-256 in counter mode."""
    count = 0

    def draw(length: int) -> bytes:
        nonlocal count
        out = b""
        while len(out) < length:
            out += hashlib.sha256(seed + count.to_bytes(8, "little")).digest()
            count += 1
        return out[:length]

    return draw


def write(
    name: str, expect: str, profile: Profile, sealed: bytes, message: bytes, **more: str
) -> None:
    """Writes one vector."""
    fields = {
        "expect": expect,
        "profile": profile.value,
        "key": SECRET.hex(),
        "carrier": BINDING.carrier,
        "model digest": BINDING.model_digest,
        "context": BINDING.context.hex(),
        "salt": BINDING.salt.hex(),
        "message": message.hex(),
        **{name.replace("_", " "): value for name, value in more.items()},
    }
    lines = [f"{label}: {value}" for label, value in fields.items()]
    hexadecimal = sealed.hex()
    body = [hexadecimal[at : at + 96] for at in range(0, len(hexadecimal), 96)]
    (FOLDER / f"{name}.txt").write_text("\n".join([*lines, "", *body]) + "\n")


def flipped(sealed: bytes, at: int) -> bytes:
    """Returns the frame with the lowest bit of one byte turned."""
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


def main() -> None:
    """Writes all vectors."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    key, said = Key(SECRET), b"meet at nine"
    for profile in Profile:
        sealed = frame.seal(said, BINDING, key=key, profile=profile, random=stream(b"vector"))
        name = profile.value
        write(f"{name}_hello", "success", profile, sealed, said)
        write(f"{name}_cut", "body failure", profile, sealed[:-1], said)
        write(f"{name}_first_bit", "head failure", profile, flipped(sealed, 0), said)
        write(f"{name}_last_bit", "body failure", profile, flipped(sealed, -1 % len(sealed)), said)
        write(f"{name}_wrong_key", "key failure", profile, sealed, said, key="ff" * 32)
        write(f"{name}_wrong_salt", "binding failure", profile, sealed, said, salt="00")
        write(f"{name}_wrong_context", "binding failure", profile, sealed, said, context="00")
        write(f"{name}_empty_frame", "head failure", profile, b"", said)
        empty = frame.seal(b"", BINDING, key=key, profile=profile, random=stream(b"empty"))
        write(f"{name}_empty_message", "success", profile, empty, b"")
    sealed = frame.seal(said, BINDING, key=key, profile=Profile.FULL, random=stream(b"vector"))
    write("full_commitment_bit", "commitment failure", Profile.FULL, flipped(sealed, 40), said)
    for profile in (Profile.FULL, Profile.COMPACT):
        room = frame.seal(said, BINDING, key=key, profile=profile, room=200, random=stream(b"room"))
        write(f"{profile.value}_room_of_200", "success", profile, room, said)
    alice, bob = Identity(b"\x01" * 32), Identity(b"\x02" * 32)
    for name, signer in (("recipients", None), ("recipients_signed", alice)):
        sealed = frame.seal(
            said,
            BINDING,
            recipients=[alice.public(), bob.public()],
            sign_with=signer,
            profile=Profile.FULL,
            random=stream(b"slots"),
        )
        more = {"identity": "02" * 32}
        if signer:
            more["signer"] = str(signer.public())
        write(f"full_{name}", "success", Profile.FULL, sealed, said, **more)
        stranger = {**more, "identity": "03" * 32}
        write(f"full_{name}_stranger", "slot failure", Profile.FULL, sealed, said, **stranger)
    forged = {"identity": "02" * 32, "signer": str(bob.public())}
    write("full_signed_by_another", "signature failure", Profile.FULL, sealed, said, **forged)
    print(f"{len(list(FOLDER.glob('*.txt')))} vectors in {FOLDER}")


if __name__ == "__main__":
    main()
