"""The ports of the control plane: what the use cases need from storage, and the records that cross. One file for each kind.

A record is a row as a value: integers are ms UTC or keys, documents are JSON as it was sent. Public ids (UUIDs, 32 hex digits)
are what the API shows; numbers are keys inside the database and begin every hot table with the account's.
"""

from __future__ import annotations

from gatepost.controlplane.ports.access_log import AccessFilter, AccessLine, AccessLog, AccessPlace
from gatepost.controlplane.ports.attempts import AttemptKind, Attempts, SharedAttempts
from gatepost.controlplane.ports.audit_log import Actor, ActorKind, AuditEntry, AuditFilter, AuditLine, AuditLog
from gatepost.controlplane.ports.certificates import Certificates, UploadedCertificate
from gatepost.controlplane.ports.checks import Checks, StoredCheck
from gatepost.controlplane.ports.credentials import Account, Accounts, Grounds, Token, Tokens
from gatepost.controlplane.ports.denials import Denial, DenialKind, Denials
from gatepost.controlplane.ports.devices import SEEN_WITHIN, Device, Devices, Registration
from gatepost.controlplane.ports.evidence import KeptEvidence, StoredEvidence
from gatepost.controlplane.ports.fleet import (
    Activity,
    DeviceFilter,
    DeviceOrder,
    Fleet,
    ListedDevice,
    Mark,
    RegistrationFilter,
    RegistrationOrder,
)
from gatepost.controlplane.ports.footings import Footing, Footings
from gatepost.controlplane.ports.log_chain import ChainedLine, LogChain, LogHead, StoredCheckpoint
from gatepost.controlplane.ports.posture_log import EVERY_LINE, LogFilter, PostureLine, PostureLog
from gatepost.controlplane.ports.proved_certificates import ProvedCertificates
from gatepost.controlplane.ports.proved_keys import KeyHolder, ProvedKeys
from gatepost.controlplane.ports.report_requests import ReportRequests
from gatepost.controlplane.ports.resources import Resource, Resources
from gatepost.controlplane.ports.results import EVERY_RESULT, ResultFilter, Results, StoredResult
from gatepost.controlplane.ports.secrets import Secrets
from gatepost.controlplane.ports.serial_numbers import OwnedSerial, SerialNumbers
from gatepost.controlplane.ports.spent import SpentOnce
from gatepost.controlplane.ports.storage import Records, SharedStorage, Storage
from gatepost.controlplane.ports.users import User, UserFilter, Users
from gatepost.controlplane.ports.webhooks import Told, Webhooks

__all__ = [
    "EVERY_LINE",
    "EVERY_RESULT",
    "SEEN_WITHIN",
    "AccessFilter",
    "AccessLine",
    "AccessLog",
    "AccessPlace",
    "Account",
    "Accounts",
    "Activity",
    "Actor",
    "ActorKind",
    "AttemptKind",
    "Attempts",
    "AuditEntry",
    "AuditFilter",
    "AuditLine",
    "AuditLog",
    "Certificates",
    "ChainedLine",
    "Checks",
    "Denial",
    "DenialKind",
    "Denials",
    "Device",
    "DeviceFilter",
    "DeviceOrder",
    "Devices",
    "Fleet",
    "Footing",
    "Footings",
    "Grounds",
    "KeptEvidence",
    "KeyHolder",
    "ListedDevice",
    "LogChain",
    "LogFilter",
    "LogHead",
    "Mark",
    "OwnedSerial",
    "PostureLine",
    "PostureLog",
    "ProvedCertificates",
    "ProvedKeys",
    "Records",
    "Registration",
    "RegistrationFilter",
    "RegistrationOrder",
    "ReportRequests",
    "Resource",
    "Resources",
    "ResultFilter",
    "Results",
    "Secrets",
    "SerialNumbers",
    "SharedAttempts",
    "SharedStorage",
    "SpentOnce",
    "Storage",
    "StoredCheck",
    "StoredCheckpoint",
    "StoredEvidence",
    "StoredResult",
    "Token",
    "Tokens",
    "Told",
    "UploadedCertificate",
    "User",
    "UserFilter",
    "Users",
    "Webhooks",
]
