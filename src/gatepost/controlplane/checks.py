"""Checks: from a stored rule, its options and the upload that it names to the check that is evaluated."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from gatepost.errors import InputError
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.mtls_certificates import parse_upload
from gatepost.wire.management.posture_rules import Identity, parse_rule, preferred_system, to_core
from gatepost.wire.management.strict import decode_strictly

if TYPE_CHECKING:
    from gatepost.controlplane.ports import StoredCheck, UploadedCertificate
    from gatepost.core.certificate import Certificate
    from gatepost.core.check import Check, OperatingSystem


def compile_check(stored: StoredCheck, upload: UploadedCertificate, *, results_expire: bool = True) -> Check:
    """Make the check that is evaluated. ``results_expire`` False: without ``expiration``, only certificates end a result.

    Raises `InputError` for a type that is not evaluated, and for a rule that its upload or its options do not fit.
    """
    return to_core(
        Identity(id=stored.id, version=stored.version),
        parse_rule(stored.document),
        parse_options(stored.options),
        parse_authorities(upload.certificates),
        results_expire=results_expire,
    )


def system_asked(stored: StoredCheck) -> OperatingSystem | None:
    """Return the system whose devices a stored check asks now; None where it is disabled, or of a type that asks nobody.

    None too where an earlier release took what this one refuses: it asks nobody any more.
    """
    try:
        rule = parse_rule(stored.document)
    except InputError:
        return None
    return preferred_system(rule.question) if rule.enabled and rule.question is not None else None


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


def name_of(stored: StoredCheck) -> str:
    """Return the name that administrators gave a check."""
    return msgspec.json.decode(stored.document, type=_Named).name


def parse_options(content: bytes) -> CheckOptions:
    """Read stored options; nothing stored is the same as nothing set."""
    return decode_strictly(content or b"{}", CheckOptions)


@lru_cache(maxsize=128)
def parse_authorities(certificates: str) -> tuple[Certificate, ...]:
    """Read the signing certificates of an upload. The cache is bounded: an account has few, and uploads never change."""
    return parse_upload(certificates, ca=True)
