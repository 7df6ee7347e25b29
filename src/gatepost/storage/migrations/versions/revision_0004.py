"""What server processes tell each other of attempts; and what decisions are read from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create what is new. Who proved which certificate is taken from the results that stand."""
    op.add_column("accounts", sa.Column("access_version", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    _create_attempts()
    op.create_table(
        "proved_certificates",
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("registration_number", sa.BigInteger, nullable=False),
        sa.Column("key_digest", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account", "sha256", "registration_number"),
        sa.ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    )
    op.create_index(None, "proved_certificates", ["account", "registration_number"])
    op.execute(
        "INSERT INTO proved_certificates (account, sha256, registration_number, key_digest) "
        "SELECT DISTINCT account, certificate, registration_number, key_digest FROM results "
        "WHERE certificate IS NOT NULL AND key_digest IS NOT NULL"
    )


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("process", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
