"""The NSS databases of the machine's users, together one store: each home is looked into by a child that becomes that user.

What is found shows that *some* user of this device has the certificate, and says who. A user without any database is no
fault; a home that may not be read is one. Nothing below a home is touched in this process.
Source: ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gatepost.core.finding import Fault, Findings, Location, StoreKind, leave_out_crowd
from gatepost.core.reason import Reason
from gatepost.stores.accounts import list_people
from gatepost.stores.interface import Unsigned

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.core.finding import Candidate
    from gatepost.stores.accounts import Person
    from gatepost.stores.deputy import Deputy
    from gatepost.stores.interface import Query

MAXIMUM_PEOPLE: Final = 64
"""As many users as are looked at; a machine with more is no device of one person, and a check takes so long already."""
_FILES: Final = ("cert9.db", "key4.db")


class UserDatabases:
    """The databases of all ``people`` of this machine."""

    def __init__(self, deputize: Callable[[], Deputy], people: Callable[[], tuple[Person, ...]] = list_people) -> None:
        """Take what gives a deputy, and what lists the people."""
        self._deputize = deputize
        self._people = people

    @property
    def watched(self) -> tuple[str, ...]:
        """The files of the databases that there are now."""
        people, _ = self._list()
        deputy = self._deputize()
        folders = (folder for person in people for folder in deputy.find_in_home(person))
        return tuple(f"{folder}/{name}" for folder in folders for name in _FILES)

    def read(self, query: Query) -> Findings:
        """Read the databases of one user after another."""
        people, faults = self._list()
        deputy = self._deputize()
        found = (part for person in people for part in deputy.read_home(person, query))
        return _merge([Findings(faults=faults), *map(leave_out_crowd, found)])

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Let NSS sign, as the user whose database it is."""
        people, _ = self._list()
        for person in people:
            if person.name == candidate.location.user:
                return self._deputize().sign_in_home(person, candidate, statement)
        return Unsigned(f"{candidate.location.user} is no user of this machine any more")

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Show the certificate by NSS's own tool; to be run as its owner."""
        place = candidate.location
        return ("certutil", "-L", "-d", f"sql:{place.path}", *(("-n", place.label) if place.label else ()))

    def _list(self) -> tuple[tuple[Person, ...], tuple[Fault, ...]]:
        """List the people whose homes are looked into, and say so where that is not everybody."""
        try:
            people = tuple(person for person in self._people() if _is_reachable(person))
        except OSError as error:
            return (), (_fault(Reason.STORE_UNREADABLE, f"the users of this machine are not known: {error}"),)
        if len(people) <= MAXIMUM_PEOPLE:
            return people, ()
        detail = f"this machine has {len(people)} users; the databases of {MAXIMUM_PEOPLE} are read"
        return people[:MAXIMUM_PEOPLE], (_fault(Reason.STORE_UNREADABLE, detail),)


def _is_reachable(person: Person) -> bool:
    """Tell whether a child can look, or where it cannot, whether there is something that it would have looked at."""
    return os.geteuid() in {0, person.uid} or Path(person.home).is_dir()


def _fault(reason: Reason, detail: str) -> Fault:
    return Fault(location=Location(store=StoreKind.NSSDB, path="~"), reason=reason, detail=detail)


def _merge(parts: list[Findings]) -> Findings:
    return Findings(
        candidates=tuple(item for part in parts for item in part.candidates),
        others=sum(part.others for part in parts),
        faults=tuple(item for part in parts for item in part.faults),
        too_many=any(part.too_many for part in parts),
    )
