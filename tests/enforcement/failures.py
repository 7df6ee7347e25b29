"""What a proxy does while nothing can be decided: nobody reaches the application, and the user soon reads that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from tests.enforcement.edge import Edge

BOUND: Final = 1.0
"""Seconds within which a user reads something: the figure of the threat model, on a machine that has nothing else to do."""
_ROOM: Final = 3.0
"""Seconds that a busy machine may add."""
_STATIC: Final = frozenset({500, 503, 504})


def run_failures(edge: Edge, *, handed_on: frozenset[int] = frozenset()) -> list[str]:
    """Bring each failure about; return what went wrong, in words. ``handed_on``: refusals that the proxy lets the user see."""
    failures: dict[str, AbstractContextManager[None]] = {
        "down": edge.relay.down(),
        "hanging": edge.relay.hanging(),
        "an answer that is none": edge.relay.answering(b"\0\1\2 no HTTP\r\n\r\n"),
        "an end without an answer": edge.relay.answering(b""),
        "half an answer": edge.relay.answering(b"HTTP/1.1 20"),
        "a redirection": edge.relay.answering(b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"),
        "not found": edge.relay.answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        "an error of the server": edge.relay.answering(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"),
        "another server in front that is overloaded": edge.relay.answering(
            b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        ),
    }
    return [problem for name, failure in failures.items() for problem in _try(edge, name, failure, _STATIC | handed_on)]


def _try(edge: Edge, name: str, failure: AbstractContextManager[None], expected: frozenset[int]) -> list[str]:
    before, problems = len(edge.application.reached), []
    with failure:
        for _ in range(3):
            began = time.monotonic()
            heard = edge.get(edge.device)
            took = time.monotonic() - began
            if heard.status not in expected or took > BOUND + _ROOM:
                problems.append(f"{name}: {heard.status} after {took:.2f} s")
    if len(edge.application.reached) != before:
        problems.append(f"{name}: the application was reached")
    return problems + _heals(edge, name)


def _heals(edge: Edge, name: str) -> list[str]:
    """Insist that it goes on by itself, within 5 seconds."""
    end = time.monotonic() + 5.0 + _ROOM
    while (heard := edge.get(edge.device)).status != 200:
        if time.monotonic() > end:
            return [f"{name}: {heard.status} afterwards"]
        time.sleep(0.1)
    return []
