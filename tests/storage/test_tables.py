"""The tables and the statements on them could be another database's too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from gatepost.storage import denial_tables, results
from gatepost.storage.schema import metadata

if TYPE_CHECKING:
    from sqlalchemy import Table

POSTGRESQL = postgresql.base.PGDialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own is untyped.
assert denial_tables.denials.metadata is metadata  # its tables are among those below
HOT = ["registrations", "results", "posture_log"]


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_a_table_can_be_spelled_for_postgresql(table: Table) -> None:
    """Nothing in it is SQLite's alone."""
    assert str(CreateTable(table).compile(dialect=POSTGRESQL)).startswith(f"\nCREATE TABLE {table.name}")
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=POSTGRESQL)).startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))


def test_the_newest_result_can_be_written_on_postgresql() -> None:
    """The one statement that each dialect spells by itself has a spelling for it."""
    spelled = str(results.STATEMENTS["postgresql"].compile(dialect=POSTGRESQL))
    assert "ON CONFLICT (account, registration_number, check_number) DO UPDATE SET status = excluded.status" in spelled


@pytest.mark.parametrize("name", HOT)
def test_the_keys_of_a_hot_table_begin_with_the_account(name: str) -> None:
    """A distributed engine can shard it by account."""
    table = metadata.tables[name]
    keys = [[column.name for column in item.columns] for item in table.constraints if hasattr(item, "columns")]
    assert [key for key in keys if key[0] == "account" and len(key) > 1]
