"""Users, resources, denials, the serial numbers of an organisation, evidence, and the audit log."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from gatepost.storage.migrations.append_only import make_append_only

revision = "0002"
down_revision = "0001"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns that may be empty to tables with rows, and then the new tables."""
    _add_columns()
    _create_users()
    _create_resources()
    _create_denials()
    _create_serial_numbers()
    _create_evidence()
    _create_claims()
    _create_audit_log()
    make_append_only("audit_log", "audit log")


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


def _add_columns() -> None:
    op.add_column("tokens", _text("created_by", nullable=True))
    # Until now each administrator's token reached everything; from now on no scope means nothing.
    op.execute("UPDATE tokens SET scopes = '[\"*\"]' WHERE kind = 'administrator' AND scopes = '[]'")
    op.add_column("checks", sa.Column("minimum_version", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("checks", sa.Column("trial", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("results", _octets("claim_digest", nullable=True))
    op.drop_index("ix_results_account_check_number", "results")
    op.create_index(None, "results", ["account", "check_number", "registration_number"])
    op.create_index(None, "results", ["account", "status", "registration_number", "check_number"])
    op.create_index(None, "posture_log", ["account", "registration_id", "number"])
    op.create_index(None, "posture_log", ["account", "check_id", "number"])
    op.add_column("devices", _text("device_type", nullable=True))
    _fill_in_device_types()
    op.add_column("devices", _integer("last_seen_at", nullable=True))
    op.add_column("devices", _integer("deleted_at", nullable=True))
    op.add_column("registrations", _text("pending", nullable=True))
    op.add_column("registrations", _integer("deleted_at", nullable=True))
    op.add_column("registrations", _octets("reported_facts", nullable=True))
    # People are known by their address in lower case, and so are whose devices these are.
    op.execute("UPDATE registrations SET user_email = lower(user_email) WHERE user_email IS NOT NULL")
    op.create_index(None, "registrations", ["account", "user_email", "number"])


def _fill_in_device_types() -> None:
    """Copy out of each device's details what it enrolled as."""
    devices = sa.table("devices", sa.column("number"), sa.column("details"), sa.column("device_type"))
    connection = op.get_bind()
    for number, details in connection.execute(sa.select(devices.c.number, devices.c.details)).all():
        kind = msgspec.json.decode(details).get("device_type", "linux")
        connection.execute(devices.update().where(devices.c.number == number).values(device_type=kind))


def _create_users() -> None:
    op.create_table(
        "users",
        _number(),
        _account(),
        _text("public_id"),
        _text("email"),
        _text("name"),
        _integer("created_at"),
        _integer("updated_at"),
        sa.UniqueConstraint("account", "public_id"),
        sa.UniqueConstraint("account", "email"),
        sa.UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )


def _create_resources() -> None:
    op.create_table(
        "resources",
        _number(),
        _account(),
        _text("kind"),
        _text("public_id"),
        _text("name"),
        _text("parent_id", nullable=True),
        _octets("document"),
        _octets("options"),
        _integer("created_at"),
        _integer("updated_at"),
        sa.UniqueConstraint("account", "kind", "public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "resources", ["account", "kind", "number"])
    op.create_index(None, "resources", ["account", "kind", "parent_id"])


def _create_denials() -> None:
    op.create_table(
        "denials",
        _number(),
        _account(),
        _text("public_id"),
        _text("kind"),
        _octets("value"),
        _text("reason"),
        _text("source"),
        _text("note"),
        _integer("created_at"),
        sa.UniqueConstraint("account", "public_id"),
        sa.UniqueConstraint("account", "kind", "value", "source"),
        sqlite_autoincrement=True,
    )


def _create_serial_numbers() -> None:
    op.create_table(
        "serial_numbers",
        _account(),
        _text("serial_number"),
        _text("note"),
        _integer("added_at"),
        sa.PrimaryKeyConstraint("account", "serial_number"),
    )


def _create_evidence() -> None:
    op.create_table(
        "evidence",
        _integer("account"),
        _integer("check_number"),
        _integer("registration_number"),
        _integer("check_version"),
        _text("status"),
        _integer("measured_at"),
        _integer("ends_at", nullable=True),
        _octets("facts"),
        sa.PrimaryKeyConstraint("account", "check_number", "registration_number"),
        sa.ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
        sa.ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
        sqlite_with_rowid=False,
    )
    op.create_index(None, "evidence", ["account", "registration_number"])


def _create_claims() -> None:
    op.create_table(
        "claims",
        _integer("account"),
        _integer("registration_number"),
        _integer("check_number"),
        _octets("claim"),
        sa.PrimaryKeyConstraint("account", "registration_number", "check_number"),
        sa.ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
        sa.ForeignKeyConstraint(["account", "check_number"], ["checks.account", "checks.number"], ondelete="CASCADE"),
    )
    op.create_index(None, "claims", ["account", "check_number"])


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        _number(),
        _account(),
        _integer("at"),
        _text("actor"),
        _text("actor_id"),
        _text("action"),
        _text("kind"),
        _text("reference"),
        _text("before", nullable=True),
        _text("after", nullable=True),
        sa.UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "audit_log", ["account", "kind", "reference", "number"])
