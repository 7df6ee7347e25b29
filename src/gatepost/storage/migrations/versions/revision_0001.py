"""The tables of the first release."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from gatepost.storage.migrations.append_only import make_append_only

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table, in the order in which they name each other."""
    _create_accounts()
    _create_tokens()
    _create_certificates()
    _create_checks()
    _create_devices()
    _create_registrations()
    _create_results()
    _create_proved_keys()
    _create_posture_log()
    _create_secrets()
    make_append_only("posture_log", "posture log")


def _number() -> sa.Column[Any]:
    return sa.Column("number", _KEY, primary_key=True, autoincrement=True)


def _account() -> sa.Column[Any]:
    return sa.Column("account", sa.BigInteger, sa.ForeignKey("accounts.number"), nullable=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _integer(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _octets(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)


def _verdict() -> list[sa.Column[Any]]:
    return [
        _text("status"),
        _text("reasons"),
        _text("evidence", nullable=True),
        _integer("check_version"),
        _octets("certificate", nullable=True),
        _integer("measured_at"),
        _integer("judged_at"),
        _integer("ends_at", nullable=True),
        _text("expected"),
        _text("received"),
    ]


def _facts() -> list[sa.Column[Any]]:
    return [_text(name, nullable=True) for name in ("serial_number", "hostname", "device_uuid")]


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        _number(),
        sa.Column("public_id", sa.Text, nullable=False, unique=True),
        _integer("created_at"),
        sa.Column("checks_version", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sqlite_autoincrement=True,
    )


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        _number(),
        _account(),
        _text("public_id"),
        _text("kind"),
        _text("name"),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        _text("scopes"),
        _integer("created_at"),
        _integer("expires_at", nullable=True),
        _integer("uses_left", nullable=True),
        _text("user_email", nullable=True),
        _integer("revoked_at", nullable=True),
        sa.UniqueConstraint("account", "public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "tokens", ["account", "kind", "number"])


def _create_certificates() -> None:
    op.create_table(
        "certificates",
        _number(),
        _account(),
        _text("public_id"),
        _text("name", nullable=True),
        _text("certificates"),
        sa.Column("ca", sa.Boolean, nullable=False),
        _integer("uploaded_at"),
        sa.UniqueConstraint("account", "public_id"),
        sa.UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )


def _create_checks() -> None:
    op.create_table(
        "checks",
        _number(),
        _account(),
        _text("public_id"),
        _text("type"),
        _text("name"),
        _octets("document"),
        _octets("options"),
        _integer("version"),
        _integer("created_at"),
        _integer("updated_at"),
        _text("certificate_id", nullable=True),
        sa.UniqueConstraint("account", "public_id"),
        sa.UniqueConstraint("account", "number"),
        sa.ForeignKeyConstraint(["account", "certificate_id"], ["certificates.account", "certificates.public_id"]),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "checks", ["account", "certificate_id"])


def _create_devices() -> None:
    op.create_table(
        "devices",
        _number(),
        _account(),
        _text("public_id"),
        _text("name"),
        *_facts(),
        _octets("details"),
        _integer("created_at"),
        _integer("updated_at"),
        sa.UniqueConstraint("account", "public_id"),
        sa.UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )


def _create_registrations() -> None:
    op.create_table(
        "registrations",
        _number(),
        _account(),
        _text("public_id"),
        _integer("device_number"),
        _octets("public_key"),
        sa.Column("thumbprint", sa.LargeBinary, nullable=False, unique=True),
        _text("user_email", nullable=True),
        _integer("created_at"),
        _integer("last_seen_at"),
        _integer("last_sequence"),
        _octets("last_digest"),
        _integer("revoked_at", nullable=True),
        sa.UniqueConstraint("account", "public_id"),
        sa.UniqueConstraint("account", "number"),
        sa.ForeignKeyConstraint(["account", "device_number"], ["devices.account", "devices.number"]),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "registrations", ["account", "device_number"])


def _create_results() -> None:
    op.create_table(
        "results",
        _integer("account"),
        _integer("registration_number"),
        _integer("check_number"),
        *_verdict(),
        _integer("logged_at"),
        _integer("repeats"),
        _octets("key_digest", nullable=True),
        sa.PrimaryKeyConstraint("account", "registration_number", "check_number"),
        sa.ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
        sa.ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
    )
    op.create_index(None, "results", ["account", "check_number"])


def _create_proved_keys() -> None:
    op.create_table(
        "proved_keys",
        _integer("account"),
        _octets("key_digest"),
        _integer("registration_number"),
        _integer("ends_at"),
        sa.Column("owner", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("account", "key_digest", "registration_number"),
        sa.ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    )
    op.create_index(None, "proved_keys", ["account", "registration_number"])


def _create_posture_log() -> None:
    op.create_table(
        "posture_log",
        _number(),
        _account(),
        _text("registration_id"),
        _text("device_id"),
        _text("device_name"),
        _octets("device_details"),
        *_facts(),
        _text("user_email", nullable=True),
        _text("check_id"),
        _text("check_name"),
        _text("check_type"),
        *_verdict(),
        _octets("nonce"),
        _octets("signature", nullable=True),
        _integer("reports"),
        sa.UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )


def _create_secrets() -> None:
    op.create_table(
        "secrets",
        _integer("account"),
        _text("name"),
        _octets("wrapped"),
        _integer("created_at"),
        sa.PrimaryKeyConstraint("account", "name"),
    )
