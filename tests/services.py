"""The administration's services for tests: a real database in a folder, a clock that stands still until it is moved."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

import msgspec

from gatepost.controlplane.access.deciding import Access
from gatepost.controlplane.access.recording import AccessRecorder
from gatepost.controlplane.administration.services import Services
from gatepost.controlplane.counters import UNCOUNTED
from gatepost.storage.database import open_storage
from gatepost.storage.migration import migrate
from gatepost.web.limits import Limits, LimitSettings
from gatepost.web.operations import Metrics, Operations, Readiness
from gatepost.web.surroundings import BODY_DEADLINE, Surroundings
from tests.certificates import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.controlplane.counters import Counters

MASTER_KEY = b"m" * 32
START = int(NOW.timestamp() * 1000)


class Clock:
    """A clock in ms; ``time`` may be set."""

    def __init__(self) -> None:
        """Stand at the instant around which test certificates are valid."""
        self.time = START

    def __call__(self) -> int:
        """Return the time."""
        return self.time


def open_services(folder: Path, clock: Clock) -> Services:
    """Make a database in ``folder`` and give services on it."""
    url = f"sqlite:///{folder / 'gatepost.db'}"
    migrate(url)
    return Services(storage=open_storage(url, MASTER_KEY, os.urandom), now=clock, random=os.urandom)


def access_of(services: Services) -> Access:
    """Give what decides for proxies, each time from the database; nothing is written into the access log."""
    return Access(services.storage, services.now, AccessRecorder(services.storage, services.now))


def rule_of(certificate_id: str, **changes: object) -> dict[str, Any]:
    """Give a posture rule that is right; ``changes`` replace fields of its ``input``, or take one away with None."""
    given = {"certificate_id": certificate_id, "check_private_key": True, "operating_system": "linux", **changes}
    return {
        "name": "laptops",
        "type": "client_certificate_v2",
        "match": [{"platform": "linux"}],
        "input": {name: value for name, value in given.items() if value is not None},
    }


def as_json(document: object) -> bytes:
    """Write a document as a client would."""
    return msgspec.json.encode(document)


class Ticks:
    """A clock in seconds; ``time`` may be set."""

    def __init__(self) -> None:
        """Begin at a time that is not zero."""
        self.time = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.time


def surround(
    limits: LimitSettings | None = None,
    counters: Counters = UNCOUNTED,
    metrics: Metrics | None = None,
    ticks: Ticks | None = None,
    deadline: float = BODY_DEADLINE,
) -> Surroundings:
    """Give what stands around an application that is always ready; its requests are called request-1 and so on."""
    both = Limits(limits or LimitSettings(), ticks or Ticks(), counters)
    return Surroundings(
        limits=both,
        counters=counters,
        operations=Operations(Readiness(lambda: True, lambda: True), both, metrics),
        request_ids=(f"request-{number}" for number in itertools.count(1)),
        deadline=deadline,
    )
