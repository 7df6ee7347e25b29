"""What a webhook is sent: changes in the order of the account's logs, as one signed document.

The form is that of Standard Webhooks (standardwebhooks.com): the headers ``webhook-id``, ``webhook-timestamp`` (s) and
``webhook-signature``, which is ``v1,`` and the base64 of an HMAC-SHA-256 over id, timestamp and body with dots between.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

import msgspec

from gatepost.wire.management.envelope import Instant

PREFIX: Final = "whsec_"
SECRET_LENGTH: Final = 32


class PostureChange(msgspec.Struct, frozen=True, kw_only=True, tag="posture", tag_field="type"):
    """A line of the posture log: how a device stands with a check. ``ends_at``: when that ends by itself; null: never."""

    position: int
    at: Instant
    registration_id: str
    device_id: str
    device_name: str
    user_email: str | None
    check_id: str
    check_name: str
    status: str
    reasons: tuple[str, ...]
    evidence: str | None
    ends_at: Instant | None


class AuditChange(msgspec.Struct, frozen=True, kw_only=True, tag="audit", tag_field="type"):
    """A line of the audit log: what was done to what."""

    position: int
    at: Instant
    action: str
    kind: str
    reference: str


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent at once: changes, oldest first. ``missing``: lines before them were dropped, and cannot be told."""

    account_id: str
    missing: bool
    changes: tuple[PostureChange | AuditChange, ...]


def write_secret(secret: bytes) -> str:
    """Write a secret as its owner configures it."""
    return PREFIX + base64.b64encode(secret).decode()


def sign(secret: bytes, identifier: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a body; ``timestamp``: s since 1970, UTC."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
