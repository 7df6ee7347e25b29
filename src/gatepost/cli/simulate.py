"""``gatepost simulate``: a fleet of simulated devices against a server of one's own, and whether it lost anything."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.config import read_text
from gatepost.cli.named_server import named_server
from gatepost.cli.words import printable
from gatepost.errors import GatepostError, InputError

if TYPE_CHECKING:
    from gatepost.client.management import Management
    from gatepost.simulator.agent import SimulatedAgent
    from gatepost.simulator.fleet import Tally

_NAME: Final = "gatepost simulate"
_OWN_LIMIT: Final = 0.9
"""From this load of its own core on, what it measured is its own limit and not the server's."""
_IDS: Final = 100
"""Registrations that one request deletes."""
_SHOWN: Final = 5


class _Options(TypedDict):
    server: str
    account: str
    server_ca: Path | None
    agents: int
    seconds: float
    interval: float
    failing: float
    lost_answers: float
    connections: int
    seed: int
    server_pid: int | None
    keep: bool
    form: str


class Outcome(msgspec.Struct, kw_only=True):
    """What is printed at the end."""

    agents: int
    acknowledged: int
    recorded: int
    duplicated: int
    lost_answers: int
    refused: dict[str, int]
    unanswered: int
    statuses: dict[str, int]
    reports_per_second: float
    p50_ms: float
    p99_ms: float
    verifications: int
    """Signatures that the server had to verify for what it acknowledged: the report's, and the proof's where there was one."""
    own_core_load: float
    server_memory_bytes: int | None
    missing: dict[str, int]
    """By registration: reports that were acknowledged, and are not in the database (negative: there are more)."""


@click.command()
@click.option("--server", required=True, envvar="GATEPOST_SERVER", help="https://HOST[:PORT] of the server.")
@click.option("--account", required=True, envvar="GATEPOST_ACCOUNT", help="The account's id.")
@click.option("--server-ca", type=click.Path(dir_okay=False, path_type=Path), help="Trust this CA for the server.")
@click.option("--agents", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Devices.")
@click.option("--seconds", type=click.FloatRange(0.1, 86_400), default=30.0, show_default=True, help="How long.")
@click.option(
    "--interval", type=click.FloatRange(0.0, 86_400), default=10.0, show_default=True, help="Between reports of one."
)
@click.option("--failing", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Share that fails.")
@click.option("--lost-answers", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Share of answers.")
@click.option("--connections", type=click.IntRange(1, 10_000), default=256, show_default=True, help="At most at once.")
@click.option("--seed", type=int, default=1, show_default=True, help="For the same spread and the same failures again.")
@click.option("--server-pid", type=click.IntRange(1), help="The server's process on this machine: shows its memory.")
@click.option("--keep", is_flag=True, help="Leave what was made on the server.")
@click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)
def simulate(**options: Unpack[_Options]) -> None:
    """Let simulated devices enrol and report, and hold what was acknowledged against what is recorded.

    For a server of your own: it makes a CA, a posture rule, a token and devices there, and takes them away at the end. The
    token comes from the environment, GATEPOST_TOKEN, and needs every scope. Exit codes: 0 nothing was lost, 1 something was.
    """
    server = named_server(options["server"], options["account"], options["server_ca"], scope="every one")
    outcome = _Simulation(server, options).run()
    if options["form"] == "json":
        click.echo(msgspec.json.encode(outcome).decode())
    else:
        _show(outcome)
    if outcome.missing:
        sys.exit(1)


class _Simulation:
    """One run: what it makes on the server it takes away."""

    def __init__(self, server: Management, options: _Options) -> None:
        from gatepost.pki.throwaway import ThrowawayAuthority

        self._server = server
        self._options = options
        self._authority = ThrowawayAuthority(f"{_NAME} {secrets.token_hex(4)}", datetime.now(UTC))
        self._made: list[tuple[str, str]] = []
        self._agents: list[SimulatedAgent] = []

    def run(self) -> Outcome:
        """Prepare, run, reconcile, clean up."""
        try:
            token, check = self._prepare()
            self._agents = _make_agents(self._options, self._authority)
            return self._outcome(asyncio.run(self._report(token, check)))
        finally:
            if not self._options["keep"]:
                self._clean()

    def _prepare(self) -> tuple[str, tuple[str, int]]:
        from gatepost.simulator.agent import PLACE

        named = f"{_NAME} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        upload = self._server.call(
            "POST", "/mtls_certificates", {"ca": True, "certificates": self._authority.pem, "name": named}
        )
        self._made.append(("DELETE", f"/mtls_certificates/{upload['id']}"))
        asked = {
            "certificate_id": upload["id"],
            "cn": "${hostname}",
            "check_private_key": True,
            "operating_system": "linux",
            "extended_key_usage": ["clientAuth"],
            "locations": {"paths": [PLACE]},
        }
        rule = {
            "name": named,
            "type": "client_certificate_v2",
            "schedule": "15m",
            "match": [{"platform": "linux"}],
            "input": asked,
        }
        made = self._server.call("POST", "/devices/posture", rule)
        self._made.append(("DELETE", f"/devices/posture/{made['id']}"))
        effective = self._server.call("GET", f"/gatepost/checks/{made['id']}/effective")
        token = self._server.call(
            "POST", "/gatepost/tokens", {"kind": "enrollment", "name": named, "uses": self._options["agents"]}
        )
        self._made.append(("DELETE", f"/gatepost/tokens/{token['id']}"))
        return token["token"], (made["id"], effective["version"])

    async def _report(self, token: str, check: tuple[str, int]) -> tuple[Tally, float]:
        from gatepost.client.transport import check_server_url, tls_context
        from gatepost.simulator.connections import Connections
        from gatepost.simulator.fleet import Fleet, Plan

        options = self._options
        url = check_server_url(options["server"], "--server")
        trusted = None if options["server_ca"] is None else read_text(options["server_ca"], "--server-ca")
        connections = Connections(url, tls_context(trusted), options["connections"])
        plan = Plan(
            url=url,
            seconds=options["seconds"],
            interval=options["interval"],
            lost=options["lost_answers"],
            connections=options["connections"],
        )
        fleet = Fleet(plan, connections, random.Random(options["seed"]).random, self._progress)  # noqa: S311 - a spread, no secret.
        try:
            await fleet.enroll(self._agents, token, check)
            cpu = time.process_time()
            await fleet.run(self._agents)
            return fleet.tally, time.process_time() - cpu
        finally:
            await connections.close()

    def _progress(self, enrolled: int) -> None:
        if sys.stderr.isatty():
            total = len(self._agents)
            click.echo(f"\r{enrolled:,} of {total:,} devices are enrolled", err=True, nl=enrolled == total)

    def _outcome(self, ran: tuple[Tally, float]) -> Outcome:
        tally, cpu = ran
        recorded = self._recorded()
        missing = {
            item.registration_id: item.acknowledged - recorded[item.registration_id]
            for item in self._agents
            if item.acknowledged != recorded[item.registration_id]
        }
        times = sorted(tally.times)
        proofs = sum(item.acknowledged for item in self._agents if item.kind != "bare")
        return Outcome(
            agents=len(self._agents),
            acknowledged=tally.acknowledged,
            recorded=sum(recorded[item.registration_id] for item in self._agents),
            duplicated=tally.duplicated,
            lost_answers=tally.lost_answers,
            refused=dict(tally.refused),
            unanswered=tally.unanswered,
            statuses=dict(tally.statuses),
            reports_per_second=round(tally.acknowledged / tally.elapsed, 1) if tally.elapsed else 0.0,
            p50_ms=_percentile(times, 0.5),
            p99_ms=_percentile(times, 0.99),
            verifications=tally.acknowledged + proofs,
            own_core_load=round(cpu / tally.elapsed, 3) if tally.elapsed else 0.0,
            server_memory_bytes=memory_of(self._options["server_pid"]),
            missing=missing,
        )

    def _recorded(self) -> Counter[str]:
        """Count the reports that stand in the database, by registration: in lines of the log, and since the last of them."""
        ours = {item.registration_id for item in self._agents}
        counted: Counter[str] = Counter()
        for path, name, count in (
            ("/gatepost/posture-log", "RegistrationID", "Reports"),
            ("/gatepost/results", "registration_id", "repeats"),
        ):
            for row in self._server.pages(path):
                if row[name] in ours:
                    counted[row[name]] += row[count]
        return counted

    def _clean(self) -> None:
        ids = [item.registration_id for item in self._agents if item.registration_id]
        queries = ("&".join(f"id={one}" for one in ids[at : at + _IDS]) for at in range(0, len(ids), _IDS))
        calls = [("DELETE", f"/devices/registrations?{query}") for query in queries]
        for method, path in (*calls, *reversed(self._made)):
            try:
                self._server.call(method, path)
            except GatepostError as error:
                click.echo(f"gatepost: {path} was left on the server: {printable(str(error))}", err=True)


def _make_agents(options: _Options, authority: Any) -> list[SimulatedAgent]:  # noqa: ANN401 - imported where it is used.
    """Make the devices; those that fail are spread over all of them."""
    from gatepost.client.identity import make_device_key
    from gatepost.simulator.agent import Kind, SimulatedAgent

    chance = random.Random(options["seed"])  # noqa: S311 - as above.
    word = secrets.token_hex(3)
    agents = []
    for number in range(options["agents"]):
        name = f"sim-{word}-{number}"
        failing = chance.random() < options["failing"]
        kind = chance.choice((Kind.STRANGER, Kind.BARE, Kind.FORGER)) if failing else Kind.GOOD
        certificate = authority.issue("another-device" if kind is Kind.STRANGER else name)
        agents.append(SimulatedAgent(name, make_device_key(), certificate, kind))
    return agents


def _percentile(times: list[float], share: float) -> float:
    return round(times[min(len(times) - 1, int(len(times) * share))] * 1000, 1) if times else 0.0


def memory_of(pid: int | None) -> int | None:
    """Return the resident memory of a process and those below it; None where nobody asked."""
    if pid is None:
        return None
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            status = Path(f"/proc/{one}/status").read_text(encoding="ascii", errors="replace")
            children = Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii")
        except OSError as error:
            if one == pid:
                raise InputError("--server-pid", f"is no process here: {pid}") from error
            continue
        resident = next((line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")), "0")
        total += int(resident) * 1024
        waiting += map(int, children.split())
    return total


def _show(outcome: Outcome) -> None:
    statuses = ", ".join(f"{count} {name}" for name, count in sorted(outcome.statuses.items())) or "none"
    refused = ", ".join(f"{count} {printable(name)}" for name, count in sorted(outcome.refused.items())) or "none"
    lines = {
        "agents": f"{outcome.agents:,}",
        "reports": f"{outcome.acknowledged:,} acknowledged, {outcome.recorded:,} recorded; {statuses}",
        "lost answers": f"{outcome.lost_answers}; {outcome.duplicated} reports were sent again and acknowledged once more",
        "refused": refused + (f"; {outcome.unanswered} reports were never acknowledged" if outcome.unanswered else ""),
        "rate": f"{outcome.reports_per_second:,.1f} reports/s, {outcome.verifications:,} signatures verified",
        "answers": f"half within {outcome.p50_ms} ms, 99 % within {outcome.p99_ms} ms",
        "own core": f"{outcome.own_core_load:.0%}",
    }
    if outcome.own_core_load >= _OWN_LIMIT:
        lines["own core"] += "  the rate is this command's own limit, not the server's"
    if outcome.server_memory_bytes is not None:
        lines["server"] = f"{outcome.server_memory_bytes / 2**20:,.0f} MiB"
    for name, text in lines.items():
        click.echo(f"{name:13} {text}")
    for registration, count in list(outcome.missing.items())[:_SHOWN]:
        words = f"{count} acknowledged reports are not there" if count > 0 else f"{-count} more than were acknowledged"
        click.echo(f"  {registration}: {words}")
    if outcome.missing:
        click.echo(f"Lost: the database does not have what was acknowledged, for {len(outcome.missing)} devices.")
    else:
        click.echo("Nothing was lost: each acknowledged report is recorded, once.")
