"""The posture log: ``/accounts/{a}/gatepost/posture-log``.

The names are those of the Logpush data set ``device_posture_results``, which log systems parse already, and three of ours.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gatepost.core.check import Evidence
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.wire.management.envelope import Instant


class PostureLogLine(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One line. ``PolicyID`` is the posture rule's id, ``Timestamp`` the result's own time."""

    client_version: str
    device_id: str = msgspec.field(name="DeviceID")
    device_manufacturer: str
    device_model: str
    device_name: str
    device_serial_number: str
    device_type: str
    email: str
    os_version: str = msgspec.field(name="OSVersion")
    policy_id: str = msgspec.field(name="PolicyID")
    posture_check_name: str
    posture_check_type: str
    posture_evaluated_result: bool
    posture_evidence: Evidence | None
    posture_expected: dict[str, Any] = msgspec.field(name="PostureExpectedJSON")
    posture_reasons: tuple[Reason, ...]
    posture_received: dict[str, Any] = msgspec.field(name="PostureReceivedJSON")
    posture_status: Status
    registration_id: str = msgspec.field(name="RegistrationID")
    reports: int
    timestamp: Instant
    user_uid: str = msgspec.field(name="UserUID")
