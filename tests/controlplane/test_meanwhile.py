"""What a device says of the time in which it could not report: bounded, shown in the log in its own words, and never a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import InputError
from gatepost.wire.device import MAXIMUM_CHANGE_REASONS, MAXIMUM_CHANGES, Change, Meanwhile
from tests.controlplane.house import HOUR, House, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.controlplane.house import Member


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a server."""
    with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def laptop(house: House) -> Member:
    """Give a device that is enrolled."""
    return house.admit()


def change(check: str, **fields: Any) -> Change:  # noqa: ANN401 - the fields are of many types.
    """Say that a check passed all the time."""
    return msgspec.structs.replace(Change(check=check, version=1, status=Status.PASS, at=1_000), **fields)


def report(member: Member, meanwhile: object) -> dict[str, Any]:
    """Write a report that finds nothing, as JSON that can be spoilt."""
    document: dict[str, Any] = msgspec.to_builtins(member.compose())
    return document | {"meanwhile": msgspec.to_builtins(meanwhile)}


def received(house: House) -> list[dict[str, Any]]:
    """Return what each line of the log shows as received."""
    return [msgspec.json.decode(line.entry.received) for line in house.log()]


def test_words_of_then_are_no_result(house: House, laptop: Member) -> None:
    """A device that claims to have passed all night has failed now, and that alone is recorded."""
    check = house.ask()
    told = Meanwhile(since=0, changes=(change(check),))
    laptop.send(msgspec.json.encode(report(laptop, told)))
    result = laptop.result()
    assert (Status.FAIL, (Reason.NO_CERTIFICATE_FOUND,)) == (result.result.status, result.result.reasons)
    assert "meanwhile" not in result.received
    (line,) = house.log()
    assert Status.FAIL is line.entry.result.status
    (shown,) = received(house)
    expected = [{"at": "1970-01-01T00:00:01Z", "check_version": 1, "device_status": "pass", "reasons": []}]
    assert {"since": "1970-01-01T00:00:00Z", "earlier": 0, "changes": expected} == shown["meanwhile"]


def test_words_of_then_do_not_make_a_result_last(house: House, laptop: Member) -> None:
    """Its end is that of its own nonce, whatever is said of the time before."""
    check = house.ask()
    laptop.prove(house.authority.issue(cn="laptop-1"))
    ends_at = laptop.result().result.ends_at
    house.clock.time += HOUR
    laptop.send(msgspec.json.encode(report(laptop, Meanwhile(since=0, changes=(change(check),)))))
    assert Status.FAIL is laptop.result().result.status
    assert ends_at is not None
    assert ends_at < house.clock()


def test_words_of_another_check_are_not_shown(house: House, laptop: Member) -> None:
    """Not of one that is gone, nor of another device's."""
    house.ask()
    told = Meanwhile(since=0, earlier=7, changes=(change("8f1d"),))
    laptop.send(msgspec.json.encode(report(laptop, told)))
    assert {"since": "1970-01-01T00:00:00Z", "earlier": 7, "changes": []} == received(house)[0]["meanwhile"]


@pytest.mark.parametrize(
    "spoilt",
    [
        {"since": -1},
        {"since": 253_402_300_800_000},
        {"since": 0, "earlier": -1},
        {"since": 0, "earlier": 1_000_001},
        {"since": 0, "changes": [{"check": "x", "version": 1, "status": "pass", "at": 0}] * (MAXIMUM_CHANGES + 1)},
        {"since": 0, "changes": [{"check": "", "version": 1, "status": "pass", "at": 0}]},
        {"since": 0, "changes": [{"check": "x" * 65, "version": 1, "status": "pass", "at": 0}]},
        {"since": 0, "changes": [{"check": "x", "version": 1, "status": "passed", "at": 0}]},
        {"since": 0, "changes": [{"check": "x", "version": 1, "status": "fail", "reasons": ["because"], "at": 0}]},
        {
            "since": 0,
            "changes": [
                {
                    "check": "x",
                    "version": 1,
                    "status": "fail",
                    "reasons": ["certificate-expired"] * (MAXIMUM_CHANGE_REASONS + 1),
                    "at": 0,
                }
            ],
        },
        {"since": 0, "changes": [{"check": "x", "version": 1, "status": "pass", "at": 1e300}]},
        {"since": 0, "changes": {}},
        "all night",
    ],
)
def test_words_that_are_out_of_bounds_are_refused(house: House, laptop: Member, spoilt: object) -> None:
    """The whole report is: no agent of ours writes it."""
    house.ask()
    with pytest.raises(InputError, match="meanwhile"):
        laptop.send(msgspec.json.encode(report(laptop, spoilt)))
    assert () == house.log()


def test_a_report_without_them_is_one_of_ever(house: House, laptop: Member) -> None:
    """As agents of before write it."""
    house.ask()
    document = report(laptop, None)
    del document["meanwhile"]
    laptop.send(msgspec.json.encode(document))
    assert "meanwhile" not in received(house)[0]
