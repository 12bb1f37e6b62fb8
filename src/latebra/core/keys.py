"""Secrets, and what is derived from them.

Key         a secret that both ends share: 32 random bytes, or a passphrase
Identity    the secret half of a key pair: opens what was sealed for it, signs
Recipient   the public half: can be sealed for, checks signatures
derive      one key for each purpose, from a root
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from typing import Final, NoReturn, Self, final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from latebra.core import keytext
from latebra.core.errors import BadKey

VERSION: Final = b"latebra/1 "
SHORTEST_PASSPHRASE: Final = 8
ROOTS_KEPT: Final = 16
SIGNATURE: Final = crypto_sign_BYTES
FIELD_PRIME: Final = 2**255 - 19


def derive(root: bytes, purpose: str, binding: bytes = b"", length: int = 32) -> bytes:
    """Returns a key for one purpose: HKDF-SHA256 (RFC 5869) of ``root``.

    Args:
        root: Secret bytes.
        purpose: A label that nothing else uses; it holds no zero byte.
        binding: What else the key depends on.
        length: Bytes wanted, at most 8,160.

    Example:
        >>> derive(bytes(32), "mask") == derive(bytes(32), "positions")
        False
    """
    info = VERSION + purpose.encode() + b"\0" + binding
    return HKDF(hashes.SHA256(), length, salt=None, info=info).derive(root)


@final
class Key:
    """A secret that both ends share.

    Its representation is blank; it compares by identity, so that no comparison takes a telling
    time.

    Args:
        secret: 32 random bytes, or a normalised passphrase.
        stretched: Whether the secret is a passphrase, which Argon2id must stretch.
    """

    __slots__ = ("_roots", "_secret", "is_passphrase")

    def __init__(self, secret: bytes, *, stretched: bool = False) -> None:
        if not stretched and len(secret) != 32:
            raise BadKey(f"a raw key has 32 bytes, this one has {len(secret)}")
        self._secret = secret
        self.is_passphrase = stretched
        self._roots: dict[bytes, bytes] = {}

    @classmethod
    def generate(cls) -> Self:
        """Returns a new key, 32 bytes from the operating system."""
        return cls(os.urandom(32))

    @classmethod
    def from_passphrase(cls, text: str) -> Self:
        """Returns the key that a passphrase stands for, in Unicode's form NFKC.

        Raises:
            BadKey: It is empty, shorter than 8 characters, or not text.
        """
        normal = unicodedata.normalize("NFKC", text)
        if len(normal) < SHORTEST_PASSPHRASE:
            raise BadKey(
                f"the passphrase has {len(normal)} characters of at least {SHORTEST_PASSPHRASE}",
                fix="use five or more random words",
            )
        try:
            return cls(normal.encode(), stretched=True)
        except UnicodeEncodeError:
            raise BadKey("the passphrase holds half a character (a lone surrogate)") from None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Returns the key that a line ``latebra-key-1-…`` stands for.

        Raises:
            BadKey: It is no such line, or was mistyped.
        """
        return cls(keytext.read("key", text, 32))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Returns the key in a key file.

        Raises:
            UnreadableFile: The file cannot be read, or is no key file.
            BadKey: It holds something other than a key, or was damaged.
        """
        return cls.from_text(keytext.load(path))

    @classmethod
    def parse(cls, reference: str) -> Self:
        """Returns the key that ``env:NAME`` or ``file:PATH`` refers to.

        The variable holds a key file's line, or else a passphrase. The key itself is no reference.

        Raises:
            BadKey: It is neither kind of reference, the variable is not set, or its key is no good.
            UnreadableFile: The file cannot be read, or is no key file.
        """
        kind, _, rest = reference.partition(":")
        if kind == "file" and rest:
            return cls.from_file(rest)
        if kind != "env" or not rest:
            # The reference is not repeated: it may be a key that was given by mistake.
            raise BadKey("a key is referred to as env:NAME or file:PATH", fix="put it in a file")
        value = os.environ.get(rest, "").rstrip("\r\n")
        if not value:
            raise BadKey(
                f"the environment variable {rest} is not set", fix="set it, or use file:PATH"
            )
        if keytext.is_marked(value):
            return cls.from_text(value)
        return cls.from_passphrase(value)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Writes a key file that its owner alone can read, whole or not at all.

        Raises:
            UnwritableFile: The file is there already, or cannot be written.
            BadKey: The key is a passphrase, which belongs in no file.
        """
        if self.is_passphrase:
            raise BadKey(
                "a passphrase is not saved", fix="remember it, or save a key from Key.generate()"
            )
        keytext.save(
            path, f"# keep this secret\n{keytext.write('key', self._secret)}\n", force=force
        )

    def root(self, salt: bytes) -> bytes:
        """Returns 32 secret bytes for a salt: HKDF of a random key, Argon2id of a passphrase.

        Argon2id takes 3 passes over 64 MiB in 4 lanes (RFC 9106, 4, second choice). The last 16
        roots are kept, so that a set of pictures costs one.
        """
        if salt not in self._roots:
            while len(self._roots) >= ROOTS_KEPT:
                self._roots.pop(next(iter(self._roots)), None)
            self._roots[salt] = self._stretch(salt) if self.is_passphrase else self._extract(salt)
        return self._roots[salt]

    def _extract(self, salt: bytes) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt=salt, info=VERSION + b"root\0").derive(self._secret)

    def _stretch(self, salt: bytes) -> bytes:
        short = hashlib.sha256(VERSION + b"argon2\0" + salt).digest()[:16]
        argon = Argon2id(salt=short, length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
        return argon.derive(self._secret)

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> NoReturn:
        raise BadKey("a key cannot be pickled", fix="save it with Key.save")


@final
class Recipient:
    """The public half of an identity: an X25519 key to seal for, an Ed25519 key to check with.

    Args:
        exchange_key: 32 bytes, the X25519 public key.
        verify_key: 32 bytes, the Ed25519 public key.

    Raises:
        BadKey: Nothing can be sealed for this key: it is not canonical, or of low order.
    """

    __slots__ = ("exchange_key", "verify_key")

    def __init__(self, exchange_key: bytes, verify_key: bytes) -> None:
        canonical = int.from_bytes(exchange_key, "little") < FIELD_PRIME
        if len(exchange_key) != 32 or len(verify_key) != 32 or not canonical:
            raise BadKey("this public key has no canonical form")
        if _exchange(X25519PrivateKey.generate(), exchange_key) is None:
            raise BadKey("nothing can be sealed for this public key: its order is low")
        self.exchange_key = exchange_key
        self.verify_key = verify_key

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the recipient that a line ``latebra-public-1-…`` stands for.

        Raises:
            BadKey: It is no such line, or was mistyped.
        """
        raw = keytext.read("public", text, 64)
        return cls(raw[:32], raw[32:])

    def __str__(self) -> str:
        return keytext.write("public", self.exchange_key + self.verify_key)

    def __repr__(self) -> str:
        return f"Recipient.parse({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipient) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self.exchange_key, self.verify_key))


@final
class Identity:
    """The secret half of a key pair, both keys derived from one seed.

    Args:
        seed: 32 random bytes.
    """

    __slots__ = ("_exchange_key", "_public", "_seed", "_signing_key")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise BadKey(f"an identity's seed has 32 bytes, this one has {len(seed)}")
        self._seed = seed
        self._exchange_key = X25519PrivateKey.from_private_bytes(derive(seed, "identity/x25519"))
        verify_key, self._signing_key = crypto_sign_seed_keypair(derive(seed, "identity/ed25519"))
        self._public = Recipient(self._exchange_key.public_key().public_bytes_raw(), verify_key)

    @classmethod
    def generate(cls) -> Self:
        """Returns a new identity from the operating system's randomness."""
        return cls(os.urandom(32))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Returns the identity in a file.

        Raises:
            UnreadableFile: The file cannot be read, or is no key file.
            BadKey: It holds something other than an identity, or was damaged.
        """
        return cls(keytext.read("identity", keytext.load(path), 32))

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Writes a file that its owner alone can read, whole or not at all.

        Raises:
            UnwritableFile: The file is there already, or cannot be written.
        """
        secret = keytext.write("identity", self._seed)
        keytext.save(path, f"# keep this secret; give away {self._public}\n{secret}\n", force=force)

    def public(self) -> Recipient:
        """Returns the half that can be given away."""
        return self._public

    def exchange(self, point: bytes) -> bytes | None:
        """Returns the X25519 secret shared with ``point``, None if its order is low."""
        return _exchange(self._exchange_key, point)

    def sign(self, message: bytes) -> bytes:
        """Returns the Ed25519 signature of ``message``, 64 bytes."""
        return crypto_sign(message, self._signing_key)[:SIGNATURE]

    def __repr__(self) -> str:
        return "Identity(…)"

    def __reduce__(self) -> NoReturn:
        raise BadKey("an identity cannot be pickled", fix="save it with Identity.save")


def is_signed(verify_key: bytes, message: bytes, signature: bytes) -> bool:
    """Returns whether ``signature`` (64 bytes) is Ed25519 by ``verify_key`` (32 bytes)."""
    try:
        crypto_sign_open(signature + message, verify_key)
    except BadSignatureError:
        return False
    return True


def _exchange(private: X25519PrivateKey, point: bytes) -> bytes | None:
    try:
        return private.exchange(X25519PublicKey.from_public_bytes(point))
    except ValueError:
        return None
