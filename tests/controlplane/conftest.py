"""A database of one account for each test of a use case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.administration.accounts import NewAccount, create_account
from tests.services import Clock, open_services

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.controlplane.administration.services import Services


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def services(tmp_path: Path, clock: Clock) -> Services:
    """Give services on an empty database."""
    return open_services(tmp_path, clock)


@pytest.fixture
def created(services: Services) -> NewAccount:
    """Give an account with its first administrator's token."""
    return create_account(services, "owner@example.com")


@pytest.fixture
def account(services: Services, created: NewAccount) -> int:
    """Give the account's number."""
    with services.storage.reading() as records:
        found = records.accounts.find(created.account_id)
    assert found is not None
    return found.number
