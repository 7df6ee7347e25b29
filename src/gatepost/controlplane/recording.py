"""Recording: what one judged report changes in the database, within the transaction of its group.

Everything here is said of one report; what its group reads and writes together the database is told beforehand (`expect`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.denying import expect_denied, hardware_digests, note_ground, rests_anew
from gatepost.controlplane.evidence import Reported, keep_evidence
from gatepost.controlplane.facts import record_facts
from gatepost.controlplane.judgement import Appraised, Judged, Judgement
from gatepost.controlplane.meanwhile import tell_meanwhile
from gatepost.controlplane.overruling import end_changed
from gatepost.controlplane.ports import SEEN_WITHIN, StoredResult
from gatepost.controlplane.sharing import Proof, hold_against_sharing, note_certificate, tells_shared
from gatepost.core.log import is_news
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gatepost.controlplane.ports import Records

_ANEW: Final = Appraised(0, 0, None)
"""Of a result that no report's judgement is taken over from."""


def keys_of(judged: Judged) -> Iterator[tuple[int, bytes]]:
    """Give the keys that a report proves, and the hardware that certificates name anew: each is one device's at a time."""
    if judged.facts.named != judged.registration.device.facts:
        for digest in hardware_digests(judged.facts.named):
            yield judged.registration.account, digest
    for judgement in judged.judgements:
        if judgement.key_digest is not None:
            yield judged.registration.account, judgement.key_digest


def expect(records: Records, judged: list[Judged]) -> dict[int, int]:
    """Let the database answer at once what each of these reports will ask; return the version of each account's checks.

    No version changes before the transaction ends: whoever changes a check is alone.
    """
    versions = {}
    for account in dict.fromkeys(item.registration.account for item in judged):
        versions[account] = records.checks.version(account)
        of_it = [item for item in judged if item.registration.account == account]
        numbers = [item.registration.number for item in of_it]
        records.devices.expect(account, numbers)
        records.results.expect(account, numbers)
        records.posture_log.expect(account, numbers)
        judgements = [judgement for item in of_it for judgement in item.judgements]
        keys = [item.key_digest for item in judgements if item.key_digest is not None]
        records.proved_keys.expect(account, keys)
        expect_denied(records, account, (item.rests_on for item in judgements if item.rests_on is not None))
    return versions


def changed_meanwhile(judged: Judged, known: dict[int, StoredResult]) -> bool:
    """Tell whether a result that a judgement was taken over from is another one by now."""
    return any(
        item.held is None
        and (
            (stored := known.get(item.live.stored.number)) is None
            or stored.claim_digest != item.digest
            or item.appraised is None
            or (stored.appraised_at, stored.appraised_until) != (item.appraised.at, item.appraised.until)
        )
        for item in judged.judgements
    )


def note_device(records: Records, judged: Judged, now: int) -> None:
    """Note what a report says of its device beside its checks."""
    registration = judged.registration
    if now // SEEN_WITHIN != registration.last_seen_at // SEEN_WITHIN:
        records.devices.see(registration, judged.client_version, now)
    record_facts(records, registration, judged.facts, now)


def note_proof_of(records: Records, judged: Judged, judgement: Judgement) -> Judgement:
    """Note the key that was proved; where another live device proved it too, and the check denies that, nobody passes."""
    if judgement.key_digest is None:
        return judgement
    proof = Proof(
        account=judged.registration.account,
        registration=judged.registration.number,
        check=judgement.live.stored.number,
        key_digest=judgement.key_digest,
        deny=judgement.live.deny_shared,
    )
    result, received = hold_against_sharing(records, proof, judgement.result, judgement.entry.received)
    if result is judgement.result and received is judgement.entry.received:
        return judgement
    entry = msgspec.structs.replace(judgement.entry, result=result, received=received)
    return msgspec.structs.replace(judgement, result=result, entry=entry, appraised=None)


def keep(records: Records, judged: Judged, judgement: Judgement, known: StoredResult | None) -> None:
    """Keep what the report held for a check; of a draft that is asked too, this is all."""
    same = known is not None and known.claim_digest == judgement.digest
    reported = Reported(
        account=judged.registration.account,
        registration=judged.registration.number,
        number=judgement.live.stored.number,
        check=judgement.live.check,
        facts=judged.facts.named,
        held=None if same else judgement.held,
    )
    keep_evidence(records, reported, judgement.result)


def write(
    records: Records, judged: Judged, judgement: Judgement, known: StoredResult | None, *, every: bool = False
) -> None:
    """Write the newest result of a check, and a line in the log where it is news, or ``every`` report is."""
    account, registration = judged.registration.account, judged.registration.number
    check, result = judgement.live.stored.number, judgement.result
    keep(records, judged, judgement, known)
    news = every or is_news(known.result if known else None, known.logged_at if known else None, result)
    # That a key is on another device too is worth a line, once, even where nothing else changed.
    news = news or (known is not None and tells_shared(judgement.entry.received) and not tells_shared(known.received))
    # What a device saw while it could not report is worth a line; nothing else is made of it.
    news = news or judgement.meanwhile is not None
    repeats = 0 if known is None or news else known.repeats + 1
    if news:
        entry = msgspec.structs.replace(
            judgement.entry,
            received=tell_meanwhile(judgement.entry.received, judgement.meanwhile),
            reports=known.repeats + 1 if known else 1,
        )
        records.posture_log.append(account, registration, check, entry)
    anew = rests_anew(known, judgement)
    appraised = judgement.appraised or _ANEW
    same = known is not None and known.result.certificate == result.certificate
    newest = StoredResult(
        registration=registration,
        check=check,
        result=result,
        expected=judgement.entry.expected,
        received=judgement.entry.received,
        logged_at=result.judged_at if known is None or news else known.logged_at,
        repeats=repeats,
        key_digest=judgement.key_digest,
        traced=anew or (same and known is not None and known.traced),
        claim_digest=judgement.digest,
        appraised_at=appraised.at,
        appraised_until=appraised.until,
        valid_until=appraised.valid_until,
    )
    records.results.put(account, newest)
    note_certificate(records, account, known, newest)
    if judgement.rests_on is not None and judgement.vouched_by is not None:
        # An auditor can verify the line in years to come, whatever has become of both by then.
        kept = (judgement.rests_on, judgement.vouched_by)
        records.log_chain.keep_certificates(account, {hashlib.sha256(item).digest(): item for item in kept})
    if anew and judgement.rests_on is not None:
        note_ground(records, account, (registration, check), judgement.rests_on)


def end_unanswered(records: Records, judged: Judged, known: dict[int, StoredResult], now: int) -> None:
    """End older results of checks that changed, where the device could have answered the change and did not (section 4).

    It could where its nonce was issued after the change: with that nonce came the news of it.
    """
    account = judged.registration.account
    answered = {item.live.stored.number for item in judged.judgements}
    for live in judged.view.counting_for(judged.registration):
        stored = known.get(live.stored.number)
        if stored is None or live.stored.number in answered or stored.result.check_version >= live.check.version:
            continue
        if judged.measured_at >= live.stored.updated_at and stored.result.reasons != (Reason.CHECK_CHANGED,):
            end_changed(records, account, stored, now)
