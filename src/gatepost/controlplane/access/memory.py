"""Memory: the grounds of decisions, kept while the database says every quarter of a second that nothing has ended.

Whoever is let in is let in again from here without a question to the database; a refusal never is. What is kept are grounds, not
verdicts: each request is decided anew, by the time it comes at. An account has numbers that rise with whatever may end a pass
(`ports.Grounds`). A look reads them, and what was read with lower ones is forgotten. Where the last look began more than a
second ago, or failed, nothing is served from memory. ADR 0022 has the figures.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.access.identifying import Identified
from gatepost.controlplane.access.view import AccessView
from gatepost.controlplane.ports import Grounds
from gatepost.core.matching import Standing
from gatepost.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.access.sealing import Session
    from gatepost.controlplane.ports import Records, Storage, Token

_EVERY: Final = 0.25
"""Seconds between two looks."""
TRUSTED_FOR: Final = 1.0
"""Seconds after the beginning of a look in which it is relied on."""
KEPT_FOR: Final = 300_000
"""Ms for which a device is kept: what only lists show of it is not older than that."""
_DEVICES: Final = 20_000
"""Devices of one account that are kept: some 40 MB."""
_TOKENS: Final = 1_000


class KnownDevice(msgspec.Struct, frozen=True):
    """Who presents a certificate or a session, and how that device stands with each check; read at ``read_at`` (ms)."""

    identified: Identified
    standings: dict[str, Standing]
    read_at: int

    def serves(self, now: int, oldest: int | None) -> bool:
        """Tell whether time alone changed nothing of it: no result has ended, none is older than ``oldest`` ms may be."""
        if not self.read_at <= now < self.read_at + KEPT_FOR:
            return False
        until = self.identified.until
        return (until is None or now < until) and all(
            item.result is None
            or (item.result.counts(now) and (oldest is None or now - item.result.measured_at <= oldest))
            for item in self.standings.values()
        )


class Kept(msgspec.Struct):
    """What is kept of one account, all of it read with at least these grounds."""

    grounds: Grounds
    view: AccessView
    devices: dict[bytes, KnownDevice]
    """By their certificates' SHA-256, or by `session_key`."""


class Memory:
    """The grounds of decisions. Any thread may ask and add; one of its own looks."""

    def __init__(
        self, storage: Storage, clock: Callable[[], float], tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """Take the database, a clock in seconds that never goes back, and whom to ``tell`` that looks fail."""
        self._storage = storage
        self._clock = clock
        self._tell = tell
        self._lock = threading.Lock()
        self._seen: dict[int, Grounds | None] = {}
        self._accounts: dict[int, Kept] = {}
        self._tokens: dict[bytes, Token] = {}
        self._looked_at: float | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="access-memory", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()
        self._thread.join()

    def recall(self, digest: bytes) -> tuple[Token, Kept] | None:
        """Return the token of this digest, and what is kept of its account; None: the database must be asked."""
        looked_at = self._looked_at
        if looked_at is None or not 0 <= self._clock() - looked_at < TRUSTED_FOR:
            return None
        token = self._tokens.get(digest)
        kept = None if token is None else self._accounts.get(token.account)
        return None if token is None or kept is None else (token, kept)

    def keep(
        self, token: Token, grounds: Grounds, view: AccessView, device: tuple[bytes, KnownDevice] | None = None
    ) -> None:
        """Keep what was read in one transaction, with these grounds; a device is kept by the key that names it."""
        with self._lock:
            seen = self._seen.setdefault(token.account, None)
            if seen is None or not grounds.reaches(seen):
                # No look has asked about this account yet, or one that came later saw more than was read.
                return
            kept = self._accounts.get(token.account)
            if kept is None or (grounds != kept.grounds and grounds.reaches(kept.grounds)):
                self._forget(token.account)
                kept = self._accounts[token.account] = Kept(grounds, view, {})
            elif grounds != kept.grounds:
                return
            self._tokens[token.digest] = token
            if len(self._tokens) > _TOKENS:
                self._tokens.pop(next(iter(self._tokens)))
            if device is not None:
                kept.devices.pop(device[0], None)
                kept.devices[device[0]] = device[1]
                if len(kept.devices) > _DEVICES:
                    kept.devices.pop(next(iter(kept.devices)))

    def refresh(self) -> None:
        """Look, as the thread does; where that fails somebody hears of it, and nothing is served from memory."""
        try:
            self._look()
        except StorageError as error:
            self._fail(error.detail)
        except Exception as error:  # noqa: BLE001 - the thread must live on, and somebody must hear of it.
            self._fail(type(error).__name__)

    def _fail(self, what: str) -> None:
        self._looked_at = None
        with self._lock:
            for account in list(self._seen):
                self._forget(account)
        self._tell(what)

    def _look(self) -> None:
        """Ask the database whether anything has ended, and forget what rests on it."""
        began = self._clock()
        with self._storage.reading() as records:
            found = records.accounts.grounds(list(self._seen)) if self._seen else {}
        with self._lock:
            for account, known in found.items():
                before, kept = self._seen[account], self._accounts.get(account)
                fell = before is not None and not known.reaches(before)
                if fell or (kept is not None and not kept.grounds.reaches(known)):
                    self._forget(account)
                self._seen[account] = known
            self._looked_at = began

    def _forget(self, account: int) -> None:
        """Forget an account's grounds; they fall only where a database that was behind took another's place."""
        self._accounts.pop(account, None)
        self._tokens = {digest: token for digest, token in self._tokens.items() if token.account != account}

    def _work(self) -> None:
        while not self._ending.wait(_EVERY):
            self.refresh()


def session_key(session: Session) -> bytes:
    """Return the key by which the device of a session is kept; no SHA-256 is as long."""
    return b"registration " + session.registration_id.encode()


def read_grounds(records: Records, account: int) -> Grounds:
    """Return how far an account's grounds have come."""
    return records.accounts.grounds((account,))[account]
