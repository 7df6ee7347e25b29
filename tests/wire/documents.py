"""One document of each kind, with every field filled, and what they are made of: fixed keys and certificates.

``golden/`` holds the same documents as they were written and signed on the first day. They are never written anew: agents
and servers of every later release have to read them.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import Evidence, OperatingSystem, Purpose, TrustStore
from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState, StoreKind
from gatepost.core.pem import scan_pem
from gatepost.core.possession import (
    build_enrollment_statement,
    build_statement,
    issue_enrollment_nonce,
    issue_nonce,
)
from gatepost.core.reason import Reason
from gatepost.wire import checks, device, device_token, jws, log_file, vouch

GOLDEN = Path(__file__).parent / "golden"


def certificate(name: str) -> Certificate:
    """Read one of the fixed certificates."""
    (block,) = scan_pem((GOLDEN / f"{name}.pem").read_text(encoding="ascii"))
    parsed = parse_certificate(block.content or b"")
    assert isinstance(parsed, Certificate)
    return parsed


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give the public half as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


AUTHORITY, LAPTOP = certificate("authority"), certificate("laptop")
LAPTOP_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
DEVICE_KEY = ec.derive_private_key(0x646576696365, ec.SECP256R1())
ACCOUNT_KEY = ec.derive_private_key(0x6163636F756E74, ec.SECP256R1())
DEVICE_POINT, ACCOUNT_POINT = point_of(DEVICE_KEY), point_of(ACCOUNT_KEY)
THUMBPRINT = jws.thumbprint(DEVICE_POINT)

SERVER = "https://gatepost.example:8640"
ACCOUNT = "0123456789abcdef0123456789abcdef"
AUDIENCE = f"{SERVER}/{ACCOUNT}"
ISSUED_AT = 1_780_315_200_000
NONCE = issue_nonce(b"\x02" * 32, bytes.fromhex(ACCOUNT), b"\x03" * 16, ISSUED_AT)
STATEMENT = build_statement(AUDIENCE, THUMBPRINT, NONCE, LAPTOP.sha256)
CHECK_ID = "5e752826-3b11-42be-af34-c69f9421cff2"

FACTS = device.Facts(
    serial_number="S-1",
    hostname="laptop-1",
    device_uuid="6f1c0d1e-0000-4000-8000-00000000000a",
    name="laptop-1.example",
    device_type=OperatingSystem.LINUX,
    manufacturer="Example",
    model="Laptop 1",
    os_version="Debian GNU/Linux 12 (bookworm)",
    client_version="0.1.0",
)
ANSWER = device.CheckAnswer(
    id=CHECK_ID,
    version=3,
    status=Status.PASS,
    candidates=(
        device.PlacedCandidate(
            sha256=LAPTOP.fingerprint,
            store=StoreKind.NSSDB,
            path="/etc/pki/nssdb",
            label="laptop",
            user="root",
            key=KeyState.PRESENT,
            key_detail="key4.db",
            distrusted=True,
            signature=LAPTOP_KEY.sign(STATEMENT),
        ),
        device.PlacedCandidate(sha256=LAPTOP.fingerprint, store=StoreKind.PEM_FILE, path="/etc/laptop.pem"),
    ),
    others=2,
    too_many=True,
    faults=(
        device.PlacedFault(
            store=StoreKind.NSSDB,
            path="/home/u/.pki/nssdb",
            user="u",
            reason=Reason.STORE_BUSY,
            detail="/home/u/.pki/nssdb/cert9.db is locked",
        ),
    ),
    nearby=(
        device.NearbyCertificate(
            issuer="CN=Example Issuing CA", sha256="ab" * 32, not_after=ISSUED_AT + 1, via=AUTHORITY.fingerprint
        ),
    ),
)
CHECK = checks.CheckDocument(
    id=CHECK_ID,
    version=3,
    name="Laptops",
    authorities=(AUTHORITY.fingerprint,),
    cn="${hostname}",
    subject_alternative_names=("dns:${hostname}.example", "${serial_number}"),
    extended_key_usage=(Purpose.CLIENT_AUTH, Purpose.EMAIL_PROTECTION),
    check_private_key=True,
    evidence=Evidence.POSSESSION,
    hardware_policies=("1.2.3",),
    operating_system=OperatingSystem.LINUX,
    trust_stores=(TrustStore.SYSTEM, TrustStore.USER),
    paths=("/etc/laptop.pem",),
    schedule=300,
    expiration=660,
)

ENROLLMENT = device.Enrollment(aud=SERVER, key=jws.to_jwk(DEVICE_POINT), facts=FACTS)
CHALLENGE = device.Challenge(aud=AUDIENCE, key=jws.to_jwk(DEVICE_POINT))
ENROLLMENT_NONCE = issue_enrollment_nonce(b"\x02" * 32, bytes.fromhex(ACCOUNT), THUMBPRINT, ISSUED_AT)
CERTIFIED_ENROLLMENT = device.CertifiedEnrollment(
    aud=AUDIENCE,
    key=jws.to_jwk(DEVICE_POINT),
    facts=FACTS,
    nonce=ENROLLMENT_NONCE,
    certificate=LAPTOP.der,
    signature=LAPTOP_KEY.sign(build_enrollment_statement(AUDIENCE, THUMBPRINT, ENROLLMENT_NONCE, LAPTOP.sha256)),
)
SYNC = device.Sync(aud=AUDIENCE, checks_version=7)
WAIT = device.Wait(aud=AUDIENCE, checks_version=7)
TOKEN_REQUEST = device_token.TokenRequest(aud=AUDIENCE)
VOUCH = vouch.Vouch(aud=AUDIENCE, challenge="eyJ0eXBlIjoiY2hhbGxlbmdlIn0.zc3N")
REPORT = device.Report(
    aud=AUDIENCE,
    sequence=41,
    nonce=NONCE,
    facts=FACTS,
    certificates={LAPTOP.fingerprint: LAPTOP.der},
    checks=(ANSWER,),
)
CHECKS = checks.Checks(
    account_id=ACCOUNT,
    version=7,
    valid_until=ISSUED_AT + 86_400_000,
    certificates={AUTHORITY.fingerprint: AUTHORITY.der},
    checks=(CHECK,),
)
CHECKPOINT = log_file.Checkpoint(account_id=ACCOUNT, position=41, head="cd" * 32, at=ISSUED_AT)
SIGNED = {
    jws.Kind.ENROLLMENT: ENROLLMENT,
    jws.Kind.CHALLENGE: CHALLENGE,
    jws.Kind.PROOF: CERTIFIED_ENROLLMENT,
    jws.Kind.SYNC: SYNC,
    jws.Kind.WAIT: WAIT,
    jws.Kind.VOUCH: VOUCH,
    jws.Kind.TOKEN: TOKEN_REQUEST,
    jws.Kind.REPORT: REPORT,
    jws.Kind.CHECKS: CHECKS,
    jws.Kind.CHECKPOINT: CHECKPOINT,
}
"""The documents that are signed, by their kind; all but the checks and the checkpoint are the device's."""

ANSWERS = {
    "enrolled": device.Enrolled(
        account_id=ACCOUNT,
        registration_id="a340f2a2-f628-4fdb-bcab-c02b44d240d3",
        device_id="e187b810-d58c-4b4a-b305-802bcf504274",
        account_key=jws.to_jwk(ACCOUNT_POINT),
    ),
    "challenged": device.Challenged(nonce=ENROLLMENT_NONCE),
    "synced": device.Synced(nonce=NONCE, checks_version=7, checks="a.b.c"),
    "called": device.Called(report_now=True, again_in=30),
    "acknowledgement": device.Acknowledgement(
        acknowledged=41,
        nonce=NONCE,
        checks_version=7,
        next_in=300,
        verdicts=(
            device.Verdict(
                id=CHECK_ID,
                name="Laptops",
                status=Status.FAIL,
                reasons=(Reason.CERTIFICATE_DISTRUSTED,),
                evidence=Evidence.POSSESSION,
                ends_at=ISSUED_AT + 660_000,
            ),
        ),
    ),
    "refusal": device.Refusal(reason=Reason.NONCE_EXPIRED, detail="too old", nonce=NONCE),
}
"""The server's answers, which are not signed."""
