"""All simulated devices over time: enrolment at the server's pace, a spread start, reports on an interval, lost answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.client.pacing import pause_after_answer, pause_after_failure
from gatepost.errors import TransportError
from gatepost.simulator.connections import Answer, Connections, LostAnswerError
from gatepost.wire.device import NOT_SHOWN, Acknowledgement, Enrolled, Refusal, Synced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatepost.simulator.agent import SimulatedAgent

_OK: Final = 200
_LATER: Final = frozenset({429, 503})
_NONCE_EXPIRED: Final = "nonce-expired"
_PAUSE: Final = 1.0
"""Seconds to wait where the server says to come back and not when."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a fleet reports. ``interval``: seconds between a device's reports; ``lost``: share of answers that get lost.

    ``patient``: who is not answered tries again as an agent does, later and later and without end; otherwise every second,
    ``tries`` times.
    """

    url: str
    seconds: float
    interval: float
    lost: float
    connections: int
    patient: bool = False
    tries: int = 20


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
    instants: list[float] | None = None
    """When reports were acknowledged, by the event loop's clock; None where nobody asked."""
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
        self._end = 0.0

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
        self._end = began + self._plan.seconds
        for agent in agents:
            agent.due = began + self._random() * min(self._plan.interval, self._plan.seconds)
        async with asyncio.TaskGroup() as group:
            for agent in agents:
                group.create_task(self._live(agent))
        self.tally.elapsed = self._clock() - began

    def stop(self) -> None:
        """Let nobody begin another report; `run` returns when those at hand are answered."""
        self._end = 0.0

    async def close(self) -> None:
        """Close its connections."""
        await self._connections.close()

    async def _live(self, agent: SimulatedAgent) -> None:
        while agent.due < self._end:
            await asyncio.sleep(max(0.0, agent.due - self._clock()))
            if self._clock() >= self._end:
                return
            await self._report(agent)
            if self._plan.patient:
                agent.due = self._clock() + pause_after_answer(self._plan.interval, self._spread)
            else:
                agent.due = max(agent.due + self._plan.interval, self._clock())

    async def _report(self, agent: SimulatedAgent) -> None:
        document, sent_before, failures = agent.report(), False, 0
        while self._plan.patient or failures < self._plan.tries:
            began = self._clock()
            self.tally.sent += 1
            try:
                lose = not sent_before and self._random() < self._plan.lost
                answer = await self._connections.post("/device/v1/report", document, lose=lose)
            except (LostAnswerError, TransportError) as error:
                sent_before = True
                if isinstance(error, LostAnswerError):
                    self.tally.lost_answers += 1
                else:
                    failures += 1
                    await asyncio.sleep(self._pause(failures, _PAUSE * (0.5 + self._random())))
                continue
            if answer.status == _OK:
                self._acknowledged(agent, answer, self._clock() - began, again=sent_before)
                return
            failures += 1
            reason = _reason(answer)
            self.tally.refused[reason] += 1
            if answer.status in _LATER:
                await asyncio.sleep(self._pause(failures, self._later(answer)))
            elif reason == NOT_SHOWN:
                agent.shown = False
                document, sent_before = agent.report(), False
            elif reason == _NONCE_EXPIRED:
                agent.nonce = msgspec.json.decode(answer.body, type=Refusal).nonce
                document, sent_before = agent.report(), False
            else:
                return
        self.tally.unanswered += 1

    def _pause(self, failures: int, otherwise: float) -> float:
        return pause_after_failure(failures, self._spread) if self._plan.patient else otherwise

    def _spread(self, low: float, high: float) -> float:
        return low + (high - low) * self._random()

    def _acknowledged(self, agent: SimulatedAgent, answer: Answer, seconds: float, *, again: bool) -> None:
        acknowledgement = msgspec.json.decode(answer.body, type=Acknowledgement)
        agent.nonce = acknowledgement.nonce
        agent.acknowledged += 1
        agent.shown = True
        self.tally.acknowledged += 1
        self.tally.duplicated += again
        self.tally.times.append(seconds)
        if self.tally.instants is not None:
            self.tally.instants.append(self._clock())
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
