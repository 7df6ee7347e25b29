"""The secrets of an account: made once, opened by the right master key alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gatepost.controlplane.keys import load_keys, make_keys
from gatepost.errors import ConflictError, StorageError
from gatepost.wire import jws

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Account


def another_account(services: Services) -> Account:
    """Make an account without secrets."""
    with services.storage.writing() as records:
        return records.accounts.add("f" * 32, services.now())


def test_keys_are_the_same_whenever_they_are_loaded(services: Services, account: int) -> None:
    """And what they sign is verified by the point that agents pin."""
    with services.storage.reading() as records:
        one, two = load_keys(records, account), load_keys(records, account)
    assert (one.nonce_secret, one.point, one.thumbprint) == (two.nonce_secret, two.point, two.thumbprint)
    assert (32, jws.thumbprint(one.point)) == (len(one.nonce_secret), one.thumbprint)
    document = jws.sign(jws.Kind.CHECKS, b"{}", one.signing_key, one.thumbprint)
    assert jws.verify(jws.split(jws.Kind.CHECKS, document), two.point)


def test_each_account_has_keys_of_its_own(services: Services, account: int) -> None:
    """Neither a nonce nor a signature of one means anything to another."""
    other = another_account(services)
    with services.storage.writing() as records:
        make_keys(records, other, os.urandom, services.now())
        one, two = load_keys(records, account), load_keys(records, other.number)
    assert one.nonce_secret != two.nonce_secret
    assert one.point != two.point


def test_keys_are_made_once(services: Services, created: object) -> None:
    """Made again they would turn every enrolled agent away."""
    del created
    with services.storage.reading() as records:
        (found,) = records.accounts.all()
    with pytest.raises(ConflictError), services.storage.writing() as records:
        make_keys(records, found, os.urandom, services.now())


def test_an_account_without_secrets_is_said_to_be_one(services: Services) -> None:
    """Not made by `gatepost server init`."""
    other = another_account(services)
    with services.storage.reading() as records, pytest.raises(StorageError, match="server init"):
        load_keys(records, other.number)


def test_a_signing_key_of_another_kind_is_refused(services: Services) -> None:
    """Somebody's own hand in the database, with the right master key."""
    other = another_account(services)
    key = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with services.storage.writing() as records:
        records.secrets.put(other.number, "nonce-secret", bytes(32), services.now())
        records.secrets.put(other.number, "checks-key", key, services.now())
    with services.storage.reading() as records, pytest.raises(StorageError, match="elliptic curve"):
        load_keys(records, other.number)
