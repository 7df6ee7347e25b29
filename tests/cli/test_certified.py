"""The command line of enrolment by a certificate, and of a revocation that the server hears of: real server, real files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.journeys.real import RealAgent, RealServer, gatepost, real_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Give a server whose authority's certificates enrol devices, with one check of them."""
    with real_server(tmp_path_factory.mktemp("server")) as running:
        upload = {"ca": True, "certificates": running.authority.pem.decode()}
        named = running.call("POST", "/mtls_certificates", upload)["id"]
        running.call("PUT", "/gatepost/enrollment", {"certificate_ids": [named]})
        yield running


def by_certificate(agent: RealAgent, server: RealServer, *more: object, account: str | None = None) -> Any:  # noqa: ANN401 - how a command ended.
    """Enrol by the certificate in the agent's PEM file."""
    words = ("--server", server.url, "--account", account or server.account, "--certificate", agent.pem, *more)
    return agent.run("enroll", *words)


def test_a_device_enrols_by_its_certificate_and_reports(server: RealServer, tmp_path: Path) -> None:
    """Without any token; a second time it is refused, and so is a certificate without its key."""
    agent = RealAgent(tmp_path / "device")
    issued = server.authority.issue(cn="laptop-1")
    agent.install(issued, key=False)
    ended = by_certificate(agent, server)
    assert (2, True) == (ended.code, "--key does not sign" in ended.stderr), ended.stderr
    key = agent.folder / "laptop.key"
    key.write_bytes(issued.key_pem())
    key.chmod(0o600)
    ended = by_certificate(agent, server, "--key", key)
    assert (0, True) == (ended.code, "enrolled with" in ended.stdout), ended.stderr
    assert 0 == agent.run("run", "--once").code
    assert 2 == by_certificate(agent, server, "--key", key).code


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--account", "0" * 32), "--certificate goes with --account"),
        (("--certificate", "{pem}"), "--certificate goes with --account"),
        (("--certificate", "{pem}", "--account", "x"), "32 hex digits"),
        (("--certificate", "{pem}", "--account", "0" * 32, "--token-file", "{pem}"), "--token-file"),
        (("--certificate", "{pem}", "--account", "0" * 32), "names no account"),
        (("--certificate", "{empty}", "--account", "0" * 32), "holds no certificate"),
    ],
)
def test_what_cannot_enrol_is_refused_in_words(
    server: RealServer, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    """And nothing is kept."""
    agent = RealAgent(tmp_path / "device")
    agent.install(server.authority.issue(cn="laptop-1"))
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    given = [word.format(pem=agent.pem, empty=empty) for word in words]
    ended = agent.run("enroll", "--server", server.url, *given)
    assert (2, True) == (ended.code, says in ended.stderr), ended.stderr
    assert not (agent.state / "registration.json").exists()


def test_a_certificate_of_a_stranger_enrols_nothing(server: RealServer, tmp_path: Path) -> None:
    """The server says why, in its own word."""
    agent = RealAgent(tmp_path / "device")
    agent.install(type(server.authority).create(cn="Stranger").issue(cn="laptop-1"))
    ended = by_certificate(agent, server)
    assert (3, True) == (ended.code, "not-issued-by-signing-certificate" in ended.stderr), ended.stderr


def test_the_server_hears_of_a_revocation_also_when_it_is_said_again(server: RealServer, tmp_path: Path) -> None:
    """The authority's own word: it stands on the deny-list once."""
    folder = tmp_path / "ca"
    assert 0 == gatepost("pki", "root", "--ca", folder, "--cn", "Own Root").code
    assert 0 == gatepost("pki", "issue", "--ca", folder, "--cn", "laptop-1", "--out", tmp_path).code
    certificate = tmp_path / "laptop-1.pem"
    revoke = ("pki", "revoke", "--ca", folder, "--certificate", certificate)
    told = (*revoke, "--server", server.url, "--account", server.account)
    for _ in range(2):
        ended = gatepost(*told, GATEPOST_TOKEN=server.token)
        assert (0, True) == (ended.code, "refuses it from now on" in ended.stderr), ended.stderr
    found = [item for item in server.call("GET", "/gatepost/deny-list") if "Own Root" in item["note"]]
    assert [("certificate-revoked", "authority")] == [(item["reason"], item["source"]) for item in found]
    assert 2 == gatepost(*revoke).code


@pytest.mark.parametrize(
    ("words", "token", "says"),
    [
        (("--account", "0" * 32), "", "GATEPOST_TOKEN"),
        ((), "x", "32 hex digits"),
        (("--account", "0" * 32), "x", "the server refused (401)"),
    ],
)
def test_nothing_is_revoked_in_silence_when_the_server_cannot_hear(
    server: RealServer, tmp_path: Path, words: tuple[str, ...], token: str, says: str
) -> None:
    """What is missing is said."""
    folder = tmp_path / "ca"
    gatepost("pki", "root", "--ca", folder, "--cn", "Own Root")
    gatepost("pki", "issue", "--ca", folder, "--cn", "laptop-1", "--out", tmp_path)
    revoke = ("pki", "revoke", "--ca", folder, "--certificate", tmp_path / "laptop-1.pem", "--server", server.url)
    ended = gatepost(*revoke, *words, GATEPOST_TOKEN=token)
    assert (2, True) == (ended.code, says in ended.stderr), ended.stderr
