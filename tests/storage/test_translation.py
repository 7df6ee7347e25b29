"""The database's errors in words, without statements or values."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gatepost.storage.translation import code_of, is_missing_reference, storage_error


class _DriverError(Exception):
    def __init__(self, code: str) -> None:
        super().__init__("the driver's words")
        self.sqlite_errorname = code


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("SQLITE_BUSY_SNAPSHOT", "the database is locked by another process (SQLITE_BUSY_SNAPSHOT)"),
        ("SQLITE_CANTOPEN", "the database cannot be opened (SQLITE_CANTOPEN)"),
        ("SQLITE_FULL", "the database has no room left: the disk is full (SQLITE_FULL)"),
        (
            "SQLITE_IOERR_WRITE",
            "the database could not be read or written by the operating system (SQLITE_IOERR_WRITE)",
        ),
        ("SQLITE_READONLY_DBMOVED", "the database cannot be written (SQLITE_READONLY_DBMOVED)"),
        ("SQLITE_MISUSE", "the database refused: the driver's words"),
        ("", "the database refused: the driver's words"),
    ],
)
def test_an_error_is_said_in_words(code: str, words: str) -> None:
    """Extended codes are said as the codes that they extend, and named; neither statement nor value is repeated."""
    error = OperationalError("SELECT secret", {"value": "secret"}, _DriverError(code))
    assert words == storage_error(error).detail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            PoolTimeoutError("QueuePool limit"),
            "no connection to the database became free: too many threads read at once",
        ),
        (InvalidRequestError("something of SQLAlchemy's own"), "the database refused: InvalidRequestError"),
    ],
)
def test_an_error_that_is_not_the_drivers_is_said_too(error: SQLAlchemyError, words: str) -> None:
    """Nothing passes the door untranslated."""
    assert words == storage_error(error).detail
    assert "" == code_of(error)


@pytest.mark.parametrize(("code", "missing"), [("FOREIGNKEY", True), ("UNIQUE", False), ("NOTNULL", False)])
def test_a_missing_reference_is_told_from_other_constraints(code: str, missing: bool) -> None:  # noqa: FBT001 - a table's cell.
    """Only a foreign key speaks of another row."""
    error = IntegrityError("INSERT", {}, _DriverError(f"SQLITE_CONSTRAINT_{code}"))
    assert missing is is_missing_reference(error)
