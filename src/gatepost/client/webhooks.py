"""Sending to webhooks: one POST, no redirect followed, nothing of the answer read but its status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httpx2

from gatepost.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)


class WebhookClient:
    """Sends; only one thread may use it."""

    def __init__(self) -> None:
        """Take the system's authorities, and nothing from the environment."""
        self._client = httpx2.Client(trust_env=False, timeout=_TIMEOUT, follow_redirects=False)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a body; return the status. Raises `TransportError`."""
        try:
            with self._client.stream("POST", url, content=body, headers=dict(headers)) as answer:
                return answer.status_code
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise TransportError(url, f"cannot be reached: {type(error).__name__}") from error
