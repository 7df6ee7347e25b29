"""How a step makes a table of a log's lines: none is ever changed, and none removed but in whole segments, up to a checkpoint.

``log_heads.dropped`` says up to which position an account's lines may go, and a checkpoint must be there for it. The steps
of several releases call this, so it stays as it is.
"""

from __future__ import annotations

from alembic import op

_MAY_GO = (
    "EXISTS (SELECT 1 FROM log_heads JOIN log_checkpoints ON log_checkpoints.account = log_heads.account "
    "AND log_checkpoints.position = log_heads.dropped "
    "WHERE log_heads.account = OLD.account AND log_heads.dropped >= OLD.position AND OLD.position > 0)"
)


def drop_guards(table: str) -> None:
    """Take away what `append_only` made, or this."""
    if op.get_bind().dialect.name == "postgresql":
        for name in ("rows", "table"):
            op.execute(f"DROP TRIGGER {table}_guards_{name} ON {table}")
        op.execute(f"DROP FUNCTION refuse_to_change_{table}()")
    else:
        for act in ("update", "delete", "insert"):
            op.execute(f"DROP TRIGGER {table}_guards_{act}")


def guard_segments(table: str, called: str) -> None:
    """Let ``table``, which people know as the ``called``, refuse every change of a line, and its removal but in a segment."""
    words = f"lines of the {called} are never changed"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE FUNCTION refuse_to_change_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN IF {_MAY_GO} THEN RETURN OLD; END IF; END IF; "
            f"RAISE '{words}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
        )
        for name, act, each in (("rows", "UPDATE OR DELETE", "ROW"), ("table", "TRUNCATE", "STATEMENT")):
            op.execute(
                f"CREATE TRIGGER {table}_guards_{name} BEFORE {act} ON {table} FOR EACH {each} "
                f"EXECUTE FUNCTION refuse_to_change_{table}()"
            )
        return
    replaced = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE number = NEW.number) "  # noqa: S608 - a step names the table.
    for act, condition in (("UPDATE", ""), ("DELETE", f"WHEN NOT {_MAY_GO} "), ("INSERT", replaced)):
        op.execute(
            f"CREATE TRIGGER {table}_guards_{act.lower()} BEFORE {act} ON {table} {condition}"
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
