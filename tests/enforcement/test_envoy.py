"""A real Envoy with the file that `gatepost proxy-config envoy` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.certificates import CertificateAuthority
from tests.enforcement.edge import BODY, HOST, Edge, edge, start_envoy
from tests.enforcement.failures import run_failures
from tests.enforcement.logins import run_login, run_program
from tests.enforcement.matrix import run_attacks
from tests.enforcement.relay import pretending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("envoy")


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Put the application behind envoy."""
    with edge(tmp_path_factory.mktemp("envoy"), "envoy", start_envoy) as opened:
        yield opened


def test_a_managed_device_reaches_the_application_and_nobody_else_does(envoy: Edge) -> None:
    """With what Gatepost says of it."""
    heard = envoy.get(envoy.device)
    assert (200, True) == (heard.status, heard.text.endswith(BODY.decode())), heard
    reached = envoy.application.reached[-1]
    assert [["mutual_tls"], ["possession"], [HOST]] == [
        reached.named(name) for name in ("X-Gatepost-Binding", "X-Gatepost-Evidence", "Host")
    ]
    assert 3 == len(reached.named("X-Gatepost-Assertion")[0].split("."))
    before = len(envoy.application.reached)
    refused = envoy.get()
    assert 403 == refused.status
    assert "Checking this device" in refused.text
    assert before == len(envoy.application.reached)


def test_a_browser_is_known_for_which_the_devices_agent_vouches(envoy: Edge) -> None:
    """See `tests.enforcement.logins`."""
    run_login(envoy)


def test_a_program_is_known_by_the_devices_token(envoy: Edge) -> None:
    """See `tests.enforcement.logins`."""
    run_program(envoy)


def test_every_attack_is_refused_and_its_honest_twin_is_not(envoy: Edge) -> None:
    """See `tests.enforcement.matrix`."""
    assert [] == run_attacks(envoy)


def test_while_nothing_can_be_decided_nobody_reaches_the_application(envoy: Edge) -> None:
    """See `tests.enforcement.failures`; afterwards it goes on by itself. Envoy hands on every refusal as it comes."""
    assert [] == run_failures(envoy, handed_on=frozenset({302, 404}))


def test_gatepost_is_asked_over_tls_and_no_other_server_is_believed(tmp_path: Path) -> None:
    """Its certificate is held against the CA that the configuration names."""
    with edge(tmp_path, "envoy", start_envoy, tls=True) as opened:
        assert 200 == opened.get(opened.device).status
        authority = CertificateAuthority.create(cn="Server CA")
        with pretending(tmp_path, opened.relay, authority):
            assert opened.get(opened.device).status in {500, 503}
        assert 200 == opened.get(opened.device).status
