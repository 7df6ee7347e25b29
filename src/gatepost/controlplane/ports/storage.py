"""All of storage, and its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gatepost.controlplane.ports.access_log import AccessLog
    from gatepost.controlplane.ports.attempts import SharedAttempts
    from gatepost.controlplane.ports.audit_log import AuditLog
    from gatepost.controlplane.ports.certificates import Certificates
    from gatepost.controlplane.ports.checks import Checks
    from gatepost.controlplane.ports.credentials import Accounts, Tokens
    from gatepost.controlplane.ports.denials import Denials
    from gatepost.controlplane.ports.devices import Devices
    from gatepost.controlplane.ports.evidence import KeptEvidence
    from gatepost.controlplane.ports.fleet import Fleet
    from gatepost.controlplane.ports.footings import Footings
    from gatepost.controlplane.ports.log_chain import LogChain
    from gatepost.controlplane.ports.posture_log import PostureLog
    from gatepost.controlplane.ports.proved_certificates import ProvedCertificates
    from gatepost.controlplane.ports.proved_keys import ProvedKeys
    from gatepost.controlplane.ports.report_requests import ReportRequests
    from gatepost.controlplane.ports.resources import Resources
    from gatepost.controlplane.ports.results import Results
    from gatepost.controlplane.ports.secrets import Secrets
    from gatepost.controlplane.ports.serial_numbers import SerialNumbers
    from gatepost.controlplane.ports.spent import SpentOnce
    from gatepost.controlplane.ports.users import Users
    from gatepost.controlplane.ports.webhooks import Webhooks


class Records(Protocol):
    """All of storage within one transaction."""

    accounts: Accounts
    tokens: Tokens
    certificates: Certificates
    checks: Checks
    devices: Devices
    fleet: Fleet
    results: Results
    footings: Footings
    proved_keys: ProvedKeys
    posture_log: PostureLog
    secrets: Secrets
    users: Users
    resources: Resources
    audit_log: AuditLog
    access_log: AccessLog
    denials: Denials
    serial_numbers: SerialNumbers
    evidence: KeptEvidence
    log_chain: LogChain
    report_requests: ReportRequests
    attempts: SharedAttempts
    proved_certificates: ProvedCertificates
    webhooks: Webhooks
    spent: SpentOnce

    def write_late(self) -> None:
        """Write what was put off because more of its kind was expected; the end of the transaction does so, too."""
        ...


class Storage(Protocol):
    """The database. Both raise StorageError when it cannot be used; an exception inside ``writing`` undoes everything."""

    def reading(self) -> AbstractContextManager[Records]:
        """Open a transaction that only reads."""
        ...

    def writing(self, *, alone: bool = True) -> AbstractContextManager[Records]:
        """Open a transaction that writes; it is durable when the block ends.

        It sees no other writer between its first statement and its end. ``alone`` False asks for less: others that ask the
        same may write at once, in other processes. Whoever asks so takes keys, registrations and the log in this order.
        """
        ...


class SharedStorage(Storage, Protocol):
    """Storage that several processes share, each of which might keep house in it."""

    def keeping_house(self) -> AbstractContextManager[Records | None]:
        """Open a transaction that writes, for housekeeping; None where another process is at it now."""
        ...
