"""A device whose key lies in a token: it proves it to a real server, and is left alone after one wrong PIN."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.certificates import Part
from tests.journeys.real import RealAgent, real_server
from tests.stores.tokens import MODULE, PIN, SPY, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.journeys.real import RealServer

POLICY = "1.3.6.1.4.1.55555.7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Give a server."""
    with real_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RealAgent:
    """Give a device with a token, the PIN in a file, and OpenSC's spy in front of the module."""
    agent = RealAgent(tmp_path / "device")
    tokens = Tokens.create(agent.folder / "softhsm")
    tokens.add()
    monkeypatch.setenv("SOFTHSM2_CONF", tokens.environment["SOFTHSM2_CONF"])
    monkeypatch.setenv("PKCS11SPY", MODULE)
    monkeypatch.setenv("PKCS11SPY_OUTPUT", str(agent.folder / "spy.log"))
    settings = agent.settings.read_text()
    named = f'pkcs11_modules = ["{SPY}"]\n'
    agent.settings.write_text(f'{named}{settings}[pkcs11_pin_files]\ndevice = "{agent.folder}/pin"\n')
    write_pin(agent, PIN)
    return agent


def write_pin(agent: RealAgent, text: str) -> None:
    """Write the file with the PIN."""
    path = agent.folder / "pin"
    path.write_text(text)
    path.chmod(0o600)


def logins(agent: RealAgent) -> int:
    """Count the PINs that the module was given."""
    return len(re.findall(r"(?m)^\d+: C_Login", (agent.folder / "spy.log").read_text(errors="replace")))


def test_a_key_in_a_token_is_proved_and_a_refused_pin_is_not_tried_again(server: RealServer, agent: RealAgent) -> None:
    """Each cycle is a process of its own, as a timer starts it; the agent's folder remembers."""
    tokens = Tokens(agent.folder / "softhsm")
    public = tokens.generate(b"\1")
    issued = server.authority.issue(cn="laptop-1", policies=[POLICY], parts={Part.PUBLIC_KEY: public})
    tokens.add_certificate(issued, b"\1")
    place = {"paths": ["pkcs11:token=device"]}
    check = server.ask(cn="${hostname}", locations=place)
    agent.enroll(server)
    assert (0, [("laptops", "pass", [])]) == agent.cycle()
    (result,) = server.call("GET", "/gatepost/results")
    assert ("pass", "possession") == (result["status"], result["evidence"])

    write_pin(agent, "9999")
    before = logins(agent)
    for _ in range(3):
        assert (1, [("laptops", "fail", ["private-key-unusable"])]) == agent.cycle()
    assert before + 1 == logins(agent)
    assert (agent.state / "refused-pins.json").is_file()

    write_pin(agent, f"{PIN}\n")
    assert (0, [("laptops", "pass", [])]) == agent.cycle()
    server.call("PUT", f"/gatepost/checks/{check}/options", {"evidence": "hardware", "hardware_policies": ["1.2.3"]})
    assert (1, [("laptops", "fail", ["evidence-too-weak"])]) == agent.cycle()
    server.call("PUT", f"/gatepost/checks/{check}/options", {"evidence": "hardware", "hardware_policies": [POLICY]})
    assert (0, [("laptops", "pass", [])]) == agent.cycle()
