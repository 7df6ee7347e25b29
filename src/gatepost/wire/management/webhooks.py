"""Webhooks: ``/accounts/{a}/gatepost/webhooks``: who is told of changes."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from gatepost.errors import InputError
from gatepost.wire.management.envelope import Instant

KIND: Final = "webhook"
"""Their word in the database and in the audit log."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class WebhookBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A webhook that is made."""

    url: Annotated[str, msgspec.Meta(max_length=2_048, pattern=r"^[\x21-\x7e]+$")]
    name: Annotated[str, msgspec.Meta(max_length=350, pattern=r"^[^\x00]*$")] = ""

    def __post_init__(self) -> None:
        """Refuse what is no address that may be told things; raises `InputError`."""
        allowed = "https://HOST[:PORT]/PATH, or http:// on loopback"
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            raise InputError("/url", "is no URL", allowed) from None
        if not host or parts.username is not None or parts.fragment:
            raise InputError("/url", "is no plain URL: without a host, or with a user or a fragment", allowed)
        if parts.scheme != "https" and (parts.scheme != "http" or host not in _LOOPBACK):
            raise InputError("/url", "would be told things without TLS", allowed)


class WebhookObject(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is shown. ``position``: up to which line of the logs it was told; ``failures``: since it last took one."""

    id: str
    name: str
    url: str
    created_at: Instant
    position: int
    failures: int
    next_try_at: Instant | None
    last_problem: str


class NewWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that was made, with its secret, this once."""

    id: str
    name: str
    url: str
    secret: str


class StoredWebhook(msgspec.Struct, frozen=True):
    """A webhook as it is kept; its secret lies apart, wrapped."""

    url: str


def secret_name(webhook_id: str) -> str:
    """Return the name by which a webhook's secret is kept."""
    return f"webhook:{webhook_id}"
