"""How a step makes a table whose lines are never changed: the database itself refuses, whichever program asks.

The steps of several releases call this, so it stays as it is.
"""

from __future__ import annotations

from alembic import op


def make_append_only(table: str, called: str) -> None:
    """Let ``table``, which people know as the ``called``, refuse every change and removal of a line."""
    words = f"lines of the {called} are never changed"
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql(table, words)
    else:
        _guard_on_sqlite(table, words)


def _guard_on_sqlite(table: str, words: str) -> None:
    """Refuse a line that replaces another too: SQLite removes what is replaced without asking the triggers for removal."""
    replaced = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number) "  # noqa: S608 - a step names the table.
    for act, condition in (("UPDATE", ""), ("DELETE", ""), ("INSERT", replaced)):
        op.execute(
            f"CREATE TRIGGER {table}_guards_{act.lower()} BEFORE {act} ON {table} {condition}"
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )


def _guard_on_postgresql(table: str, words: str) -> None:
    """Refuse to empty the table too: an act of its own there, which asks no trigger for rows."""
    op.execute(
        f"CREATE FUNCTION refuse_to_change_{table}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE '{words}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for name, act, each in (("rows", "UPDATE OR DELETE", "ROW"), ("table", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER {table}_guards_{name} BEFORE {act} ON {table} FOR EACH {each} "
            f"EXECUTE FUNCTION refuse_to_change_{table}()"
        )
