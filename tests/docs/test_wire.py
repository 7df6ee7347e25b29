"""The page of the wire has every document and field, every type of signed document, and the example to the byte."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from gatepost.core.possession import build_statement, issue_nonce
from gatepost.web import device as device_routes
from gatepost.wire import checks, device, device_token, jws, vouch

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "wire.md").read_text(encoding="utf-8")
PARTS = re.split(r"(?m)^#{2,3} (.*)$", PAGE)
SECTIONS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "Enrolment": device.Enrollment,
    "Challenge": device.Challenge,
    "Enrolment by certificate": device.CertifiedEnrollment,
    "Challenged": device.Challenged,
    "Sync": device.Sync,
    "Wait": device.Wait,
    "Vouch": vouch.Vouch,
    "Token request": device_token.TokenRequest,
    "Issued token": device_token.IssuedToken,
    "Proof": device_token.Proof,
    "Report": device.Report,
    "Answer": device.CheckAnswer,
    "Candidate": device.PlacedCandidate,
    "Fault": device.PlacedFault,
    "Nearby": device.NearbyCertificate,
    "Meanwhile": device.Meanwhile,
    "Change": device.Change,
    "Facts": device.Facts,
    "Enrolled": device.Enrolled,
    "Synced": device.Synced,
    "Checks": checks.Checks,
    "Check": checks.CheckDocument,
    "Acknowledgement": device.Acknowledgement,
    "Called": device.Called,
    "Refusal": device.Refusal,
}
SHOWN_WITHIN = {"Acknowledgement": device.Verdict}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_field_of_a_document_stands_in_its_table_and_no_other_does(name: str) -> None:
    """In the left column of the first table under its heading."""
    (left, *_) = SECTIONS[name].split("\n\n| status |")
    said = [word for row in re.findall(r"(?m)^\| (`.*?) \|", left) for word in re.findall(r"`(\w+)`", row)]
    assert sorted(field.encode_name for field in msgspec.structs.fields(DOCUMENTS[name])) == sorted(said)


def test_each_document_of_the_wire_has_its_heading() -> None:
    """What a later release adds is found here."""
    defined = {
        item
        for module in (device, checks, vouch, device_token)
        for item in vars(module).values()
        if isinstance(item, type)
        and issubclass(item, msgspec.Struct)
        and item.__module__ == module.__name__
        and not item.__name__.startswith("_")
    }
    assert set() == defined - {*DOCUMENTS.values(), *SHOWN_WITHIN.values()}


def test_the_fields_of_a_verdict_stand_with_the_acknowledgement() -> None:
    """They have no heading of their own."""
    for name, document in SHOWN_WITHIN.items():
        assert [] == [field for field in document.__struct_fields__ if f"`{field}`" not in SECTIONS[name]]


def test_each_type_of_signed_document_is_named_and_no_other() -> None:
    """In the table of signatures."""
    assert {kind.value for kind in jws.Kind} == set(re.findall(r"`(gatepost-\w+\+jwt)`", PAGE))


def test_each_route_of_devices_is_named_and_no_other() -> None:
    """As they stand in the application's own table."""
    source = Path(device_routes.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"\"(/device/v1/\w+)\"", source)) == set(re.findall(r"(?m)^\| `(/device/v1/\w+)`", PAGE))


def test_each_word_and_status_of_a_refusal_is_named() -> None:
    """Those that are no reasons."""
    source = Path(device_routes.__file__).read_text(encoding="utf-8")
    words = set(re.findall(r"\((\d{3}), \"([a-z-]+)\"", source)) | set(
        re.findall(r"return (\d{3}), Refusal\(reason=\"([a-z-]+)\"", source)
    )
    rows = re.findall(r"(?m)^\| ([\d, ]+) \| (.*) \|$", SECTIONS["Refusal"])
    said = {
        (status, word)
        for left, text in rows
        for status in left.split(", ")
        for word in re.findall(r"`([a-z-]+)`", text)
    }
    assert words
    assert set() == words - said


def test_the_example_is_computed_to_the_byte() -> None:
    """Nonce, statement and signature of the page, from its own values."""
    nonce, statement, signature = (
        bytes.fromhex(block) for block in re.findall(r"```text\n([0-9a-f\n]+)```", SECTIONS["Example"])
    )
    account = bytes.fromhex("0123456789abcdef0123456789abcdef")
    registration = bytes.fromhex("00112233445566778899aabbccddeeff")
    audience = "https://gatepost.example:8443/0123456789abcdef0123456789abcdef"
    assert nonce == issue_nonce(bytes(range(32)), account, registration, 1_780_272_000_123)
    thumbprint, certificate = hashlib.sha256(b"device key").digest(), hashlib.sha256(b"certificate").digest()
    assert statement == build_statement(audience, thumbprint, nonce, certificate)
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert signature == ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(statement)
    assert "00112233-4455-6677-8899-aabbccddeeff" in SECTIONS["Example"]
    assert audience in SECTIONS["Example"]
