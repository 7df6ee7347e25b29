"""The tables, as values to build statements from. A migration says how they come about; a test holds the two together.

Hot tables have integer keys that begin with the account's number, so that a distributed engine can shard them; public ids
stand once, in the row that they name. Times are integer ms since 1970, UTC. Numbers are never used a second time.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Row,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

REVISIONS: Final = ("0001", "0002", "0003", "0004", "0005", "0006")
"""The revisions of the schema that this release knows, oldest first; it runs on the last one alone."""

NAMES: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""How constraints are named where nothing else is said: a migration can change only what has a name."""

AnyRow: TypeAlias = Row[*tuple[Any, ...]]
"""A row as the database gives it; each file knows what stands where in the rows that it asks for."""

metadata = MetaData(naming_convention=NAMES)

# SQLite counts a key up by itself only when its type is spelled exactly INTEGER.
KEY: Final = BigInteger().with_variant(Integer(), "sqlite")


def number_column() -> Column[Any]:
    """Return a key that the database counts up."""
    return Column("number", KEY, primary_key=True, autoincrement=True)


def account_column() -> Column[Any]:
    """Return the number of the account that a row belongs to."""
    return Column("account", BigInteger, ForeignKey("accounts.number"), nullable=False)


def words(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column of text."""
    return Column(name, Text, nullable=nullable)


def integer(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column of whole numbers of 64 bits."""
    return Column(name, BigInteger, nullable=nullable)


def sorted_words(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column of words that are in the order of their code points in every database."""
    kind = Text().with_variant(Text(collation="C"), "postgresql")
    return Column(name, kind, nullable=nullable, server_default=None if nullable else text("''"))


def _counted(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def octets(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column of bytes."""
    return Column(name, LargeBinary, nullable=nullable)


def _verdict() -> list[Column[Any]]:
    """Return the columns of a `Result` and of what it rests on; a fresh set for each table."""
    return [
        words("status"),
        words("reasons"),
        words("evidence", nullable=True),
        integer("check_version"),
        octets("certificate", nullable=True),
        integer("measured_at"),
        integer("judged_at"),
        integer("ends_at", nullable=True),
        words("expected"),
        words("received"),
    ]


def _facts() -> list[Column[Any]]:
    """Return the columns of `DeviceFacts`."""
    return [words(name, nullable=True) for name in ("serial_number", "hostname", "device_uuid")]


accounts = Table(
    "accounts",
    metadata,
    number_column(),
    Column("public_id", Text, nullable=False, unique=True),
    integer("created_at"),
    Column("checks_version", BigInteger, nullable=False, server_default=text("0")),
    Column("access_version", BigInteger, nullable=False, server_default=text("0")),
    Column("endings", BigInteger, nullable=False, server_default=text("0")),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    number_column(),
    account_column(),
    words("public_id"),
    words("kind"),
    words("name"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    words("scopes"),
    integer("created_at"),
    integer("expires_at", nullable=True),
    integer("uses_left", nullable=True),
    words("user_email", nullable=True),
    integer("revoked_at", nullable=True),
    words("created_by", nullable=True),
    UniqueConstraint("account", "public_id"),
    Index(None, "account", "kind", "number"),
    sqlite_autoincrement=True,
)

certificates = Table(
    "certificates",
    metadata,
    number_column(),
    account_column(),
    words("public_id"),
    words("name", nullable=True),
    words("certificates"),
    Column("ca", Boolean, nullable=False),
    integer("uploaded_at"),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "number"),
    sqlite_autoincrement=True,
)

checks = Table(
    "checks",
    metadata,
    number_column(),
    account_column(),
    words("public_id"),
    words("type"),
    words("name"),
    octets("document"),
    octets("options"),
    integer("version"),
    integer("created_at"),
    integer("updated_at"),
    words("certificate_id", nullable=True),
    Column("minimum_version", BigInteger, nullable=False, server_default=text("0")),
    Column("trial", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "number"),
    ForeignKeyConstraint(["account", "certificate_id"], ["certificates.account", "certificates.public_id"]),
    Index(None, "account", "certificate_id"),
    sqlite_autoincrement=True,
)

# Beside what a device said stands what lists are sorted and searched by. ``state``: 1 has a registration that counts, 0 has
# none, 2 is deleted; ``last_seen_at`` is to the quarter of an hour, so that few reports change an index.
devices = Table(
    "devices",
    metadata,
    number_column(),
    account_column(),
    words("public_id"),
    words("name"),
    *_facts(),
    octets("details"),
    integer("created_at"),
    integer("updated_at"),
    words("device_type", nullable=True),
    _counted("last_seen_at"),
    integer("deleted_at", nullable=True),
    _counted("state"),
    _counted("active_registrations"),
    sorted_words("name_key"),
    sorted_words("client_version"),
    sorted_words("user_email"),
    sorted_words("serial_key", nullable=True),
    sorted_words("hardware_key", nullable=True),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "number"),
    Index(None, "account", "state", "number"),
    Index(None, "account", "state", "public_id", "number"),
    Index(None, "account", "state", "name_key", "number"),
    Index(None, "account", "state", "last_seen_at", "number"),
    Index(None, "account", "state", "client_version", "number"),
    Index(None, "account", "state", "user_email", "number"),
    Index(None, "account", "state", "active_registrations", "number"),
    Index(None, "account", "serial_key"),
    Index(None, "account", "hardware_key"),
    sqlite_autoincrement=True,
)

# ``state``: 1 counts, 0 is revoked, 2 is deleted; ``waiting``: 1 where an administrator has something to accept.
registrations = Table(
    "registrations",
    metadata,
    number_column(),
    account_column(),
    words("public_id"),
    integer("device_number"),
    octets("public_key"),
    Column("thumbprint", LargeBinary, nullable=False, unique=True),
    words("user_email", nullable=True),
    integer("created_at"),
    integer("last_seen_at"),
    integer("last_sequence"),
    octets("last_digest"),
    integer("revoked_at", nullable=True),
    words("pending", nullable=True),
    integer("deleted_at", nullable=True),
    octets("reported_facts", nullable=True),
    Column("state", BigInteger, nullable=False, server_default=text("1")),
    _counted("waiting"),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "number"),
    ForeignKeyConstraint(["account", "device_number"], ["devices.account", "devices.number"]),
    Index(None, "account", "device_number"),
    Index(None, "account", "user_email", "number"),
    Index(None, "account", "state", "number"),
    Index(None, "account", "state", "public_id", "number"),
    Index(None, "account", "state", "user_email", "number"),
    Index(None, "account", "waiting", "number"),
    sqlite_autoincrement=True,
)

results = Table(
    "results",
    metadata,
    integer("account"),
    integer("registration_number"),
    integer("check_number"),
    *_verdict(),
    integer("logged_at"),
    integer("repeats"),
    octets("key_digest", nullable=True),
    octets("claim_digest", nullable=True),
    Column("traced", Boolean, nullable=False, server_default=false()),
    _counted("appraised_at"),
    _counted("appraised_until"),
    integer("valid_until", nullable=True),
    PrimaryKeyConstraint("account", "registration_number", "check_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
    Index(None, "account", "check_number", "registration_number"),
    Index(None, "account", "status", "registration_number", "check_number"),
)

# Which certificates' keys were proved, by which registrations: one key in two places is a copied one.
proved_keys = Table(
    "proved_keys",
    metadata,
    integer("account"),
    octets("key_digest"),
    integer("registration_number"),
    integer("ends_at"),
    Column("owner", Boolean, nullable=False),
    PrimaryKeyConstraint("account", "key_digest", "registration_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    Index(None, "account", "registration_number"),
)

# The log's lines outlive what they name, so they hold copies, and no key but the account's.
posture_log = Table(
    "posture_log",
    metadata,
    number_column(),
    account_column(),
    words("registration_id"),
    words("device_id"),
    words("device_name"),
    octets("device_details"),
    *_facts(),
    words("user_email", nullable=True),
    words("check_id"),
    words("check_name"),
    words("check_type"),
    *_verdict(),
    octets("nonce"),
    octets("signature", nullable=True),
    integer("reports"),
    Column("audience", Text, nullable=False, server_default=text("''")),
    octets("device_key", nullable=True),
    _counted("position"),
    octets("digest", nullable=True),
    UniqueConstraint("account", "number"),
    Index(None, "account", "position", unique=True),
    Index(None, "account", "registration_id", "number"),
    Index(None, "account", "check_id", "number"),
    sqlite_autoincrement=True,
)

# No foreign key: account 0 stands for the server as a whole.
secrets = Table(
    "secrets",
    metadata,
    integer("account"),
    words("name"),
    octets("wrapped"),
    integer("created_at"),
    PrimaryKeyConstraint("account", "name"),
)

# People, known by their e-mail address in lower case.
users = Table(
    "users",
    metadata,
    number_column(),
    account_column(),
    words("public_id"),
    words("email"),
    words("name"),
    integer("created_at"),
    integer("updated_at"),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "email"),
    UniqueConstraint("account", "number"),
    sqlite_autoincrement=True,
)

# What administrators keep and nothing joins with: applications, policies, groups and their like, as documents.
resources = Table(
    "resources",
    metadata,
    number_column(),
    account_column(),
    words("kind"),
    words("public_id"),
    words("name"),
    words("parent_id", nullable=True),
    octets("document"),
    octets("options"),
    integer("created_at"),
    integer("updated_at"),
    UniqueConstraint("account", "kind", "public_id"),
    Index(None, "account", "kind", "number"),
    Index(None, "account", "kind", "parent_id"),
    sqlite_autoincrement=True,
)

# As in the posture log, what a line names may be gone.
audit_log = Table(
    "audit_log",
    metadata,
    number_column(),
    account_column(),
    integer("at"),
    words("actor"),
    words("actor_id"),
    words("action"),
    words("kind"),
    words("reference"),
    words("before", nullable=True),
    words("after", nullable=True),
    _counted("position"),
    octets("digest", nullable=True),
    UniqueConstraint("account", "number"),
    Index(None, "account", "position", unique=True),
    Index(None, "account", "kind", "reference", "number"),
    sqlite_autoincrement=True,
)
