"""Content credentials: the record in a C2PA manifest, with the mark as its soft binding.

The C2PA's specification (2.x) calls a *soft binding* what finds a manifest again after somebody
stripped it from the file. Here it is the name of the record, which the mark carries. The names of
soft-binding algorithms are registered with the C2PA; ``ALGORITHM`` is not.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

from latebra.core.errors import InputError, Unavailable, UnreadableFile, UnwritableFile
from latebra.core.files import replacing
from latebra.hiding.provenance.record import Record

ALGORITHM: Final = "io.latebra.autoencoder.1"
RECORD: Final = "io.latebra.record"
"""The assertion that holds the record itself."""
_FORMATS: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
}
_ALGORITHMS: Final = {"1.2.840.10045.3.1.7": "es256", "1.3.132.0.34": "es384"}
"""Curve to what the specification calls signing with it."""


@dataclass(frozen=True)
class Certificate:
    """Who signs manifests: an X.509 chain, the signer's own certificate first, and its key.

    Args:
        chain: Certificates in PEM.
        key: The private key in PEM, PKCS #8 without a passphrase.
        algorithm: "es256", "es384" or "ed25519".
    """

    chain: bytes
    key: bytes
    algorithm: str

    @classmethod
    def from_files(cls, chain: Path, key: Path) -> Certificate:
        """Returns the certificate in two files.

        Raises:
            UnreadableFile: A file cannot be read.
            InputError: It is of another kind, or the key is that of another certificate.
            Unavailable: c2pa-python is not installed.
        """
        _c2pa()
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        told, secret = _bytes(chain), _bytes(key)
        try:
            own = x509.load_pem_x509_certificates(told)[0]
            private = load_pem_private_key(secret, None)
        except (ValueError, TypeError, IndexError):
            raise InputError(
                f"{chain} and {key} are not a certificate and its private key",
                fix="give both in PEM, the key without a passphrase",
            ) from None
        if own.public_key() != private.public_key():
            raise InputError(f"{key} is not the key of {chain}", fix="give the two that belong")
        if isinstance(private, ed25519.Ed25519PrivateKey):
            return cls(told, secret, "ed25519")
        if isinstance(private, ec.EllipticCurvePrivateKey):
            curve = private.curve
            if isinstance(curve, ec.SECP256R1 | ec.SECP384R1):
                name = "es256" if isinstance(curve, ec.SECP256R1) else "es384"
                return cls(told, secret, name)
        raise InputError(
            f"{key} is a key of a kind that is not taken", fix="use P-256, P-384 or Ed25519"
        )

    def __repr__(self) -> str:
        return "Certificate(…)"


@dataclass(frozen=True)
class Credentials:
    """What a file's manifest comes to.

    Args:
        state: "valid" (whole and rightly signed, by a certificate that nobody was asked to vouch
            for), "trusted" (an anchor vouches for it) or "broken".
        issuer: The organisation that the certificate names.
        bound: The names in its soft bindings of ``ALGORITHM``.
        record: The line of the record that it holds, or nothing.
    """

    state: str
    issuer: str
    bound: tuple[bytes, ...]
    record: str


def attach(path: Path, original: Path | None, record: Record, certificate: Certificate) -> None:
    """Writes a manifest into a signed picture's file: its pixels stay as they are.

    Args:
        path: The PNG file; replaced whole or not at all.
        original: The file it was made from, which becomes its parent in the manifest.
        record: What the manifest holds.
        certificate: Who signs it.

    Raises:
        UnwritableFile: The manifest could not be made, or the file not be written.
    """
    c2pa = _c2pa()
    name = base64.b64encode(record.claim.name).decode()
    manifest: dict[str, Any] = {
        "claim_generator_info": [{"name": "latebra", "version": version("latebra")}],
        "title": path.name,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [{"action": "c2pa.watermarked.bound"}]},
            },
            {
                "label": "c2pa.soft-binding",
                "data": {"alg": ALGORITHM, "pad": "", "blocks": [{"scope": {}, "value": name}]},
            },
            {"label": RECORD, "data": {"line": record.line()}},
        ],
    }
    # Thumbnails would show what no hash does.
    context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    told = c2pa.C2paSignerInfo(certificate.algorithm, certificate.chain, certificate.key, None)
    parent = original if original and original.suffix.lower() in _FORMATS else path
    try:
        with c2pa.Signer.from_info(told) as signer, c2pa.Builder(manifest, context) as builder:
            builder.set_intent(c2pa.C2paBuilderIntent.EDIT)
            about = json.dumps({"title": parent.name, "relationship": "parentOf"})
            builder.add_ingredient(
                about, _FORMATS[parent.suffix.lower()], io.BytesIO(_bytes(parent))
            )
            made = io.BytesIO()
            builder.sign(signer, "image/png", io.BytesIO(_bytes(path)), made)
        with replacing(path) as file:
            file.write(made.getvalue())
    except c2pa.C2paError as error:
        raise UnwritableFile(
            f"{path} got no manifest: {error}", fix="check the certificate's chain and its uses"
        ) from None
    except OSError as error:
        raise UnwritableFile(
            f"{path} cannot be written: {error.strerror}",
            fix="choose a folder that you can write to",
        ) from None


def read(path: Path, anchors: bytes = b"") -> Credentials | None:
    """Returns what a file's manifest comes to; None without one, or without c2pa-python.

    Nothing is fetched: manifests that lie elsewhere, and lists of revoked certificates, are not
    asked for.

    Args:
        path: The file.
        anchors: Certificates in PEM that vouch for others; without any nothing is "trusted".

    Raises:
        UnreadableFile: The file cannot be read.
    """
    kind = _FORMATS.get(path.suffix.lower())
    try:
        c2pa = _c2pa()
    except Unavailable:
        return None
    if kind is None:
        return None
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    if anchors:
        settings["trust"] = {"trust_anchors": anchors.decode(errors="replace")}
    try:
        context = c2pa.Context.from_dict(settings)
        with c2pa.Reader(kind, io.BytesIO(_bytes(path)), context=context) as reader:
            state, told = reader.get_validation_state(), reader.get_active_manifest()
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError:
        return Credentials("broken", "", (), "")
    word = {"Valid": "valid", "Trusted": "trusted"}.get(str(state), "broken")
    return _told(word, cast("dict[str, Any]", told or {}))


def _told(state: str, manifest: dict[str, Any]) -> Credentials:
    issuer = str(_inside(manifest, "signature_info").get("issuer") or "")
    bound: list[bytes] = []
    record = ""
    for each in cast("list[dict[str, Any]]", manifest.get("assertions") or []):
        label, data = str(each.get("label")), _inside(each, "data")
        if label.startswith("c2pa.soft-binding") and data.get("alg") == ALGORITHM:
            bound += [_name(block) for block in cast("list[dict[str, Any]]", data.get("blocks"))]
        if label == RECORD:
            record = str(data.get("line") or "")
    return Credentials(state, issuer if issuer.isprintable() else "", tuple(bound), record)


def _inside(told: dict[str, Any], name: str) -> dict[str, Any]:
    found = told.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _name(block: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(str(block.get("value")), validate=True)
    except ValueError:
        return b""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read: {error.strerror}", fix="check the path"
        ) from None


def _c2pa() -> Any:
    """Returns c2pa-python's module; another distribution has the same name."""
    try:
        found = import_module("c2pa")  # It is an extra.
    except (ImportError, OSError):
        found = None
    if hasattr(found, "Builder") and hasattr(found, "Context"):
        return found
    raise Unavailable(
        "content credentials need c2pa-python, which is not installed",
        fix="pip install 'latebra[c2pa]'",
    )
