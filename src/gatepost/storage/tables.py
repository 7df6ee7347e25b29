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

REVISIONS: Final = ("0001", "0002")
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


def _number() -> Column[Any]:
    return Column("number", KEY, primary_key=True, autoincrement=True)


def _account() -> Column[Any]:
    return Column("account", BigInteger, ForeignKey("accounts.number"), nullable=False)


def _words(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, BigInteger, nullable=nullable)


def _sorted(name: str, *, nullable: bool = False) -> Column[Any]:
    """Return a column of words that are in the order of their code points in every database."""
    kind = Text().with_variant(Text(collation="C"), "postgresql")
    return Column(name, kind, nullable=nullable, server_default=None if nullable else text("''"))


def _counted(name: str) -> Column[Any]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def _octets(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, LargeBinary, nullable=nullable)


def _verdict() -> list[Column[Any]]:
    """Return the columns of a `Result` and of what it rests on; a fresh set for each table."""
    return [
        _words("status"),
        _words("reasons"),
        _words("evidence", nullable=True),
        _integer("check_version"),
        _octets("certificate", nullable=True),
        _integer("measured_at"),
        _integer("judged_at"),
        _integer("ends_at", nullable=True),
        _words("expected"),
        _words("received"),
    ]


def _facts() -> list[Column[Any]]:
    """Return the columns of `DeviceFacts`."""
    return [_words(name, nullable=True) for name in ("serial_number", "hostname", "device_uuid")]


accounts = Table(
    "accounts",
    metadata,
    _number(),
    Column("public_id", Text, nullable=False, unique=True),
    _integer("created_at"),
    Column("checks_version", BigInteger, nullable=False, server_default=text("0")),
    sqlite_autoincrement=True,
)

tokens = Table(
    "tokens",
    metadata,
    _number(),
    _account(),
    _words("public_id"),
    _words("kind"),
    _words("name"),
    Column("digest", LargeBinary, nullable=False, unique=True),
    _words("scopes"),
    _integer("created_at"),
    _integer("expires_at", nullable=True),
    _integer("uses_left", nullable=True),
    _words("user_email", nullable=True),
    _integer("revoked_at", nullable=True),
    _words("created_by", nullable=True),
    UniqueConstraint("account", "public_id"),
    Index(None, "account", "kind", "number"),
    sqlite_autoincrement=True,
)

certificates = Table(
    "certificates",
    metadata,
    _number(),
    _account(),
    _words("public_id"),
    _words("name", nullable=True),
    _words("certificates"),
    Column("ca", Boolean, nullable=False),
    _integer("uploaded_at"),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "number"),
    sqlite_autoincrement=True,
)

checks = Table(
    "checks",
    metadata,
    _number(),
    _account(),
    _words("public_id"),
    _words("type"),
    _words("name"),
    _octets("document"),
    _octets("options"),
    _integer("version"),
    _integer("created_at"),
    _integer("updated_at"),
    _words("certificate_id", nullable=True),
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
    _number(),
    _account(),
    _words("public_id"),
    _words("name"),
    *_facts(),
    _octets("details"),
    _integer("created_at"),
    _integer("updated_at"),
    _words("device_type", nullable=True),
    _counted("last_seen_at"),
    _integer("deleted_at", nullable=True),
    _counted("state"),
    _counted("active_registrations"),
    _sorted("name_key"),
    _sorted("client_version"),
    _sorted("user_email"),
    _sorted("serial_key", nullable=True),
    _sorted("hardware_key", nullable=True),
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
    _number(),
    _account(),
    _words("public_id"),
    _integer("device_number"),
    _octets("public_key"),
    Column("thumbprint", LargeBinary, nullable=False, unique=True),
    _words("user_email", nullable=True),
    _integer("created_at"),
    _integer("last_seen_at"),
    _integer("last_sequence"),
    _octets("last_digest"),
    _integer("revoked_at", nullable=True),
    _words("pending", nullable=True),
    _integer("deleted_at", nullable=True),
    _octets("reported_facts", nullable=True),
    Column("state", BigInteger, nullable=False, server_default=text("1")),
    _counted("waiting"),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "number"),
    ForeignKeyConstraint(["account", "device_number"], ["devices.account", "devices.number"]),
    Index(None, "account", "device_number"),
    Index(None, "account", "state", "number"),
    Index(None, "account", "state", "public_id", "number"),
    Index(None, "account", "state", "user_email", "number"),
    Index(None, "account", "waiting", "number"),
    sqlite_autoincrement=True,
)

results = Table(
    "results",
    metadata,
    _integer("account"),
    _integer("registration_number"),
    _integer("check_number"),
    *_verdict(),
    _integer("logged_at"),
    _integer("repeats"),
    _octets("key_digest", nullable=True),
    _octets("claim_digest", nullable=True),
    Column("traced", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("account", "registration_number", "check_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
    Index(None, "account", "check_number", "registration_number"),
    Index(None, "account", "status", "registration_number", "check_number"),
)

# On which certificate a passing result rests, where a denial finds it: by its key, and by its issuer and number. Written only
# when the certificate is another than before, so that reports that say the same do not touch it.
footings = Table(
    "footings",
    metadata,
    _integer("account"),
    _integer("registration_number"),
    _integer("check_number"),
    _octets("key_digest"),
    _octets("certificate_digest"),
    PrimaryKeyConstraint("account", "registration_number", "check_number"),
    ForeignKeyConstraint(
        ["account", "registration_number", "check_number"],
        ["results.account", "results.registration_number", "results.check_number"],
        ondelete="CASCADE",
    ),
    Index(None, "account", "key_digest"),
    Index(None, "account", "certificate_digest"),
)

# Which certificates' keys were proved, by which registrations: one key in two places is a copied one.
proved_keys = Table(
    "proved_keys",
    metadata,
    _integer("account"),
    _octets("key_digest"),
    _integer("registration_number"),
    _integer("ends_at"),
    Column("owner", Boolean, nullable=False),
    PrimaryKeyConstraint("account", "key_digest", "registration_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    Index(None, "account", "registration_number"),
)

# The log's lines outlive what they name, so they hold copies, and no key but the account's.
posture_log = Table(
    "posture_log",
    metadata,
    _number(),
    _account(),
    _words("registration_id"),
    _words("device_id"),
    _words("device_name"),
    _octets("device_details"),
    *_facts(),
    _words("user_email", nullable=True),
    _words("check_id"),
    _words("check_name"),
    _words("check_type"),
    *_verdict(),
    _octets("nonce"),
    _octets("signature", nullable=True),
    _integer("reports"),
    UniqueConstraint("account", "number"),
    Index(None, "account", "registration_id", "number"),
    Index(None, "account", "check_id", "number"),
    sqlite_autoincrement=True,
)

# No foreign key: account 0 stands for the server as a whole.
secrets = Table(
    "secrets",
    metadata,
    _integer("account"),
    _words("name"),
    _octets("wrapped"),
    _integer("created_at"),
    PrimaryKeyConstraint("account", "name"),
)

# People, known by their e-mail address in lower case.
users = Table(
    "users",
    metadata,
    _number(),
    _account(),
    _words("public_id"),
    _words("email"),
    _words("name"),
    _integer("created_at"),
    _integer("updated_at"),
    UniqueConstraint("account", "public_id"),
    UniqueConstraint("account", "email"),
    UniqueConstraint("account", "number"),
    sqlite_autoincrement=True,
)

# What administrators keep and nothing joins with: applications, policies, groups and their like, as documents.
resources = Table(
    "resources",
    metadata,
    _number(),
    _account(),
    _words("kind"),
    _words("public_id"),
    _words("name"),
    _words("parent_id", nullable=True),
    _octets("document"),
    _octets("options"),
    _integer("created_at"),
    _integer("updated_at"),
    UniqueConstraint("account", "kind", "public_id"),
    Index(None, "account", "kind", "number"),
    Index(None, "account", "kind", "parent_id"),
    sqlite_autoincrement=True,
)

# What is denied: keys, certificates, devices. One thing may be denied for several causes, and each is lifted by itself.
denials = Table(
    "denials",
    metadata,
    _number(),
    _account(),
    _words("public_id"),
    _words("kind"),
    _octets("value"),
    _words("reason"),
    _words("source"),
    _words("note"),
    _integer("created_at"),
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
    _account(),
    _sorted("serial_key"),
    _words("serial_number"),
    _words("note"),
    _integer("added_at"),
    PrimaryKeyConstraint("account", "serial_key"),
)

# What the newest report held for a check, as facts: clustered by check, since that is how a changed check asks for it.
evidence = Table(
    "evidence",
    metadata,
    _integer("account"),
    _integer("check_number"),
    _integer("registration_number"),
    _integer("check_version"),
    _words("status"),
    _integer("measured_at"),
    _integer("ends_at", nullable=True),
    _octets("facts"),
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
    _integer("account"),
    _integer("registration_number"),
    _integer("check_number"),
    _octets("claim"),
    PrimaryKeyConstraint("account", "registration_number", "check_number"),
    ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
    Index(None, "account", "check_number"),
)

# As in the posture log, what a line names may be gone.
audit_log = Table(
    "audit_log",
    metadata,
    _number(),
    _account(),
    _integer("at"),
    _words("actor"),
    _words("actor_id"),
    _words("action"),
    _words("kind"),
    _words("reference"),
    _words("before", nullable=True),
    _words("after", nullable=True),
    UniqueConstraint("account", "number"),
    Index(None, "account", "kind", "reference", "number"),
    sqlite_autoincrement=True,
)
