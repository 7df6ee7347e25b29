"""What applications are told of who was let in, and the keys by which they verify it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from gatepost.controlplane.access.signing_keys import ROTATED_EVERY
from tests.web.door import Door, fingerprint, proved

if TYPE_CHECKING:
    from tests.controlplane.house import Member


def verify(token: str, keys: Any) -> dict[str, Any]:  # noqa: ANN401 - a JWK set, as it came.
    """Verify as an application does, and return the claims."""
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"]).claims


async def test_the_application_is_told_who_asks_in_words_that_it_can_verify(door: Door, laptop: Member) -> None:
    """By the published keys, for itself alone, for a minute; the same words are signed once in half of that."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    first = (await door.ask(**told)).headers["x-gatepost-assertion"]
    published = await door.client.get(f"/access/v1/{door.house.account_id}/jwks")
    assert "public, max-age=300" == published.headers["cache-control"]
    assert not any("d" in key for key in published.json()["keys"])
    claims = verify(first, published.json())
    now = door.house.clock() // 1000
    assert (door.app["aud"], now, now + 60) == (claims["aud"], claims["iat"], claims["exp"])
    assert (laptop.registration.id, laptop.registration.device.id) == (claims["registration_id"], claims["device_id"])
    assert ({door.check: True}, "possession", "mutual_tls") == (
        claims["posture"],
        claims["evidence"],
        claims["binding"],
    )
    assert "https://gatepost.example" == claims["iss"]
    door.house.clock.time += 29_000
    assert first == (await door.ask(**told)).headers["x-gatepost-assertion"]
    door.house.clock.time += 2_000
    second = (await door.ask(**told)).headers["x-gatepost-assertion"]
    later = verify(second, published.json())
    assert now + 31 == later["iat"]
    nobody = await door.client.get(f"/access/v1/{'0' * 32}/jwks")
    assert (404, "no-store") == (nobody.status_code, nobody.headers["cache-control"])


async def test_keys_take_turns_and_each_was_published_before_it_signs(door: Door, laptop: Member) -> None:
    """What the last one signed can be verified still."""

    async def sign() -> tuple[str, dict[str, Any]]:
        answer = await door.ask(fingerprint=fingerprint(proved(door.house, laptop)))
        assert 204 == answer.status_code
        keys = (await door.client.get(f"/access/v1/{door.house.account_id}/jwks")).json()
        return answer.headers["x-gatepost-assertion"], keys

    first, known = await sign()
    door.house.clock.time += ROTATED_EVERY
    second, published = await sign()
    assert verify(second, known)
    assert verify(first, published)
    assert [2, 3] == [len(keys["keys"]) for keys in (known, published)]
    door.house.clock.time += ROTATED_EVERY
    _, last = await sign()
    with pytest.raises(InvalidKeyIdError):
        verify(first, last)
