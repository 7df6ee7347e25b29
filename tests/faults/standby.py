"""A streaming standby of a PostgreSQL server, which can be promoted."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from tests.postgres import ACCOUNT, USER, Cluster
from tests.running import free_port


class Standby(Cluster):
    """Another server's copy that follows it; each commit of that one waits until it is here, too."""

    def __init__(self, primary: Cluster, bin_folder: Path) -> None:  # a copy is not made as an empty one is.
        """Copy the primary, start following it, and have it wait for this one."""
        self._bin = bin_folder
        self._folder = Path(tempfile.mkdtemp(prefix="gatepost-postgresql-"))
        if os.geteuid() == 0:
            shutil.chown(self._folder, ACCOUNT)
        self.port = free_port()
        self._options = ("-p", str(self.port), "-k", str(self._folder), "-c", "listen_addresses=127.0.0.1")
        self.data = self._folder / "data"
        source = f"host=127.0.0.1 port={primary.port} user={USER} application_name=standby"
        self.run("pg_basebackup", "--pgdata", self.data, "--write-recovery-conf", "--checkpoint=fast", "-d", source)
        # What the copy waited for when it was a primary itself is another one's business.
        with (self.data / "postgresql.auto.conf").open("a") as settings_of_its_own:
            settings_of_its_own.write("synchronous_standby_names = ''\n")
        self.start()
        settings = ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        primary.execute("postgres", *settings)

    def promote(self) -> None:
        """Make it the primary."""
        self._control("promote")
