"""The extensions that a check asks about: read as RFC 5280 writes them, refused where they are broken."""

from __future__ import annotations

import pytest
from cryptography import x509

from gatepost.core import der
from gatepost.core.extensions import AlternativeName, Extensions, NameKind, parse_extensions
from tests import der as made
from tests.certificates import dns, email, ip, upn, uri

KEY_USAGE = "2.5.29.15"
ALTERNATIVE_NAME = "2.5.29.17"
BASIC_CONSTRAINTS = "2.5.29.19"
AUTHORITY_KEY = "2.5.29.35"
PURPOSES = "2.5.29.37"


def parse(*extensions: tuple[str, bytes]) -> Extensions:
    """Parse extensions, each given by its identifier and the content of its octet string."""
    items = (made.tlv(0x30, made.oid(oid), made.tlv(4, value)) for oid, value in extensions)
    encoded = made.tlv(0x30, *items)
    return parse_extensions(encoded, der.whole(encoded, 0x30))


def names(*general: x509.GeneralName) -> tuple[AlternativeName, ...]:
    """Parse these subject alternative names."""
    return parse((ALTERNATIVE_NAME, x509.SubjectAlternativeName(general).public_bytes())).alternative_names


def test_all_is_absent_when_there_are_no_extensions() -> None:
    """Absence is not emptiness."""
    assert Extensions() == parse()
    assert (None, None, None) == (parse().ca, parse().key_usage, parse().purposes)


@pytest.mark.parametrize(
    ("value", "ca"),
    [("3000", False), ("30030101ff", True), ("3003010101", True), ("3003010100", False), ("3003020105", False)],
)
def test_a_certificate_is_a_ca_when_basic_constraints_say_so(value: str, ca: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """Any content but zero is TRUE, as OpenSSL reads it; a path length alone is not."""
    assert ca == parse((BASIC_CONSTRAINTS, bytes.fromhex(value))).ca


@pytest.mark.parametrize(
    ("value", "usages"),
    [
        ("03020780", {"digitalSignature"}),
        ("030205a0", {"digitalSignature", "keyEncipherment"}),
        ("03020106", {"keyCertSign", "cRLSign"}),
        ("0303070080", {"decipherOnly"}),
        ("030207fe", {"digitalSignature"}),
        ("030100", set()),
        ("0304070000ff", set()),
    ],
)
def test_key_usages_are_the_bits_that_count(value: str, usages: set[str]) -> None:
    """Bits that the bit string declares unused do not count, nor do bits without a name."""
    assert parse((KEY_USAGE, bytes.fromhex(value))).key_usage == frozenset(usages)


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        (dns("A.example"), NameKind.DNS, "A.example"),
        (email("a@b.example"), NameKind.EMAIL, "a@b.example"),
        (uri("urn:a:b"), NameKind.URI, "urn:a:b"),
        (ip("192.0.2.1"), NameKind.IP, "192.0.2.1"),
        (ip("2001:DB8:0::1"), NameKind.IP, "2001:db8::1"),
        (upn("jo@corp.example"), NameKind.UPN, "jo@corp.example"),
        (upn("jo@corp.example", made.Text.IA5), NameKind.UPN, "jo@corp.example"),
        (upn("jö@corp.example", made.Text.BMP), NameKind.UPN, "jö@corp.example"),
    ],
)
def test_a_name_is_read_when_it_is_of_a_kind_that_checks_ask_for(
    name: x509.GeneralName, kind: NameKind, text: str
) -> None:
    """DNS, email, URI, IP and UPN, the last in any type of string."""
    assert (AlternativeName(kind, text),) == names(name)


@pytest.mark.parametrize(
    "name",
    [
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.DirectoryName(x509.Name([])),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), made.tlv(0x0C, b"\xff")),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), made.tlv(0x02, b"a")),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x1f\x81\x01\x01a"),
    ],
)
def test_a_name_is_passed_over_when_no_check_asks_for_its_kind(name: x509.GeneralName) -> None:
    """It neither matches nor hides the names beside it; a UPN that is no text is none."""
    assert (AlternativeName(NameKind.DNS, "a"),) == names(name, dns("a"))


def test_an_address_is_passed_over_when_it_has_an_odd_length() -> None:
    """Five bytes are no address."""
    assert () == parse((ALTERNATIVE_NAME, made.tlv(0x30, made.tlv(0x87, b"12345")))).alternative_names


def test_text_beyond_ascii_is_kept_apart_when_a_name_should_be_ascii() -> None:
    """Such bytes become characters that do not print, so that nothing ever equals them."""
    (name,) = parse((ALTERNATIVE_NAME, made.tlv(0x30, made.tlv(0x82, b"\xe9")))).alternative_names
    assert not name.value.isprintable()


def test_purposes_are_listed_when_the_extension_is_there() -> None:
    """What is no object identifier is passed over; the extension may be empty."""
    assert ("1.2.3", "2.5.29.37.0") == parse(
        (PURPOSES, made.tlv(0x30, made.oid("1.2.3"), made.integer(5), made.oid("2.5.29.37.0")))
    ).purposes
    assert parse((PURPOSES, made.tlv(0x30))).purposes == ()


def test_the_authority_key_is_read_with_all_its_parts() -> None:
    """Key identifier, the issuer's directory names, serial number; other names are passed over."""
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
    value = x509.AuthorityKeyIdentifier(b"key", [x509.DNSName("a"), x509.DirectoryName(issuer)], 77)
    found = parse((AUTHORITY_KEY, value.public_bytes())).authority_key
    assert found is not None
    assert (b"key", 77) == (found.key_identifier, found.serial_number)
    assert ["CN=root"] == [name.text for name in found.issuers]
    assert parse((AUTHORITY_KEY, made.tlv(0x30, made.tlv(0x85, b"?")))).authority_key is not None


def test_an_extension_is_passed_over_when_no_check_asks_for_it() -> None:
    """An odd extension does not hide a certificate."""
    assert Extensions() == parse(("1.3.6.1.5.5.7.1.1", b"junk"), ("1.2.3.4", b""))


def test_an_extension_is_read_when_it_is_critical() -> None:
    """The flag stands between identifier and value, and may be FALSE."""
    for flag in (b"\xff", b"\x00"):
        item = made.tlv(0x30, made.oid(PURPOSES), made.tlv(1, flag), made.tlv(4, made.tlv(0x30)))
        encoded = made.tlv(0x30, item)
        assert parse_extensions(encoded, der.whole(encoded, 0x30)).purposes == ()


@pytest.mark.parametrize(
    ("oid", "value", "problem"),
    [
        (BASIC_CONSTRAINTS, "30020100", "a boolean of another length"),
        (BASIC_CONSTRAINTS, "3004010200ff", "a boolean of another length"),
        (BASIC_CONSTRAINTS, "0101ff", "tag 0x01"),
        (KEY_USAGE, "03020880", "no bit string"),
        (KEY_USAGE, "0300", "no bit string"),
        (KEY_USAGE, "040100", "tag 0x04"),
        (PURPOSES, "30030601", "longer"),
        (PURPOSES, "3003060181", "cut short"),
        (ALTERNATIVE_NAME, "3003a00105", "tag 0x05|cut short"),
        (ALTERNATIVE_NAME, "", "cut short"),
        ("2.5.29.14", "0500", "tag 0x05"),
        ("2.5.29.32", "30020500", "cut short"),
        (AUTHORITY_KEY, "3080", "length"),
    ],
)
def test_a_certificate_is_refused_when_an_extension_that_matters_is_broken(oid: str, value: str, problem: str) -> None:
    """Nobody guesses what it may have meant; which one it is, is told."""
    with pytest.raises(der.DerError, match=problem) as caught:
        parse((oid, bytes.fromhex(value)))
    assert str(caught.value).startswith(f"extension {oid}: ")


def test_a_certificate_is_refused_when_an_extension_stands_twice() -> None:
    """RFC 5280, 4.2: not more than one of each; also of those that nobody asks for."""
    for oid in (PURPOSES, "1.2.3.4"):
        with pytest.raises(der.DerError, match="stands twice"):
            parse((oid, made.tlv(0x30)), (oid, made.tlv(0x30)))


def test_a_certificate_is_refused_when_an_extension_has_no_value() -> None:
    """An octet string belongs behind the identifier."""
    encoded = made.tlv(0x30, made.tlv(0x30, made.oid(PURPOSES), made.tlv(0x05)))
    with pytest.raises(der.DerError, match="has no value"):
        parse_extensions(encoded, der.whole(encoded, 0x30))


def test_a_certificate_is_refused_when_it_has_more_names_than_a_check_would_compare() -> None:
    """A thousand names are read, one more is too many."""
    assert len(names(*[dns("a")] * 1_000)) == 1_000
    with pytest.raises(der.DerError, match="more than 1000"):
        names(*[dns("a")] * 1_001)
