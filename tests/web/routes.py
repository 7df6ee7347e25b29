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
    ("POST", "/gatepost/preview", Scope.CHECKS_WRITE),
    ("GET", "/gatepost/preview/x", Scope.CHECKS_READ),
    ("POST", "/gatepost/preview/x/run", Scope.CHECKS_WRITE),
    ("DELETE", "/gatepost/preview/x", Scope.CHECKS_WRITE),
]
"""Method, path below the account with ``x`` for each parameter, and the scope."""
PATHS: Final = [(method, path) for method, path, _ in ROUTES]
