"""The logs: what their lines hold, and when a result is worth one in the posture log.

A line is written when status, reasons, evidence or certificate change, and once in 24 hours with the number of reports
that said the same; a line for each report of a large fleet would bury the changes.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gatepost.core.result import Result

REPEAT_AFTER: Final = 24 * 60 * 60 * 1000
"""After so many ms without a change a line is written all the same."""


class PostureEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line: the result, what was expected and received (JSON text), the proof, and how many reports it stands for."""

    result: Result
    expected: str
    received: str
    nonce: bytes
    signature: bytes | None
    reports: int
    audience: str = ""
    """For whom the signature is: with nonce, device key and certificate, what it was made over."""


class PostureDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line as JSON, in this order of fields: what the chain of the logs is over. Bytes are base64, digests hexadecimal."""

    registration_id: str
    device_id: str
    device_name: str
    device: str
    """What the device said of itself when it enrolled, JSON text."""
    serial_number: str | None
    hostname: str | None
    device_uuid: str | None
    user_email: str | None
    check_id: str
    check_name: str
    check_type: str
    check_version: int
    status: str
    reasons: str
    """With commas between."""
    evidence: str | None
    certificate: str | None
    """SHA-256 of the nearest certificate."""
    measured_at: int
    judged_at: int
    ends_at: int | None
    expected: str
    received: str
    nonce: bytes
    signature: bytes | None
    audience: str
    device_key: str | None
    """RFC 7638 thumbprint of the device's key."""
    reports: int


class AuditDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line of the audit log as JSON, in this order of fields."""

    at: int
    actor: str
    """JSON text."""
    action: str
    kind: str
    reference: str
    before: str | None
    after: str | None


class UnmetDocument(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A rule that was not met, in a line of the access log: where it stands in which policy, and why it was not."""

    policy_id: str
    rule: str
    """Its place, such as ``require/0``."""
    check_id: str | None
    """The check that it asks about, where it is such a rule."""
    reasons: tuple[str, ...]


class AccessDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the access log as JSON, in this order of fields: one decision, or ``stands_for`` that were like it."""

    at: int
    reference: str
    """The name that who is refused reads."""
    proxy_id: str
    """The public id of the proxy's token."""
    app_id: str | None
    """None: the proxy asked for what it may not ask for, or what is no application."""
    app_name: str | None
    host: str
    path: str
    """Without its query, which may hold secrets."""
    address: str
    certificate: str | None
    """SHA-256 of the connection's client certificate."""
    registration_id: str | None
    device_id: str | None
    device_name: str | None
    user_email: str | None
    service_token_id: str | None
    allowed: bool
    decision: str | None
    """Of the policy that decided."""
    policy_id: str | None
    reasons: tuple[str, ...]
    unmet: tuple[UnmetDocument, ...]
    binding: str | None
    evidence: str | None
    evidence_age: int | None
    stands_for: int


def is_news(previous: Result | None, logged_at: int | None, current: Result) -> bool:
    """Tell whether ``current`` deserves a line, given the result before it and when (ms) the last line was written."""
    if previous is None or logged_at is None:
        return True
    same = (previous.status, previous.reasons, previous.evidence, previous.certificate) == (
        current.status,
        current.reasons,
        current.evidence,
        current.certificate,
    )
    return not same or current.judged_at - logged_at >= REPEAT_AFTER
