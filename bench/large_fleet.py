"""A database of a million devices with a result and evidence each, written row by row: what enrolling so many would leave.

One certificate is real and was judged; the others' facts are its own with other names, since what is measured reads facts.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import create_engine, insert

from gatepost.controlplane.administration.accounts import create_account
from gatepost.controlplane.administration.rules import create_rule
from gatepost.controlplane.administration.services import Services
from gatepost.controlplane.administration.uploads import add_upload
from gatepost.controlplane.checks import compile_check
from gatepost.controlplane.ports import StoredCheck
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import Check
from gatepost.core.device import DeviceFacts
from gatepost.core.finding import Candidate, Findings, KeyState, Location, Proof, StoreKind
from gatepost.core.replay import EvidenceFacts, extract_facts
from gatepost.core.result import milliseconds
from gatepost.storage import evidence_tables, tables
from gatepost.storage.database import SqlStorage, open_storage
from gatepost.storage.migration import migrate
from gatepost.wire.management.mtls_certificates import UploadBody
from tests.certificates import NOW, CertificateAuthority

if TYPE_CHECKING:
    from sqlalchemy import Engine


_GROUP: Final = 10_000
_KEY: Final = b"m" * 32
_START: Final = milliseconds(NOW)
_ODD_ONE: Final = 20
"""Every twentieth device has a colleague's certificate, and fails."""


class LargeFleet(msgspec.Struct, frozen=True, kw_only=True):
    """A database that is full: services on it, its one account, and its one check."""

    services: Services
    storage: SqlStorage
    account: int
    check: StoredCheck
    rule: dict[str, Any]
    size: int

    def close(self) -> None:
        """Close the database."""
        self.storage.close()


def now() -> int:
    """Stand still, a minute after every report."""
    return _START + 60_000


def make_large_fleet(url: str, size: int) -> LargeFleet:
    """Make a database at ``url`` with ``size`` devices."""
    migrate(url)
    storage = open_storage(url, _KEY, os.urandom)
    services = Services(storage=storage, now=now, random=os.urandom)
    created = create_account(services)
    authority = CertificateAuthority.create(cn="Example Root CA")
    with services.storage.reading() as records:
        account = records.accounts.all()[0].number
    upload = add_upload(services, account, UploadBody(ca=True, certificates=authority.pem.decode())).shown
    rule = {
        "name": "laptops",
        "type": "client_certificate_v2",
        "input": {
            "certificate_id": upload.id,
            "check_private_key": True,
            "operating_system": "linux",
            "cn": "${hostname}",
        },
    }
    create_rule(services, account, msgspec.json.encode(rule))
    with services.storage.reading() as records:
        (check,) = records.checks.all(account)
        stored = records.certificates.find(account, upload.id)
    if stored is None:
        raise LookupError(created.account_id)
    facts = _facts(authority, compile_check(check, stored))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for first in range(1, size + 1, _GROUP):
            numbers = range(first, min(first + _GROUP, size + 1))
            for table, row in ((tables.devices, _device), (tables.registrations, _registration)):
                connection.execute(insert(table), [row(account, number) for number in numbers])
            connection.execute(insert(tables.results), [_result(account, check.number, number) for number in numbers])
            kept = [_evidence(account, check.number, number, facts) for number in numbers]
            connection.execute(insert(evidence_tables.evidence), kept)
    _settle(engine)
    engine.dispose()
    return LargeFleet(services=services, storage=storage, account=account, check=check, rule=rule, size=size)


def _settle(engine: Engine) -> None:
    """Have the database look at what it holds, as it does by itself in time."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _facts(authority: CertificateAuthority, check: Check) -> EvidenceFacts:
    candidate = Candidate(
        certificate=parse_certificate(authority.issue(cn="laptop-1").der),
        location=Location(store=StoreKind.NSSDB, path="/etc/pki/nssdb", label="device"),
        key=KeyState.PRESENT,
        proof=Proof.VALID,
    )
    return extract_facts(check, DeviceFacts(), Findings(candidates=(candidate,)))


def rows_of(account: int, check: int, numbers: range) -> tuple[list[dict[str, Any]], ...]:
    """Return rows of devices, registrations, results and evidence for devices of these numbers, which nobody has."""
    authority = CertificateAuthority.create(cn="Example Root CA")
    certificate = parse_certificate(authority.der)
    if not isinstance(certificate, Certificate):
        raise TypeError(certificate)
    facts = _facts(authority, Check(id=str(check), authorities=(certificate,)))
    return (
        [_device(account, number) for number in numbers],
        [_registration(account, number) for number in numbers],
        [_result(account, check, number) for number in numbers],
        [_evidence(account, check, number, facts) for number in numbers],
    )


def _public_id(kind: str, number: int) -> str:
    """Make an id as scattered as a random one."""
    return str(UUID(bytes=hashlib.md5(f"{kind} {number}".encode(), usedforsecurity=False).digest()))


def _device(account: int, number: int) -> dict[str, Any]:
    return {
        "account": account,
        "number": number,
        "public_id": _public_id("device", number),
        "name": f"laptop-{number}",
        "serial_number": f"S-{number}",
        "hostname": f"laptop-{number}",
        "device_uuid": _public_id("hardware", number),
        "details": b'{"device_type":"linux","manufacturer":"Example","model":"Book 14","os_version":"12"}',
        "device_type": "linux",
        "created_at": _START + number,
        "updated_at": _START + number,
        "last_seen_at": _START - number % 10_000 * 900_000,
        "state": 1,
        "active_registrations": 1,
        "name_key": f"laptop-{number}",
        "client_version": f"0.{number % 5}.0",
        "user_email": f"person-{number % 50_000}@example.com",
        "serial_key": f"s-{number}",
        "hardware_key": _public_id("hardware", number),
    }


def _registration(account: int, number: int) -> dict[str, Any]:
    return {
        "account": account,
        "number": number,
        "public_id": _public_id("registration", number),
        "device_number": number,
        "public_key": number.to_bytes(65, "big"),
        "thumbprint": hashlib.sha256(number.to_bytes(8, "big")).digest(),
        "user_email": f"person-{number % 50_000}@example.com",
        "created_at": _START + number,
        "last_seen_at": _START,
        "last_sequence": 1,
        "last_digest": b"d" * 32,
    }


def _result(account: int, check: int, number: int) -> dict[str, Any]:
    passes = number % _ODD_ONE != 0
    return {
        "account": account,
        "registration_number": number,
        "check_number": check,
        "status": "pass" if passes else "fail",
        "reasons": "" if passes else "common-name-mismatch",
        "evidence": "possession",
        "check_version": 1,
        "certificate": hashlib.sha256(number.to_bytes(8, "big")).digest(),
        "measured_at": _START,
        "judged_at": _START,
        "ends_at": _START + 660_000,
        "expected": "{}",
        "received": '{"certificates":[' + " " * 600 + "]}",
        "logged_at": _START,
        "repeats": 0,
        "key_digest": hashlib.sha256(number.to_bytes(9, "big")).digest(),
        "claim_digest": b"c" * 16,
    }


def _evidence(account: int, check: int, number: int, facts: EvidenceFacts) -> dict[str, Any]:
    (one,) = facts.candidates
    name = f"laptop-{number}" if number % _ODD_ONE else "somebody"
    candidate = msgspec.structs.replace(one, sha256=number.to_bytes(32, "big"), common_names=(name,))
    kept = msgspec.structs.replace(
        facts,
        serial_number=f"S-{number}",
        hostname=f"laptop-{number}",
        device_uuid=_public_id("hardware", number),
        candidates=(candidate,),
    )
    return {
        "account": account,
        "check_number": check,
        "registration_number": number,
        "check_version": 1,
        "status": "pass" if number % _ODD_ONE else "fail",
        "measured_at": _START,
        "ends_at": _START + 660_000,
        "facts": msgspec.msgpack.encode(kept),
    }
