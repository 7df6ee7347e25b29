"""The tables of what is denied and what is owned; otherwise as those in `storage.tables`, whose metadata they belong to."""

from __future__ import annotations

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from gatepost.storage.tables import account_column, integer, metadata, number_column, octets, sorted_words, words

# On which certificate a passing result rests, where a denial finds it: by its key, and by its issuer and number. Written only
# when the certificate is another than before, so that reports that say the same do not touch it.
footings = Table(
    "footings",
    metadata,
    integer("account"),
    integer("registration_number"),
    integer("check_number"),
    octets("key_digest"),
    octets("certificate_digest"),
    PrimaryKeyConstraint("account", "registration_number", "check_number"),
    ForeignKeyConstraint(
        ["account", "registration_number", "check_number"],
        ["results.account", "results.registration_number", "results.check_number"],
        ondelete="CASCADE",
    ),
    Index(None, "account", "key_digest"),
    Index(None, "account", "certificate_digest"),
)

# What is denied: keys, certificates, devices. One thing may be denied for several causes, and each is lifted by itself.
denials = Table(
    "denials",
    metadata,
    number_column(),
    account_column(),
    words("public_id"),
    words("kind"),
    octets("value"),
    words("reason"),
    words("source"),
    words("note"),
    integer("created_at"),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "kind", "value", "source"),
    UniqueConstraint("account", "number"),
    Index(None, "account", "source"),
    sqlite_autoincrement=True,
)

# The serial numbers of the devices that an organisation owns.
serial_numbers = Table(
    "serial_numbers",
    metadata,
    account_column(),
    sorted_words("serial_key"),
    words("serial_number"),
    words("note"),
    integer("added_at"),
    PrimaryKeyConstraint("account", "serial_key"),
)
