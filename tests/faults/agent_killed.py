"""An agent that is killed in the middle of its cycles: its state stays whole, and no sequence is used twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from gatepost.client.identity import StateFolder
from gatepost.errors import StateError
from tests.faults.campaign import Campaign, Tally, count
from tests.journeys.real import RealAgent, real_server

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 1.3
"""Times as long as a whole run takes here: at random until then it is killed, so that most are, and not all."""
KILLED, ENDED = "killed, the state is whole", "ended before, with a pass"


def run(folder: Path, rounds: int) -> Tally:
    """Start a cycle and kill it, so many times; the last cycle is left alone, and must pass."""
    chance = random.Random(rounds)  # noqa: S311 - the same moments again, should one be bad.
    (folder / "server").mkdir()
    agent = RealAgent(folder / "device")
    with real_server(folder / "server") as server:
        agent.install(server.authority.issue(cn="laptop-1"))
        server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        agent.enroll(server)
        began = time.monotonic()
        agent.cycle()
        whole = time.monotonic() - began
        outcomes = [_cycle(agent, chance.uniform(0.0, LONGEST * whole)) for _ in range(rounds)]
        assert agent.cycle() == (0, [("laptops", "pass", [])])
    return count(outcomes, frozenset({KILLED, ENDED}))


def _cycle(agent: RealAgent, seconds: float) -> str:
    words = ["agent", "run", "--once", "--state", str(agent.state), "--config", str(agent.settings)]
    command = [sys.executable, "-m", "gatepost", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.kill()
        _, words_of_error = process.communicate()
    if process.returncode not in {0, -9}:
        return words_of_error.decode("utf-8", "replace")[-300:]
    state = StateFolder(agent.state)
    try:
        for load in (state.load_key, state.load_registration, state.load_progress):
            load()
    except StateError as error:
        return f"{error.path} {error.detail}"
    return KILLED if process.returncode else ENDED


CAMPAIGN = Campaign(
    name="agent killed in its cycle",
    what="`gatepost agent run --once` is killed (SIGKILL) at a random moment; then another is started",
    rounds=200,
    few=6,
    run=run,
)
