"""Results and the posture log, as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.administration.history import WantedResults, list_results, read_log
from gatepost.controlplane.ports import LogFilter
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status
from gatepost.errors import NotFoundError
from gatepost.wire.management.envelope import instant
from tests.services import as_json, rule_of
from tests.storage import samples

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Registration, StoredCheck
    from tests.services import Clock


NAMES = {
    "ClientVersion",
    "DeviceID",
    "DeviceManufacturer",
    "DeviceModel",
    "DeviceName",
    "DeviceSerialNumber",
    "DeviceType",
    "Email",
    "OSVersion",
    "PolicyID",
    "PostureCheckName",
    "PostureCheckType",
    "PostureEvaluatedResult",
    "PostureExpectedJSON",
    "PostureReceivedJSON",
    "RegistrationID",
    "Reports",
    "Timestamp",
    "UserUID",
    # Ours.
    "PostureReasons",
    "PostureStatus",
    "PostureEvidence",
}


def stored(services: Services, account: int, devices: int, checks: int) -> tuple[list[Registration], list[StoredCheck]]:
    """Store devices and checks, with a result and a line for each pair."""
    with services.storage.writing() as records:
        registrations = [samples.store_registration(records, account, number) for number in range(1, devices + 1)]
        rules = [records.checks.add(samples.check(account, number)) for number in range(1, checks + 1)]
        for registration in registrations:
            for rule in rules:
                records.results.put(account, samples.stored_result(registration, rule))
                records.posture_log.append(account, registration.number, rule.number, samples.entry())
    return registrations, rules


def test_a_result_shows_the_device_the_check_and_the_explanation(
    services: Services, account: int, clock: Clock
) -> None:
    """All that is known of it."""
    clock.time = samples.NOW + 13
    (registration,), (rule,) = stored(services, account, 1, 1)
    (found,), following = list_results(services, account, (0, 0), 50)
    assert following is None
    assert (registration.id, registration.device.id, "laptop-1") == (
        found.registration_id,
        found.device.id,
        found.device.name,
    )
    assert (rule.id, "Check 1", 11) == (found.check.id, found.check.name, found.check.version)
    assert (Status.FAIL, True, "0c" * 32) == (found.status, found.counts, found.certificate_sha256)
    assert [instant(samples.NOW + 12), instant(samples.NOW + 13), instant(samples.NOW + 14)] == [
        found.measured_at,
        found.judged_at,
        found.ends_at,
    ]
    assert ({"cn": "expected"}, {"cn": "received"}) == (found.expected, found.received)


def test_a_result_counts_until_its_end_and_not_once_its_device_is_revoked(
    services: Services, account: int, clock: Clock
) -> None:
    """By the server's clock."""
    (registration,), _ = stored(services, account, 1, 1)

    def counts() -> bool:
        return list_results(services, account, (0, 0), 50)[0][0].counts

    clock.time = samples.NOW + 13
    assert counts()
    clock.time = samples.NOW + 14
    assert not counts()
    clock.time = samples.NOW + 13
    with services.storage.writing() as records:
        records.devices.revoke(account, registration.number, clock.time)
    assert not counts()


def test_a_result_of_a_disabled_check_does_not_count(services: Services, account: int, clock: Clock) -> None:
    """It is kept, and shown so."""
    clock.time = samples.NOW + 13
    _, (rule,) = stored(services, account, 1, 1)
    with services.storage.writing() as records:
        records.checks.replace(msgspec.structs.replace(rule, document=b'{"name":"x","type":"file","enabled":false}'))
    assert not list_results(services, account, (0, 0), 50)[0][0].counts


@pytest.mark.parametrize(
    "document",
    [
        {"name": "x", "type": "file", "input": {"path": "/x"}},
        rule_of("any", operating_system="windows"),
        {
            "name": "x",
            "type": "client_certificate",
            "input": {"certificate_id": "any", "cn": "x"},
            "match": [{"platform": "mac"}],
        },
        {"name": "x", "type": "client_certificate_v2", "input": {"of": "an earlier release"}},
    ],
)
def test_a_result_does_not_count_when_its_check_no_longer_asks_the_device(
    services: Services, account: int, clock: Clock, document: dict[str, object]
) -> None:
    """Nothing would renew it nor end it: a pass of a type that is not evaluated counted for as long as expiration says."""
    clock.time = samples.NOW + 13
    _, (rule,) = stored(services, account, 1, 1)
    assert list_results(services, account, (0, 0), 50)[0][0].counts
    with services.storage.writing() as records:
        records.checks.replace(msgspec.structs.replace(rule, document=as_json(document), type=str(document["type"])))
    assert not list_results(services, account, (0, 0), 50)[0][0].counts


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_results_are_read_page_by_page_each_once(services: Services, account: int, limit: int) -> None:
    """Whatever the size of the page, also where it ends within a device."""
    registrations, rules = stored(services, account, 4, 3)
    seen: list[tuple[str, str]] = []
    after: tuple[int, int] | None = (0, 0)
    while after is not None:
        found, after = list_results(services, account, after, limit)
        seen.extend((item.registration_id, item.check.id) for item in found)
    assert [(registration.id, rule.id) for registration in registrations for rule in rules] == seen


def test_a_device_without_results_does_not_hide_those_behind_it(services: Services, account: int) -> None:
    """Registrations are read in pages of their own, in which there may be others."""
    (first, *_), (rule,) = stored(services, account, 1, 1)
    with services.storage.writing() as records:
        others = [samples.store_registration(records, account, number) for number in range(2, 12)]
        records.results.put(account, samples.stored_result(others[-1], rule))
    assert [first.id, others[-1].id] == [
        item.registration_id for item in list_results(services, account, (0, 0), 50)[0]
    ]


def test_the_log_is_read_newest_first_page_by_page(services: Services, account: int) -> None:
    """Each line once."""
    registrations, rules = stored(services, account, 2, 2)
    expected = [(registration.id, rule.id) for registration in registrations for rule in rules]
    seen: list[tuple[str, str]] = []
    before: int | None = None
    while True:
        found, before = read_log(services, account, before, 3)
        seen.extend((line.registration_id, line.policy_id) for line in found)
        if before is None:
            break
    assert expected[::-1] == seen


def test_a_line_has_the_names_that_log_systems_parse(services: Services, account: int) -> None:
    """Those of the reference's data set, and three of ours."""
    stored(services, account, 1, 1)
    (line,), _ = read_log(services, account, None, 50)
    shown = msgspec.to_builtins(line)
    assert NAMES == set(shown)
    assert ("linux", "SN1", "Check 1", "user@example.com") == (
        shown["DeviceType"],
        shown["DeviceSerialNumber"],
        shown["PostureCheckName"],
        shown["Email"],
    )
    assert (False, "fail", ["certificate-expired", "common-name-mismatch"], "possession") == (
        shown["PostureEvaluatedResult"],
        shown["PostureStatus"],
        list(shown["PostureReasons"]),
        shown["PostureEvidence"],
    )
    assert ({"cn": "asked"}, {"cn": "had"}) == (shown["PostureExpectedJSON"], shown["PostureReceivedJSON"])
    assert instant(samples.NOW + 12) == shown["Timestamp"]


def test_a_line_of_a_device_that_said_little_of_itself_is_shown_all_the_same(services: Services, account: int) -> None:
    """What is not known is empty, and what is no text is not shown."""
    with services.storage.writing() as records:
        odd = samples.device(account, facts=DeviceFacts(), details=b'{"model":[1],"os_version":null}')
        registration = records.devices.register(samples.registration(records.devices.add(odd), user_email=None))
        rule = records.checks.add(samples.check(account))
        records.posture_log.append(account, registration.number, rule.number, samples.entry(expected="", received="[]"))
    (line,), _ = read_log(services, account, None, 50)
    assert ("", "", "", "") == (line.device_model, line.os_version, line.device_serial_number, line.email)
    assert ({}, {}) == (line.posture_expected, line.posture_received)


def test_results_are_found_by_device_check_and_status(services: Services, account: int) -> None:
    """Each alone, all together, and in pages."""
    registrations, rules = stored(services, account, 3, 2)
    with services.storage.writing() as records:
        passing = samples.stored_result(registrations[1], rules[1])
        result = msgspec.structs.replace(passing.result, status=Status.PASS)
        records.results.put(account, msgspec.structs.replace(passing, result=result))

    def found(**wanted: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - the fields are of many types.
        seen: list[tuple[str, str]] = []
        after: tuple[int, int] | None = (0, 0)
        while after is not None:
            page, after = list_results(services, account, after, 2, WantedResults(**wanted))
            seen += [(item.registration_id, item.check.id) for item in page]
        return seen

    first, second, third = (item.id for item in registrations)
    one, two = (item.id for item in rules)
    assert [(second, one), (second, two)] == found(registration_id=second)
    assert [(first, one), (second, one), (third, one)] == found(check_id=one)
    assert [(second, two)] == found(status=Status.PASS)
    assert 5 == len(found(status=Status.FAIL))
    assert [(first, two)] == found(check_id=two, registration_id=first, status=Status.FAIL)
    assert [] == found(check_id=one, status=Status.PASS)
    for unknown in ({"registration_id": "nobody"}, {"check_id": "nothing"}):
        with pytest.raises(NotFoundError):
            found(**unknown)


def test_lines_are_found_by_device_and_check(services: Services, account: int) -> None:
    """Also of those that are gone: a log outlives what it names, and an unknown id has no line."""
    registrations, rules = stored(services, account, 2, 2)
    for wanted, count in (
        (LogFilter(), 4),
        (LogFilter(registration_id=registrations[0].id), 2),
        (LogFilter(check_id=rules[1].id), 2),
        (LogFilter(registration_id=registrations[0].id, check_id=rules[1].id), 1),
        (LogFilter(check_id="nothing"), 0),
    ):
        lines, _ = read_log(services, account, None, 50, wanted)
        assert count == len(lines)
        assert all(wanted.check_id in {None, line.policy_id} for line in lines)
