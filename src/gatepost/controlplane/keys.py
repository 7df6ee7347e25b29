"""The secrets of an account that every server process shares: the nonces' secret and the key that signs checks.

They are made once, with the account, and lie wrapped in the database (`storage.keybox`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.errors import StorageError
from gatepost.wire import jws

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.ports import Account, Records

_NONCE_SECRET: Final = "nonce-secret"  # noqa: S105 - the name of a secret, not one.
_SIGNING_KEY: Final = "checks-key"


class AccountKeys(msgspec.Struct, frozen=True, kw_only=True):
    """An account's secrets, ready to use. ``point`` is the signing key's public half, which agents pin."""

    nonce_secret: bytes
    signing_key: ec.EllipticCurvePrivateKey
    point: bytes
    thumbprint: bytes


def load_nonce_secret(records: Records, account: int) -> bytes:
    """Return the secret under which an account's nonces are issued; raises StorageError where it is missing."""
    secret = records.secrets.get(account, _NONCE_SECRET)
    if secret is None:
        raise _no_secrets(account)
    return secret


def make_keys(records: Records, account: Account, random: Callable[[int], bytes], now: int) -> None:
    """Make the secrets of a new account; raises ConflictError when it has them already."""
    records.secrets.put(account.number, _NONCE_SECRET, random(32), now)
    records.secrets.put(account.number, _SIGNING_KEY, new_private_key(), now)


def new_private_key() -> bytes:
    """Make a P-256 key, and return it as PKCS#8 in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def renew_nonce_secret(records: Records, account: int, random: Callable[[int], bytes], now: int) -> None:
    """Make another secret for nonces: those that were issued under the one before answer nothing any more.

    Raises StorageError, as `load_keys`, when the secrets belong to another master key.
    """
    load_keys(records, account)
    records.secrets.replace(account, _NONCE_SECRET, random(32), now)


def load_keys(records: Records, account: int) -> AccountKeys:
    """Return the secrets of an account; raises StorageError when one is missing."""
    nonce_secret = load_nonce_secret(records, account)
    encoded = records.secrets.get(account, _SIGNING_KEY)
    if encoded is None:
        raise _no_secrets(account)
    key = serialization.load_der_private_key(encoded, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StorageError(f"the signing key of account number {account} is not an elliptic curve key")
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return AccountKeys(nonce_secret=nonce_secret, signing_key=key, point=point, thumbprint=jws.thumbprint(point))


def _no_secrets(account: int) -> StorageError:
    return StorageError(f"account number {account} has no secrets; it was not made by `gatepost server init`")
