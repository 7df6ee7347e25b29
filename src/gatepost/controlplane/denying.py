"""Denying: which of a report's certificates are on the deny-list, and what becomes of the results that rest on them.

The database is asked at each report, so that a denial is in force on every process at once. A report that was judged before a
denial and is recorded after it is held against the list once more, in the transaction that writes.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.judgement import Ground
from gatepost.controlplane.overruling import overrule, refuse
from gatepost.controlplane.ports import DenialKind, Footing
from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.denial import Denied, certificate_digest, key_digest
from gatepost.core.device import fact_key
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gatepost.controlplane.judgement import Judgement
    from gatepost.controlplane.ports import Records, StoredResult
    from gatepost.core.device import DeviceFacts

_SMALL: Final = 4 * 1024
"""Bytes of a certificate that is remembered: no report of giant ones shall fill the memory."""
REFUSED_AT_ONCE: Final = 200
"""Results that one transaction turns to fail: others want to write too."""


def ground_of(certificate: Certificate) -> Ground:
    """Return what a result that rests on this certificate rests on."""
    return Ground(key_digest(certificate), certificate_digest(certificate.issuer, certificate.serial_number))


def ground_in(content: bytes) -> Ground | None:
    """Return the same of a certificate's DER; None where it is none."""
    return _small_ground(content) if len(content) <= _SMALL else _read_ground(content)


@lru_cache(maxsize=16_384)
def _small_ground(content: bytes) -> Ground | None:
    return _read_ground(content)


def _read_ground(content: bytes) -> Ground | None:
    certificate = parse_certificate(content)
    return ground_of(certificate) if isinstance(certificate, Certificate) else None


def expect_denied(records: Records, account: int, contents: Iterable[bytes]) -> None:
    """Look for all of these certificates (DER) on the deny-list at once, where there is anything on it."""
    if not records.denials.any(account):
        return
    grounds = [ground for content in contents if (ground := ground_in(content)) is not None]
    records.denials.expect(account, DenialKind.KEY, (item.key for item in grounds))
    records.denials.expect(account, DenialKind.CERTIFICATE, (item.certificate for item in grounds))


def find_denied(records: Records, account: int, contents: Iterable[bytes]) -> Denied:
    """Return which of these certificates (DER) and their keys are denied."""
    if not records.denials.any(account):
        return Denied()
    grounds = [ground for content in contents if (ground := ground_in(content)) is not None]
    keys = records.denials.among(account, DenialKind.KEY, tuple(item.key for item in grounds))
    named = records.denials.among(account, DenialKind.CERTIFICATE, tuple(item.certificate for item in grounds))
    return Denied(keys=_reasons(keys), certificates=_reasons(named))


def _reasons(found: dict[bytes, str]) -> dict[bytes, Reason]:
    return {value: Reason(word) for value, word in found.items()}


def hold_against_denials(records: Records, account: int, judgement: Judgement) -> Judgement:
    """Fail a pass whose certificate was denied since it was judged."""
    reason = is_denied(records, account, judgement.rests_on)
    if reason is None:
        return judgement
    result = refuse(judgement.result, reason)
    entry = msgspec.structs.replace(judgement.entry, result=result)
    return msgspec.structs.replace(
        judgement, result=result, entry=entry, appraised=None, key_digest=None, rests_on=None
    )


def is_denied(records: Records, account: int, rests_on: bytes | None) -> Reason | None:
    """Return why the certificate (DER) that a pass rests on is denied; None: it is not, or there is no pass."""
    ground = ground_in(rests_on) if rests_on is not None and records.denials.any(account) else None
    if ground is None:
        return None
    denied = records.denials.among(account, DenialKind.KEY, (ground.key,)) or records.denials.among(
        account, DenialKind.CERTIFICATE, (ground.certificate,)
    )
    return Reason(next(iter(denied.values()))) if denied else None


def rests_anew(known: StoredResult | None, judgement: Judgement) -> bool:
    """Tell whether what a pass rests on must be noted: it rests on another certificate than is noted, or none is."""
    passes = judgement.result.status is Status.PASS and judgement.rests_on is not None
    return passes and not (known and known.traced and known.result.certificate == judgement.result.certificate)


def note_ground(records: Records, account: int, pair: tuple[int, int], rests_on: bytes) -> None:
    """Note on which certificate (DER) the stored result of a pair (registration, check) rests, where a denial finds it."""
    ground = ground_in(rests_on)
    if ground is None:
        return
    footing = Footing(registration=pair[0], check=pair[1], key_digest=ground.key, certificate_digest=ground.certificate)
    records.footings.put(account, footing)


def refuse_resting(
    records: Records, account: int, denied: tuple[bytes, Reason], after: tuple[int, int], now: int
) -> tuple[int, int] | None:
    """Fail the standing results that rest on a digest, some at a time; return where to go on (None: all are failed)."""
    digest, reason = denied
    found = records.footings.resting_on(account, digest, after, REFUSED_AT_ONCE)
    for registration, check in found:
        stored = records.results.find_one(account, registration, check)
        if stored is not None and stored.result.status is Status.PASS:
            refused = msgspec.structs.replace(refuse(stored.result, reason), judged_at=now)
            overrule(records, account, stored, refused)
    return found[-1] if len(found) == REFUSED_AT_ONCE else None


def hardware_digests(facts: DeviceFacts) -> tuple[bytes, ...]:
    """Return how a device's hardware is denied: one digest for its serial number, one for its hardware id."""
    keys = {"serial_number": fact_key(facts.serial_number), "device_uuid": fact_key(facts.device_uuid)}
    return tuple(hashlib.sha256(f"{name}\0{key}".encode()).digest() for name, key in keys.items() if key is not None)
