"""What is read without pages cannot grow without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.errors import ConflictError
from tests.storage import samples

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Records
    from gatepost.storage.database import SqlStorage


def _add(records: Records, kind: str, account: int, number: int) -> None:
    match kind:
        case "accounts":
            samples.store_account(records, number)
        case "tokens":
            records.tokens.add(samples.token(account, number))
        case "certificates":
            records.certificates.add(samples.certificate(account, number))
        case _:
            records.checks.add(samples.check(account, number))


@pytest.mark.parametrize("kind", ["accounts", "tokens", "certificates", "checks"])
def test_one_more_than_the_bound_is_refused(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The bound is said, what was there stays."""
    monkeypatch.setattr(f"gatepost.storage.{kind}.MAXIMUM_{kind.upper()}", 3)
    with storage.writing() as records:
        first = 3 if kind == "accounts" else 2
        for number in range(first, 5):
            _add(records, kind, 1, number)
        with pytest.raises(ConflictError, match="3 of them"):
            _add(records, kind, 1, 5)


@pytest.mark.parametrize("kind", ["tokens", "certificates", "checks"])
def test_a_bound_is_each_accounts_own(storage: SqlStorage, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A full account does not stop another; of tokens, each kind counts for itself."""
    monkeypatch.setattr(f"gatepost.storage.{kind}.MAXIMUM_{kind.upper()}", 1)
    with storage.writing() as records:
        samples.store_account(records, 2)
        _add(records, kind, 1, 1)
        _add(records, kind, 2, 2)
        if kind == "tokens":
            records.tokens.add(samples.token(1, 3, kind="administrator"))
