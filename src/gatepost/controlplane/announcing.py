"""Announcing: webhooks are told of each line of the posture and the audit log, in order, at least once.

How far one was told is a position in the account's logs, so nothing is kept twice and nothing that a transaction undid is
told. A webhook that does not take what it is sent is tried again, later each time, and told everything when it does; where
lines were dropped meanwhile it hears that some are missing. Any process may tell a webhook, one at a time.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.ports import Told
from gatepost.core.chain import Log
from gatepost.core.log import AuditDocument, PostureDocument
from gatepost.errors import StorageError, TransportError
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.webhooks import KIND, StoredWebhook, secret_name
from gatepost.wire.webhooks import Announcement, AuditChange, PostureChange, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gatepost.controlplane.ports import ChainedLine, Records, Storage

    Post = Callable[[str, bytes, Mapping[str, str]], int]
    """Sends a body to a URL with headers; returns the status, or raises TransportError."""

_EVERY: Final = 0.5
"""Seconds between two looks."""
_TOGETHER: Final = 100
"""Changes that are sent at once."""
_LEASE: Final = 60_000
"""Ms in which a process that tells a webhook must have come back: longer than any answer is waited for."""
_PAUSES: Final = (1, 2, 5, 10, 30, 60, 120, 300)
"""Seconds after each failure; the last one for all that follow."""
_PROBLEM: Final = 200
_SUCCESS: Final = range(200, 300)


class Announcer:
    """Tells webhooks, in a thread of its own."""

    def __init__(
        self, storage: Storage, now: Callable[[], int], post: Post, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """Take the database, a clock in ms, what sends, and whom to ``tell`` in words what went wrong."""
        self._storage = storage
        self._now = now
        self._post = post
        self._tell = tell
        self._quiet: dict[tuple[int, str], int] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being sent, then end."""
        self._ending.set()
        self._thread.join()

    def announce(self) -> None:
        """Tell each webhook that is due, once; one that breaks keeps no other from being told. Raises StorageError."""
        with self._storage.reading() as records:
            due = records.webhooks.due(self._now())
        for told in due:
            if self._ending.is_set():
                return
            try:
                self._announce(told)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one, the others are due.
                self._tell(type(error).__name__)

    def _announce(self, told: Told) -> None:
        with self._storage.reading() as records:
            found = self._read(records, told)
        if found is None:
            return
        url, secret, announcement, until = found
        with self._storage.writing(alone=False) as records:
            if not records.webhooks.lease(told, self._now() + _LEASE):
                return
        problem = self._send(url, secret, announcement, f"{told.id}.{told.position}")
        settled = Told(account=told.account, id=told.id, position=until)
        if problem:
            failures = told.failures + 1
            pause = _PAUSES[min(failures, len(_PAUSES)) - 1] * 1000
            settled = msgspec.structs.replace(
                told, failures=failures, next_at=self._now() + pause, leased_until=0, problem=problem[:_PROBLEM]
            )
        with self._storage.writing(alone=False) as records:
            records.webhooks.settle(settled)

    def _read(self, records: Records, told: Told) -> tuple[str, bytes, Announcement, int] | None:
        """Read what a webhook is to be told, and up to where that is; None: there is nothing, or no such webhook."""
        key = told.account, told.id
        after = max(told.position, self._quiet.get(key, 0))
        head = records.log_chain.head(told.account)
        lines, until = _changes(records, told.account, after, head.place.position)
        resource = records.resources.find(told.account, KIND, told.id)
        secret = records.secrets.get(told.account, secret_name(told.id))
        if not lines:
            # Lines of the access log alone: nothing is written down for them.
            self._quiet[key] = until
        if not lines or resource is None or secret is None:
            return None
        (account_id,) = (item.public_id for item in records.accounts.all() if item.number == told.account)
        announcement = Announcement(
            account_id=account_id, missing=head.dropped > told.position, changes=tuple(map(_change, lines))
        )
        return msgspec.json.decode(resource.document, type=StoredWebhook).url, secret, announcement, until

    def _send(self, url: str, secret: bytes, announcement: Announcement, identifier: str) -> str:
        """Send it; return what went wrong, empty where nothing did."""
        body = msgspec.json.encode(announcement)
        try:
            status = self._post(url, body, sign(secret, identifier, self._now() // 1000, body))
        except TransportError as error:
            return error.detail
        return "" if status in _SUCCESS else f"answered {status}"

    def _work(self) -> None:
        while not self._ending.wait(_EVERY):
            try:
                self.announce()
            except StorageError as error:
                self._tell(error.detail)
            except Exception as error:  # noqa: BLE001 - the thread must live on, and somebody must hear of it.
                self._tell(type(error).__name__)


def _changes(records: Records, account: int, after: int, head: int) -> tuple[list[ChainedLine], int]:
    """Return the next lines of both logs, and the position up to which these are all there are."""
    read = [log.chained(account, after, _TOGETHER) for log in (records.posture_log, records.audit_log)]
    ends = [items[-1].position for items in read if len(items) == _TOGETHER]
    until = min(ends, default=head)
    found = sorted((item for items in read for item in items if item.position <= until), key=lambda item: item.position)
    if len(found) > _TOGETHER:
        found = found[:_TOGETHER]
        until = found[-1].position
    return found, until


def _change(line: ChainedLine) -> PostureChange | AuditChange:
    if line.log == Log.AUDIT:
        audit = msgspec.json.decode(line.line, type=AuditDocument)
        return AuditChange(
            position=line.position,
            at=instant(audit.at),
            action=audit.action,
            kind=audit.kind,
            reference=audit.reference,
        )
    posture = msgspec.json.decode(line.line, type=PostureDocument)
    return PostureChange(
        position=line.position,
        at=instant(posture.judged_at),
        registration_id=posture.registration_id,
        device_id=posture.device_id,
        device_name=posture.device_name,
        user_email=posture.user_email,
        check_id=posture.check_id,
        check_name=posture.check_name,
        status=posture.status,
        reasons=tuple(posture.reasons.split(",")) if posture.reasons else (),
        evidence=posture.evidence,
        ends_at=None if posture.ends_at is None else instant(posture.ends_at),
    )
