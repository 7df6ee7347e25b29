"""A SQLite file for each test, and the engines behind it where a test needs to look underneath the ports."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from gatepost.storage.database import SqlStorage
from gatepost.storage.keybox import Keybox
from gatepost.storage.migration import migrate
from gatepost.storage.sqlite import open_readers, open_writer
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine


def predictable(length: int) -> bytes:
    """Return bytes that are the same for each run."""
    return hashlib.shake_128(b"predictable").digest(length)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of an empty database of this release."""
    file = tmp_path / "gatepost.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def readers(path: Path) -> Iterator[Engine]:
    """Give the engine that reads."""
    engine = open_readers(path)
    yield engine
    engine.dispose()


@pytest.fixture
def writer(path: Path) -> Iterator[Engine]:
    """Give the engine that writes; it has one connection, so that a pragma set on it holds."""
    engine = open_writer(path)
    yield engine
    engine.dispose()


@pytest.fixture
def storage(readers: Engine, writer: Engine) -> SqlStorage:
    """Give storage on these engines, with account number 1."""
    made = SqlStorage(readers, writer, Keybox(samples.MASTER_KEY, predictable))
    with made.writing() as records:
        samples.store_account(records)
    return made
