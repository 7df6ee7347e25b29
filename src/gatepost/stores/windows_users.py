r"""``CurrentUser\My`` of everybody who is signed in to this Windows, together one store: a helper in each one's session reads it.

What is found shows that *some* user of this device has the certificate, and says who. For a service that runs as SYSTEM;
any other account sees its own store alone (`gatepost.stores.windows`). What the helpers answer is not believed.
Source: ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatepost.core.finding import Fault, Findings, Location, StoreKind, leave_out_crowd
from gatepost.core.reason import Reason
from gatepost.stores.interface import Unsigned
from gatepost.stores.windows import USER_PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.core.finding import Candidate
    from gatepost.stores.interface import Query, Store
    from gatepost.stores.windows_session import Session

MAXIMUM_SESSIONS: Final = 16
"""As many sessions as are looked into; a machine with more is no device of one person, and each may take five seconds."""


class SignedInUsers:
    """The stores of all who are signed in: ``list_sessions`` says who, ``open_store`` gives the store of one."""

    watched: tuple[str, ...] = ()
    """Windows keeps no file of them that another account could watch."""

    def __init__(
        self, list_sessions: Callable[[], tuple[Session, ...]], open_store: Callable[[Session], Store]
    ) -> None:
        """Take both; each reading asks anew who is signed in."""
        self._list_sessions = list_sessions
        self._open_store = open_store

    def read(self, query: Query) -> Findings:
        """Read one user's store after another. That nobody is signed in is no fault that hides anything: there is no store."""
        sessions = self._sessions()
        if not sessions:
            return Findings(faults=(_fault(Reason.STORE_MISSING, "nobody is signed in to this device"),))
        faults = _excess(len(sessions))
        parts = [leave_out_crowd(self._open_store(session).read(query)) for session in sessions[:MAXIMUM_SESSIONS]]
        return Findings(
            candidates=tuple(item for part in parts for item in part.candidates),
            others=sum(part.others for part in parts),
            faults=(*faults, *(fault for part in parts for fault in part.faults)),
            too_many=any(part.too_many for part in parts),
        )

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned | None:
        """Let the key sign in the session of whoever's it is."""
        store = self._store_of(candidate)
        return store.sign(candidate, statement) if store else Unsigned(f"{candidate.location.user} has signed out")

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the command by which a person sees this candidate, as the user; empty when they have signed out."""
        store = self._store_of(candidate)
        return store.command(candidate) if store else ()

    def _store_of(self, candidate: Candidate) -> Store | None:
        for session in self._sessions():
            if session.user == candidate.location.user:
                return self._open_store(session)
        return None

    def _sessions(self) -> tuple[Session, ...]:
        """List one session of each user, the first: Windows lists the one at the screen before others."""
        found: dict[str, Session] = {}
        for session in self._list_sessions():
            found.setdefault(session.user, session)
        return tuple(found.values())


def _excess(count: int) -> tuple[Fault, ...]:
    """Say so where not everybody is looked at."""
    if count <= MAXIMUM_SESSIONS:
        return ()
    detail = f"{count} users are signed in; the stores of {MAXIMUM_SESSIONS} are read"
    return (_fault(Reason.STORE_UNREADABLE, detail),)


def _fault(reason: Reason, detail: str) -> Fault:
    return Fault(location=Location(store=StoreKind.WINDOWS, path=USER_PATH), reason=reason, detail=detail)
