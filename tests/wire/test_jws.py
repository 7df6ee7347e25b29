"""Signed documents, held against joserfc both ways, and every way to forge one refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey

from gatepost.errors import InputError
from gatepost.wire import jws

PRIVATE = ec.derive_private_key(0x67617465706F7374, ec.SECP256R1())
OTHER = ec.derive_private_key(0x6F74686572, ec.SECP256R1())
POINT = PRIVATE.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
OTHER_POINT = OTHER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
THUMBPRINT = jws.thumbprint(POINT)
PAYLOAD = b'{"v":1}'
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The number of points of P-256 (FIPS 186-4, D.1.2.3)."""


def joserfc_key(private: ec.EllipticCurvePrivateKey = PRIVATE) -> ECKey:
    """Give the key as joserfc knows it."""
    numbers = private.private_numbers()

    def written(number: int) -> str:
        return encoded(number.to_bytes(32, "big"))

    public = numbers.public_numbers
    return ECKey.import_key(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": written(public.x),
            "y": written(public.y),
            "d": written(numbers.private_value),
        }
    )


def encoded(content: bytes) -> str:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def header(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a header's fields are of many types.
    """Give a right header; ``changes`` replace fields, or take one away with None."""
    fields = {"alg": "ES256", "typ": jws.Kind.REPORT.value, "kid": encoded(THUMBPRINT), **changes}
    return {name: value for name, value in fields.items() if value is not None}


def compose(head: bytes, payload: bytes = PAYLOAD, private: ec.EllipticCurvePrivateKey = PRIVATE) -> bytes:
    """Sign any header and payload rightly."""
    signing_input = f"{encoded(head)}.{encoded(payload)}".encode()
    r, s = decode_dss_signature(private.sign(signing_input, ec.ECDSA(hashes.SHA256())))
    return signing_input + b"." + encoded(r.to_bytes(32, "big") + s.to_bytes(32, "big")).encode()


def parts(document: bytes) -> list[bytes]:
    """Take a document apart."""
    return document.split(b".")


DOCUMENT = compose(json.dumps(header()).encode())


@pytest.mark.parametrize("kind", list(jws.Kind))
def test_joserfc_verifies_what_we_sign(kind: jws.Kind) -> None:
    """Header, payload and signature are what RFC 7515 says."""
    document = jws.sign(kind, PAYLOAD, PRIVATE, THUMBPRINT)
    read = joserfc_jws.deserialize_compact(document, joserfc_key(), algorithms=["ES256"])

    assert PAYLOAD == read.payload
    assert {"alg": "ES256", "typ": kind.value, "kid": encoded(THUMBPRINT)} == read.headers()


def test_joserfc_refuses_what_another_key_signed() -> None:
    """The two libraries agree on "no" as well."""
    document = jws.sign(jws.Kind.REPORT, PAYLOAD, OTHER, THUMBPRINT)
    with pytest.raises(BadSignatureError):
        joserfc_jws.deserialize_compact(document, joserfc_key(), algorithms=["ES256"])
    assert not jws.verify(jws.split(jws.Kind.REPORT, document), POINT)


def test_we_verify_what_joserfc_signs() -> None:
    """A signature by another implementation is one."""
    document = joserfc_jws.serialize_compact(header(), PAYLOAD, joserfc_key(), algorithms=["ES256"])
    signed = jws.split(jws.Kind.REPORT, document.encode())

    assert (THUMBPRINT, PAYLOAD) == (signed.thumbprint, signed.payload)
    assert jws.verify(signed, POINT)
    assert not jws.verify(signed, OTHER_POINT)


def test_a_thumbprint_is_what_joserfc_computes() -> None:
    """RFC 7638, by both."""
    assert joserfc_key().thumbprint() == encoded(THUMBPRINT)


@given(st.binary(max_size=300), st.sampled_from(list(jws.Kind)))
def test_any_payload_comes_back_when_it_was_signed(payload: bytes, kind: jws.Kind) -> None:
    """What was signed is what is read, whatever the bytes."""
    signed = jws.split(kind, jws.sign(kind, payload, PRIVATE, THUMBPRINT))
    assert (payload, THUMBPRINT) == (signed.payload, signed.thumbprint)
    assert jws.verify(signed, POINT)


@given(st.integers(min_value=0, max_value=8 * len(DOCUMENT) - 1))
def test_no_bit_of_a_document_can_be_turned(bit: int) -> None:
    """With any one bit turned it is refused, or its signature is not the signer's."""
    changed = bytearray(DOCUMENT)
    changed[bit // 8] ^= 1 << bit % 8
    try:
        signed = jws.split(jws.Kind.REPORT, bytes(changed))
    except InputError:
        return
    assert not jws.verify(signed, POINT)


HEADER_ATTACKS: dict[str, tuple[bytes, str]] = {
    "alg none": (json.dumps(header(alg="none")).encode(), "header/alg"),
    "alg HS256": (json.dumps(header(alg="HS256")).encode(), "header/alg"),
    "alg ES384": (json.dumps(header(alg="ES384")).encode(), "header/alg"),
    "alg RS256": (json.dumps(header(alg="RS256")).encode(), "header/alg"),
    "alg in lower case": (json.dumps(header(alg="es256")).encode(), "header/alg"),
    "alg missing": (json.dumps(header(alg=None)).encode(), "header"),
    "alg a list": (json.dumps(header(alg=["ES256"])).encode(), "header"),
    "typ of checks": (json.dumps(header(typ=jws.Kind.CHECKS.value)).encode(), "header/typ"),
    "typ of enrolment": (json.dumps(header(typ=jws.Kind.ENROLLMENT.value)).encode(), "header/typ"),
    "typ of sync": (json.dumps(header(typ=jws.Kind.SYNC.value)).encode(), "header/typ"),
    "typ JWT": (json.dumps(header(typ="JWT")).encode(), "header/typ"),
    "typ in capitals": (json.dumps(header(typ=jws.Kind.REPORT.value.upper())).encode(), "header/typ"),
    "typ missing": (json.dumps(header(typ=None)).encode(), "header"),
    "kid missing": (json.dumps(header(kid=None)).encode(), "header"),
    "kid too short": (json.dumps(header(kid=encoded(THUMBPRINT[:31]))).encode(), "header/kid"),
    "kid too long": (json.dumps(header(kid=encoded(THUMBPRINT + b"\0"))).encode(), "header/kid"),
    "kid padded": (json.dumps(header(kid=encoded(THUMBPRINT) + "=")).encode(), "header/kid"),
    "kid with trailing bits": (json.dumps(header(kid=encoded(THUMBPRINT)[:-1] + "B")).encode(), "header/kid"),
    "kid not ASCII": (json.dumps(header(kid="é" * 43), ensure_ascii=False).encode(), "header/kid"),
    "jwk": (json.dumps(header(jwk=joserfc_key(OTHER).as_dict(private=False))).encode(), "header"),
    "jku": (json.dumps(header(jku="https://attacker.example/keys")).encode(), "header"),
    "x5c": (json.dumps(header(x5c=["MIIB"])).encode(), "header"),
    "x5u": (json.dumps(header(x5u="https://attacker.example/chain")).encode(), "header"),
    "x5t": (json.dumps(header(x5t="AAAA")).encode(), "header"),
    "crit": (json.dumps(header(crit=["exp"])).encode(), "header"),
    "b64": (json.dumps(header(b64=False, crit=["b64"])).encode(), "header"),
    "zip": (json.dumps(header(zip="DEF")).encode(), "header"),
    "cty": (json.dumps(header(cty="JWT")).encode(), "header"),
    "two alg, the last one none": (b'{"alg":"ES256",' + json.dumps(header(alg="none")).encode()[1:], "header/alg"),
    "no object": (b"[]", "header"),
    "no JSON": (b"{", "header"),
    "empty": (b"", "header"),
    "no UTF-8": (b'{"alg":"\xff"}', "header"),
    "a lone surrogate": (b'{"alg":"\\ud800"}', "header"),
    "nested": (b'{"alg":' + b"[" * 300, "header"),
    "too long": (json.dumps(header()).encode() + b" " * 400, "header"),
}


@pytest.mark.parametrize(("head", "field"), HEADER_ATTACKS.values(), ids=HEADER_ATTACKS)
def test_a_header_is_refused_when_it_is_not_ours(head: bytes, field: str) -> None:
    """Rightly signed, and refused all the same, by the name of what is wrong."""
    with pytest.raises(InputError) as refused:
        jws.split(jws.Kind.REPORT, compose(head))
    assert field == refused.value.field


def test_the_last_of_two_equal_names_counts() -> None:
    """RFC 7515, 4 leaves this or a refusal; there is no reading in which the first one would be believed."""
    head = b'{"alg":"none",' + json.dumps(header()).encode()[1:]
    assert jws.verify(jws.split(jws.Kind.REPORT, compose(head)), POINT)


@pytest.mark.parametrize("kind", list(jws.Kind))
@pytest.mark.parametrize("wanted", list(jws.Kind))
def test_a_document_is_never_taken_for_one_of_another_kind(kind: jws.Kind, wanted: jws.Kind) -> None:
    """Each kind is read as itself alone."""
    document = jws.sign(kind, PAYLOAD, PRIVATE, THUMBPRINT)
    if kind is wanted:
        assert PAYLOAD == jws.split(wanted, document).payload
        return
    with pytest.raises(InputError, match="typ"):
        jws.split(wanted, document)


HEAD, BODY, SIGNATURE = parts(DOCUMENT)
FORMS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "body"),
    "one part": (HEAD, "body"),
    "two parts": (HEAD + b"." + BODY, "body"),
    "four parts": (DOCUMENT + b"." + SIGNATURE, "body"),
    "a dot at the end": (DOCUMENT + b".", "body"),
    "JSON serialisation": (b'{"payload":"e30","signatures":[]}', "body"),
    "a signature of 63 bytes": (HEAD + b"." + BODY + b"." + encoded(bytes(63)).encode(), "signature"),
    "a signature of 65 bytes": (HEAD + b"." + BODY + b"." + encoded(bytes(65)).encode(), "signature"),
    "no signature": (HEAD + b"." + BODY + b".", "signature"),
    "a padded signature": (DOCUMENT + b"==", "signature"),
    "a space behind": (DOCUMENT + b" ", "signature"),
    "a line behind": (DOCUMENT + b"\n", "signature"),
    "a padded payload": (HEAD + b"." + BODY + b"=." + SIGNATURE, "payload"),
    "a broken payload": (HEAD + b"." + b"A" + b"." + SIGNATURE, "payload"),
    "a payload in the standard alphabet": (HEAD + b".+/+/." + SIGNATURE, "payload"),
    "trailing bits in the payload": (HEAD + b".eyJ2IjoxfR." + SIGNATURE, "payload"),
    "trailing bits in the signature": (DOCUMENT[:-1] + bytes([DOCUMENT[-1] + 1]), "signature"),
    "a padded header": (HEAD + b"=." + BODY + b"." + SIGNATURE, "header"),
}


@pytest.mark.parametrize(("document", "field"), FORMS.values(), ids=FORMS)
def test_a_document_is_refused_when_its_form_is_another(document: bytes, field: str) -> None:
    """One value has one text, so that nobody can write a known document in another way."""
    with pytest.raises(InputError) as refused:
        jws.split(jws.Kind.REPORT, document)
    assert field == refused.value.field


def with_signature(r: int, s: int) -> bytes:
    """Put another signature behind the document."""
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return HEAD + b"." + BODY + b"." + encoded(raw).encode()


R, S = (int.from_bytes(base64.urlsafe_b64decode(SIGNATURE + b"==")[part]) for part in (slice(32), slice(32, 64)))


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, S), (R, 0), (0, 0), (ORDER, S), (R, ORDER), (2**256 - 1, 2**256 - 1), (S, R), (1, 1)],
    ids=["r 0", "s 0", "both 0", "r the order", "s the order", "both the greatest", "exchanged", "both 1"],
)
def test_a_signature_is_refused_when_its_numbers_are_odd(r: int, s: int) -> None:
    """Zeros and numbers beyond the order verify nothing (the "psychic signatures" of 2022)."""
    assert jws.verify(jws.split(jws.Kind.REPORT, with_signature(R, S)), POINT)
    assert not jws.verify(jws.split(jws.Kind.REPORT, with_signature(r, s)), POINT)


@pytest.mark.parametrize("point", [b"", b"\x04" + bytes(64), POINT[:-1], b"\x04" + b"\xff" * 64, b"\x00"])
def test_nothing_is_verified_when_the_point_is_not_on_the_curve(point: bytes) -> None:
    """A key that is none has signed nothing."""
    assert not jws.verify(jws.split(jws.Kind.REPORT, DOCUMENT), point)


def test_a_key_comes_back_when_it_was_written() -> None:
    """Point to JSON Web Key and back."""
    assert POINT == jws.from_jwk(jws.to_jwk(POINT), "/key")


KEY = jws.to_jwk(POINT)


@pytest.mark.parametrize(
    "key",
    [
        msgspec.structs.replace(KEY, kty="RSA"),
        msgspec.structs.replace(KEY, crv="P-384"),
        msgspec.structs.replace(KEY, x=KEY.y, y=KEY.x),
        msgspec.structs.replace(KEY, x=encoded(bytes(31))),
        msgspec.structs.replace(KEY, y=encoded(bytes(33))),
        msgspec.structs.replace(KEY, x="", y=""),
        msgspec.structs.replace(KEY, x=encoded(bytes(32)), y=encoded(bytes(32))),
        msgspec.structs.replace(KEY, x=f"{KEY.x}="),
        msgspec.structs.replace(KEY, y=f"{KEY.y} "),
        msgspec.structs.replace(KEY, x="é"),
    ],
)
def test_a_key_is_refused_when_it_is_not_on_p256(key: jws.JsonWebKey) -> None:
    """Another kind, another curve, a point beside it, or a text in another form."""
    with pytest.raises(InputError) as refused:
        jws.from_jwk(key, "/key")
    assert refused.value.field.startswith("/key")


@given(st.binary(max_size=100))
def test_base64url_has_one_text_for_each_value(content: bytes) -> None:
    """What is encoded comes back; the padded and the standard texts of the same value are refused."""
    text = jws.encode_base64url(content).encode()
    assert content == jws.decode_base64url(text, "field")
    for other in {base64.urlsafe_b64encode(content), base64.b64encode(content)} - {text}:
        with pytest.raises(InputError):
            jws.decode_base64url(other, "field")


@given(st.binary(max_size=60))
def test_base64url_is_strict_whatever_the_bytes(data: bytes) -> None:
    """Either it is refused, or it is the one text of what it decodes to."""
    try:
        content = jws.decode_base64url(data, "field")
    except InputError:
        return
    assert data.decode() == jws.encode_base64url(content)
