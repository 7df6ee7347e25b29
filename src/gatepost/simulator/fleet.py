"""All simulated devices over time: enrolment at the server's pace, a spread start, reports on an interval, lost answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.errors import TransportError
from gatepost.simulator.connections import Answer, Connections, LostAnswerError
from gatepost.wire.device import Acknowledgement, Enrolled, Refusal, Synced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatepost.simulator.agent import SimulatedAgent

_OK: Final = 200
_LATER: Final = frozenset({429, 503})
_NONCE_EXPIRED: Final = "nonce-expired"
_PAUSE: Final = 1.0
"""Seconds to wait where the server says to come back and not when."""
_TRIES: Final = 20
"""How often one report is sent before it counts as unanswered."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a fleet reports. ``interval``: seconds between a device's reports; ``lost``: share of answers that get lost."""

    url: str
    seconds: float
    interval: float
    lost: float
    connections: int


class Tally(msgspec.Struct, kw_only=True):
    """What happened. Times are seconds from a whole report to its acknowledgement."""

    sent: int = 0
    acknowledged: int = 0
    lost_answers: int = 0
    duplicated: int = 0
    """Reports that were sent again after an answer was lost, and acknowledged then."""
    unanswered: int = 0
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    statuses: Counter[str] = msgspec.field(default_factory=Counter)
    times: list[float] = msgspec.field(default_factory=list)
    elapsed: float = 0.0


class Fleet:
    """Many devices against one server. ``told`` hears how many have enrolled."""

    def __init__(
        self, plan: Plan, connections: Connections, random: Callable[[], float], told: Callable[[int], None]
    ) -> None:
        self.tally = Tally()
        self._plan = plan
        self._connections = connections
        self._random = random
        self._told = told
        self._enrolled = 0

    async def enroll(self, agents: list[SimulatedAgent], token: str, check: tuple[str, int]) -> None:
        """Enrol all, some at a time, as quickly as the server lets them in; raises `TransportError`."""
        waiting = iter(agents)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(8, len(agents))):
                group.create_task(self._enroll_some(waiting, token, check))

    async def _enroll_some(self, waiting: Iterator[SimulatedAgent], token: str, check: tuple[str, int]) -> None:
        for agent in waiting:
            document = agent.enrollment(self._plan.url)
            answer = await self._admitted(document, token)
            agent.enrolled(self._plan.url, msgspec.json.decode(answer.body, type=Enrolled), check)
            await self._synchronise(agent)
            self._enrolled += 1
            self._told(self._enrolled)

    async def _admitted(self, document: bytes, token: str) -> Answer:
        while True:
            answer = await self._connections.post("/device/v1/enroll", document, bearer=token)
            if answer.status == _OK:
                return answer
            if answer.status not in _LATER:
                raise TransportError(self._plan.url, f"refused an enrolment: {_reason(answer)}")
            await asyncio.sleep(self._later(answer))

    async def _synchronise(self, agent: SimulatedAgent) -> None:
        answer = await self._connections.post("/device/v1/sync", agent.sync())
        if answer.status != _OK:
            raise TransportError(self._plan.url, f"gave no nonce: {_reason(answer)}")
        synced = msgspec.json.decode(answer.body, type=Synced)
        agent.nonce, agent.checks_version = synced.nonce, synced.checks_version

    async def run(self, agents: list[SimulatedAgent]) -> None:
        """Let all of them report until the time is up; each begins at an instant of its own within the first interval."""
        began = self._clock()
        end = began + self._plan.seconds
        for agent in agents:
            agent.due = began + self._random() * min(self._plan.interval, self._plan.seconds)
        async with asyncio.TaskGroup() as group:
            for agent in agents:
                group.create_task(self._live(agent, end))
        self.tally.elapsed = self._clock() - began

    async def _live(self, agent: SimulatedAgent, end: float) -> None:
        while agent.due < end:
            await asyncio.sleep(max(0.0, agent.due - self._clock()))
            if self._clock() >= end:
                return
            await self._report(agent)
            agent.due = max(agent.due + self._plan.interval, self._clock())

    async def _report(self, agent: SimulatedAgent) -> None:
        document = agent.report()
        again = False
        for _ in range(_TRIES):
            began = self._clock()
            self.tally.sent += 1
            try:
                lose = not again and self._random() < self._plan.lost
                answer = await self._connections.post("/device/v1/report", document, lose=lose)
            except LostAnswerError:
                self.tally.lost_answers += 1
                again = True
                continue
            except TransportError:
                again = True
                await asyncio.sleep(_PAUSE * (0.5 + self._random()))
                continue
            if answer.status == _OK:
                self._acknowledged(agent, answer, self._clock() - began, again=again)
                return
            reason = _reason(answer)
            self.tally.refused[reason] += 1
            if answer.status in _LATER:
                await asyncio.sleep(self._later(answer))
            elif reason == _NONCE_EXPIRED:
                agent.nonce = msgspec.json.decode(answer.body, type=Refusal).nonce
                document, again = agent.report(), False
            else:
                return
        self.tally.unanswered += 1

    def _acknowledged(self, agent: SimulatedAgent, answer: Answer, seconds: float, *, again: bool) -> None:
        acknowledgement = msgspec.json.decode(answer.body, type=Acknowledgement)
        agent.nonce = acknowledgement.nonce
        agent.acknowledged += 1
        self.tally.acknowledged += 1
        self.tally.duplicated += again
        self.tally.times.append(seconds)
        self.tally.statuses.update(verdict.status.value for verdict in acknowledgement.verdicts)

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    def _later(self, answer: Answer) -> float:
        """Come back when the server says, and not all at the same moment."""
        return (answer.retry_after or _PAUSE) * (1.0 + 0.5 * self._random())


def _reason(answer: Answer) -> str:
    try:
        return msgspec.json.decode(answer.body, type=Refusal).reason
    except msgspec.MsgspecError:
        return f"status {answer.status}"
