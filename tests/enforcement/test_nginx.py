"""A real nginx with the file that `gatepost proxy-config nginx` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.certificates import CertificateAuthority
from tests.enforcement.edge import BODY, HOST, Edge, edge, start_nginx
from tests.enforcement.failures import run_failures
from tests.enforcement.logins import run_login, run_program
from tests.enforcement.matrix import run_attacks
from tests.enforcement.relay import pretending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("nginx")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Put the application behind nginx."""
    with edge(tmp_path_factory.mktemp("nginx"), "nginx", start_nginx) as opened:
        yield opened


def test_a_managed_device_reaches_the_application_and_nobody_else_does(nginx: Edge) -> None:
    """With what Gatepost says of it."""
    heard = nginx.get(nginx.device)
    assert (200, True) == (heard.status, heard.text.endswith(BODY.decode())), heard
    reached = nginx.application.reached[-1]
    assert [["mutual_tls"], ["possession"], [HOST]] == [
        reached.named(name) for name in ("X-Gatepost-Binding", "X-Gatepost-Evidence", "Host")
    ]
    assert 3 == len(reached.named("X-Gatepost-Assertion")[0].split("."))
    before = len(nginx.application.reached)
    refused = nginx.get()
    assert 403 == refused.status
    assert "Checking this device" in refused.text
    assert before == len(nginx.application.reached)


def test_a_browser_is_known_for_which_the_devices_agent_vouches(nginx: Edge) -> None:
    """See `tests.enforcement.logins`."""
    run_login(nginx)


def test_a_program_is_known_by_the_devices_token(nginx: Edge) -> None:
    """See `tests.enforcement.logins`."""
    run_program(nginx)


def test_every_attack_is_refused_and_its_honest_twin_is_not(nginx: Edge) -> None:
    """See `tests.enforcement.matrix`."""
    assert [] == run_attacks(nginx)


def test_while_nothing_can_be_decided_nobody_reaches_the_application(nginx: Edge) -> None:
    """See `tests.enforcement.failures`; afterwards it goes on by itself."""
    assert [] == run_failures(nginx)


def test_gatepost_is_asked_over_tls_and_no_other_server_is_believed(tmp_path: Path) -> None:
    """Its certificate is held against the CA that the configuration names."""
    with edge(tmp_path, "nginx", start_nginx, tls=True) as opened:
        assert 200 == opened.get(opened.device).status
        authority = CertificateAuthority.create(cn="Server CA")
        with pretending(tmp_path, opened.relay, authority):
            assert opened.get(opened.device).status in {500, 503}
        assert 200 == opened.get(opened.device).status
