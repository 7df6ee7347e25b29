"""The assertion: what an application is told of who asks, signed, so that it need not believe its proxy.

A JWT (RFC 7519), ES256 alone, for one application (``aud``), good for a minute. A signature is used again for the same claims while
half of that is left: the decision behind it was made anew all the same.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

if TYPE_CHECKING:
    from collections.abc import Sequence

LIFE: Final = 60
"""Seconds."""
_LEFT: Final = 30
"""Seconds that a signature that is used again must still be good for."""
_REMEMBERED: Final = 20_000


class Signer:
    """Signs claims; only the event loop may call it."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._signed: OrderedDict[tuple[bytes, bytes], tuple[str, int]] = OrderedDict()

    def sign(self, claims: dict[str, Any], key: bytes, now: int) -> str:
        """Return the JWT of these claims, which begins to be good ``now`` (s); ``key``: PKCS#8, DER."""
        what = key, msgspec.json.encode(claims, order="deterministic")
        known = self._signed.get(what)
        if known is not None and known[1] - LIFE <= now <= known[1] - _LEFT:
            return known[0]
        ready = _key(key)
        times = {"iat": now, "nbf": now, "exp": now + LIFE}
        token = jwt.encode({"alg": "ES256", "typ": "JWT", "kid": ready.thumbprint()}, claims | times, ready)
        self._signed[what] = token, now + LIFE
        self._signed.move_to_end(what)
        if len(self._signed) > _REMEMBERED:
            self._signed.popitem(last=False)
        return token


def key_set(keys: Sequence[bytes]) -> dict[str, list[dict[str, Any]]]:
    """Return the public halves as a JWK set (RFC 7517)."""
    return {"keys": [_public(_key(key)) for key in keys]}


def _public(key: ECKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": key.thumbprint(), "use": "sig", "alg": "ES256"}


@lru_cache(maxsize=256)
def _key(encoded: bytes) -> ECKey:
    return ECKey.import_key(encoded)
