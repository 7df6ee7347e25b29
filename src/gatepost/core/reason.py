"""The closed list of reasons: why a certificate, a place, a device or a decision is not what a check asks for.

The values are the words on the wire, in logs and in the documentation (``docs/reference/reasons.md`` has a heading for each);
they are never renamed. This file stands at the bottom of ``core`` because every floor above gives reasons
(``docs/adr/0003-files-of-core.md``). Source of the list: the meaning of the check, ``docs/reference/semantics.md``.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One word of the closed list."""

    # Certificates.
    NO_CERTIFICATE_FOUND = "no-certificate-found"
    NOT_ISSUED_BY_SIGNING_CERTIFICATE = "not-issued-by-signing-certificate"
    AUTHORITY_KEY_MISMATCH = "authority-key-mismatch"
    SIGNATURE_INVALID = "signature-invalid"
    CERTIFICATE_IS_A_CA = "certificate-is-a-ca"
    SIGNING_CERTIFICATE_NOT_A_CA = "signing-certificate-not-a-ca"
    SIGNING_CERTIFICATE_EXPIRED = "signing-certificate-expired"
    SIGNING_CERTIFICATE_NOT_YET_VALID = "signing-certificate-not-yet-valid"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    NAME_CONSTRAINT_VIOLATED = "name-constraint-violated"
    UNKNOWN_CRITICAL_EXTENSION = "unknown-critical-extension"
    MALFORMED_CERTIFICATE = "malformed-certificate"
    SIGNATURE_ALGORITHM_WEAK = "signature-algorithm-weak"
    KEY_UNSUPPORTED = "key-unsupported"
    KEY_USAGE_UNSUITABLE = "key-usage-unsuitable"
    COMMON_NAME_MISMATCH = "common-name-mismatch"
    COMMON_NAME_MISSING = "common-name-missing"
    COMMON_NAME_AMBIGUOUS = "common-name-ambiguous"
    SUBJECT_ALTERNATIVE_NAME_MISMATCH = "subject-alternative-name-mismatch"
    EXTENDED_KEY_USAGE_MISSING = "extended-key-usage-missing"
    CERTIFICATE_DISTRUSTED = "certificate-distrusted"
    CERTIFICATE_DENIED = "certificate-denied"
    CERTIFICATE_REVOKED = "certificate-revoked"
    CERTIFICATE_SHARED = "certificate-shared"
    TOO_MANY_CANDIDATES = "too-many-candidates"
    # Keys.
    PRIVATE_KEY_MISSING = "private-key-missing"
    PRIVATE_KEY_MISMATCH = "private-key-mismatch"
    PRIVATE_KEY_UNUSABLE = "private-key-unusable"
    POSSESSION_UNPROVEN = "possession-unproven"
    EVIDENCE_TOO_WEAK = "evidence-too-weak"
    # Places.
    STORE_MISSING = "store-missing"
    STORE_BUSY = "store-busy"
    STORE_CORRUPT = "store-corrupt"
    STORE_UNREADABLE = "store-unreadable"
    STORE_LEGACY_FORMAT = "store-legacy-format"
    PERMISSION_DENIED = "permission-denied"
    PATH_REFUSED = "path-refused"
    LOCATION_UNSUPPORTED = "location-unsupported"
    # Device and check.
    DEVICE_FACT_MISSING = "device-fact-missing"
    DEVICE_PENDING = "device-pending"
    DEVICE_REVOKED = "device-revoked"
    DEVICE_CLONED = "device-cloned"
    AGENT_TOO_OLD = "agent-too-old"
    CHECK_DISABLED = "check-disabled"
    CHECK_CHANGED = "check-changed"
    CHECK_TYPE_NOT_EVALUATED = "check-type-not-evaluated"
    NOT_APPLICABLE = "not-applicable"
    NONCE_EXPIRED = "nonce-expired"
    EVALUATION_CRASHED = "evaluation-crashed"
    # Decisions.
    REPORT_MISSING = "report-missing"
    RESULT_EXPIRED = "result-expired"
    EVIDENCE_TOO_OLD = "evidence-too-old"
    DEVICE_NOT_IDENTIFIED = "device-not-identified"
    DEVICE_NOT_ENROLLED = "device-not-enrolled"
    PROXY_NOT_ALLOWED = "proxy-not-allowed"
    POLICY_UNMATCHED = "policy-unmatched"
    EXEMPTED = "exempted"
    REPORT_ONLY = "report-only"
