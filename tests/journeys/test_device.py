"""A device's journey: a real server, the real agent, real stores."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.certificates import SERVER_AUTH, CertificateAuthority, dns, ip
from tests.journeys.real import RealAgent, RealServer, gatepost, real_server
from tests.running import free_port
from tests.stores.nss import add_pair, create_database, delete_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Give one server for most journeys."""
    with real_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(running: RealServer) -> Iterator[RealServer]:
    """Give that server without a check, and leave it so."""
    yield running
    for rule in running.call("GET", "/devices/posture"):
        running.call("DELETE", f"/devices/posture/{rule['id']}")


@pytest.fixture
def agent(tmp_path: Path) -> RealAgent:
    """Give a device that nobody has enrolled."""
    return RealAgent(tmp_path / "device")


def test_a_device_passes_fails_and_passes_over_both_stores(server: RealServer, agent: RealAgent) -> None:
    """Its certificate goes and comes back, in an NSS database and in a PEM file; the log has it all."""
    create_database(agent.nssdb)
    nss, pem = (server.authority.issue(cn="laptop-1") for _ in range(2))
    add_pair(agent.nssdb, nss, "laptop")
    agent.install(pem)
    server.ask({"evidence": "key_present"}, cn="${hostname}", locations={"trust_stores": ["system"]})
    server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
    enrolled = agent.enroll(server).stdout.strip()
    assert enrolled.startswith(f"enrolled with {server.url} as device ")

    assert (0, [("laptops", "pass", []), ("laptops", "pass", [])]) == agent.cycle()
    agent.install(server.authority.issue(cn="laptop-2"))
    delete_certificate(agent.nssdb, "laptop")
    gone = (1, [("laptops", "fail", ["no-certificate-found"]), ("laptops", "fail", ["common-name-mismatch"])])
    assert gone == agent.cycle()
    assert 1 == agent.run("status").code
    agent.install(pem)
    add_pair(agent.nssdb, nss, "laptop")
    assert (0, [("laptops", "pass", []), ("laptops", "pass", [])]) == agent.cycle()

    lines = server.call("GET", "/gatepost/posture-log?per_page=100")
    log = [line for line in lines if enrolled.endswith(line["DeviceID"])]
    assert ["pass", "pass", "fail", "fail", "pass", "pass"] == [line["PostureStatus"] for line in log]
    assert {"key_present", "possession"} >= {line["PostureEvidence"] for line in log if line["PostureStatus"] == "pass"}
    assert ["pass", "pass"] == [item["status"] for item in server.call("GET", "/gatepost/results")]


def test_a_store_that_cannot_be_read_is_an_error_beside_the_others(server: RealServer, agent: RealAgent) -> None:
    """The worst of all checks is the exit code: an error is worse than a fail."""
    agent.install(server.authority.issue(cn="laptop-1"))
    server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
    server.ask(locations={"paths": [str(agent.settings)]})
    agent.enroll(server)
    code, verdicts = agent.cycle()
    assert (3, ["pass", "error"], ["store-corrupt"]) == (code, [item[1] for item in verdicts], verdicts[1][2])


def test_a_revoked_token_and_a_revoked_device_are_told(server: RealServer, agent: RealAgent) -> None:
    """The token is refused as wrong input; nothing is kept, and a good one is then taken."""
    refused = agent.run("enroll", "--server", server.url, GATEPOST_ENROLLMENT_TOKEN="gpe_" + "A" * 43)
    assert (2, "") == (refused.code, refused.stdout)
    assert "the enrolment token is not known here" in refused.stderr
    assert not (agent.state / "device.key").exists()
    assert 0 == agent.enroll(server).code
    again = agent.enroll(server)
    assert (2, True) == (again.code, "unenroll" in again.stderr)


def test_a_revoked_device_knows_it(server: RealServer, agent: RealAgent) -> None:
    """The status that everybody reads shows no pass any more."""
    agent.install(server.authority.issue(cn="laptop-1"))
    server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
    agent.enroll(server)
    assert 0 == agent.cycle()[0]
    listed = server.call("GET", "/devices/registrations?per_page=100")
    registration = agent.run("status", "--format", "json")
    assert 0 == registration.code
    for item in listed:
        server.call("POST", f"/devices/registrations/revoke?id={item['id']}")
    ended = agent.run("run", "--once")
    assert "device-revoked" in ended.stderr
    status = agent.run("status", "--format", "json")
    assert (3, ["error"]) == (status.code, [item["status"] for item in status.document["verdicts"]])
    assert ["device-revoked"] == status.document["verdicts"][0]["reasons"]


def test_a_device_reports_over_tls_when_it_was_given_the_authority(tmp_path: Path, agent: RealAgent) -> None:
    """And sends nothing to the same server when it was not."""
    authority = CertificateAuthority.create(cn="Server CA")
    issued = authority.issue(cn="127.0.0.1", sans=[ip("127.0.0.1")], eku=(SERVER_AUTH,))
    certificate, key, trust = (tmp_path / name for name in ("server.pem", "server.key", "ca.pem"))
    certificate.write_bytes(issued.pem)
    key.write_bytes(issued.key_pem())
    trust.write_bytes(authority.pem)
    (tmp_path / "server").mkdir()
    words = ("--tls-cert", certificate, "--tls-key", key)
    with real_server(tmp_path / "server", *words, scheme="https", trust=trust) as server:
        agent.install(server.authority.issue(cn="laptop-1"))
        server.ask(cn="${hostname}", locations={"paths": [str(agent.pem)]})
        stranger = agent.enroll(server)
        assert (3, True) == (stranger.code, "cannot be reached" in stranger.stderr)
        assert not (agent.state / "registration.json").exists()
        assert 0 == agent.enroll(server, "--server-ca", trust).code
        trust.unlink()
        assert (0, [("laptops", "pass", [])]) == agent.cycle()
        assert not speaks(server, trust_of(authority), ssl.TLSVersion.TLSv1_1)
        assert speaks(server, trust_of(authority), ssl.TLSVersion.TLSv1_2)


def trust_of(authority: CertificateAuthority) -> ssl.SSLContext:
    """Make a client's context that trusts an authority, and that would speak any version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority.pem.decode())
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def speaks(server: RealServer, context: ssl.SSLContext, version: ssl.TLSVersion) -> bool:
    """Tell whether a server speaks this version of TLS."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    try:
        with socket.create_connection(("127.0.0.1", server.port), 30) as plain:
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
    except (ssl.SSLError, ConnectionError):
        return False
    return True


def test_a_second_server_is_refused_on_the_same_database_and_on_the_same_port(
    server: RealServer, tmp_path: Path
) -> None:
    """In words, and the first one goes on."""
    port = free_port()
    same = gatepost("server", "run", *server.console, "--listen", f"127.0.0.1:{port}")
    assert (3, True) == (same.code, "another server holds" in same.stderr)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert 0 == gatepost("server", "init", "--database", other).code
    taken = gatepost("server", "run", "--database", other, "--listen", f"127.0.0.1:{server.port}")
    assert (2, True) == (taken.code, "Address already in use" in taken.stderr)
    assert [] == server.call("GET", "/devices/posture")


def test_a_server_ends_with_0_when_it_is_asked_to(tmp_path: Path) -> None:
    """With what it served finished."""
    with real_server(tmp_path) as server:
        assert [] == server.call("GET", "/devices/posture")
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert server.url in log


def test_a_service_that_is_not_there_is_waited_for(tmp_path: Path, agent: RealAgent) -> None:
    """The agent as a service goes on when its server is away, says so, and ends when it is asked to."""
    with real_server(tmp_path) as server:
        agent.install(server.authority.issue(cn="laptop-1"))
        agent.enroll(server)
    away = agent.run("run", "--once")
    assert (3, "", True) == (away.code, away.stdout, "cannot be reached" in away.stderr)
    words = ["agent", "run", "--state", str(agent.state), "--config", str(agent.settings)]
    command = [sys.executable, "-m", "gatepost", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "again in" in process.stderr.readline()
        process.terminate()
        assert 0 == process.wait(60)


def test_names_of_a_certificate_may_be_of_any_kind(server: RealServer, agent: RealAgent) -> None:
    """The whole way of a subject alternative name, from the rule to the verdict."""
    agent.install(server.authority.issue(cn="x", sans=[dns("laptop-1.corp.example")]))
    names = ["dns:${hostname}.corp.example"]
    server.ask(subject_alternative_names=names, locations={"paths": [str(agent.pem)]})
    agent.enroll(server)
    assert (0, [("laptops", "pass", [])]) == agent.cycle()
