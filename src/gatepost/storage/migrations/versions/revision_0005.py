"""The access log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from gatepost.storage.migrations.segments import guard_segments

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table, whose lines the database guards as those of the other logs."""
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
        sa.UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "access_log", ["account", "position"], unique=True)
    op.create_index(None, "access_log", ["account", "at", "number"])
    for found_by in ("reference", "app_id", "registration_id", "user_email", "allowed"):
        op.create_index(None, "access_log", ["account", found_by, "at", "number"])
    guard_segments("access_log", "access log")
