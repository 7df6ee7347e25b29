"""Every route of an account and the scope that it needs: what is not listed here is tried nowhere."""

from __future__ import annotations

from typing import Final

from gatepost.wire.management.scopes import Scope

ROUTES: Final = [
    ("GET", "/mtls_certificates", Scope.CERTIFICATES_READ),
    ("POST", "/mtls_certificates", Scope.CERTIFICATES_WRITE),
    ("GET", "/mtls_certificates/x", Scope.CERTIFICATES_READ),
    ("DELETE", "/mtls_certificates/x", Scope.CERTIFICATES_WRITE),
    ("GET", "/mtls_certificates/x/associations", Scope.CERTIFICATES_READ),
    ("GET", "/devices/posture", Scope.CHECKS_READ),
    ("POST", "/devices/posture", Scope.CHECKS_WRITE),
    ("GET", "/devices/posture/integration", Scope.CHECKS_READ),
    ("GET", "/devices/posture/x", Scope.CHECKS_READ),
    ("PUT", "/devices/posture/x", Scope.CHECKS_WRITE),
    ("DELETE", "/devices/posture/x", Scope.CHECKS_WRITE),
    ("GET", "/devices/physical-devices", Scope.DEVICES_READ),
    ("GET", "/devices/physical-devices/x", Scope.DEVICES_READ),
    ("DELETE", "/devices/physical-devices/x", Scope.DEVICES_WRITE),
    ("POST", "/devices/physical-devices/x/revoke", Scope.DEVICES_WRITE),
    ("GET", "/devices/registrations", Scope.DEVICES_READ),
    ("DELETE", "/devices/registrations", Scope.DEVICES_WRITE),
    ("GET", "/devices/registrations/x", Scope.DEVICES_READ),
    ("DELETE", "/devices/registrations/x", Scope.DEVICES_WRITE),
    ("POST", "/devices/registrations/revoke", Scope.DEVICES_WRITE),
    ("POST", "/devices/registrations/unrevoke", Scope.DEVICES_WRITE),
    ("GET", "/devices", Scope.DEVICES_READ),
    ("GET", "/devices/x", Scope.DEVICES_READ),
    ("POST", "/devices/revoke", Scope.DEVICES_WRITE),
    ("POST", "/devices/unrevoke", Scope.DEVICES_WRITE),
    ("GET", "/gatepost/checks/x/options", Scope.CHECKS_READ),
    ("PUT", "/gatepost/checks/x/options", Scope.CHECKS_WRITE),
    ("GET", "/gatepost/checks/x/effective", Scope.CHECKS_READ),
    ("GET", "/gatepost/results", Scope.RESULTS_READ),
    ("GET", "/gatepost/posture-log", Scope.RESULTS_READ),
    ("GET", "/gatepost/tokens", Scope.TOKENS_READ),
    ("POST", "/gatepost/tokens", Scope.ENROLLMENT_WRITE),
    ("DELETE", "/gatepost/tokens/x", Scope.TOKENS_WRITE),
    ("GET", "/gatepost/shared-keys", Scope.DEVICES_READ),
    ("PUT", "/gatepost/shared-keys/x", Scope.DEVICES_WRITE),
    ("GET", "/gatepost/audit-log", Scope.AUDIT_READ),
    ("GET", "/gatepost/registrations", Scope.DEVICES_READ),
    ("POST", "/gatepost/registrations/accept", Scope.DEVICES_WRITE),
    ("POST", "/gatepost/registrations/x/accept", Scope.DEVICES_WRITE),
    ("GET", "/gatepost/deny-list", Scope.DENIALS_READ),
    ("POST", "/gatepost/deny-list", Scope.DENIALS_WRITE),
    ("DELETE", "/gatepost/deny-list/x", Scope.DENIALS_WRITE),
    ("GET", "/gatepost/enrollment", Scope.DEVICES_READ),
    ("PUT", "/gatepost/enrollment", Scope.ENROLLMENT_WRITE),
    ("GET", "/gatepost/serial-numbers", Scope.DEVICES_READ),
    ("PUT", "/gatepost/serial-numbers", Scope.ENROLLMENT_WRITE),
    ("GET", "/gatepost/serial-numbers/missing", Scope.DEVICES_READ),
    ("POST", "/gatepost/preview", Scope.CHECKS_WRITE),
    ("GET", "/gatepost/preview/x", Scope.CHECKS_READ),
    ("POST", "/gatepost/preview/x/run", Scope.CHECKS_WRITE),
    ("DELETE", "/gatepost/preview/x", Scope.CHECKS_WRITE),
]
"""Method, path below the account with ``x`` for each parameter, and the scope."""
PATHS: Final = [(method, path) for method, path, _ in ROUTES]
