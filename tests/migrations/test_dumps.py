"""Every schema that was ever released, with data, comes to this release's schema with its data intact, on both kinds."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from gatepost.controlplane.keys import load_keys
from gatepost.storage.database import open_storage
from gatepost.storage.migration import migrate
from gatepost.storage.tables import REVISIONS
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.postgres import Cluster

DUMPS = sorted(Path(__file__).parent.glob("*.sql"))
KINDS = ("sqlite", "postgresql")
Rows = dict[str, list[dict[str, Any]]]

# What a step changes on purpose: (table, column) -> the old value, and the new one.
CHANGED: dict[tuple[str, str], tuple[object, object]] = {("tokens", "scopes"): ("[]", '["*"]')}


def _marks(dump: Path) -> list[pytest.MarkDecorator]:
    return [pytest.mark.postgresql] if ".postgresql." in dump.name else []


@pytest.fixture(params=[pytest.param(dump, id=dump.stem, marks=_marks(dump)) for dump in DUMPS])
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database as a dump has it."""
    text = request.param.read_text(encoding="utf-8")
    if ".sqlite." in request.param.name:
        path = tmp_path / "gatepost.db"
        connection = sqlite3.connect(path)
        connection.executescript(text)
        connection.close()
        return f"sqlite:///{path}"
    cluster: Cluster = request.getfixturevalue("cluster")
    url = cluster.create()
    with psycopg.connect(url) as server:
        server.execute(text.encode())
    return url


def _rows(url: str) -> Rows:
    """Read all that is there, by another way than ours."""
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        names = [row[0] for row in connection.execute(query)]
        found = {name: _as_dicts(connection.execute(f"SELECT * FROM {name}")) for name in names}  # noqa: S608 - a table's name.
        connection.close()
        return found
    with psycopg.connect(url) as server:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        names = [row[0] for row in server.execute(query)]
        return {name: _as_dicts(server.execute(f"SELECT * FROM {name}".encode())) for name in names}  # noqa: S608 - as above.


def _as_dicts(cursor: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a cursor of either library's.
    columns = [item[0] for item in cursor.description]
    return [dict(zip(columns, row, strict=True)) for row in cursor]


def _kept(rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> list[str]:
    wanted = sorted(columns)
    return sorted(repr([row[name] for name in wanted]) for row in rows)


def _as_they_should_be(table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def changed(name: str, value: object) -> object:
        old, new = CHANGED.get((table, name), (value, value))
        return new if value == old else value

    return [{name: changed(name, value) for name, value in row.items()} for row in rows]


def test_every_dump_has_its_twin_of_the_other_kind() -> None:
    """Of each revision there are both or none, and there are some."""
    kinds = {kind: {dump.name.partition(".")[0] for dump in DUMPS if f".{kind}." in dump.name} for kind in KINDS}
    assert kinds["sqlite"] == kinds["postgresql"]
    assert kinds["sqlite"] <= set(REVISIONS)
    assert "0001" in kinds["sqlite"]


def test_a_released_schema_is_upgraded_with_its_data(loaded: str) -> None:
    """Every row is there in all that it had, and the tables that had none have none."""
    before = _rows(loaded)
    assert [] == [name for name in ("accounts", "checks", "results", "posture_log", "secrets") if not before[name]]
    migrate(loaded)
    after = _rows(loaded)
    for name in before.keys() - {"alembic_version"}:
        columns = before[name][0].keys() if before[name] else ()
        assert _kept(_as_they_should_be(name, before[name]), columns) == _kept(after[name], columns), name
    assert [{"version_num": REVISIONS[-1]}] == after["alembic_version"]


def test_a_released_database_goes_on_working(loaded: str) -> None:
    """Its secrets open, its log goes on, and a number that was given once is not given again."""
    migrate(loaded)
    storage = open_storage(loaded, samples.MASTER_KEY, os.urandom)
    with storage.writing() as records:
        (account,) = records.accounts.all()
        assert load_keys(records, account.number).nonce_secret
        (registration,) = records.devices.all(account.number, 0, 10)
        added = records.checks.add(samples.check(account.number, 4))
        assert 4 == added.number
        records.posture_log.append(account.number, registration.number, added.number, samples.entry())
    with storage.reading() as records:
        assert [4, 3, 2, 1] == [line.number for line in records.posture_log.read(account.number, None, 10)]
    storage.close()
