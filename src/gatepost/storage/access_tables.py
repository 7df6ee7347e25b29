"""The table of the access log; otherwise as those in `storage.tables`, whose metadata it belongs to."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, UniqueConstraint

from gatepost.storage.tables import account_column, integer, metadata, number_column, octets, words

# As in the other logs, what a line names may be gone.
access_log = Table(
    "access_log",
    metadata,
    number_column(),
    account_column(),
    integer("at"),
    words("reference"),
    words("app_id", nullable=True),
    words("registration_id", nullable=True),
    words("user_email", nullable=True),
    Column("allowed", Boolean, nullable=False),
    octets("line"),
    integer("position"),
    octets("digest"),
    UniqueConstraint("account", "number"),
    Index(None, "account", "position", unique=True),
    Index(None, "account", "at", "number"),
    Index(None, "account", "reference", "at", "number"),
    Index(None, "account", "app_id", "at", "number"),
    Index(None, "account", "registration_id", "at", "number"),
    Index(None, "account", "user_email", "at", "number"),
    Index(None, "account", "allowed", "at", "number"),
    sqlite_autoincrement=True,
)
