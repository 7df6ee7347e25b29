"""One key on two devices: a certificate's key that two live registrations proved was copied.

That is the event ``certificate-shared``. A check whose option says ``shared: "deny"`` fails for every device that proves the
key, but for its named owner, until one is revoked or an owner is named. A renewal with the same key on one device is none.
Keys are told apart by their SubjectPublicKeyInfo, never by the certificate: its fingerprint can be changed without its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.overruling import overrule, refuse
from gatepost.core.certificate import Certificate
from gatepost.core.check import Evidence
from gatepost.core.denial import key_digest as digest_of_key
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from gatepost.controlplane.ports import KeyHolder, Records, StoredResult
    from gatepost.core.evaluation import Evaluation
    from gatepost.core.result import Result

_UNENDING: Final = 2**62
"""Stands for the end of a result that only a newer one ends."""
_SHARED_WITH: Final = "shared_with"


def proved_key(evaluation: Evaluation) -> bytes | None:
    """Return the digest of the key that a passing certificate's proof rests on; None where nothing passes or was proved.

    Keys of certificates that do not pass are of no interest: anybody can make as many of those as they like.
    """
    nearest = evaluation.certificates[0] if evaluation.certificates else None
    if (
        nearest is None
        or nearest.reasons
        or nearest.evidence is None
        or nearest.evidence.rank < Evidence.POSSESSION.rank
    ):
        return None
    certificate = nearest.candidate.certificate
    if not isinstance(certificate, Certificate):
        return None
    return digest_of_key(certificate)


def note_certificate(records: Records, account: int, before: StoredResult | None, after: StoredResult) -> None:
    """Note which certificate a registration proved, where that is news: by it a proxy tells which device it is."""
    certificate, key = after.result.certificate, after.key_digest
    if certificate is None or key is None:
        return
    if before is None or (before.result.certificate, before.key_digest) != (certificate, key):
        records.proved_certificates.put(account, certificate, key, after.registration)


def note_proof(
    records: Records, account: int, registration: int, key_digest: bytes, result: Result
) -> tuple[KeyHolder, ...]:
    """Note a proof; return the other live registrations that proved the same key, within the life of both results."""
    ends_at = _UNENDING if result.ends_at is None else result.ends_at
    records.proved_keys.prove(account, key_digest, registration, ends_at)
    holders = records.proved_keys.holders(account, key_digest, result.judged_at)
    return tuple(item for item in holders if item.registration != registration)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A key that a device proved for a check; numbers are keys of hot tables. ``deny``: nobody passes with a shared one."""

    account: int
    registration: int
    check: int
    key_digest: bytes
    deny: bool


def hold_against_sharing(records: Records, proof: Proof, result: Result, received: str) -> tuple[Result, str]:
    """Note a proof; return the result, and what the log shows of it, as they are where other live devices proved the key."""
    others = note_proof(records, proof.account, proof.registration, proof.key_digest, result)
    if not others:
        return result, received
    told = tell_shared(received, others)
    if not proof.deny:
        return result, told
    refuse_others(records, proof.account, proof.check, proof.key_digest, others, result.judged_at)
    if is_owner(records, proof.account, proof.registration, proof.key_digest, result.judged_at):
        return result, told
    return refuse_shared(result), told


def tell_shared(received: str, others: tuple[KeyHolder, ...]) -> str:
    """Write into what the log shows of a report with which other devices it shares its key: the event itself."""
    document = msgspec.json.decode(received)
    document[_SHARED_WITH] = [item.registration_id for item in others]
    return msgspec.json.encode(document).decode()


def tells_shared(received: str) -> bool:
    """Tell whether a log line named the event: a field of the document, and no text somewhere in it."""
    return f'"{_SHARED_WITH}"' in received and _SHARED_WITH in msgspec.json.decode(received)


def is_owner(records: Records, account: int, registration: int, key_digest: bytes, now: int) -> bool:
    """Tell whether an administrator named this registration the key's owner."""
    holders = records.proved_keys.holders(account, key_digest, now)
    return any(item.owner for item in holders if item.registration == registration)


def refuse_shared(result: Result) -> Result:
    """Turn a pass into the fail that a shared key gives; what already fails stays as it is."""
    return refuse(result, Reason.CERTIFICATE_SHARED)


def refuse_others(
    records: Records, account: int, check: int, key_digest: bytes, others: tuple[KeyHolder, ...], now: int
) -> None:
    """Fail the results that rest on the same key on other devices, and write it into their logs."""
    for holder in others:
        if holder.owner:
            continue
        for stored in records.results.find(account, holder.registration):
            if stored.check == check and stored.result.status is Status.PASS and stored.key_digest == key_digest:
                overrule(records, account, stored, msgspec.structs.replace(refuse_shared(stored.result), judged_at=now))
