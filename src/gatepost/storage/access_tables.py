"""The table of the access log; otherwise as those in `storage.tables`, whose metadata it belongs to."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

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
    Index(None, "account", "position", unique=True),
    Index(None, "account", "at", "number"),
    Index(None, "account", "reference", "at", "number"),
    Index(None, "account", "app_id", "at", "number"),
    sqlite_autoincrement=True,
)
# What most lines do not have, or say, has an index of those alone that do.
for _found_by, _where in (
    (access_log.c.registration_id, access_log.c.registration_id.is_not(None)),
    (access_log.c.user_email, access_log.c.user_email.is_not(None)),
    (access_log.c.allowed, access_log.c.allowed.is_(False)),
):
    Index(
        None,
        access_log.c.account,
        _found_by,
        access_log.c.at,
        access_log.c.number,
        sqlite_where=_where,
        postgresql_where=_where,
    )
