"""How long a judgement holds, beside each result."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns whose zero says that the next report is judged anew."""
    _add_judgement_times()


def _add_judgement_times() -> None:
    for name in ("appraised_at", "appraised_until"):
        op.add_column("results", sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("results", sa.Column("valid_until", sa.BigInteger, nullable=True))
