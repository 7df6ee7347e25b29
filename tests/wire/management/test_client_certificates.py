"""The input of the two types that are evaluated: every wrong field is named, and what is right becomes core's values."""

from __future__ import annotations

from typing import Any

import pytest

from gatepost.core.check import Locations, OperatingSystem, Purpose, TrustStore
from gatepost.core.extensions import NameKind
from gatepost.errors import InputError
from gatepost.wire.management.client_certificates import Platform, parse_v1, parse_v2

RIGHT: dict[str, Any] = {"certificate_id": "c", "check_private_key": True, "operating_system": "linux"}


def refusal(**changes: object) -> InputError:
    """Give the refusal of an input with ``changes``."""
    with pytest.raises(InputError) as caught:
        parse_v2({**RIGHT, **changes}, ())
    return caught.value


def test_a_whole_input_becomes_a_question() -> None:
    """Every field is carried over, in its order."""
    question = parse_v2(
        {
            **RIGHT,
            "cn": "${serial_number}.example",
            "extended_key_usage": ["emailProtection", "clientAuth"],
            "subject_alternative_names": ["dns:${hostname}", "ip:192.0.2.1", "anything"],
            "locations": {"paths": ["/b", "/a"], "trust_stores": ["user", "system"]},
        },
        (Platform.LINUX,),
    )
    assert ("c", (OperatingSystem.LINUX,), True) == (question.certificate_id, question.systems, question.asks_key)
    assert question.common_name is not None
    assert "${serial_number}.example" == question.common_name.text
    assert (Purpose.EMAIL_PROTECTION, Purpose.CLIENT_AUTH) == question.purposes
    assert [NameKind.DNS, NameKind.IP, None] == [name.kind for name in question.alternative_names]
    assert Locations((TrustStore.USER, TrustStore.SYSTEM), ("/b", "/a")) == question.locations


@pytest.mark.parametrize("locations", [None, {}, {"paths": None, "trust_stores": None}])
def test_without_locations_the_system_store_is_meant(locations: dict[str, Any] | None) -> None:
    """A rule that names no place looks in the default one."""
    assert Locations() == parse_v2({**RIGHT, "locations": locations}, ()).locations


def test_null_counts_as_left_out() -> None:
    """Clients send null for what they do not set."""
    question = parse_v2({**RIGHT, "cn": None, "extended_key_usage": None, "exists": None}, ())
    assert (None, ()) == (question.common_name, question.purposes)


def test_an_empty_common_name_asks_for_nothing() -> None:
    """As in the reference."""
    assert parse_v2({**RIGHT, "cn": ""}, ()).common_name is None


@pytest.mark.parametrize("field", ["certificate_id", "check_private_key", "operating_system"])
def test_a_required_field_that_is_missing_is_named(field: str) -> None:
    """Null is as good as missing."""
    error = refusal(**{field: None})
    assert (f"/input/{field}", "is missing") == (error.field, error.problem)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"cnn": "x"}, "/input/cnn", "did you mean cn?"),
        ({"check_private_key": "true"}, "/input/check_private_key", "expected true or false"),
        ({"check_private_key": 1}, "/input/check_private_key", "expected true or false"),
        ({"operating_system": "linus"}, "/input/operating_system", "did you mean linux?"),
        ({"operating_system": "android"}, "/input/operating_system", "no agent"),
        ({"cn": "${serial}"}, "/input/cn", "unknown variable"),
        ({"cn": "${serial_number"}, "/input/cn", "unclosed"),
        ({"cn": "a\x00b"}, "/input/cn", "do not print"),
        ({"cn": "a" * 1025}, "/input/cn", "1024"),
        ({"extended_key_usage": ["clientauth"]}, "/input/extended_key_usage/0", "did you mean clientAuth?"),
        ({"extended_key_usage": ["serverAuth"]}, "/input/extended_key_usage/0", "clientAuth, emailProtection"),
        ({"extended_key_usage": "clientAuth"}, "/input/extended_key_usage", "expected a list"),
        ({"subject_alternative_names": []}, "/input/subject_alternative_names", "is empty"),
        ({"subject_alternative_names": ["a", ""]}, "/input/subject_alternative_names/1", "is empty"),
        ({"subject_alternative_names": ["dns:"]}, "/input/subject_alternative_names/0", "is empty"),
        ({"subject_alternative_names": ["ip:1.2.3"]}, "/input/subject_alternative_names/0", "no IP address"),
        ({"subject_alternative_names": ["x"] * 65}, "/input/subject_alternative_names", "64"),
        ({"locations": {"path": ["/a"]}}, "/input/locations/path", "did you mean paths?"),
        ({"locations": {"trust_stores": ["systm"]}}, "/input/locations/trust_stores/0", "did you mean system?"),
        ({"locations": {"paths": [], "trust_stores": []}}, "/input/locations", "names no place"),
        ({"locations": {"paths": []}}, "/input/locations", "names no place"),
        ({"locations": {"paths": ["/a"] * 17}}, "/input/locations/paths", "16"),
        ({"locations": {"paths": ["/a", "a"]}}, "/input/locations/paths/1", "no absolute path on linux"),
        ({"locations": {"paths": ["/a\x00"]}}, "/input/locations/paths/0", "control characters"),
        ({"locations": {"paths": ["/a\nb"]}}, "/input/locations/paths/0", "control characters"),
        ({"locations": {"paths": ["/a/../b"]}}, "/input/locations/paths/0", "without .."),
        ({"locations": {"paths": ["/home/${hostname}"]}}, "/input/locations/paths/0", "variables are for names"),
        ({"locations": {"paths": [""]}}, "/input/locations/paths/0", "no absolute path"),
        ({"locations": {"paths": ["C:\\a.pem"]}}, "/input/locations/paths/0", "no absolute path on linux"),
        ({"locations": {"paths": ["pkcs11:?pin-value=1"]}}, "/input/locations/paths/0", "has a PIN in it"),
        ({"locations": {"paths": ["/a", "pkcs11:label=x"]}}, "/input/locations/paths/1", "known here are token"),
        ({"locations": "system"}, "/input/locations", "expected an object"),
    ],
)
def test_a_wrong_field_is_refused_and_says_what_is_allowed(changes: dict[str, Any], field: str, words: str) -> None:
    """The pointer and the words that a person needs."""
    error = refusal(**changes)
    assert field == error.field
    assert words in f"{error.problem}; {error.allowed}"


@pytest.mark.parametrize("path", ["C:\\ProgramData\\a.pem", "d:/a.pem", "pkcs11:token=x;object=y"])
def test_a_path_on_windows_begins_with_a_drive(path: str) -> None:
    """And a token's object is named by its URI everywhere."""
    question = parse_v2({**RIGHT, "operating_system": "windows", "locations": {"paths": [path]}}, ())
    assert (path,) == question.locations.paths


@pytest.mark.parametrize("path", ["/etc/a.pem", "\\\\server\\share\\a.pem", "C:a.pem", "\\\\.\\pipe\\a", "C:\\..\\a"])
def test_another_path_on_windows_is_refused(path: str) -> None:
    """A path on another machine would send the device's own credentials there."""
    error = refusal(operating_system="windows", locations={"paths": [path]})
    assert "/input/locations/paths/0" == error.field


@pytest.mark.parametrize("platform", [Platform.ANDROID, Platform.IOS, Platform.CHROMEOS])
def test_a_match_without_an_agent_is_refused_in_words(platform: Platform) -> None:
    """No device of that kind could ever answer."""
    with pytest.raises(InputError) as caught:
        parse_v2(RIGHT, (Platform.LINUX, platform))
    assert "/match/1/platform" == caught.value.field
    assert "no agent" in caught.value.problem


def test_the_older_type_takes_its_systems_from_match() -> None:
    """And all of them where it says none."""
    given: dict[str, Any] = {"certificate_id": "c", "cn": "x"}
    assert tuple(OperatingSystem) == parse_v1(given, ()).systems
    assert (OperatingSystem.MAC,) == parse_v1(given, (Platform.MAC, Platform.IOS)).systems
    assert Locations() == parse_v1(given, ()).locations


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cn": "x"}, "/input/certificate_id"),
        ({"certificate_id": "c"}, "/input/cn"),
        ({"certificate_id": "c", "cn": ""}, "/input/cn"),
        ({"certificate_id": "c", "cn": "x", "check_private_key": True}, "/input/check_private_key"),
    ],
)
def test_the_older_type_needs_both_its_fields_and_no_other(given: dict[str, Any], field: str) -> None:
    """A field of the newer type would have no effect in it."""
    with pytest.raises(InputError) as caught:
        parse_v1(given, ())
    assert field == caught.value.field


def test_the_older_type_for_platforms_without_an_agent_is_refused() -> None:
    """As for the newer one."""
    with pytest.raises(InputError) as caught:
        parse_v1({"certificate_id": "c", "cn": "x"}, (Platform.IOS,))
    assert "/match" == caught.value.field
