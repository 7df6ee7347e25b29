"""Write a dump of this release's schema with data: ``python -m tests.migrations.dump`` from the project's folder.

Each release commits one for each kind of database, and they stay: whoever comes from that release is who upgrades. What is in
it is made by the storage that is released, with made-up keys; the master key is that of the tests' samples.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

from gatepost.controlplane.administration.accounts import create_account
from gatepost.controlplane.administration.services import Services
from gatepost.storage.database import open_storage
from gatepost.storage.migration import migrate
from gatepost.storage.tables import REVISIONS
from tests.postgres import Cluster, programs
from tests.storage import samples

FOLDER = Path(__file__).parent


def fill(url: str) -> None:
    """Make a database of this release, with something in every table that its storage writes."""
    migrate(url)
    storage = open_storage(url, samples.MASTER_KEY, os.urandom)
    services = Services(storage=storage, now=lambda: samples.NOW, random=os.urandom)
    create_account(services, "owner@example.com")
    with storage.writing() as records:
        upload = samples.certificate(1)
        records.certificates.add(upload)
        records.tokens.add(samples.token(1))
        registration = samples.store_registration(records, 1)
        checks = [records.checks.add(samples.check(1, number, certificate_id=upload.id)) for number in (1, 2, 3)]
        for check in checks:
            records.results.put(1, samples.stored_result(registration, check))
            records.posture_log.append(1, registration.number, check.number, samples.entry())
        records.proved_keys.prove(1, b"\x13" * 32, registration.number, samples.NOW + 20)
        # The highest number was given, and its check has gone: it must never be given again.
        records.checks.remove(1, checks[-1].number)
    storage.close()


def main() -> None:
    """Write both."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "gatepost.db"
        fill(f"sqlite:///{file}")
        connection = sqlite3.connect(file)
        lines = "\n".join(connection.iterdump())
        connection.close()
    (FOLDER / f"{REVISIONS[-1]}.sqlite.sql").write_text(f"{lines}\n", encoding="utf-8")
    found = programs()
    assert found is not None, "PostgreSQL is not installed"
    cluster = Cluster(found)
    try:
        url = cluster.create()
        fill(url)
        text = cluster.run("pg_dump", "--inserts", "--no-owner", "--no-privileges", "--no-comments", url)
    finally:
        cluster.remove()
    # Its commands for psql alone are left out, and so is what it says of itself.
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith(("\\", "--"))]
    (FOLDER / f"{REVISIONS[-1]}.postgresql.sql").write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
