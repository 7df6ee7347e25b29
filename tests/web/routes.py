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
    ("GET", "/access/apps", Scope.ACCESS_READ),
    ("POST", "/access/apps", Scope.ACCESS_WRITE),
    ("GET", "/access/apps/x", Scope.ACCESS_READ),
    ("PUT", "/access/apps/x", Scope.ACCESS_WRITE),
    ("DELETE", "/access/apps/x", Scope.ACCESS_WRITE),
    ("GET", "/access/apps/x/policies", Scope.ACCESS_READ),
    ("POST", "/access/apps/x/policies", Scope.ACCESS_WRITE),
    ("GET", "/access/apps/x/policies/x", Scope.ACCESS_READ),
    ("PUT", "/access/apps/x/policies/x", Scope.ACCESS_WRITE),
    ("DELETE", "/access/apps/x/policies/x", Scope.ACCESS_WRITE),
    ("GET", "/access/policies", Scope.ACCESS_READ),
    ("POST", "/access/policies", Scope.ACCESS_WRITE),
    ("GET", "/access/policies/x", Scope.ACCESS_READ),
    ("PUT", "/access/policies/x", Scope.ACCESS_WRITE),
    ("DELETE", "/access/policies/x", Scope.ACCESS_WRITE),
    ("GET", "/access/groups", Scope.ACCESS_READ),
    ("POST", "/access/groups", Scope.ACCESS_WRITE),
    ("GET", "/access/groups/x", Scope.ACCESS_READ),
    ("PUT", "/access/groups/x", Scope.ACCESS_WRITE),
    ("DELETE", "/access/groups/x", Scope.ACCESS_WRITE),
    ("GET", "/access/service_tokens", Scope.ACCESS_READ),
    ("POST", "/access/service_tokens", Scope.ACCESS_WRITE),
    ("GET", "/access/service_tokens/x", Scope.ACCESS_READ),
    ("PUT", "/access/service_tokens/x", Scope.ACCESS_WRITE),
    ("DELETE", "/access/service_tokens/x", Scope.ACCESS_WRITE),
    ("POST", "/access/service_tokens/x/refresh", Scope.ACCESS_WRITE),
    ("POST", "/access/service_tokens/x/rotate", Scope.ACCESS_WRITE),
    ("GET", "/access/users", Scope.USERS_READ),
    ("GET", "/access/users/x", Scope.USERS_READ),
    ("GET", "/access/users/x/last_seen_identity", Scope.USERS_READ),
    ("GET", "/access/users/x/active_sessions", Scope.USERS_READ),
    ("GET", "/access/users/x/failed_logins", Scope.USERS_READ),
    ("GET", "/gatepost/policies/x/options", Scope.ACCESS_READ),
    ("PUT", "/gatepost/policies/x/options", Scope.ACCESS_WRITE),
    ("GET", "/gatepost/exemptions", Scope.ACCESS_READ),
    ("POST", "/gatepost/exemptions", Scope.ACCESS_WRITE),
    ("DELETE", "/gatepost/exemptions/x", Scope.ACCESS_WRITE),
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
OPEN: Final = [("GET", "")]
"""Those below the account that any of its administrators' tokens reaches."""
OUTSIDE: Final = [("GET", "/client/v4/user/tokens/verify"), ("GET", "/client/v4/accounts")]
"""Those of no account, which tell of the token's own."""
PATHS: Final = [*((method, path) for method, path, _ in ROUTES), *OPEN]
