"""The tables of what devices reported last; otherwise as those in `storage.tables`, whose metadata they belong to."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table

from gatepost.storage.tables import integer, metadata, octets, words

# What the newest report held for a check, as facts: clustered by check, since that is how a changed check asks for it.
evidence = Table(
    "evidence",
    metadata,
    integer("account"),
    integer("check_number"),
    integer("registration_number"),
    integer("check_version"),
    words("status"),
    integer("measured_at"),
    integer("ends_at", nullable=True),
    octets("facts"),
    PrimaryKeyConstraint("account", "check_number", "registration_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
    Index(None, "account", "registration_number"),
    sqlite_with_rowid=False,
)

# And what it held word for word, so that a changed check can be judged again.
claims = Table(
    "claims",
    metadata,
    integer("account"),
    integer("registration_number"),
    integer("check_number"),
    octets("claim"),
    PrimaryKeyConstraint("account", "registration_number", "check_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
    Index(None, "account", "check_number"),
)
