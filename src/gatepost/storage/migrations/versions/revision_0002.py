"""Users, resources, denials, the serial numbers of an organisation, evidence, and the audit log."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from gatepost.core.device import fact_key
from gatepost.storage.migrations.append_only import make_append_only

revision = "0002"
down_revision = "0001"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns that may be empty to tables with rows, and then the new tables."""
    _add_columns()
    _fill_device_keys()
    _index_devices()
    _create_footings()
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


def _sorted(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    kind = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    return sa.Column(name, kind, nullable=nullable, server_default=None if nullable else sa.text("''"))


def _counted(name: str, default: str = "0") -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text(default))


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
    for column in (
        _counted("last_seen_at"),
        _integer("deleted_at", nullable=True),
        _counted("state"),
        _counted("active_registrations"),
        _sorted("name_key"),
        _sorted("client_version"),
        _sorted("user_email"),
        _sorted("serial_key", nullable=True),
        _sorted("hardware_key", nullable=True),
    ):
        op.add_column("devices", column)
    op.add_column("registrations", _text("pending", nullable=True))
    op.add_column("registrations", _integer("deleted_at", nullable=True))
    op.add_column("registrations", _octets("reported_facts", nullable=True))
    op.add_column("registrations", _counted("state", "1"))
    op.add_column("registrations", _counted("waiting"))
    op.execute("UPDATE registrations SET state = 0 WHERE revoked_at IS NOT NULL")
    # People are known by their address in lower case, and so are whose devices these are.
    op.execute("UPDATE registrations SET user_email = lower(user_email) WHERE user_email IS NOT NULL")
    op.create_index(None, "registrations", ["account", "user_email", "number"])
    op.add_column("results", sa.Column("traced", sa.Boolean, nullable=False, server_default=sa.false()))


def _fill_device_keys() -> None:
    """Fill in what lists of devices are sorted and searched by, from what stands in their rows already."""
    op.execute(
        "UPDATE devices SET active_registrations = (SELECT count(*) FROM registrations AS of_it "
        "WHERE of_it.account = devices.account AND of_it.device_number = devices.number AND of_it.state = 1)"
    )
    op.execute("UPDATE devices SET state = 1 WHERE active_registrations > 0")
    op.execute(
        "UPDATE devices SET last_seen_at = coalesce((SELECT max(of_it.last_seen_at) FROM registrations AS of_it "
        "WHERE of_it.account = devices.account AND of_it.device_number = devices.number), 0) / 900000 * 900000"
    )
    op.execute(
        "UPDATE devices SET user_email = coalesce((SELECT lower(of_it.user_email) FROM registrations AS of_it "
        "WHERE of_it.account = devices.account AND of_it.device_number = devices.number "
        "ORDER BY of_it.last_seen_at DESC LIMIT 1), '')"
    )
    connection, after = op.get_bind(), 0
    read = sa.text(
        "SELECT number, name, serial_number, device_uuid, details FROM devices WHERE number > :after "
        "ORDER BY number LIMIT 1000"
    )
    write = sa.text(
        "UPDATE devices SET name_key = :name, client_version = :version, serial_key = :serial, hardware_key = :hardware "
        "WHERE number = :number"
    )
    while rows := connection.execute(read, {"after": after}).all():
        connection.execute(write, [_keys_of(row) for row in rows])
        after = rows[-1][0]


def _keys_of(row: sa.Row[*tuple[Any, ...]]) -> dict[str, object]:
    version = json.loads(bytes(row[4]) or b"{}").get("client_version", "")
    return {
        "number": row[0],
        "name": row[1].casefold(),
        "version": version if isinstance(version, str) else "",
        "serial": fact_key(row[2]),
        "hardware": fact_key(row[3]),
    }


def _index_devices() -> None:
    op.create_index(None, "devices", ["account", "state", "number"])
    for name in ("public_id", "name_key", "last_seen_at", "client_version", "user_email", "active_registrations"):
        op.create_index(None, "devices", ["account", "state", name, "number"])
    op.create_index(None, "devices", ["account", "serial_key"])
    op.create_index(None, "devices", ["account", "hardware_key"])
    op.create_index(None, "registrations", ["account", "state", "number"])
    op.create_index(None, "registrations", ["account", "state", "public_id", "number"])
    op.create_index(None, "registrations", ["account", "state", "user_email", "number"])
    op.create_index(None, "registrations", ["account", "waiting", "number"])


def _create_footings() -> None:
    key = ["account", "registration_number", "check_number"]
    op.create_table(
        "footings",
        *map(_integer, key),
        _octets("key_digest"),
        _octets("certificate_digest"),
        sa.PrimaryKeyConstraint(*key),
        sa.ForeignKeyConstraint(key, [f"results.{name}" for name in key], ondelete="CASCADE"),
    )
    op.create_index(None, "footings", ["account", "key_digest"])
    op.create_index(None, "footings", ["account", "certificate_digest"])


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
        sa.UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )
    op.create_index(None, "denials", ["account", "source"])


def _create_serial_numbers() -> None:
    op.create_table(
        "serial_numbers",
        _account(),
        _sorted("serial_key"),
        _text("serial_number"),
        _text("note"),
        _integer("added_at"),
        sa.PrimaryKeyConstraint("account", "serial_key"),
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
