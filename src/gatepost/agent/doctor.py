"""The doctor: what an agent needs, looked at one thing after another, so that a person at a help desk sees what is wrong.

Every examination is a value; nothing is repaired, nothing is sent but one request without a body. Without rights it says
what it cannot see, and goes on.
"""

from __future__ import annotations

import http.client
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.agent.browsers import LISTENER
from gatepost.agent.cycle import kept_checks
from gatepost.core.device import VARIABLES
from gatepost.errors import GatepostError, InputError, StateError, TransportError
from gatepost.stores.interface import Query

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.agent.cycle import NamedCheck
    from gatepost.agent.host import Host
    from gatepost.agent.status import LastCycle
    from gatepost.client.identity import EnrolledAs, StateFolder
    from gatepost.client.transport import Server
    from gatepost.core.check import Check
    from gatepost.core.finding import Findings, Location
    from gatepost.stores.interface import Store

_PATIENCE: Final = 3.0
"""Seconds in which a listener on this machine answers."""
_SKEW: Final = 60
"""Seconds by which the device's clock may differ from the server's before it is worth a word; the server's clock judges."""


class Health(StrEnum):
    """What an examination comes to."""

    WELL = "well"
    ODD = "odd"
    ILL = "ill"
    UNSEEN = "unseen"
    """Could not be looked at with these rights."""


class Examination(msgspec.Struct, frozen=True):
    """One thing that was looked at, what it comes to, and a sentence that names the cure where there is one."""

    topic: str
    health: Health
    words: str


def examine_host(host: Host) -> tuple[Examination, ...]:
    """Look at the facts that templates use."""
    found = []
    for name in VARIABLES:
        value = getattr(host.facts, name)
        words = (
            value or "not known: firmware gives none, or only root can read it; templates that name it give an error"
        )
        found.append(Examination(f"fact {name}", Health.WELL if value else Health.ODD, words))
    return tuple(found)


def examine_state(state: StateFolder) -> tuple[Examination, ...]:
    """Look at the agent's folder, its enrolment and its key."""
    try:
        state.check()
        if not state.enrolled:
            cure = "not enrolled: run `gatepost agent enroll --server URL --token-file FILE`"
            return (Examination("enrolment", Health.ILL, cure),)
        enrolled = state.load_registration()
        state.load_key()
    except StateError as error:
        return (Examination("state", Health.UNSEEN, f"{error.path} {error.detail}"),)
    return (
        Examination("state", Health.WELL, f"{state.path} is the agent's alone"),
        Examination("enrolment", Health.WELL, f"with {enrolled.server} as registration {enrolled.registration_id}"),
    )


def examine_last(last: LastCycle | None, now: int) -> tuple[Examination, ...]:
    """Look at what the last report came to, and how old it is."""
    if last is None:
        return (Examination("last report", Health.ODD, "none yet: is the agent running?"),)
    age = (now - last.at) // 1000
    late = age > 2 * last.next_in + 60
    words = f"{age} s ago, the next was due after {last.next_in} s"
    found = [Examination("last report", Health.ILL if late else Health.WELL, words)]
    for item in last.verdicts:
        health = Health.WELL if item.status.value == "pass" else Health.ILL
        reasons = ", ".join(item.reasons) or f"evidence: {item.evidence}"
        found.append(Examination(f"check {item.name or item.id}", health, f"{item.status}: {reasons}"))
    return tuple(found)


def examine_server(server: Server, now: int) -> tuple[Examination, ...]:
    """Ask the server for a sign of life; compare the clocks."""
    try:
        answered = server.probe()
    except TransportError as error:
        return (Examination("server", Health.ILL, f"{error.url} cannot be reached: {error.detail}"),)
    found = [Examination("server", Health.WELL, f"{server.url} answers")]
    if answered is None:
        found.append(Examination("clock", Health.UNSEEN, "the server does not say what time it is"))
    else:
        skew = now // 1000 - int(answered.timestamp())
        health = Health.WELL if abs(skew) <= _SKEW else Health.ODD
        found.append(
            Examination("clock", health, f"{abs(skew)} s {'ahead of' if skew >= 0 else 'behind'} the server's")
        )
    return tuple(found)


def examine_browsers(port: int) -> tuple[Examination, ...]:
    """Look whether an agent listens for browsers."""
    if not port:
        return (Examination("browsers", Health.WELL, "none is vouched for: browser_port is 0"),)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/")
        ours = connection.getresponse().headers.get("Server", "").strip() == LISTENER
    except (OSError, http.client.HTTPException) as error:
        words = f"nothing answers at port {port} of 127.0.0.1 ({error}): is the agent running?"
        return (Examination("browsers", Health.ODD, words),)
    finally:
        connection.close()
    if not ours:
        return (Examination("browsers", Health.ILL, f"another program has port {port} of 127.0.0.1 (browser_port)"),)
    return (Examination("browsers", Health.WELL, f"an agent vouches for them at port {port} of 127.0.0.1"),)


def examine_stores(
    state: StateFolder, enrolled: EnrolledAs, find_stores: Callable[[Check], tuple[Store, ...]]
) -> tuple[Examination, ...]:
    """Read the places of the checks that the agent keeps, with the rights of whoever asks."""
    try:
        checks = kept_checks(state.load_progress(), enrolled)
    except GatepostError as error:
        return (Examination("checks", Health.UNSEEN, str(error)),)
    if not checks:
        return (Examination("checks", Health.ODD, "the server has none for this device, or none came yet"),)
    return tuple(item for named in checks for item in _examine_places(named, find_stores))


def _examine_places(named: NamedCheck, find_stores: Callable[[Check], tuple[Store, ...]]) -> tuple[Examination, ...]:
    issuers = frozenset(item.subject.canonical for item in named.check.authorities)
    query = Query(issuers=issuers, asks_key=named.check.asks_key)
    found: list[Examination] = []
    for store in find_stores(named.check):
        read = store.read(query)
        topic = f"places of {named.name or named.check.id}"
        found.extend(
            Examination(topic, Health.ILL, f"{_place(item.location)}: {item.reason}: {item.detail}")
            for item in read.faults
        )
        found.append(Examination(topic, Health.WELL, _count(read, store)))
    return tuple(found)


def _place(location: Location) -> str:
    return f"{location.path} of {location.user}" if location.user else location.path


def _count(read: Findings, store: Store) -> str:
    where = ", ".join(store.watched) or "no file"
    return f"{where}: {len(read.candidates)} of this CA by name, others: {'yes' if read.others else 'none'}"


def worst(examinations: tuple[Examination, ...]) -> Health:
    """Return the worst of them: ill before unseen before odd before well. Raises `InputError` where there is none."""
    order = (Health.WELL, Health.ODD, Health.UNSEEN, Health.ILL)
    if not examinations:
        raise InputError("doctor", "looked at nothing")
    return max((item.health for item in examinations), key=order.index)
