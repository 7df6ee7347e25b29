"""How long a judgement holds, beside each result; the chain over the lines of the logs; and who is asked to report now."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from gatepost.core.chain import Log, Place, digest_line, extend
from gatepost.storage.audit_log import encode_line as encode_audit_line
from gatepost.storage.migrations.segments import drop_guards, guard_segments
from gatepost.storage.posture_log import encode_line as encode_posture_line

revision = "0003"
down_revision = "0002"

_LOGS: Final = {"posture_log": "posture log", "audit_log": "audit log"}
_BATCH: Final = 500
_POSTURE: Final = (
    "registration_id, device_id, device_name, device_details, serial_number, hostname, device_uuid, user_email, "
    "device_key, check_id, check_name, check_type, status, reasons, evidence, check_version, certificate, measured_at, "
    "judged_at, ends_at, expected, received, nonce, signature, reports, audience"
)
_AUDIT: Final = ("at", "actor", "action", "kind", "reference", "before", "after")


def upgrade() -> None:
    """Add columns whose zero says that the next report is judged anew, and put the lines that are there into a chain."""
    _add_judgement_times()
    _create_chain()
    _create_report_requests()
    for table in _LOGS:
        drop_guards(table)
        op.add_column(table, sa.Column("position", sa.BigInteger, nullable=False, server_default=sa.text("0")))
        op.add_column(table, sa.Column("digest", sa.LargeBinary, nullable=True))
    op.add_column("posture_log", sa.Column("audience", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("posture_log", sa.Column("device_key", sa.LargeBinary, nullable=True))
    connection = op.get_bind()
    for account in connection.scalars(sa.text("SELECT number FROM accounts ORDER BY number")).all():
        _chain(connection, account)
    for table, called in _LOGS.items():
        op.create_index(None, table, ["account", "position"], unique=True)
        guard_segments(table, called)


def _add_judgement_times() -> None:
    for name in ("appraised_at", "appraised_until"):
        op.add_column("results", sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("results", sa.Column("valid_until", sa.BigInteger, nullable=True))


def _account(**options: Any) -> sa.Column[Any]:  # noqa: ANN401 - a column's own options.
    return sa.Column("account", sa.BigInteger, sa.ForeignKey("accounts.number"), nullable=False, **options)


def _create_chain() -> None:
    op.create_table(
        "log_heads",
        _account(primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("dropped", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    )
    op.create_table(
        "log_checkpoints",
        _account(),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "position"),
    )
    op.create_table(
        "log_certificates",
        _account(),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("account", "sha256"),
    )


def _create_report_requests() -> None:
    op.create_table(
        "report_requests",
        *(
            sa.Column(name, sa.BigInteger, nullable=False)
            for name in ("account", "registration_number", "sequence", "asked_at")
        ),
        sa.PrimaryKeyConstraint("account", "registration_number"),
        sa.ForeignKeyConstraint(["account", "registration_number"], ["registrations.account", "registrations.number"]),
    )


def _chain(connection: sa.Connection, account: int) -> None:
    """Give each line of an account its place: those of the posture log first, and then those of the audit log."""
    place = Place()
    for table, log, columns in (
        ("posture_log", Log.POSTURE, _POSTURE),
        ("audit_log", Log.AUDIT, ", ".join(f'"{name}"' for name in _AUDIT)),
    ):
        read = sa.text(
            f"SELECT number, {columns} FROM {table} WHERE account = :account AND number > :after "  # noqa: S608 - ours.
            f"ORDER BY number LIMIT {_BATCH}"
        )
        write = sa.text(f"UPDATE {table} SET position = :position, digest = :digest WHERE number = :number")  # noqa: S608 - as above.
        after = 0
        while rows := connection.execute(read, {"account": account, "after": after}).all():
            changes = []
            for row in rows:
                digest = digest_line(log, _encode(log, tuple(row[1:])))
                place = extend(place, digest)
                changes.append({"position": place.position, "digest": digest, "number": row[0]})
            connection.execute(write, changes)
            after = rows[-1][0]
    if place.position:
        connection.execute(
            sa.text("INSERT INTO log_heads (account, position, head) VALUES (:account, :position, :head)"),
            {"account": account, "position": place.position, "head": place.head},
        )


def _encode(log: Log, values: tuple[Any, ...]) -> bytes:
    if log is Log.POSTURE:
        return encode_posture_line(values)
    return encode_audit_line(**dict(zip(_AUDIT, values, strict=True)))
