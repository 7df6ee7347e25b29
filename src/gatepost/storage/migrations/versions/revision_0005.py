"""The access log; a number that rises when something may end what was let in; and how far webhooks were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gatepost.storage.migrations.segments import guard_segments

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the tables, the log's guarded as those of the other logs, and the column."""
    _create_webhooks()
    op.add_column("accounts", sa.Column("endings", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "access_log",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account", sa.BigInteger, sa.ForeignKey("accounts.number"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("app_id", sa.Text, nullable=True),
        sa.Column("registration_id", sa.Text, nullable=True),
        sa.Column("user_email", sa.Text, nullable=True),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "access_log", ["account", "position"], unique=True)
    op.create_index(None, "access_log", ["account", "at", "number"])
    for found_by in ("reference", "app_id"):
        op.create_index(None, "access_log", ["account", found_by, "at", "number"])
    refused = "IS 0" if op.get_bind().dialect.name == "sqlite" else "IS false"
    for found_by, where in (("registration_id", "IS NOT NULL"), ("user_email", "IS NOT NULL"), ("allowed", refused)):
        of_those = sa.text(f"{found_by} {where}")
        columns = ["account", found_by, "at", "number"]
        op.create_index(None, "access_log", columns, sqlite_where=of_those, postgresql_where=of_those)
    guard_segments("access_log", "access log")


def _create_webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("account", sa.BigInteger, sa.ForeignKey("accounts.number"), nullable=False),
        sa.Column("public_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.Column("problem", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "public_id"),
    )
