"""Records to store: complete ones, different in every field, so that two columns that change places are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from gatepost.controlplane.ports import (
    Account,
    Actor,
    ActorKind,
    AuditEntry,
    Denial,
    DenialKind,
    Device,
    Registration,
    Resource,
    StoredCheck,
    StoredEvidence,
    StoredResult,
    Token,
    UploadedCertificate,
    User,
)
from gatepost.core.check import Evidence
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status
from gatepost.core.log import AccessDocument, PostureEntry, UnmetDocument
from gatepost.core.reason import Reason
from gatepost.core.result import Result

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records

MASTER_KEY = bytes(range(32))
NOW = 1_795_000_000_000


def public_id(number: int) -> str:
    """Return a UUID's text."""
    return str(UUID(int=number, version=4))


def token(account: int, number: int = 1, **changes: object) -> Token:
    """Return an enrolment token with every field filled."""
    filled = Token(
        id=public_id(100 + number),
        account=account,
        kind="enrollment",
        name=f"token {number}",
        digest=bytes([number]) * 32,
        scopes=("devices:write", "with space"),
        created_at=NOW + 1,
        expires_at=NOW + 2,
        uses_left=3,
        user_email="user@example.com",
    )
    return msgspec.structs.replace(filled, **changes)


def certificate(account: int, number: int = 1, **changes: object) -> UploadedCertificate:
    """Return an upload with every field filled."""
    filled = UploadedCertificate(
        id=public_id(200 + number),
        account=account,
        name=f"CA {number}",
        certificates="-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
        ca=True,
        uploaded_at=NOW + 3,
    )
    return msgspec.structs.replace(filled, **changes)


_INPUT = b'{"certificate_id":"any","check_private_key":false,"operating_system":"linux"}'


def check(account: int, number: int = 1, **changes: object) -> StoredCheck:
    """Return a check with every field filled but the upload's name."""
    filled = StoredCheck(
        number=0,
        id=public_id(300 + number),
        account=account,
        type="client_certificate_v2",
        document=b'{"name":"Check %d","type":"client_certificate_v2","input":%b}' % (number, _INPUT),
        options=b'{"shared": "deny"}',
        version=4,
        created_at=NOW + 4,
        updated_at=NOW + 5,
    )
    return msgspec.structs.replace(filled, **changes)


def device(account: int, number: int = 1, **changes: object) -> Device:
    """Return a device with every field filled."""
    filled = Device(
        number=0,
        id=public_id(400 + number),
        account=account,
        name=f"laptop-{number}",
        facts=DeviceFacts(serial_number=f"SN{number}", hostname=f"host-{number}", device_uuid=public_id(450 + number)),
        details=b'{"device_type": "linux"}',
        created_at=NOW + 6,
        updated_at=NOW + 7,
    )
    return msgspec.structs.replace(filled, **changes)


def registration(of: Device, number: int = 1, **changes: object) -> Registration:
    """Return a registration of a stored device with every field filled."""
    filled = Registration(
        number=0,
        id=public_id(500 + number),
        account=of.account,
        device=of,
        public_key=b"\x04" + bytes([number]) * 64,
        thumbprint=number.to_bytes(32, "big"),
        user_email="user@example.com",
        created_at=NOW + 8,
        last_seen_at=NOW + 9,
        last_sequence=10,
        last_digest=b"\x0b" * 32,
    )
    return msgspec.structs.replace(filled, **changes)


def denial(account: int, number: int = 1, **changes: object) -> Denial:
    """Return a denial with every field filled."""
    filled = Denial(
        number=0,
        id=public_id(600 + number),
        account=account,
        kind=DenialKind.KEY,
        value=bytes([number]) * 32,
        reason="certificate-denied",
        source="administrator",
        note="stolen",
        created_at=NOW + 10,
    )
    return msgspec.structs.replace(filled, **changes)


def result(**changes: object) -> Result:
    """Return a result with every field filled."""
    filled = Result(
        status=Status.FAIL,
        reasons=(Reason.CERTIFICATE_EXPIRED, Reason.COMMON_NAME_MISMATCH),
        evidence=Evidence.POSSESSION,
        check_version=11,
        certificate=b"\x0c" * 32,
        measured_at=NOW + 12,
        judged_at=NOW + 13,
        ends_at=NOW + 14,
    )
    return msgspec.structs.replace(filled, **changes)


def stored_result(of: Registration, against: StoredCheck, **changes: object) -> StoredResult:
    """Return a stored result with every field filled."""
    filled = StoredResult(
        registration=of.number,
        check=against.number,
        result=result(),
        expected='{"cn": "expected"}',
        received='{"cn": "received"}',
        logged_at=NOW + 15,
        repeats=16,
    )
    return msgspec.structs.replace(filled, **changes)


def entry(**changes: object) -> PostureEntry:
    """Return a line's content with every field filled."""
    filled = PostureEntry(
        result=result(),
        expected='{"cn": "asked"}',
        received='{"cn": "had"}',
        nonce=b"\x11" * 40,
        signature=b"\x12" * 64,
        reports=17,
    )
    return msgspec.structs.replace(filled, **changes)


def store_account(records: Records, number: int = 1) -> Account:
    """Store an account."""
    return records.accounts.add(f"{number:032x}", NOW)


def store_registration(records: Records, account: int, number: int = 1) -> Registration:
    """Store a device and its registration."""
    return records.devices.register(registration(records.devices.add(device(account, number)), number))


def evidence(of: Registration, against: StoredCheck, **changes: object) -> StoredEvidence:
    """Return evidence of a stored registration for a stored check."""
    kept = StoredEvidence(
        check=against.number,
        registration=of.number,
        check_version=against.version,
        status="pass",
        measured_at=NOW,
        ends_at=NOW + 1,
        facts=b"facts",
    )
    return msgspec.structs.replace(kept, **changes)


def user(account: int, number: int = 1) -> User:
    """Return a person who is not stored yet."""
    return User(
        number=0,
        id=public_id(number),
        account=account,
        email=f"Person{number}@Example.com",
        name="",
        created_at=NOW,
        updated_at=NOW,
    )


def resource(account: int, number: int = 1, **changes: object) -> Resource:
    """Return a document that is not stored yet."""
    document = Resource(
        number=0,
        id=public_id(number),
        account=account,
        kind="group",
        name=f"Group {number}",
        document=b"{}",
        created_at=NOW,
        updated_at=NOW,
    )
    return msgspec.structs.replace(document, **changes)


def audit_entry(**changes: object) -> AuditEntry:
    """Return a change."""
    actor = Actor(kind=ActorKind.TOKEN, id="t", name="script", email="owner@example.com")
    entry = AuditEntry(at=NOW, actor=actor, action="create", kind="token", reference="x", after='{"a": 1}')
    return msgspec.structs.replace(entry, **changes)


def decision(**changes: object) -> AccessDocument:
    """Return a line of the access log with every field filled."""
    filled = AccessDocument(
        at=NOW,
        reference="ab12-1",
        proxy_id=public_id(7),
        app_id=public_id(8),
        app_name="wiki",
        host="wiki.example.com",
        path="/page",
        address="192.0.2.7",
        certificate="ab" * 32,
        registration_id=public_id(9),
        device_id=public_id(10),
        device_name="laptop-1",
        user_email="user@example.com",
        service_token_id=public_id(11),
        allowed=True,
        decision="allow",
        policy_id=public_id(12),
        reasons=("report-only",),
        unmet=(
            UnmetDocument(
                policy_id=public_id(12), rule="require/0", check_id=public_id(13), reasons=("report-missing",)
            ),
        ),
        binding="mutual_tls",
        evidence="possession",
        evidence_age=5,
        stands_for=1,
    )
    return msgspec.structs.replace(filled, **changes)
