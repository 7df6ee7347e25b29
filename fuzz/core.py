"""Targets in core: certificates and their parts, PEM, templates, PKCS#11 URIs."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fuzz.material import FACTS, INSTANT, authority, check, leaves, signer
from fuzz.target import Target
from gatepost.core import der
from gatepost.core.certificate import Certificate, examine_issuance, parse_certificate
from gatepost.core.check import parse_name_template
from gatepost.core.device import DeviceFacts, MissingFact, parse_template, render_template, usable_fact
from gatepost.core.evaluation import Status, evaluate
from gatepost.core.extensions import parse_extensions
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.core.name import parse_name
from gatepost.core.pem import scan_pem
from gatepost.core.public_key import parse_public_key
from gatepost.core.reason import Reason
from gatepost.core.signature import public_key_of, verify_signature
from gatepost.core.token_uri import parse_token_uri
from gatepost.errors import InputError
from tests import der as made

_PLACE: Final = Location(store=StoreKind.PEM_FILE, path="/etc/gatepost/device.pem")


def certificate(data: bytes) -> None:
    """Judge bytes in a certificate's place: there is a reason, and what is shown of it is harmless."""
    parsed = parse_certificate(data)
    found = Candidate(certificate=parsed, location=_PLACE, key=KeyState.PRESENT)
    evaluation = evaluate(check(), FACTS, Findings(candidates=(found,)), INSTANT)
    assert evaluation.status is Status.FAIL
    assert evaluation.reasons
    assert Reason.EVALUATION_CRASHED not in evaluation.reasons
    shown = [word for item in evaluation.certificates for row in item.judgements for word in (row.expected, row.found)]
    assert all(map(str.isprintable, shown)), shown
    if isinstance(parsed, Certificate):
        verify_signature(parsed.public_key, data[:64], b"statement")


def authority_certificate(data: bytes) -> None:
    """Judge an ordinary certificate by bytes in the authority's place."""
    leaf, parsed = parse_certificate(leaves()[0].der), parse_certificate(data)
    assert isinstance(leaf, Certificate)
    if isinstance(parsed, Certificate):
        examine_issuance(leaf, parsed, INSTANT, signs=True)


def body(data: bytes) -> None:
    """Judge a body behind its frame, so that its parts are reached whatever their lengths are."""
    certificate(
        made.tlv(0x30, made.tlv(0x30, data), made.tlv(0x30, made.oid("1.2.840.10045.4.3.2")), made.tlv(3, b"\0"))
    )


def name(data: bytes) -> None:
    """Parse a name: the same each time, and harmless to show."""
    with suppress(der.DerError):
        parsed = parse_name(data)
        assert parsed == parse_name(bytes(bytearray(data)))
        assert parsed.text.isprintable(), parsed.text


def extensions(data: bytes) -> None:
    """Parse a list of extensions."""
    with suppress(der.DerError):
        parse_extensions(data, der.whole(data, der.SEQUENCE))


def public_key(data: bytes) -> None:
    """Parse a SubjectPublicKeyInfo; one of a kind that checks accept can be asked to verify."""
    with suppress(der.DerError):
        verify_signature(parse_public_key(data), data[-64:], b"statement")


def identifier(data: bytes) -> None:
    """Read an object identifier, and its text again."""
    with suppress(der.DerError):
        assert made.content(made.oid(der.dotted(data))) == data


def pem(data: bytes) -> None:
    """Scan text for blocks; a private key among them may be one."""
    for block in scan_pem(data.decode("utf-8", "replace")):
        assert block.content is None or block.text.startswith("-----BEGIN ")
        if block.label.endswith("PRIVATE KEY"):
            public_key_of(block.text.encode())


def template(data: bytes) -> None:
    """Parse a template and fill it in with itself: nothing is lost, and nothing unusable gets in."""
    text = data.decode("utf-8", "replace")
    with suppress(InputError):
        parsed = parse_template(text, "cn")
        assert "".join(part if place % 2 == 0 else f"${{{part}}}" for place, part in enumerate(parsed.parts)) == text
        rendered = render_template(parsed, DeviceFacts(serial_number=text, hostname="h", device_uuid=None))
        assert isinstance(rendered, MissingFact) or "serial_number" not in parsed.variables or usable_fact(text)
    with suppress(InputError):
        parse_name_template(text, "san")


def token_uri(data: bytes) -> None:
    """Parse a PKCS#11 URI."""
    with suppress(InputError):
        parse_token_uri(data.decode("utf-8", "replace"), "uri")


def _certificates() -> tuple[bytes, ...]:
    return tuple(issued.der for issued in leaves())


def _bodies() -> tuple[bytes, ...]:
    return tuple(made.content(made.parts(encoded)[0]) for encoded in _certificates())


def _names() -> tuple[bytes, ...]:
    odd = made.name(("CN", "é", made.Text.TELETEX), ("O", "\N{SNOWMAN}", made.Text.BMP), ("1.2.3", "x"))
    return signer().subject.encoded, odd, made.name()


def _extensions() -> tuple[bytes, ...]:
    return tuple(made.parts(made.parts(made.parts(encoded)[0])[-1])[0] for encoded in _certificates())


def _keys() -> tuple[bytes, ...]:
    publics = (issued.key.public_key() for issued in leaves())
    return tuple(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for public in publics)


def _files() -> tuple[bytes, ...]:
    leaf = leaves()[0]
    return leaf.pem + leaf.key_pem(), b"text\n" + authority().pem, leaf.key_pem(b"secret")


def _templates() -> tuple[bytes, ...]:
    texts = ("${serial_number}.corp.example", "upn:${hostname}@corp", "a${device_uuid}b${hostname}", "$${}", "${")
    return tuple(text.encode() for text in texts)


def _uris() -> tuple[bytes, ...]:
    first = b"pkcs11:token=My%20token;manufacturer=a;serial=1;model=b;slot-id=3;object=me;id=%01%ff;type=cert"
    return (
        first + b"?module-path=/usr/lib/x.so&module-name=x&pin-source=file:/etc/pin",
        b"pkcs11:",
        b"pkcs11:?pin-source=a",
    )


TARGETS: Final = {
    "certificate": Target(certificate, _certificates),
    "authority": Target(authority_certificate, lambda: (authority().der, *_certificates())),
    "body": Target(body, _bodies),
    "name": Target(name, _names),
    "extensions": Target(extensions, _extensions),
    "public_key": Target(public_key, _keys),
    "identifier": Target(identifier, lambda: (b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", b"\x55\x1d\x25\x00")),
    "pem": Target(pem, _files),
    "template": Target(template, _templates),
    "token_uri": Target(token_uri, _uris),
}
