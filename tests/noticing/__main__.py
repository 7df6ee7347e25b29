"""``make noticing``: how soon the server knows what changed on a device, for each kind of place.

It writes ``docs/reference/noticing.md``. The real server and the real agent, in a network and with a list of accounts of their own,
so that nothing of this machine is changed. Needs root.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from bench.machine import describe_machine
from gatepost.cli.service import status_folder
from tests.journeys.real import RealAgent, RealServer, real_server
from tests.noticing.page import Noticed, write_page
from tests.noticing.places import ANNA, NOBODY, NssPlace, PemPlace, TokenPlace, change_network, make_home
from tests.stores.tokens import MODULE, PIN, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.noticing.places import Place

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "noticing.md"
ROUNDS = 10
ROUNDS_ON_SCHEDULE = 1
CALLS = 3
BETWEEN_CALLS = 65.0
"""Seconds: longer than the server holds a request, so that the agent is not called again and again."""
PATIENCE = 200.0


def main() -> int:
    """Measure everything, and write the page."""
    with tempfile.TemporaryDirectory(prefix="gatepost-noticing-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        if "--inside" not in sys.argv:
            return _go_inside(folder)
        noticed = list(_measure(folder))
    machine = describe_machine() | {"load": f"{os.getloadavg()[1]:.1f} at the end, of everything on that machine"}
    PAGE.write_text(write_page(noticed, machine, datetime.now(UTC).date()), encoding="utf-8")
    sys.stdout.write(f"written: {PAGE.relative_to(ROOT)}\n")
    return 0


def _go_inside(folder: Path) -> int:
    """Run this program again where the network is its own, and the only person is Anna."""
    people = folder / "passwd"
    home = Path(tempfile.gettempdir()) / "gatepost-noticing-home" / "anna"
    people.write_text(f"root:x:0:0:root:/root:/bin/sh\nanna:x:{ANNA}:{NOBODY}::{home}:/bin/sh\n", encoding="ascii")
    line = 'mount --bind "$0" /etc/passwd && mount -t tmpfs tmpfs "$1" && ip link set lo up && shift && exec "$@"'
    home.parent.mkdir(mode=0o755, exist_ok=True)
    command = [sys.executable, "-m", "tests.noticing", "--inside"]
    words = ["unshare", "--net", "--mount", "sh", "-c", line, str(people), str(home.parent), *command]
    try:
        return subprocess.run(words, cwd=ROOT, check=False).returncode
    finally:
        home.parent.rmdir()


def _measure(folder: Path) -> Iterator[Noticed]:
    (folder / "server").mkdir()
    tokens = Tokens.create(folder / "softhsm")
    agent = RealAgent(folder / "device")
    _settle_settings(agent)
    with real_server(folder / "server") as server:
        authority = server.authority
        home = make_home(Path(tempfile.gettempdir()) / "gatepost-noticing-home")
        places: list[Place] = [
            PemPlace(agent, authority),
            NssPlace("the system's NSS database", agent.nssdb, authority.issue(cn="laptop-1"), "system"),
            NssPlace("users' NSS databases", home, authority.issue(cn="laptop-1"), "user", ANNA),
            TokenPlace(tokens, authority),
        ]
        agent.enroll(server)
        with _running(agent, tokens):
            for place in places:
                yield _watch_place(server, place)
            yield _watch_checks(server, places[0])
            yield _watch_network(agent)


def _settle_settings(agent: RealAgent) -> None:
    (agent.folder / "pin").write_text(f"{PIN}\n", encoding="ascii")
    (agent.folder / "pin").chmod(0o600)
    named = f'pkcs11_modules = ["{MODULE}"]\n{agent.settings.read_text(encoding="utf-8")}'
    agent.settings.write_text(f'{named}[pkcs11_pin_files]\ndevice = "{agent.folder}/pin"\n', encoding="utf-8")


@contextmanager
def _running(agent: RealAgent, tokens: Tokens) -> Iterator[None]:
    words = ["agent", "run", "--state", str(agent.state), "--config", str(agent.settings)]
    command = [sys.executable, "-m", "gatepost", *words]
    with (
        (agent.folder / "log").open("wb") as log,
        subprocess.Popen(command, stderr=log, env={**os.environ, **tokens.environment}) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


def _watch_place(server: RealServer, place: Place) -> Noticed:
    """Take the certificate away and bring it back, so many times."""
    sys.stderr.write(f"{place.name} …\n")
    check = server.ask(cn="laptop-1", locations=place.locations)
    if place.schedule != "5m":
        _replace(server, check, schedule=place.schedule)
    _wait(partial(_has, server, check, "pass"))
    seconds = []
    for _ in range(ROUNDS if place.schedule == "5m" else ROUNDS_ON_SCHEDULE):
        for change, status in ((place.remove, "fail"), (place.restore, "pass")):
            change()
            seconds.append(_wait(partial(_has, server, check, status)))
    server.call("DELETE", f"/devices/posture/{check}")
    return _noticed(place.name, place.noticed, seconds)


def _watch_checks(server: RealServer, place: Place) -> Noticed:
    """Ask another question, again and again."""
    check = server.ask(cn="laptop-1", locations=place.locations)
    _wait(partial(_has, server, check, "pass"))
    seconds = []
    for number in range(CALLS):
        time.sleep(BETWEEN_CALLS)
        _replace(server, check, cn=f"laptop-{2 - number % 2}")
        wanted = ("fail", "pass")[number % 2]
        seconds.append(_wait(partial(_has, server, check, wanted)))
    return _noticed("the server's checks", "the server answers a request that the agent holds open", seconds)


def _watch_network(agent: RealAgent) -> Noticed:
    """Give the machine another address, and see when the agent's next report is acknowledged."""
    seconds = []
    for number in range(ROUNDS):
        before = _acknowledged(agent)
        change_network(there=number % 2 == 0)
        seconds.append(_wait(partial(_has_reported, agent, before)))
        time.sleep(1)
    return _noticed("addresses and routes of the machine", "the kernel tells of them (netlink)", seconds)


def _replace(server: RealServer, check: str, schedule: str = "5m", **changes: object) -> None:
    rule: dict[str, Any] = server.call("GET", f"/devices/posture/{check}")
    asked = {name: value for name, value in rule["input"].items() if value is not None} | changes
    body = {name: rule[name] for name in ("name", "type", "match")} | {"schedule": schedule, "input": asked}
    server.call("PUT", f"/devices/posture/{check}", body)


def _has(server: RealServer, check: str, status: str) -> bool:
    """Tell whether the check's result has this status."""
    results = server.call("GET", "/gatepost/results")
    return [status] == [item["status"] for item in results if item["check"]["id"] == check]


def _has_reported(agent: RealAgent, before: int) -> bool:
    """Tell whether a report after that one was acknowledged."""
    return _acknowledged(agent) > before


def _acknowledged(agent: RealAgent) -> int:
    last = status_folder(agent.state).load()
    return last.acknowledged if last else 0


def _wait(is_so: Callable[[], bool]) -> float:
    """Wait until it is so; return the seconds that it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < PATIENCE, "it was not noticed"
        time.sleep(0.01)
    return time.monotonic() - began


def _noticed(name: str, how: str, seconds: list[float]) -> Noticed:
    noticed = Noticed(name=name, how=how, changes=len(seconds), median=median(seconds), longest=max(seconds))
    sys.stderr.write(f"{msgspec.json.encode(noticed).decode()}\n")
    return noticed


if __name__ == "__main__":
    sys.exit(main())
