"""A check is valid by construction."""

from __future__ import annotations

from typing import Any

import pytest

from gatepost.core.check import (
    MAXIMUM_NAME_TEMPLATES,
    MAXIMUM_PATHS,
    Check,
    Evidence,
    Locations,
    OperatingSystem,
    Purpose,
    TrustStore,
    default_evidence,
    parse_name_template,
)
from gatepost.core.extensions import NameKind
from gatepost.errors import InputError
from tests.certificates import CLIENT_AUTH, EMAIL_PROTECTION
from tests.core.subjects import check


def test_a_check_looks_in_the_system_s_store_when_it_names_no_location() -> None:
    """And asks for nothing but the signing certificate."""
    plain = check()
    assert Locations((TrustStore.SYSTEM,), ()) == plain.locations
    assert (Evidence.REPORTED, False, ()) == (plain.evidence, plain.signs, plain.purposes)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"authorities": ()}, "certificate_id"),
        ({"locations": Locations((), ("/a",) * (MAXIMUM_PATHS + 1))}, "locations.paths"),
        ({"locations": Locations((), ())}, "locations"),
        ({"evidence": Evidence.KEY_PRESENT}, "evidence"),
        ({"evidence": Evidence.POSSESSION, "asks_key": True, "operating_system": OperatingSystem.MAC}, "evidence"),
        ({"evidence": Evidence.HARDWARE, "asks_key": True}, "evidence"),
        (
            {"alternative_names": (parse_name_template("a", "san"),) * (MAXIMUM_NAME_TEMPLATES + 1)},
            "subject_alternative_names",
        ),
    ],
)
def test_a_check_is_refused_when_it_can_never_be_meant(fields: dict[str, Any], field: str) -> None:
    """The error names the field and what is allowed."""
    with pytest.raises(InputError) as caught:
        Check(**{"id": "1", "authorities": check().authorities, **fields})
    assert field == caught.value.field
    assert caught.value.allowed


@pytest.mark.parametrize(
    "fields",
    [
        {"locations": Locations((), ("/a",) * MAXIMUM_PATHS)},
        {"asks_key": True, "evidence": Evidence.KEY_PRESENT, "operating_system": OperatingSystem.MAC},
        {"asks_key": True, "evidence": Evidence.HARDWARE, "hardware_policies": ("1.2.3",)},
        {"sans": ("a",) * MAXIMUM_NAME_TEMPLATES},
    ],
)
def test_a_check_is_taken_when_it_stays_within_the_bounds(fields: dict[str, Any]) -> None:
    """The bounds themselves are allowed."""
    assert check(**fields).id == "check-1"


@pytest.mark.parametrize(
    ("evidence", "signs"),
    [
        (Evidence.REPORTED, False),
        (Evidence.KEY_PRESENT, False),
        (Evidence.POSSESSION, True),
        (Evidence.HARDWARE, True),
    ],
)
def test_a_signature_is_asked_for_from_possession_on(evidence: Evidence, signs: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """The order of the levels is the order of their ranks."""
    policies = ("1.2.3",) if evidence is Evidence.HARDWARE else ()
    assert signs == check(evidence=evidence, asks_key=True, hardware_policies=policies).signs
    assert list(Evidence) == sorted(Evidence, key=lambda level: level.rank)


@pytest.mark.parametrize(
    ("system", "asks_key", "evidence"),
    [
        (OperatingSystem.LINUX, False, Evidence.REPORTED),
        (OperatingSystem.MAC, False, Evidence.REPORTED),
        (OperatingSystem.LINUX, True, Evidence.POSSESSION),
        (OperatingSystem.WINDOWS, True, Evidence.POSSESSION),
        (OperatingSystem.MAC, True, Evidence.KEY_PRESENT),
    ],
)
def test_the_level_is_the_highest_that_a_system_reaches_when_none_is_set(
    system: OperatingSystem,
    asks_key: bool,  # noqa: FBT001 - a value of the table.
    evidence: Evidence,
) -> None:
    """Possession, except on a Mac, and nothing without check_private_key."""
    assert evidence == default_evidence(system, asks_key=asks_key)


@pytest.mark.parametrize(
    ("text", "kind", "rest"),
    [
        ("a.example", None, "a.example"),
        ("dns:a.example", NameKind.DNS, "a.example"),
        ("email:jo@a.example", NameKind.EMAIL, "jo@a.example"),
        ("uri:urn:a:b", NameKind.URI, "urn:a:b"),
        ("ip:2001:db8::1", NameKind.IP, "2001:db8::1"),
        ("upn:jo@corp", NameKind.UPN, "jo@corp"),
        ("urn:a:b", None, "urn:a:b"),
        ("https://a.example", None, "https://a.example"),
        ("2001:db8::1", None, "2001:db8::1"),
        ("::1", None, "::1"),
        ("DNS:a", None, "DNS:a"),
        ("dns", None, "dns"),
        ("dns:${hostname}", NameKind.DNS, "${hostname}"),
        ("dns:dns:a", NameKind.DNS, "dns:a"),
    ],
)
def test_a_name_asked_for_has_a_kind_when_a_prefix_says_so(text: str, kind: NameKind | None, rest: str) -> None:
    """Five prefixes, in lower case; any other colon is the name's own."""
    name = parse_name_template(text, "san")
    assert (kind, rest) == (name.kind, name.template.text)


@pytest.mark.parametrize("text", ["", "dns:", "upn:", "dns:${user}", "${"])
def test_a_name_asked_for_is_refused_when_nothing_stands_behind_its_prefix(text: str) -> None:
    """As a template is."""
    with pytest.raises(InputError):
        parse_name_template(text, "san")


def test_the_purposes_are_those_of_rfc_5280() -> None:
    """Section 4.2.1.12."""
    assert [CLIENT_AUTH, EMAIL_PROTECTION] == [purpose.oid for purpose in Purpose]
