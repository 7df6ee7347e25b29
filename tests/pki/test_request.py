"""What may be asked for, and how what may not is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from gatepost.errors import InputError
from gatepost.pki.request import (
    AlternativeName,
    CertificateRequest,
    NameKind,
    Subject,
    Validity,
    parse_alternative_name,
    parse_policies,
    parse_purposes,
    validity,
)

NOW = datetime(2026, 6, 1, 12, 0, 0, 500_000, tzinfo=UTC)
SECOND = timedelta(seconds=1)
YEAR = Validity(not_before=NOW, not_after=NOW + timedelta(days=365))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dns:laptop-1.example.com", AlternativeName(NameKind.DNS, "laptop-1.example.com")),
        ("DNS:*.example.com", AlternativeName(NameKind.DNS, "*.example.com")),
        ("dns:_tcp.xn--bcher-kva.example", AlternativeName(NameKind.DNS, "_tcp.xn--bcher-kva.example")),
        ("email:ada+laptop@example.com", AlternativeName(NameKind.EMAIL, "ada+laptop@example.com")),
        ("uri:urn:uuid:0b5c1e52", AlternativeName(NameKind.URI, "urn:uuid:0b5c1e52")),
        ("ip:192.0.2.1", AlternativeName(NameKind.IP, "192.0.2.1")),
        ("ip:2001:db8::1", AlternativeName(NameKind.IP, "2001:db8::1")),
        ("upn:åda@corp.example", AlternativeName(NameKind.UPN, "åda@corp.example")),
    ],
)
def test_a_name_is_parsed_when_it_has_the_form_of_its_kind(text: str, expected: AlternativeName) -> None:
    """The kind stands before the first colon, in any case; the rest is the value as it is."""
    assert expected == parse_alternative_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "laptop-1",
        "name:laptop-1",
        "dns:",
        "dns:a..b",
        "dns:a b",
        "dns:bücher.example",
        "dns:-a.example",
        "dns:a\n",
        f"dns:{'a' * 64}",
        f"dns:{'a.' * 130}a",
        "email:ada",
        "email:ada@",
        "email:ada@b@c",
        "email:åda@example.com",
        "uri:example.com/ada",
        "uri:https://bücher.example",
        "uri:urn:a b",
        "ip:192.0.2.1/24",
        "ip:192.0.2.256",
        "ip:fe80::1%eth0",
        "ip:laptop",
        "upn:",
        "upn:a\0b",
    ],
)
def test_a_name_is_refused_when_it_has_not_the_form_of_its_kind(text: str) -> None:
    """The refusal names the option and what would be right."""
    with pytest.raises(InputError) as refused:
        parse_alternative_name(text)

    assert refused.value.field == "--san"
    assert refused.value.allowed


def test_purposes_are_object_identifiers_when_parsed_from_their_names() -> None:
    """Names and object identifiers mix, repetition counts once, the order stays."""
    parsed = parse_purposes(("emailProtection", "1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.5.7.3.4"))

    assert parsed == ("1.3.6.1.5.5.7.3.4", "1.3.6.1.4.1.311.20.2.2")


def test_there_is_no_purpose_when_none_is_asked_for() -> None:
    """``none`` stands alone, and beside another it is no purpose."""
    assert parse_purposes(("none",)) == ()
    with pytest.raises(InputError, match="'none' is not known"):
        parse_purposes(("none", "clientAuth"))


@pytest.mark.parametrize("text", ["clientauth", "ClientAuth", "clientAuht"])
def test_the_nearest_purpose_is_named_when_one_is_nearly_right(text: str) -> None:
    """A slip of the finger is answered with what was meant."""
    with pytest.raises(InputError, match=r"did you mean clientAuth\?"):
        parse_purposes((text,))


@pytest.mark.parametrize("text", ["", "1", "1.2.03", "3.1", "1.40", "1.2.", "policy", "1.2.3 ", f"1.2.{'9' * 200}"])
def test_a_policy_is_refused_when_it_is_no_object_identifier(text: str) -> None:
    """The rules of X.660: three roots, forty arcs below the first two, no leading zeros."""
    with pytest.raises(InputError, match="no object identifier"):
        parse_policies((text,))


def test_a_policy_is_taken_when_it_is_an_object_identifier() -> None:
    """Arcs may be as long as a UUID (X.667)."""
    policies = ("1.3.6.1.4.1.5.2", "2.25.329800735698586629295641978511506172918")

    assert policies == parse_policies((*policies, policies[0]))


def test_a_certificate_begins_five_minutes_ago_when_nothing_is_said() -> None:
    """It has whole seconds, and lasts the days that are usual from now."""
    start = NOW.replace(microsecond=0)
    expected = Validity(not_before=start - 300 * SECOND, not_after=start + timedelta(days=10))

    assert expected == validity(NOW, None, None, None, default_days=10)


def test_days_count_from_the_beginning_when_it_is_given() -> None:
    """So that an expired certificate can be made with a beginning and a number of days."""
    start = datetime(2020, 1, 1, tzinfo=UTC)

    assert validity(NOW, 30, start, None, default_days=10).not_after == datetime(2020, 1, 31, tzinfo=UTC)


def test_a_certificate_ends_as_said_when_its_end_is_given() -> None:
    """The end is taken as it is; it may be past."""
    end = datetime(2026, 6, 1, 11, 59, tzinfo=UTC)

    assert end == validity(NOW, None, None, end, default_days=10).not_after


@pytest.mark.parametrize(
    ("days", "not_before", "not_after", "field"),
    [
        (1, None, NOW + SECOND, "--days"),
        (None, NOW, NOW, "--not-after"),
        (None, NOW, NOW - SECOND, "--not-after"),
        (None, datetime(1949, 12, 31, tzinfo=UTC), None, "--not-before"),
        (36_500, datetime(9990, 1, 1, tzinfo=UTC), None, "--days"),
    ],
)
def test_a_span_is_refused_when_no_certificate_can_say_it(
    days: int | None, not_before: datetime | None, not_after: datetime | None, field: str
) -> None:
    """Contradictions, empty spans, and instants outside the years 1950 to 9999."""
    with pytest.raises(InputError) as refused:
        validity(NOW, days, not_before, not_after, default_days=10)

    assert refused.value.field == field


@pytest.mark.parametrize(("part", "field"), [("cn", "--cn"), ("organization", "--o"), ("unit", "--ou")])
@pytest.mark.parametrize("value", ["", "a" * 65, "a\nb", "a\0"])
def test_a_subject_is_refused_when_a_part_cannot_stand_in_it(part: str, field: str, value: str) -> None:
    """1 to 64 printable characters, as RFC 5280 bounds them."""
    with pytest.raises(InputError) as refused:
        Subject(**{part: value})

    assert refused.value.field == field


def test_a_certificate_is_refused_when_it_would_name_nobody() -> None:
    """A subject or another name must be there."""
    with pytest.raises(InputError, match="--cn"):
        CertificateRequest(subject=Subject(), validity=YEAR)


def test_an_instant_is_the_same_when_its_offset_differs() -> None:
    """Offsets are no part of a certificate; the span compares instants."""
    zone = timezone(timedelta(hours=2))
    there = Validity(not_before=NOW.astimezone(zone), not_after=(NOW + SECOND).astimezone(zone))

    assert there == Validity(not_before=NOW, not_after=NOW + SECOND)
