"""The explanation that is kept: what was expected of this device, and what was found."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.core.finding import StoreKind
from gatepost.core.reason import Reason
from gatepost.wire.device import Facts, PlacedFault
from tests import der
from tests.certificates import dns
from tests.controlplane.house import PLACE, House, Member, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.wire.device import PlacedCandidate


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house of one account."""
    with open_house(tmp_path) as opened:
        yield opened


def explained(member: Member) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was expected and received, as the log has it."""
    stored = member.result()
    return msgspec.json.decode(stored.expected), msgspec.json.decode(stored.received)


def test_what_was_expected_has_the_devices_own_values(house: House) -> None:
    """Variables are filled in, prefixes stay, and only what was asked is there."""
    names = ["dns:${hostname}.example", "${serial_number}"]
    house.ask(cn="${hostname}", subject_alternative_names=names, extended_key_usage=["clientAuth"])
    member = house.admit(Facts(hostname="laptop-1", serial_number="S-1"))
    member.prove(house.authority.issue(cn="laptop-1", sans=[dns("laptop-1.example")]))
    assert {
        "issuer": ["CN=Example Root CA"],
        "operating_system": "linux",
        "common_name": "laptop-1",
        "subject_alternative_names": ["dns:laptop-1.example", "S-1"],
        "extended_key_usage": ["clientAuth"],
        "evidence": "possession",
    } == explained(member)[0]


def test_what_was_expected_is_short_when_little_was_asked(house: House) -> None:
    """Nothing stands there that no criterion asks."""
    house.ask(check_private_key=False)
    member = house.admit()
    member.prove(house.authority.issue())
    assert {"issuer", "operating_system"} == set(explained(member)[0])


def test_a_template_stands_as_written_when_a_fact_is_missing(house: House) -> None:
    """And the detail names the fact."""
    house.ask(cn="${serial_number}")
    member = house.admit(Facts(hostname="laptop-1"))
    member.prove(house.authority.issue())
    expected, received = explained(member)
    assert "${serial_number}" == expected["common_name"]
    assert "serial_number" in received["detail"]
    assert ("error", (Reason.DEVICE_FACT_MISSING,)) == (
        member.result().result.status,
        member.result().result.reasons,
    )


def test_what_was_received_holds_every_criterion_of_every_certificate(house: House) -> None:
    """The passing one first; of each, where it lies, who it is, and what was expected and found."""
    house.ask(cn="laptop-1")
    member = house.admit()
    nonce = member.synchronise().nonce
    right, wrong = house.authority.issue(cn="laptop-1", serial=77), house.authority.issue(cn="laptop-2")
    member.send(member.compose(member.found(wrong, nonce), member.found(right, nonce), nonce=nonce))
    first, second = explained(member)[1]["certificates"]
    assert ("CN=laptop-1", [], "possession", "77") == (
        first["subject"],
        first["reasons"],
        first["evidence"],
        first["serial_number"],
    )
    assert {"store": "file", "path": PLACE} == first["location"]
    assert (["common-name-mismatch"], "2036-05-29T00:00:00Z") == (second["reasons"], second["not_after"])
    (unmet,) = (item for item in second["criteria"] if not item["met"])
    assert ("common name", "laptop-1", "laptop-2") == (unmet["criterion"], unmet["expected"], unmet["found"])
    assert first["signing_certificate"] == second["signing_certificate"]


def test_a_certificate_does_not_fill_the_database_with_what_it_says(house: House) -> None:
    """Its texts are cut: one that fills a report stood in the log with each of its places, six times as long in each."""
    house.ask(cn="laptop-1", extended_key_usage=["clientAuth"], subject_alternative_names=["dns:laptop-1"])
    member = house.admit()
    giant = house.authority.issue(
        subject=der.name(("CN", "\x01" * 20_000)),
        issuer=der.name(("CN", "\x01" * 2_000)),
        sans=[dns("x" * 2_000)],
        eku=[f"1.2.3.{number}" for number in range(500)],
    )
    found = tuple(member.found(giant, path=f"/{number}") for number in range(16))
    member.send(member.compose(*found))
    expected, received = explained(member)
    assert (16, "laptop-1") == (len(received["certificates"]), expected["common_name"])
    for item in received["certificates"]:
        texts = [item["subject"], item["issuer"], *(word["found"] for word in item["criteria"])]
        assert max(map(len, texts)) == 513
    assert len(member.result().received) < 128 * 1024


def test_what_was_received_holds_faults_and_the_number_of_others(house: House) -> None:
    """Also where there is no certificate at all."""
    house.ask()
    member = house.admit()
    fault = PlacedFault(store=StoreKind.NSSDB, path="/x", user="u", reason=Reason.STORE_CORRUPT, detail="torn")
    member.send(member.compose(checks=(member.answer(faults=(fault,), others=3),)))
    received = explained(member)[1]
    assert ([], 3, "pass") == (received["certificates"], received["other_certificates"], received["device_status"])
    location = {"store": "nssdb", "path": "/x", "user": "u"}
    assert [{"location": location, "reason": "store-corrupt", "detail": "torn"}] == received["faults"]


def test_what_cannot_be_read_has_a_line_without_names(house: House) -> None:
    """Junk has a digest, and a reason."""
    house.ask()
    member = house.admit()
    found = member.found(house.authority.issue())
    member.send(member.compose(msgspec.structs.replace(found, der=b"junk", placed=_renamed(found.placed, b"junk"))))
    (junk,) = explained(member)[1]["certificates"]
    assert (["malformed-certificate"], None) == (junk["reasons"], junk["evidence"])
    assert {"subject", "issuer", "signing_certificate"}.isdisjoint(junk)


def _renamed(placed: PlacedCandidate, content: bytes) -> PlacedCandidate:
    return msgspec.structs.replace(placed, sha256=hashlib.sha256(content).hexdigest())
