"""Devices that an earlier release enrolled are found in the lists of this one."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from gatepost.controlplane.ports import Activity, DeviceFilter, DeviceOrder, RegistrationFilter
from gatepost.storage import migration
from gatepost.storage.database import open_storage
from tests.storage import samples
from tests.storage.conftest import predictable

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_DETAILS = b'{"device_type":"linux","client_version":"0.1.0"}'


def _fill(path: Path) -> None:
    """Enrol two devices, the second revoked, as the first schema has them."""
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO accounts (number, public_id, created_at) VALUES (1, 'a', 1)")
    for number, revoked in ((1, None), (2, 5)):
        connection.execute(
            "INSERT INTO devices (number, account, public_id, name, serial_number, hostname, device_uuid, details, "
            "created_at, updated_at) VALUES (?, 1, ?, ?, ?, 'h', 'None', ?, 1, 1)",
            (number, f"d{number}", f"Laptop-{number}", f"SN-{number}", _DETAILS),
        )
        connection.execute(
            "INSERT INTO registrations (number, account, public_id, device_number, public_key, thumbprint, user_email, "
            "created_at, last_seen_at, last_sequence, last_digest, revoked_at) "
            "VALUES (?, 1, ?, ?, ?, ?, 'Jo@Example.com', 1, 1000000, 1, ?, ?)",
            (number, f"r{number}", number, b"k", b"t%d" % number, b"", revoked),
        )
    connection.commit()
    connection.close()


def test_they_are_sorted_searched_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, serial number, address and time, as if they had enrolled today."""
    path = tmp_path / "gatepost.db"
    with monkeypatch.context() as before:
        before.setattr(migration, "REVISIONS", ("0001",))
        migration.migrate(f"sqlite:///{path}")
    _fill(path)
    migration.migrate(f"sqlite:///{path}")
    storage = open_storage(f"sqlite:///{path}", samples.MASTER_KEY, predictable)
    with storage.reading() as records:
        (live,), _ = records.fleet.devices(1, DeviceFilter(search="laptop", order=DeviceOrder.NAME), None, 10)
        (idle,), _ = records.fleet.devices(1, DeviceFilter(activity=Activity.EXCLUDE, search="sn-2"), None, 10)
        (revoked,), _ = records.fleet.registrations(1, RegistrationFilter(activity=Activity.EXCLUDE), None, 10)
    storage.close()
    assert ("d1", 1, 900_000, "0.1.0", "jo@example.com") == (
        live.device.id,
        live.active_registrations,
        live.last_seen_at,
        live.client_version,
        live.user_email,
    )
    assert ("d2", 0, "r2", "jo@example.com") == (
        idle.device.id,
        idle.active_registrations,
        revoked.id,
        revoked.user_email,
    )
