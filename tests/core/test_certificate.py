"""Certificates: the facts agree with another reader, and the one step holds or says where it stops."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import crypto

from gatepost.core.certificate import (
    Certificate,
    Malformed,
    examine_authority,
    examine_issuance,
    parse_certificate,
    rfc3339,
)
from gatepost.core.extensions import KEY_USAGES, NameKind
from gatepost.core.public_key import parse_public_key
from gatepost.core.reason import Reason
from tests import certificates as made
from tests import der
from tests.certificates import (
    CLIENT_AUTH,
    DAY,
    NOW,
    CertificateAuthority,
    Digest,
    Issued,
    KeyKind,
    Part,
    constraints,
    dns,
    email,
    ip,
    upn,
    uri,
    with_broken_signature,
)
from tests.core.subjects import AUTHORITY, LAPTOP, parsed, refusal, step

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = timedelta(seconds=1)
RSA = CertificateAuthority.create(cn="RSA Root", key=KeyKind.RSA2048)
MIDDLE = AUTHORITY.subordinate()

# --- The facts --------------------------------------------------------------------------------------------------------

_SANS = st.one_of(
    st.sampled_from([dns("a.example"), dns("*.B.example"), email("a@b.example"), uri("urn:x:y"), upn("jo@corp")]),
    st.integers(0, 2**32 - 1).map(lambda n: ip(str(ipaddress.IPv4Address(n)))),
    st.integers(0, 2**128 - 1).map(lambda n: ip(str(ipaddress.IPv6Address(n)))),
)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
_INSTANTS = st.datetimes(datetime(1950, 1, 1), datetime(2120, 1, 1)).map(  # noqa: DTZ001 - hypothesis takes naive bounds.
    lambda naive: naive.replace(microsecond=0, tzinfo=UTC)
)
_PURPOSES = st.lists(st.sampled_from([CLIENT_AUTH, made.ANY_PURPOSE, "1.2.3.4"]), min_size=1, unique=True)
_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "cn": st.lists(_TEXTS, max_size=3),
        "sans": st.lists(_SANS, max_size=4),
        "eku": st.none() | _PURPOSES,
        "key_usage": st.none() | st.sets(st.sampled_from(made.KEY_USAGES[:7]), min_size=1),
        "ca": st.sampled_from([None, False, True]),
        "serial": st.integers(1, 2**159 - 1),
        "not_before": _INSTANTS,
        "not_after": _INSTANTS,
        "ski": st.booleans(),
        "aki": st.none() | st.binary(min_size=1, max_size=20),
        "policies": st.lists(st.sampled_from(["1.2.3.4.5", "2.23.140.1.2.1"]), unique=True),
        "key": st.sampled_from([KeyKind.P256, KeyKind.P384, KeyKind.ED25519, KeyKind.RSA2048]),
        "digest": st.sampled_from([Digest.SHA1, Digest.SHA256, Digest.SHA512]),
    },
)


@given(_OPTIONS)
def test_the_facts_are_those_of_cryptography_when_both_read_a_certificate(options: Any) -> None:  # noqa: ANN401 - a drawn dictionary of Options.
    """Two readers that share no code say the same of names, numbers, dates, keys and extensions."""
    issued = AUTHORITY.issue(**options)
    ours, theirs = parsed(issued), issued.certificate
    assert (ours.serial_number, ours.version) == (theirs.serial_number, theirs.version.value)
    assert (ours.not_before, ours.not_after) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
    assert (ours.issuer.encoded, ours.subject.encoded) == (theirs.issuer.public_bytes(), theirs.subject.public_bytes())
    names = theirs.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert list(ours.subject.common_names) == [name.value for name in names]
    spki = theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert (ours.public_key.encoded, ours.signature_algorithm) == (spki, theirs.signature_algorithm_oid.dotted_string)
    assert ours.signature_strong == (options.get("digest") is not Digest.SHA1)
    _same_extensions(ours, theirs)


def _same_extensions(ours: Certificate, theirs: x509.Certificate) -> None:
    found = {type(item.value): item.value for item in theirs.extensions}
    ski, aki = found.get(x509.SubjectKeyIdentifier), found.get(x509.AuthorityKeyIdentifier)
    purposes, policies = found.get(x509.ExtendedKeyUsage), found.get(x509.CertificatePolicies)
    constraints = found.get(x509.BasicConstraints)
    extensions = ours.extensions
    assert extensions.ca == (constraints.ca if isinstance(constraints, x509.BasicConstraints) else None)
    assert extensions.subject_key_identifier == (ski.digest if isinstance(ski, x509.SubjectKeyIdentifier) else None)
    assert (extensions.authority_key and extensions.authority_key.key_identifier) == (
        aki.key_identifier if isinstance(aki, x509.AuthorityKeyIdentifier) else None
    )
    assert extensions.purposes == (
        tuple(oid.dotted_string for oid in purposes) if isinstance(purposes, x509.ExtendedKeyUsage) else None
    )
    listed = policies if isinstance(policies, x509.CertificatePolicies) else ()
    assert list(extensions.policies) == [item.policy_identifier.dotted_string for item in listed]
    assert extensions.key_usage == _usages(found.get(x509.KeyUsage))
    assert [(name.kind, name.value) for name in extensions.alternative_names] == _names(theirs)


def _usages(usage: x509.ExtensionType | None) -> frozenset[str] | None:
    """Name the bits of a key usage as RFC 5280 does (the tests set none of the last two)."""
    if usage is None:
        return None
    return frozenset(
        ours for ours, theirs in zip(KEY_USAGES, made.KEY_USAGES[:7], strict=False) if getattr(usage, theirs)
    )


def _names(theirs: x509.Certificate) -> list[tuple[NameKind, str]]:
    try:
        names = theirs.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [_name(name) for name in names]


def _name(name: x509.GeneralName) -> tuple[NameKind, str]:
    match name:
        case x509.DNSName():
            return NameKind.DNS, name.value
        case x509.RFC822Name():
            return NameKind.EMAIL, name.value
        case x509.UniformResourceIdentifier():
            return NameKind.URI, name.value
        case x509.IPAddress():
            return NameKind.IP, str(name.value)
        case x509.OtherName():
            return NameKind.UPN, der.parts(der.tlv(0x30, name.value))[0][2:].decode()
        case _:
            raise AssertionError(name)


@given(st.binary(max_size=400))
def test_parsing_never_raises_when_the_bytes_are_arbitrary(data: bytes) -> None:
    """There are facts or there is a reason."""
    assert isinstance(parse_certificate(data), Certificate | Malformed)


@given(
    flips=st.lists(st.tuples(st.integers(0, len(LAPTOP.der) - 1), st.integers(1, 255)), min_size=1, max_size=4),
    cut=st.none() | st.integers(0, len(LAPTOP.der)),
)
def test_a_mutated_certificate_is_refused_when_any_byte_differs(flips: list[tuple[int, int]], cut: int | None) -> None:
    """Whatever is changed, nothing passes that OpenSSL refuses, and in fact nothing passes at all."""
    mutated = bytearray(LAPTOP.der)
    for place, mask in flips:
        mutated[place] ^= mask
    data = bytes(mutated[:cut])
    certificate = parse_certificate(data)
    passes = isinstance(certificate, Certificate) and (
        examine_issuance(certificate, parsed(AUTHORITY), NOW, signs=False) is None
    )
    assert not passes or openssl_accepts(data)
    assert passes == (data == LAPTOP.der)


def openssl_accepts(data: bytes) -> bool:
    """Ask OpenSSL alone: one trusted certificate, a partial chain, no check of time."""
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, AUTHORITY.der))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN | 0x200000)
    try:
        crypto.X509StoreContext(store, crypto.load_certificate(crypto.FILETYPE_ASN1, data)).verify_certificate()
    except (crypto.Error, crypto.X509StoreContextError):
        return False
    return True


def _validity(not_before: bytes, not_after: bytes) -> dict[Part, bytes | None]:
    return {Part.VALIDITY: der.tlv(0x30, not_before, not_after)}


_UTC = der.tlv(0x17, b"260101000000Z")


@pytest.mark.parametrize(
    ("parts", "detail"),
    [
        ({Part.SERIAL: der.tlv(4, b"1")}, "a serial number"),
        ({Part.SERIAL: der.tlv(2)}, "a serial number"),
        ({Part.SERIAL: der.integer(2**512)}, "a serial number"),
        ({Part.VERSION: der.tlv(0xA0, der.tlv(4, b"2"))}, "tag 0x04"),
        ({Part.ISSUER: der.tlv(0x31)}, "tag 0x31"),
        ({Part.SUBJECT: der.tlv(0x30, der.tlv(0x30))}, "not a SET"),
        ({Part.PUBLIC_KEY: None, Part.EXTENSIONS: None}, "fields of the certificate are missing"),
        ({Part.PUBLIC_KEY: der.tlv(0x30)}, "cut short"),
        ({Part.PUBLIC_KEY: der.tlv(0x30, der.tlv(0x30, der.oid("1.2.3")))}, "cut short"),
        ({Part.EXTENSIONS: der.tlv(0xA3, der.tlv(0x31))}, "tag 0x31"),
        ({Part.VALIDITY: der.tlv(0x30, _UTC)}, "not a pair of times"),
        (_validity(_UTC, der.tlv(0x16, b"270101000000Z")), "another type"),
        (_validity(der.tlv(0x17, b"2601010000Z"), _UTC), "RFC 5280 does not allow"),
        (_validity(der.tlv(0x17, b"260101000000+0000"), _UTC), "RFC 5280 does not allow"),
        (_validity(_UTC, der.tlv(0x18, b"20270101000000.5Z")), "RFC 5280 does not allow"),
        (_validity(_UTC, der.tlv(0x18, b"2027010100000\xb2Z")), "RFC 5280 does not allow"),
        (_validity(_UTC, der.tlv(0x18, b"20270101000000X")), "RFC 5280 does not allow"),
        (_validity(_UTC, der.tlv(0x17, b"261301000000Z")), "month"),
        (_validity(_UTC, der.tlv(0x18, b"00000101000000Z")), "year"),
    ],
)
def test_a_certificate_is_malformed_when_a_part_is_not_what_belongs_there(
    parts: dict[Part, bytes | None], detail: str
) -> None:
    """The detail says where reading stopped, and the bytes keep their fingerprint."""
    issued = AUTHORITY.issue(parts=parts)
    found = parse_certificate(issued.der)
    assert isinstance(found, Malformed)
    assert detail in found.detail
    assert (issued.der, found.sha256.hex()) == (found.der, found.fingerprint)


def test_a_certificate_is_malformed_when_its_body_is_empty() -> None:
    """There is nothing in it that could be looked at."""
    _, algorithm, signature = der.parts(LAPTOP.der)
    assert "fields of the certificate are missing" in _malformed(der.tlv(0x30, der.tlv(0x30), algorithm, signature))


def test_a_certificate_is_malformed_when_bytes_stand_behind_it_or_its_signature() -> None:
    """One certificate has one encoding."""
    behind = der.tlv(0x30, *der.parts(LAPTOP.der), b"\x05\x00")
    assert "behind the end" in _malformed(LAPTOP.der + b"\0")
    assert "behind the signature" in _malformed(behind)


def _malformed(data: bytes) -> str:
    found = parse_certificate(data)
    assert isinstance(found, Malformed)
    return found.detail


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (der.tlv(0x17, b"491231235959Z"), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.tlv(0x17, b"500101000000Z"), datetime(1950, 1, 1, tzinfo=UTC)),
        (der.tlv(0x18, b"99991231235959Z"), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (der.tlv(0x18, b"20260101000000Z"), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_when_rfc_5280_allows_its_form(time: bytes, expected: datetime) -> None:
    """Two-digit years from 50 on are of the last century."""
    assert expected == parsed(AUTHORITY.issue(parts=_validity(_UTC, time))).not_after


def test_a_certificate_has_no_extensions_when_it_is_of_version_1() -> None:
    """The first version knew none."""
    first = parsed(AUTHORITY.issue(parts={Part.VERSION: None, Part.EXTENSIONS: None}))
    assert (0, None) == (first.version, first.extensions.ca)
    odd = AUTHORITY.issue(parts={Part.EXTENSIONS: der.tlv(0x81, b"\0unique")})
    assert parsed(odd).extensions.purposes is None


def test_a_serial_number_has_64_bytes_at_most() -> None:
    """The bound itself is allowed, and a version is a number with a sign."""
    assert parsed(AUTHORITY.issue(serial=2**511 - 1)).serial_number == 2**511 - 1
    assert parsed(AUTHORITY.issue(parts={Part.VERSION: der.tlv(0xA0, der.integer(-1))})).version == -1


def test_a_fingerprint_is_the_digest_of_the_whole_certificate() -> None:
    """The same as OpenSSL's and cryptography's."""
    assert LAPTOP.certificate.fingerprint(made_sha256()).hex() == parsed(LAPTOP).fingerprint


def made_sha256() -> Any:  # noqa: ANN401 - cryptography's hash algorithm.
    """Give cryptography's SHA-256."""
    return LAPTOP.certificate.signature_hash_algorithm


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2026, 6, 1, 12, 0, 0, 999, tzinfo=UTC), "2026-06-01T12:00:00Z"),
        (datetime(812, 1, 2, tzinfo=UTC), "0812-01-02T00:00:00Z"),
        (datetime(2026, 6, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026-05-31T23:00:00Z"),
    ],
)
def test_an_instant_is_shown_in_utc_to_the_second(instant: datetime, text: str) -> None:
    """Years have four digits."""
    assert text == rfc3339(instant)


# --- Keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "accepted"),
    [
        (KeyKind.RSA1024, "RSA 1024", False),
        (KeyKind.RSA2048, "RSA 2048", True),
        (KeyKind.P224, "EC on curve 1.3.132.0.33", False),
        (KeyKind.P256, "P-256", True),
        (KeyKind.P384, "P-384", True),
        (KeyKind.P521, "P-521", True),
        (KeyKind.SECP256K1, "EC on curve 1.3.132.0.10", False),
        (KeyKind.ED25519, "Ed25519", True),
        (KeyKind.ED448, "algorithm 1.3.101.113", False),
    ],
)
def test_a_key_is_accepted_when_its_kind_and_size_are(kind: KeyKind, name: str, accepted: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """Its name stands in messages, whatever it is."""
    key = parsed(AUTHORITY.issue(key=kind)).public_key
    assert (name, accepted) == (key.name, key.kind is not None)


def _rsa_key(bits: int) -> bytes:
    """Encode the public key of an RSA modulus of so many bits, which nobody can sign with."""
    algorithm = der.tlv(0x30, der.oid("1.2.840.113549.1.1.1"), der.tlv(5))
    return der.tlv(0x30, algorithm, der.tlv(3, b"\0", _rsa_material(bits)))


def _rsa_material(bits: int, exponent: int = 65537) -> bytes:
    return der.tlv(0x30, der.integer(2**bits - 1), der.integer(exponent))


@pytest.mark.parametrize(("bits", "accepted"), [(2047, False), (2048, True), (8192, True), (8193, False)])
def test_an_rsa_key_is_accepted_when_it_has_2048_to_8192_bits(bits: int, accepted: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """Both ends included."""
    key = parse_public_key(_rsa_key(bits))
    assert (f"RSA {bits}", accepted) == (key.name, key.kind is not None)


@pytest.mark.parametrize(
    "parameters", [b"", der.tlv(5), der.tlv(0x30, der.integer(1)), der.tlv(0x30, der.oid("1.2.840.10045.1.1"))]
)
def test_an_elliptic_key_is_of_no_kind_when_its_curve_has_no_name(parameters: bytes) -> None:
    """Explicit parameters can describe any curve, also one that was made to be broken."""
    algorithm = der.tlv(0x30, der.oid("1.2.840.10045.2.1"), parameters)
    key = parse_public_key(der.tlv(0x30, algorithm, der.tlv(3, b"\0\4")))
    assert (None, "EC with explicit curve parameters") == (key.kind, key.name)


@pytest.mark.parametrize(
    ("algorithm", "parameters", "material"),
    [
        ("1.2.840.10045.2.1", der.oid("1.2.840.10045.3.1.7") + der.tlv(5), b"\4"),
        ("1.2.840.10045.2.1", der.tlv(6, b"\x80\1"), b"\4"),
        ("1.2.840.113549.1.1.1", der.tlv(5), b""),
        ("1.2.840.113549.1.1.1", der.tlv(5), der.tlv(0x30)),
        ("1.2.840.113549.1.1.1", der.tlv(5), der.tlv(0x30, der.tlv(4, b"1"))),
    ],
)
def test_a_key_is_of_no_kind_when_it_cannot_be_read(algorithm: str, parameters: bytes, material: bytes) -> None:
    """It hides no certificate; OpenSSL, which does not read it either, is who refuses."""
    encoded = der.tlv(0x30, der.tlv(0x30, der.oid(algorithm), parameters), der.tlv(3, b"\0", material))
    key = parse_public_key(encoded)
    assert (None, f"unreadable, algorithm {algorithm}", encoded) == (key.kind, key.name, key.encoded)
    assert step(AUTHORITY.issue(parts={Part.PUBLIC_KEY: encoded})) == (4, Reason.MALFORMED_CERTIFICATE)


@pytest.mark.parametrize(
    ("exponent", "accepted"),
    [
        (-3, False),
        (0, False),
        (1, False),
        (2, False),
        (3, True),
        (65537, True),
        (2**256 - 1, True),
        (2**256 + 1, False),
        (2**3071 + 1, False),
    ],
)
def test_an_rsa_key_is_accepted_when_its_exponent_is(exponent: int, *, accepted: bool) -> None:
    """With 1 everybody can sign; one as long as the modulus costs whoever verifies 5 ms, for each line of a report."""
    algorithm = der.tlv(0x30, der.oid("1.2.840.113549.1.1.1"), der.tlv(5))
    key = parse_public_key(der.tlv(0x30, algorithm, der.tlv(3, b"\0", _rsa_material(3072, exponent))))
    assert accepted == (key.kind is not None)
    assert key.name.startswith("RSA 3072")


def test_an_rsa_key_is_of_no_kind_when_it_has_parameters() -> None:
    """RFC 3279, 2.3.1 leaves it none; OpenSSL's releases differ over them."""
    for parameters, kind in ((b"", "RSA"), (der.tlv(5), "RSA"), (der.tlv(5, b"\0"), None), (der.tlv(0x30), None)):
        algorithm = der.tlv(0x30, der.oid("1.2.840.113549.1.1.1"), parameters)
        assert kind == parse_public_key(der.tlv(0x30, algorithm, der.tlv(3, b"\0", _rsa_material(2048)))).kind


# --- The one step -----------------------------------------------------------------------------------------------------


def _authority(**options: Any) -> CertificateAuthority:  # noqa: ANN401 - Options.
    """Make an odd certificate with AUTHORITY's name and key, so that its certificates lead to it."""
    return CertificateAuthority.create(**{"cn": "Example Root CA", "key": AUTHORITY.key, **options})


def test_the_step_holds_when_the_authority_signed_the_certificate() -> None:
    """An ordinary certificate passes, and so does one of an authority that is no root."""
    middle = AUTHORITY.subordinate()
    assert refusal(LAPTOP) is None
    assert refusal(middle.issue(), middle) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca": False}, "version 3, CA:FALSE, key usage cRLSign, keyCertSign"),
        ({"ca": None, "key_usage": None}, "version 3, CA:FALSE"),
        ({"key_usage": ["crl_sign"]}, "version 3, CA:TRUE, key usage cRLSign"),
        ({"key_usage": []}, "version 3, CA:TRUE, key usage empty"),
        ({"parts": {Part.VERSION: None}}, "version 1, CA:TRUE, key usage cRLSign, keyCertSign"),
        (
            {"parts": {Part.VERSION: der.tlv(0xA0, der.integer(1))}},
            "version 2, CA:TRUE, key usage cRLSign, keyCertSign",
        ),
    ],
)
def test_the_step_stops_at_1_when_the_authority_is_no_ca(options: dict[str, Any], words: str) -> None:
    """Version 3, CA:TRUE, and keyCertSign where there is a key usage."""
    authority = _authority(**options)
    found = examine_authority(parsed(authority))
    assert found is not None
    assert (1, Reason.SIGNING_CERTIFICATE_NOT_A_CA) == (found.step, found.reason) == step(LAPTOP, authority)
    assert found.expected == "version 3, CA:TRUE, key usage absent or with keyCertSign"
    assert found.found == words


def test_an_authority_may_sign_when_it_has_no_key_usage() -> None:
    """Absent is not forbidden."""
    authority = _authority(key_usage=None)
    assert examine_authority(parsed(authority)) is None
    assert step(LAPTOP, authority) is None


def test_the_step_stops_at_2_when_the_certificate_is_an_authority() -> None:
    """CA:TRUE, keyCertSign, or the signing certificate itself."""
    for found in (
        step(AUTHORITY.subordinate().issued),
        step(AUTHORITY.issue(ca=True)),
        step(AUTHORITY.issue(key_usage=["digital_signature", "key_cert_sign"])),
        step(AUTHORITY.issued),
    ):
        assert found == (2, Reason.CERTIFICATE_IS_A_CA)
    assert _words(AUTHORITY.issued) == ("an end entity's certificate", "a certificate authority's")


def test_the_step_stops_at_3_when_the_name_or_the_key_is_another() -> None:
    """The issuer's name first, then each part of the authority key identifier."""
    name = AUTHORITY.certificate.subject
    serial = AUTHORITY.certificate.serial_number
    other = x509.DirectoryName(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "other")]))
    own = x509.DirectoryName(name)

    def named(
        key: bytes | None, issuers: list[x509.GeneralName] | None, number: int | None
    ) -> tuple[int, Reason] | None:
        return step(AUTHORITY.issue(aki=x509.AuthorityKeyIdentifier(key, issuers, number)))

    mismatch = (3, Reason.AUTHORITY_KEY_MISMATCH)
    assert step(RSA.issue()) == (3, Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE)
    assert mismatch == named(b"another key", None, None)
    assert mismatch == named(AUTHORITY.key_identifier, [own], serial + 1)
    assert mismatch == named(AUTHORITY.key_identifier, [other], serial)
    assert mismatch == named(AUTHORITY.key_identifier, [other, own], serial)
    assert named(AUTHORITY.key_identifier, [own, other], serial) is None
    parts = refusal(
        MIDDLE.issue(aki=x509.AuthorityKeyIdentifier(None, [other], MIDDLE.certificate.serial_number)), MIDDLE
    )
    assert parts is not None
    assert ("CN=Example Root CA", "CN=other") == (parts.expected, parts.found)
    assert named(AUTHORITY.key_identifier, [x509.DNSName("a"), own], serial) is None
    assert step(AUTHORITY.issue(aki=None)) is None


def test_a_key_identifier_is_not_compared_when_the_authority_has_none() -> None:
    """There is nothing that it could differ from; the signature decides."""
    authority = _authority(ski=False, aki=None)
    assert step(AUTHORITY.issue(aki=b"whatever"), authority) is None


def _self_signed() -> Issued:
    """Make an end entity's certificate in the authority's name, signed by itself."""
    return CertificateAuthority.create(cn="Example Root CA", ca=False, key_usage=["digital_signature"], aki=None).issued


def _broken_purposes() -> x509.Extension[x509.ExtensionType]:
    return made.extension(x509.UnrecognizedExtension(x509.ExtendedKeyUsage.oid, der.tlv(0x30, der.integer(5))))


def _proxy() -> x509.Extension[x509.ExtensionType]:
    """Make a proxyCertInfo (RFC 3820), which OpenSSL knows and does not allow."""
    policy = der.tlv(0x30, der.tlv(0x30, der.oid("1.3.6.1.5.5.7.21.1")))
    return made.extension(
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.14"), policy), critical=True
    )


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: with_broken_signature(AUTHORITY.issue()), Reason.SIGNATURE_INVALID),
        (lambda: AUTHORITY.issue(unknown_critical=True), Reason.UNKNOWN_CRITICAL_EXTENSION),
        (lambda: CertificateAuthority.create(cn="Example Root CA").issue(aki=None), Reason.SIGNATURE_INVALID),
        (lambda: AUTHORITY.issue(parts={Part.ALGORITHM: der.tlv(0x30, der.oid("1.2.3"))}), Reason.SIGNATURE_INVALID),
        (lambda: AUTHORITY.issue(eku=None, extensions=[_broken_purposes()]), Reason.SIGNATURE_INVALID),
        (_self_signed, Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE),
        (lambda: AUTHORITY.issue(parts={Part.PUBLIC_KEY: _rsa_key(0)}), None),
        (lambda: AUTHORITY.issue(extensions=[_proxy()]), Reason.MALFORMED_CERTIFICATE),
        (lambda: AUTHORITY.issue(parts={Part.EXTENSIONS: der.tlv(0xA4, b"")}), Reason.MALFORMED_CERTIFICATE),
    ],
)
def test_the_step_stops_at_4_when_openssl_refuses(make: Callable[[], Issued], reason: Reason | None) -> None:
    """Its numbers become our reasons; what has no number of its own is malformed."""
    found = step(make())
    assert found == ((4, reason) if reason else (6, Reason.KEY_UNSUPPORTED))


@pytest.mark.parametrize(
    ("limits", "options", "holds"),
    [
        (constraints(permitted=[dns("corp.example")]), {"sans": [dns("a.corp.example")]}, True),
        (constraints(permitted=[dns("corp.example")]), {"sans": [dns("a.example")]}, False),
        (constraints(permitted=[dns("corp.example")]), {"cn": "a.other.example"}, False),
        (constraints(excluded=[dns("secret.example")]), {"sans": [dns("a.secret.example")]}, False),
        (constraints(permitted=[email("corp.example")]), {"sans": [email("jo@other.example")]}, False),
        (constraints(permitted=[uri("corp.example")]), {"sans": [uri("urn:uuid:1")]}, False),
    ],
)
def test_the_step_stops_at_4_when_a_name_is_outside_the_constraints(
    limits: x509.NameConstraints,
    options: dict[str, Any],
    holds: bool,  # noqa: FBT001 - the expected value is a truth value.
) -> None:
    """Names permitted and excluded, of all kinds, also a common name that looks like a host's."""
    authority = CertificateAuthority.create(cn="Limited", name_constraints=limits)
    assert step(authority.issue(**options), authority) == (None if holds else (4, Reason.NAME_CONSTRAINT_VIOLATED))


def _subtree(base: bytes, rest: bytes = b"") -> CertificateAuthority:
    """Make an authority that permits one subtree, given by its DER and what follows it."""
    content = der.tlv(0x30, der.tlv(0xA0, der.tlv(0x30, base, rest)))
    limits = x509.UnrecognizedExtension(x509.NameConstraints.oid, content)
    return CertificateAuthority.create(cn="Limited", extensions=[made.extension(limits, critical=True)])


@pytest.mark.parametrize(
    ("base", "rest", "name", "number"),
    [
        (der.tlv(0x82, b"example"), der.tlv(0x80, b"\1"), dns("a.example"), 49),
        (der.tlv(0x88, b"\x2a\3"), b"", x509.RegisteredID(x509.ObjectIdentifier("1.2.3")), 51),
        (der.tlv(0x87, b"12345"), b"", ip("192.0.2.1"), 53),
    ],
)
def test_the_step_stops_at_4_when_openssl_cannot_hold_a_name_against_the_constraints(
    base: bytes, rest: bytes, name: x509.GeneralName, number: int
) -> None:
    """Subtrees with a minimum, kinds of names that it does not compare, addresses of no length: what is not compared fails."""
    authority = _subtree(base, rest)
    found = refusal(authority.issue(sans=[name]), authority)
    assert found is not None
    assert (4, Reason.NAME_CONSTRAINT_VIOLATED) == (found.step, found.reason)
    assert found.found.startswith(f"OpenSSL error {number}: ")


def test_the_words_of_openssl_are_short_when_it_cannot_read_a_certificate() -> None:
    """The queue of errors may hold others' words, which do not belong in a message."""
    found = refusal(AUTHORITY.issue(parts={Part.EXTENSIONS: der.tlv(0xA4, b"")}))
    assert found is not None
    assert len(found.found) < 80
    assert found.found == "OpenSSL cannot read it: wrong tag"


def test_dates_count_to_their_last_instant_and_not_beyond() -> None:
    """Both ends are included, for the certificate first and then for its authority (RFC 5280, 4.1.2.5)."""
    start, end = NOW - DAY, NOW + DAY
    leaf = parsed(AUTHORITY.issue(not_before=start, not_after=end))
    old = _authority(not_before=start, not_after=end)
    long = parsed(AUTHORITY.issue(not_before=start - DAY, not_after=end + DAY))

    def at(instant: datetime, certificate: Certificate, authority: CertificateAuthority) -> Reason | None:
        found = examine_issuance(certificate, parsed(authority), instant, signs=True)
        assert found is None or found.step == 5
        return found.reason if found else None

    assert {None} == {at(instant, leaf, AUTHORITY) for instant in (start, NOW, end)}
    assert {None} == {at(instant, long, old) for instant in (start, NOW, end)}
    assert {Reason.CERTIFICATE_EXPIRED} == {at(end + SECOND, leaf, item) for item in (AUTHORITY, old)}
    assert {Reason.CERTIFICATE_NOT_YET_VALID} == {at(start - SECOND, leaf, item) for item in (AUTHORITY, old)}
    assert at(end + SECOND, long, old) is Reason.SIGNING_CERTIFICATE_EXPIRED
    assert at(start - SECOND, long, old) is Reason.SIGNING_CERTIFICATE_NOT_YET_VALID
    assert at(end + timedelta(microseconds=1), leaf, AUTHORITY) is Reason.CERTIFICATE_EXPIRED


_EARLIER, _LATER = NOW - DAY, NOW + DAY
_VALID = "valid at 2026-06-01T00:00:00Z"


@pytest.mark.parametrize(
    ("make", "expected", "found"),
    [
        (lambda: AUTHORITY.issue(not_after=_EARLIER), _VALID, "expired at 2026-05-31T00:00:00Z"),
        (lambda: AUTHORITY.issue(not_before=_LATER), _VALID, "valid from 2026-06-02T00:00:00Z"),
        (lambda: RSA.issue(digest=Digest.MD5), "a signature with SHA-256 or better", "1.2.840.113549.1.1.4"),
        (lambda: AUTHORITY.issue(key=KeyKind.RSA1024), "RSA 2048 to 8192, P-256, P-384, P-521 or Ed25519", "RSA 1024"),
    ],
)
def test_a_refusal_says_what_was_expected_and_found(make: Callable[[], Issued], expected: str, found: str) -> None:
    """In words that an administrator can compare."""
    issued = make()
    signer = RSA if parsed(issued).issuer.text == "CN=RSA Root" else AUTHORITY
    refused = refusal(issued, signer)
    assert refused is not None
    assert expected == refused.expected
    assert refused.found in {found, f"signature algorithm {found}"}


@pytest.mark.parametrize(
    ("options", "expected", "found"),
    [
        (
            {"not_after": _EARLIER},
            f"signing certificate {_VALID}",
            "signing certificate expired at 2026-05-31T00:00:00Z",
        ),
        (
            {"not_before": _LATER},
            f"signing certificate {_VALID}",
            "signing certificate valid from 2026-06-02T00:00:00Z",
        ),
        (
            {"key": KeyKind.ED448},
            "RSA 2048 to 8192, P-256, P-384, P-521 or Ed25519",
            "signing certificate's algorithm 1.3.101.113",
        ),
    ],
)
def test_a_refusal_says_so_when_it_is_the_signing_certificate_that_is_refused(
    options: dict[str, Any], expected: str, found: str
) -> None:
    """Nobody shall look for the fault in the wrong certificate."""
    authority = CertificateAuthority.create(cn="Odd", **options)
    refused = refusal(authority.issue(), authority)
    assert refused is not None
    assert (expected, found) == (refused.expected, refused.found)


@pytest.mark.parametrize("digest", [Digest.MD5, Digest.SHA1, Digest.SHA224])
def test_the_step_stops_at_6_when_the_digest_is_weak(digest: Digest) -> None:
    """OpenSSL passes these here."""
    assert step(RSA.issue(digest=digest), RSA) == (6, Reason.SIGNATURE_ALGORITHM_WEAK)


@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("digest", [Digest.SHA256, Digest.SHA384, Digest.SHA512])
def test_the_step_holds_when_the_digest_is_strong(digest: Digest, pss: bool) -> None:  # noqa: FBT001 - with and without.
    """RSA in both paddings."""
    assert step(RSA.issue(digest=digest, pss=pss), RSA) is None


@pytest.mark.parametrize(
    ("digest", "strong"),
    [
        (Digest.SHA1, False),
        (Digest.SHA224, False),
        (Digest.SHA256, True),
        (Digest.SHA384, True),
        (Digest.SHA512, True),
    ],
)
def test_an_ecdsa_signature_is_strong_when_its_digest_is(digest: Digest, strong: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """The same digests as with RSA."""
    assert step(AUTHORITY.issue(digest=digest)) == (None if strong else (6, Reason.SIGNATURE_ALGORITHM_WEAK))


def _with_algorithm(algorithm: bytes) -> Issued:
    """Give a certificate with another AlgorithmIdentifier inside and outside."""
    body, _, signature = der.parts(RSA.issue(parts={Part.ALGORITHM: algorithm}).der)
    return Issued(der=der.tlv(0x30, body, algorithm, signature), key=RSA.key)


@pytest.mark.parametrize(
    "parameters",
    [
        b"",
        der.tlv(0xA2, der.integer(20)),
        der.tlv(0xA0, der.tlv(0x30, der.oid("1.3.14.3.2.26"))),
        # The digest's place is [0]; elsewhere it says nothing of what was hashed.
        der.tlv(0xA1, der.tlv(0x30, der.oid("2.16.840.1.101.3.4.2.1"))),
    ],
)
def test_a_signature_is_weak_when_pss_hashes_with_sha_1(parameters: bytes) -> None:
    """SHA-1 is the default of RSASSA-PSS, and may be named too (RFC 4055, 3.1)."""
    algorithm = der.tlv(0x30, der.oid("1.2.840.113549.1.1.10"), der.tlv(0x30, parameters))
    assert not parsed(_with_algorithm(algorithm)).signature_strong


@pytest.mark.parametrize("parameters", [b"", der.tlv(5), der.tlv(0x30, der.tlv(0xA0))])
def test_a_signature_is_weak_when_pss_has_no_parameters_that_can_be_read(parameters: bytes) -> None:
    """They are required in a signature (RFC 4055, 3.1), and OpenSSL, which is asked first, refuses it for that."""
    found = _with_algorithm(der.tlv(0x30, der.oid("1.2.840.113549.1.1.10"), parameters))
    assert not parsed(found).signature_strong
    assert step(found, RSA) == (4, Reason.SIGNATURE_INVALID)


def test_the_step_stops_at_6_when_a_key_is_not_supported() -> None:
    """The certificate's key, and the signing certificate's, whichever it is."""
    weak = CertificateAuthority.create(cn="Weak", key=KeyKind.RSA1024)
    strange = CertificateAuthority.create(cn="Strange", key=KeyKind.ED448)
    assert step(AUTHORITY.issue(key=KeyKind.SECP256K1)) == (6, Reason.KEY_UNSUPPORTED)
    assert step(weak.issue(), weak) == (6, Reason.KEY_UNSUPPORTED)
    assert step(strange.issue(), strange) == (6, Reason.KEY_UNSUPPORTED)


def _words(issued: Issued) -> tuple[str, str]:
    """Tell what was expected and found where the step stopped."""
    found = refusal(issued)
    assert found is not None
    return found.expected, found.found


def test_the_step_stops_at_6_when_the_key_may_not_sign_and_a_signature_is_asked_for() -> None:
    """An absent key usage allows it; without a signature nobody asks."""
    agreeing = AUTHORITY.issue(key_usage=["key_agreement"])
    assert step(agreeing) == (6, Reason.KEY_USAGE_UNSUITABLE)
    assert _words(agreeing) == ("key usage digitalSignature", "keyAgreement")
    assert refusal(agreeing, signs=False) is None
    assert refusal(AUTHORITY.issue(key_usage=None)) is None
