"""Documents and certificates that are small and meant to cost much: each is refused or fails, soon and in little memory."""

from __future__ import annotations

import asyncio
import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import httpx2
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gatepost.cli.simulate import memory_of
from gatepost.client.identity import make_device_key
from gatepost.core.finding import KeyState, StoreKind
from gatepost.simulator.agent import PLACE
from gatepost.simulator.connections import Connections
from gatepost.wire import jws
from tests.faults.campaign import Campaign, Tally, count
from tests.faults.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatepost.client.identity import DeviceKey
    from gatepost.simulator.agent import SimulatedAgent

_REPORT: Final = "/device/v1/report"
SECONDS: Final = 2.0
"""Within which each is answered, and an honest report after it."""
MEMORY: Final = 16 * 2**20
"""Bytes by which the server may have grown from the first half of them to the second, each at its least: garbage comes and goes."""
_MANY: Final = 500
_LOOK: Final = 10
"""Bombs between two looks at the server's memory."""
REFUSED, JUDGED = "refused", "judged, and no pass"
_NOW: Final = datetime.now(UTC)


def _nested(depth: int) -> bytes:
    """Nest SEQUENCEs."""
    content = b""
    for _ in range(depth):
        length = len(content)
        size = bytes([length]) if length < 128 else b"\x83" + length.to_bytes(3, "big")
        content = b"\x30" + size + content
    return content


def _certificate(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey, *extensions: x509.ExtensionType) -> bytes:
    signer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "device-0")])
    builder = x509.CertificateBuilder(name, name, key, x509.random_serial_number(), _NOW, _NOW + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.DER)


def _certificates() -> dict[str, list[bytes]]:
    odd = (1 << 16_383) | 1
    plain = ec.generate_private_key(ec.SECP256R1()).public_key()
    names = [x509.DNSName(f"{number:04}.example") for number in range(1_000)]
    return {
        "indefinite lengths": [b"\x30\x80" * 8_000],
        "sequences in sequences": [_nested(4_000)],
        "an RSA key of 16384 bits": [_certificate(rsa.RSAPublicNumbers(65_537, odd).public_key())],
        "a thousand names": [_certificate(plain, x509.SubjectAlternativeName(names))],
        "an extension of 20 KB": [
            _certificate(plain, x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\0" * 20_000))
        ],
        "64 certificates": [_certificate(ec.generate_private_key(ec.SECP521R1()).public_key()) for _ in range(64)],
    }


def _documents() -> dict[str, bytes]:
    return {
        "arrays in arrays": b"[" * 45_000,
        "objects in objects": b'{"a":' * 9_000,
        "a number of 45,000 digits": b'{"sequence":' + b"9" * 45_000 + b"}",
        "an exponent": b'{"sequence":1e999999999}',
        "5,000 keys": b"{" + b",".join(b'"k%d":0' % number for number in range(5_000)) + b"}",
        "one key again and again": b"{" + b",".join([b'"sequence":1'] * 3_000) + b"}",
        "surrogates": b'{"aud":"' + b"\\ud800" * 7_000 + b'"}',
    }


def _bombs() -> dict[str, Callable[[SimulatedAgent], tuple[str, bytes]]]:
    """Give what makes path and body of each, for a device that is enrolled."""
    found: dict[str, Callable[[SimulatedAgent], tuple[str, bytes]]] = {}
    for name, content in _documents().items():
        found[f"a report of {name}"] = partial(_document, content)
        found[f"an enrolment of {name}"] = partial(_enrolment, content, make_device_key())
    for name, ders in _certificates().items():
        found[f"a report with {name}"] = partial(_reporting, ders)
    for name, body in (
        ("a header of 60 KB", b"e" * 60_000 + b".e30.e30"),
        ("dots alone", b"." * 60_000),
        ("a body of 65,537 bytes", b"a" * 65_537),
    ):
        found[name] = partial(_bare, body)
    return found


def _bare(body: bytes, _: SimulatedAgent) -> tuple[str, bytes]:
    return _REPORT, body


def _enrolment(content: bytes, key: DeviceKey, _: SimulatedAgent) -> tuple[str, bytes]:
    return "/device/v1/enroll", jws.sign(jws.Kind.ENROLLMENT, content, key.private, key.thumbprint)


def _document(content: bytes, agent: SimulatedAgent) -> tuple[str, bytes]:
    return _REPORT, _signed(agent, content)


def _signed(agent: SimulatedAgent, payload: bytes) -> bytes:
    key = agent.key
    return jws.sign(jws.Kind.REPORT, payload, key.private, key.thumbprint)


def _reporting(ders: list[bytes], agent: SimulatedAgent) -> tuple[str, bytes]:
    honest = jws.split(jws.Kind.REPORT, agent.report()).payload
    report = msgspec.json.decode(honest)
    by_digest = {hashlib.sha256(item).hexdigest(): item for item in ders}
    report["certificates"] = {name: msgspec.json.decode(msgspec.json.encode(item)) for name, item in by_digest.items()}
    report["checks"][0]["candidates"] = [
        {"sha256": name, "store": StoreKind.PEM_FILE, "path": PLACE, "key": KeyState.PRESENT} for name in by_digest
    ]
    return _REPORT, _signed(agent, msgspec.json.encode(report))


def run(folder: Path, rounds: int) -> Tally:
    """Send them all, ``rounds`` in all, over and over, and after each an honest report."""
    return count(asyncio.run(_campaign(Standing(folder, 2), rounds)), frozenset({REFUSED, JUDGED}))


async def _campaign(standing: Standing, rounds: int) -> list[str]:
    connections = Connections(standing.url, None, 4)
    outcomes: list[str] = []
    with standing.serve() as process:
        await standing.synchronise()
        bombs = list(_bombs().items())
        bomber, honest = standing.agents
        for _ in range(3):
            await _honest(connections, honest)
        memory = []
        for number in range(rounds):
            name, make = bombs[number % len(bombs)]
            began = time.monotonic()
            path, body = make(bomber)
            answer = await connections.post(path, body, bearer="0" * 43 if "enroll" in path else "")
            outcome = _outcome(answer.status, answer.body)
            if outcome == JUDGED:
                bomber.nonce = msgspec.convert(msgspec.json.decode(answer.body)["nonce"], bytes)
            if not await _honest(connections, honest) or time.monotonic() - began > SECONDS:
                outcome = f"{name}: the server took {time.monotonic() - began:.1f} s, or refuses honest reports"
            outcomes.append(outcome if outcome in {REFUSED, JUDGED} else f"{name}: {outcome}")
            if number % _LOOK == 0:
                memory.append(memory_of(process.pid) or 0)
    half = len(memory) // 2
    grown = min(memory[half:]) - min(memory[len(memory) // 10 : half] or memory[:1])
    # Few are not enough for what is loaded at the first of each kind to be behind.
    if grown > MEMORY and rounds >= _MANY:
        outcomes[-1] = f"the server has grown by {grown:,} bytes"
    await connections.close()
    return outcomes


def _outcome(status: int, body: bytes) -> str:
    if status == httpx2.codes.OK:
        statuses = {item["status"] for item in msgspec.json.decode(body)["verdicts"]}
        return JUDGED if statuses <= {"fail", "error"} else f"it came to {statuses}"
    return REFUSED if 400 <= status < 500 else f"status {status}: {body[:200]!r}"


async def _honest(connections: Connections, agent: SimulatedAgent) -> bool:
    answer = await connections.post("/device/v1/report", agent.report())
    if answer.status != httpx2.codes.OK:
        return False
    found = msgspec.json.decode(answer.body)
    agent.nonce = msgspec.convert(found["nonce"], bytes)
    return [item["status"] for item in found["verdicts"]] == ["pass"]


CAMPAIGN = Campaign(
    name="parser bombs",
    what=(
        "Documents nested deep, numbers without end, certificates that are malformed or giant, bodies and headers too"
        f" long: each is answered within {SECONDS:g} s, an honest report after it passes, and the server does not grow"
        f" by more than {MEMORY // 2**20} MiB"
    ),
    rounds=4_000,
    few=30,
    run=run,
)
