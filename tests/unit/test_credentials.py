"""Content credentials, written by us and read by the C2PA project's own reader."""

import datetime
import json

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

import latebra as lb
from latebra.api import credentials
from tests.unit.test_register import scene

c2pa = pytest.importorskip("c2pa")

ADA = lb.Identity(bytes(range(32)))
HERE = {"compiler": "onnxruntime"}


def _named(name):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Latebra's tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _certificate(name, key, issuer, issuer_key, *, authority):
    now = datetime.datetime.now(datetime.UTC)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    signs = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage
    )
    known = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    made = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(signs, critical=True)
        .add_extension(known, critical=False)
        .add_extension(by, critical=False)
    )
    if not authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        made = made.add_extension(purpose, critical=False)
    return made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A certificate, who vouches for it, and its key, made for this test."""
    folder = tmp_path_factory.mktemp("certificates")
    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    anchor = _certificate("root", root, "root", root, authority=True)
    (folder / "root.pem").write_bytes(anchor)
    (folder / "chain.pem").write_bytes(
        _certificate("signer", own, "root", root, authority=False) + anchor
    )
    for name, key in (("key.pem", own), ("other.pem", root)):
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / name).write_bytes(secret)
    return folder


@pytest.fixture(scope="module")
def certificate(files):
    return lb.Certificate.from_files(files / "chain.pem", files / "key.pem")


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    Image.fromarray(scene(1, 160)).save(path, quality=95)
    return lb.sign(path, signing_key=ADA, words="a lighthouse", **HERE)


@pytest.fixture
def saved(signed, certificate, tmp_path):
    return signed.save(tmp_path / "signed.png", certificate=certificate)


def test_the_c2pa_reader_finds_the_mark_and_the_record(saved, signed):
    with saved.open("rb") as file, c2pa.Reader("image/png", file) as reader:
        assert reader.get_validation_state() == "Valid"
        manifest = reader.get_active_manifest()
    held = {each["label"]: each["data"] for each in manifest["assertions"]}
    (block,) = held["c2pa.soft-binding"]["blocks"]
    assert held["c2pa.soft-binding"]["alg"] == credentials.ALGORITHM
    assert credentials._name(block) == signed.record.claim.name
    assert json.loads(held[credentials.RECORD]["line"])["words"] == "a lighthouse"
    actions = [each["action"] for each in held["c2pa.actions.v2"]["actions"]]
    assert actions == ["c2pa.opened", "c2pa.watermarked.bound"]
    (parent,) = manifest["ingredients"]
    assert (parent["title"], parent["relationship"]) == ("photo.jpg", "parentOf")


def test_a_manifest_leaves_the_pixels_alone(saved, signed):
    np.testing.assert_array_equal(np.asarray(Image.open(saved)), signed.cover)
    (one,) = lb.check(saved, **HERE)
    assert (one.verdict, one.untouched, one.credentials) == ("verified", True, "valid")


def test_an_anchor_vouches_for_it(saved, files):
    anchors = (files / "root.pem").read_bytes()
    (one,) = lb.check(saved, anchors=anchors, **HERE)
    assert one.credentials == "trusted"


def test_the_record_in_a_manifest_is_enough(saved, signed, certificate, tmp_path):
    (saved.parent / "ledger.jsonl").unlink()
    bare = tmp_path / "bare.png"
    signed.medium.save(signed.cover, bare)
    (one,) = lb.check(bare, **HERE)
    assert one.verdict == "no_record"
    credentials.attach(bare, None, signed.record, certificate)
    (one,) = lb.check(bare, **HERE)
    assert (one.verdict, one.credentials) == ("verified", "valid")


def test_another_picture_s_manifest_is_told(signed, certificate, tmp_path):
    other = lb.sign(scene(2, 160), signing_key=ADA, **HERE)
    path = other.save(tmp_path / "a.png")
    credentials.attach(path, None, signed.record, certificate)
    (one,) = lb.check(path, **HERE)
    assert (one.verdict, one.credentials) == ("verified", "another")


def test_a_file_changed_since_is_broken(saved):
    content = bytearray(saved.read_bytes())
    content[content.index(b"Latebra-Record") + 20] ^= 1
    saved.write_bytes(content)
    assert credentials.read(saved).state == "broken"


def test_files_without_a_manifest_have_none(tmp_path):
    Image.fromarray(scene(1)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    (tmp_path / "c.bmp").write_bytes(b"no picture")
    assert credentials.read(tmp_path / "a.png") is None
    assert credentials.read(tmp_path / "c.bmp") is None
    found = credentials.read(tmp_path / "b.png")
    assert found is None or found.state == "broken"


def test_certificates_that_cannot_be_used_are_said(files, tmp_path):
    with pytest.raises(lb.InputError, match="is not the key of"):
        lb.Certificate.from_files(files / "chain.pem", files / "other.pem")
    with pytest.raises(lb.InputError, match="are not a certificate and its private key"):
        lb.Certificate.from_files(files / "key.pem", files / "chain.pem")
    with pytest.raises(lb.InputError, match="cannot be read"):
        lb.Certificate.from_files(tmp_path / "none.pem", files / "key.pem")
    assert repr(lb.Certificate.from_files(files / "chain.pem", files / "key.pem")) == (
        "Certificate(…)"
    )
