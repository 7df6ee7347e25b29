"""People, and the posture of their devices as last seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from gatepost.controlplane.administration.history import Subject, counts_now, subject_of
from gatepost.controlplane.ports import UserFilter
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import NotFoundError
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.users import Identity, PostureOfDevice, SeenDevice, UserObject

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.controlplane.ports import Account, Records, Registration, Storage, StoredCheck, StoredResult, User

_KIND: Final = "user"


class _Outline(msgspec.Struct, frozen=True):
    description: str | None = None


def list_users(
    services: Services, account: int, wanted: UserFilter, offset: int, limit: int
) -> tuple[tuple[UserObject, ...], int]:
    """Return a page of people in the order of their addresses, and how many there are in all."""
    with services.storage.reading() as records:
        found = records.users.search(account, wanted, offset, limit)
        return tuple(_show(records, user) for user in found), records.users.count(account, wanted)


def find_user(services: Services, account: int, user_id: str) -> UserObject:
    """Return one; raises `NotFoundError`."""
    with services.storage.reading() as records:
        return _show(records, _find(records, account, user_id))


def find_identity(services: Services, account: Account, user_id: str) -> Identity:
    """Return a person as last seen; raises `NotFoundError`."""
    with services.storage.reading() as records:
        user = _find(records, account.number, user_id)
        live = _live(records, user)
        last = max(live, key=lambda item: (item.last_seen_at, item.number), default=None)
        return _identity(records, account, user, live, last, services.now())


def find_identity_on(storage: Storage, account_id: str, registration_id: str, now: int) -> Identity:
    """Return the person of one registration, with the posture of that device; raises `NotFoundError`, StorageError.

    Where the device is enrolled to nobody the words of a person are empty.
    """
    with storage.reading() as records:
        account = records.accounts.find(account_id)
        found = None if account is None else records.devices.find(account.number, registration_id)
        if account is None or found is None or not found.counts:
            raise NotFoundError("registration", registration_id)
        wanted = UserFilter(email=found.user_email)
        users = records.users.search(account.number, wanted, 0, 1) if found.user_email else ()
        user = users[0] if users else None
        live = (found,) if user is None else _live(records, user)
        return _identity(records, account, user, live, found, now)


def _identity(
    records: Records,
    account: Account,
    user: User | None,
    live: tuple[Registration, ...],
    last: Registration | None,
    now: int,
) -> Identity:
    results = () if last is None else records.results.find(account.number, last.number)
    checks = {check.number: check for check in records.checks.all(account.number)} if results else {}
    posture = {
        checks[item.check].id: _posture(item, checks[item.check], last, now)
        for item in results
        if item.check in checks and last is not None
    }
    user_id = "" if user is None else user.id
    return Identity(
        id=user_id,
        user_uuid=user_id,
        account_id=account.public_id,
        email="" if user is None else user.email,
        name="" if user is None else user.name,
        iat=None if last is None else last.last_seen_at // 1000,
        device_id=None if last is None else last.device.id,
        registration_id=None if last is None else last.id,
        device_sessions={item.id: SeenDevice(last_authenticated=item.last_seen_at // 1000) for item in live},
        device_posture=posture,
    )


def _posture(stored: StoredResult, check: StoredCheck, registration: Registration, now: int) -> PostureOfDevice:
    subject = subject_of(check)
    outline = msgspec.json.decode(check.document, type=_Outline)
    success = counts_now(stored, registration, subject, now) and stored.result.status is Status.PASS
    reasons = stored.result.reasons or (() if success else (_why_not(subject, stored, now),))
    return PostureOfDevice(
        id=check.id,
        type=check.type,
        rule_name=subject.name,
        description=outline.description or "",
        success=success,
        timestamp=instant(stored.result.measured_at),
        error="" if success else ", ".join(reasons),
        check=msgspec.json.decode(stored.received or "{}", type=dict[str, Any]),
        input=msgspec.json.decode(stored.expected or "{}", type=dict[str, Any]),
    )


def _why_not(subject: Subject, stored: StoredResult, now: int) -> Reason:
    """Return why a pass is no success: it has ended, or its check asks something else, or nobody, or other devices."""
    if not stored.result.counts(now):
        return Reason.RESULT_EXPIRED
    if stored.result.check_version < subject.check.minimum_version:
        return Reason.CHECK_CHANGED
    return Reason.CHECK_DISABLED if subject.system is None else Reason.NOT_APPLICABLE


def _show(records: Records, user: User) -> UserObject:
    return UserObject(
        id=user.id,
        uid=user.id,
        email=user.email,
        name=user.name,
        active_device_count=len({item.device.id for item in _live(records, user)}),
        access_seat=True,
        gateway_seat=True,
        created_at=instant(user.created_at),
        updated_at=instant(user.updated_at),
    )


def _live(records: Records, user: User) -> tuple[Registration, ...]:
    return tuple(item for item in records.devices.of_user(user.account, user.email) if item.counts)


def _find(records: Records, account: int, user_id: str) -> User:
    found = records.users.find(account, user_id)
    if found is None:
        raise NotFoundError(_KIND, user_id)
    return found
