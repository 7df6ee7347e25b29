"""What wakes an agent, when whoever could wake it is not to be trusted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from gatepost.agent.wake import Bell, Cause
from gatepost.agent.watch import CallWatch, StoreWatch, mark_of
from gatepost.wire.device import Called

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", ["laptop.pem", "a/b", "", "//", "/a\0b", "C:\\client.pem"])
def test_a_path_that_can_be_none_is_watched_without_harm(path: str, tmp_path: Path) -> None:
    """A hostile server may name any; the change of an honest one is noticed beside it."""
    honest = tmp_path / "laptop.pem"
    bell = Bell()
    watch = StoreWatch(bell)
    watch.note((path, str(honest)))
    following = threading.Thread(target=watch.follow, daemon=True)
    following.start()
    following.join(30)
    assert not following.is_alive()
    honest.write_bytes(b"new")
    assert (Cause.STORE_CHANGED,) == bell.wait(30)
    bell.stop()
    watch.stop()


def test_what_can_be_no_path_looks_like_a_missing_file() -> None:
    """Its reader says why it is none."""
    assert (("/a\0b", 0, 0, 0, 0),) == mark_of(("/a\0b",))


def pauses_of(called: Called, times: int) -> list[float]:
    """Have the server answer each wait at once with the same; return how long the agent pauses after each."""
    bell = Bell()
    pauses: list[float] = []

    class Pause:
        """Notes how long it was asked to wait, and stops after so many times."""

        def wait(self, seconds: float) -> None:
            """Wait for nothing."""
            pauses.append(seconds)
            if len(pauses) == times:
                bell.stop()

    calls = CallWatch(bell, lambda: called)
    calls._pause = Pause()  # type: ignore[assignment] # noqa: SLF001 - the only way to know how long it waits, without waiting
    calls._listen()  # noqa: SLF001 - as above
    return pauses


def test_a_server_that_answers_at_once_is_not_asked_without_end() -> None:
    """Between two requests there is a pause, whatever the server says of it."""
    assert [0.2, 0.2, 0.2] == pauses_of(Called(report_now=False, again_in=0), 3)


def test_a_server_that_calls_without_end_is_asked_less_and_less_and_for_ever() -> None:
    """Half a minute between two calls; and the thousandth is as good as the tenth."""
    pauses = pauses_of(Called(report_now=True, again_in=0), 3_000)
    assert [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == pauses[:7]
    assert {30.0} == set(pauses[7:])
