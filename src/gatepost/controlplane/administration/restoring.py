"""What must be so after a restore: nothing counts that the world has moved on from, and it is said what may have come back.

Between a backup and its restore tokens were revoked, reports judged, checks changed; the database knows none of that any
more, and agents do. So results end, enrolment tokens are revoked, nonces that were given meanwhile answer nothing, and every
version is higher than any that an agent can have seen. Sequences stay: devices are ahead of them, which is in order. An emergency
ends, which may have been ended since: nobody is let in for one that nobody declares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.administration.access.documents import EXEMPTION, SERVICE_TOKEN
from gatepost.controlplane.administration.access.emergencies import cut_emergency
from gatepost.controlplane.administration.tokens import show_token
from gatepost.controlplane.keys import renew_nonce_secret
from gatepost.controlplane.ports import Actor, ActorKind, AuditEntry
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.exemptions import StoredExemption
from gatepost.wire.management.service_tokens import StoredServiceToken
from gatepost.wire.management.tokens import TokenKind, TokenObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatepost.controlplane.ports import Account, Records

_PAGE: Final = 10_000


class RevivedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A service token by its name, or an exemption by whom it is for, and when it ends; null: never."""

    id: str
    of: str
    expires_at: str | None


class Revived(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has again, and may not have had any more when it was lost; and what was ended."""

    account_id: str
    administrators: tuple[TokenObject, ...]
    """Administrators' tokens that count: one of them may have been revoked since the backup."""
    proxies: tuple[TokenObject, ...]
    """Proxies' tokens, likewise."""
    service_tokens: tuple[RevivedEntry, ...]
    """Service tokens that count: one of them may have been deleted since, or its secret changed."""
    exemptions: tuple[RevivedEntry, ...]
    """Exemptions that last: one of them may have been taken back since."""
    emergency_ended: bool
    """Whether an emergency lasted, which ends with this."""
    registrations: int
    """Registrations that are not revoked."""
    posture_rules: int
    certificates: int
    results_ended: int
    enrollment_tokens_revoked: int


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A restore that is done: when its backup was made, and what each account has."""

    backup_made_at: str
    accounts: tuple[Revived, ...]


def settle_restored(records: Records, made_at: int, now: int, random: Callable[[int], bytes]) -> Restored:
    """Bring what a backup of ``made_at`` (ms) held into order, in the transaction that restores it."""
    return Restored(
        backup_made_at=instant(made_at),
        accounts=tuple(_settle(records, account, made_at, now, random) for account in records.accounts.all()),
    )


def _settle(records: Records, account: Account, made_at: int, now: int, random: Callable[[int], bytes]) -> Revived:
    number = account.number
    _outrun(records, number, max(now - made_at, 0) + 1)
    renew_nonce_secret(records, number, random, now)
    revived = Revived(
        account_id=account.public_id,
        administrators=_counting(records, number, TokenKind.ADMINISTRATOR),
        proxies=_counting(records, number, TokenKind.PROXY),
        service_tokens=tuple(_service_tokens(records, number, now)),
        exemptions=tuple(_exemptions(records, number, now)),
        emergency_ended=cut_emergency(records, number, now) is not None,
        registrations=_count_registrations(records, number),
        posture_rules=len(records.checks.all(number)),
        certificates=len(records.certificates.all(number)),
        results_ended=records.results.end_all(number, now),
        enrollment_tokens_revoked=_revoke_enrollment(records, number, now),
    )
    after = {"backup_made_at": instant(made_at), "results_ended": revived.results_ended}
    after |= {"enrollment_tokens_revoked": revived.enrollment_tokens_revoked}
    after |= {"emergency_ended": revived.emergency_ended}
    records.audit_log.append(
        number,
        AuditEntry(
            at=now,
            actor=Actor(kind=ActorKind.CONSOLE),
            action="restore",
            kind="database",
            reference=account.public_id,
            after=msgspec.json.encode(after).decode(),
        ),
    )
    return revived


def _counting(records: Records, account: int, kind: TokenKind) -> tuple[TokenObject, ...]:
    return tuple(show_token(item) for item in records.tokens.all(account, kind) if item.revoked_at is None)


def _service_tokens(records: Records, account: int, now: int) -> Iterator[RevivedEntry]:
    for item in records.resources.all(account, SERVICE_TOKEN.word):
        stored = msgspec.json.decode(item.document, type=StoredServiceToken)
        if stored.enabled and (stored.expires_at is None or stored.expires_at > now):
            yield _entry(item.id, stored.name, stored.expires_at)


def _exemptions(records: Records, account: int, now: int) -> Iterator[RevivedEntry]:
    for item in records.resources.all(account, EXEMPTION.word):
        stored = msgspec.json.decode(item.document, type=StoredExemption)
        if stored.ends_at > now:
            yield _entry(item.id, stored.user_email or f"registration {stored.registration_id}", stored.ends_at)


def _entry(entry_id: str, of: str, ends_at: int | None) -> RevivedEntry:
    return RevivedEntry(id=entry_id, of=of, expires_at=None if ends_at is None else instant(ends_at))


def _outrun(records: Records, account: int, steps: int) -> None:
    """Raise every version by more than it can have risen since the backup: one step for each ms.

    An agent refuses checks whose version went backwards, and must never take one version of a check for another.
    """
    for check in records.checks.all(account):
        records.checks.replace(msgspec.structs.replace(check, version=check.version + steps))
    records.checks.touch(account, steps)


def _revoke_enrollment(records: Records, account: int, now: int) -> int:
    live = [token for token in records.tokens.all(account, TokenKind.ENROLLMENT) if token.revoked_at is None]
    for token in live:
        records.tokens.revoke(account, token.id, now)
    return len(live)


def _count_registrations(records: Records, account: int) -> int:
    found, after = 0, 0
    while page := records.devices.all(account, after, _PAGE):
        found += sum(item.revoked_at is None for item in page)
        after = page[-1].number
    return found
