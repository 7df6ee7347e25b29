"""The database as `ports.Storage`: many readers, in each process one writer at a time, and nothing but our errors at the door."""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from gatepost.errors import StorageError
from gatepost.storage.access_log import SqlAccessLog
from gatepost.storage.accounts import SqlAccounts
from gatepost.storage.attempts import SqlSharedAttempts
from gatepost.storage.audit_log import SqlAuditLog
from gatepost.storage.bounds import PATIENCE
from gatepost.storage.certificates import SqlCertificates
from gatepost.storage.chain import SqlLogChain
from gatepost.storage.checks import SqlChecks
from gatepost.storage.databases import database_of
from gatepost.storage.denials import SqlDenials
from gatepost.storage.devices import SqlDevices
from gatepost.storage.endings import Endings
from gatepost.storage.evidence import SqlEvidence
from gatepost.storage.fleet import SqlFleet
from gatepost.storage.footings import SqlFootings
from gatepost.storage.keybox import Keybox
from gatepost.storage.locks import take_turn, try_house
from gatepost.storage.posture_log import SqlPostureLog
from gatepost.storage.proved_certificates import SqlProvedCertificates
from gatepost.storage.proved_keys import SqlProvedKeys
from gatepost.storage.report_requests import SqlReportRequests
from gatepost.storage.resources import SqlResources
from gatepost.storage.results import SqlResults
from gatepost.storage.revisions import confirm_revision, refuse_other_revision
from gatepost.storage.secrets import SqlSecrets
from gatepost.storage.serial_numbers import SqlSerialNumbers
from gatepost.storage.spent import SqlSpentOnce
from gatepost.storage.tokens import SqlTokens
from gatepost.storage.translation import storage_error
from gatepost.storage.users import SqlUsers
from gatepost.storage.webhooks import SqlWebhooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine

    from gatepost.controlplane.ports import (
        AccessLog,
        Accounts,
        AuditLog,
        Certificates,
        Checks,
        Denials,
        Devices,
        Fleet,
        Footings,
        KeptEvidence,
        LogChain,
        PostureLog,
        ProvedCertificates,
        ProvedKeys,
        Records,
        ReportRequests,
        Resources,
        Results,
        Secrets,
        SerialNumbers,
        SharedAttempts,
        SpentOnce,
        Tokens,
        Users,
        Webhooks,
    )


class SqlRecords:
    """`ports.Records`: all of storage within one transaction of ``connection``."""

    def __init__(self, connection: Connection, keybox: Keybox, *, writing: bool) -> None:
        self._endings = Endings(connection)
        ended = self._endings.note
        self.accounts: Accounts = SqlAccounts(connection)
        self.tokens: Tokens = SqlTokens(connection, ended)
        self.certificates: Certificates = SqlCertificates(connection)
        self.checks: Checks = SqlChecks(connection)
        proved_keys = SqlProvedKeys(connection, ended)
        posture_log = SqlPostureLog(connection)

        def changed() -> None:
            proved_keys.forget_expected()
            posture_log.forget_expected()

        devices = SqlDevices(connection, changed, ended)
        results = SqlResults(connection, writing=writing, ended=ended)
        evidence = SqlEvidence(connection)
        self._late = (devices, results, proved_keys, evidence, posture_log)
        self.devices: Devices = devices
        self.fleet: Fleet = SqlFleet(connection)
        self.results: Results = results
        self.footings: Footings = SqlFootings(connection)
        self.proved_keys: ProvedKeys = proved_keys
        self.posture_log: PostureLog = posture_log
        self.log_chain: LogChain = SqlLogChain(connection)
        self.secrets: Secrets = SqlSecrets(connection, keybox)
        self.users: Users = SqlUsers(connection)
        self.resources: Resources = SqlResources(connection)
        self.audit_log: AuditLog = SqlAuditLog(connection)
        self.access_log: AccessLog = SqlAccessLog(connection)
        self.denials: Denials = SqlDenials(connection, ended)
        self.serial_numbers: SerialNumbers = SqlSerialNumbers(connection)
        self.evidence: KeptEvidence = evidence
        self.report_requests: ReportRequests = SqlReportRequests(connection)
        self.attempts: SharedAttempts = SqlSharedAttempts(connection)
        self.spent: SpentOnce = SqlSpentOnce(connection)
        self.webhooks: Webhooks = SqlWebhooks(connection)
        self.proved_certificates: ProvedCertificates = SqlProvedCertificates(connection, ended)

    def write_late(self) -> None:
        """Write what was put off, registrations first and the logs last."""
        for port in self._late:
            port.write_late()

    def finish(self) -> None:
        """Write what was put off, and then what stands behind all else."""
        self.write_late()
        self._endings.write()


class SqlStorage:
    """`ports.Storage` over two engines: one that only reads, one that writes. Safe to use from many threads."""

    def __init__(self, readers: Engine, writer: Engine, keybox: Keybox) -> None:
        self._readers = readers
        self._writer = writer
        self._keybox = keybox
        self._turn = Lock()

    @contextmanager
    def reading(self) -> Iterator[Records]:
        """Open a transaction that only reads: it sees one state of the database, and a write in it is refused."""
        try:
            with self._readers.connect() as connection:
                yield SqlRecords(connection, self._keybox, writing=False)
        except SQLAlchemyError as error:
            raise storage_error(error) from error

    @contextmanager
    def writing(self, *, alone: bool = True) -> Iterator[Records]:
        """Open a transaction that writes; it is durable when the block ends, and undone when the block raises.

        ``alone`` False lets other processes write at once that say the same, where the database can do that (`locks`).
        """
        with self._write() as connection:
            take_turn(connection, alone=alone)
            records = SqlRecords(connection, self._keybox, writing=True)
            yield records
            records.finish()

    @contextmanager
    def keeping_house(self) -> Iterator[Records | None]:
        """Open a transaction that writes, for housekeeping; None where another process is at it now."""
        with self._write() as connection:
            if not try_house(connection):
                yield None
                return
            take_turn(connection, alone=False)
            records = SqlRecords(connection, self._keybox, writing=True)
            yield records
            records.finish()

    def probe(self) -> bool:
        """Write the schema's revision over itself, durably; False where it is not this release's. Raises StorageError."""
        with self._write() as connection:
            return confirm_revision(connection)

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        if not self._turn.acquire(timeout=PATIENCE):
            raise StorageError(f"another thread has been writing for {PATIENCE} s")
        try:
            with self._writer.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise storage_error(error) from error
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close all connections; SQLite then folds its write-ahead log into the file."""
        self._readers.dispose()
        self._writer.dispose()


def open_storage(url: str, master_key: bytes, random: Callable[[int], bytes]) -> SqlStorage:
    """Open the database that ``url`` names (`databases`), which must have exactly the schema of this release.

    ``random`` returns as many random bytes as it is asked for. Raises InputError for another kind of URL and StorageError
    for a database that is missing, damaged, of another kind or of another release, or cannot be reached.
    """
    database = database_of(url)
    keybox = Keybox(master_key, random)
    readers = database.open_readers()
    try:
        refuse_other_revision(readers, database.name)
    except StorageError:
        readers.dispose()
        raise
    return SqlStorage(readers, database.open_writer(), keybox)
