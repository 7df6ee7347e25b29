"""A real Chromium reaches an application behind a real nginx, wherever the device's certificate lies; and another one does not."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.enforcement.edge import BODY, HOST, Edge, edge, start_nginx
from tests.enforcement.logins import Window, location
from tests.journeys.chromium import chromium, chromium_path
from tests.stores.nss import add_pair, create_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.xdist_group("browsers")

PATIENCE = 30_000
"""Ms in which a page is there, on a machine that is busy with other things."""
PAGE = "/reports?week=7"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Put the application behind nginx, and run the device's agent. The login host speaks TLS, as it does anywhere."""
    chromium_path()
    with edge(tmp_path_factory.mktemp("browsers"), "nginx", start_nginx, tls=True) as opened, opened.agent.running():
        yield opened


@pytest.fixture
def window(site: Edge, tmp_path: Path) -> Iterator[BrowserContext]:
    """Give a browser that was never here."""
    with chromium(tmp_path / "home") as browser:
        yield browser.new_context(ignore_https_errors=True)
    del site


def url(site: Edge, target: str = PAGE) -> str:
    """Give an address of the application."""
    return f"https://{HOST}:{site.port}{target}"


def is_let_in(page: Page, site: Edge) -> str:
    """Wait until the page is the application's; return how the device is known."""
    page.get_by_text(BODY.decode().strip()).wait_for(timeout=PATIENCE)
    assert url(site) == page.url
    (binding,) = site.application.reached[-1].named("X-Gatepost-Binding")
    return binding


def look_in(site: Edge, **locations: Any) -> None:  # noqa: ANN401 - JSON of any kind.
    """Let the check look elsewhere, and the device report what it finds there."""
    rule = site.server.call("GET", f"/devices/posture/{site.check}")
    changed = {**rule["input"], "locations": locations}
    document = {name: rule[name] for name in ("name", "type", "match")} | {"input": changed}
    site.server.call("PUT", f"/devices/posture/{site.check}", document)


@pytest.fixture(params=["PEM files", "the system's NSS database"])
def placed(site: Edge, request: pytest.FixtureRequest) -> Iterator[None]:
    """Put the device's certificate and key into one kind of store alone, of which the browser knows nothing."""
    agent = site.agent
    if request.param == "PEM files":
        look_in(site, paths=[str(agent.pem)])
    else:
        if not agent.nssdb.exists():
            add_pair(create_database(agent.nssdb), site.device, "laptop")
        agent.pem.rename(agent.pem.with_suffix(".away"))
        look_in(site, trust_stores=["system"])
    yield
    if not agent.pem.exists():
        agent.pem.with_suffix(".away").rename(agent.pem)


@pytest.mark.usefixtures("placed")
def test_a_browser_gets_in_wherever_the_devices_certificate_lies(site: Edge, window: BrowserContext) -> None:
    """By the agent's word: the page goes on by itself, and leads where its user wanted to go."""
    page = window.new_page()
    first = page.goto(url(site))
    assert first is not None
    assert 403 == first.status
    assert "agent" == is_let_in(page, site)
    again = page.goto(url(site))
    assert again is not None
    assert 200 == again.status
    assert not any("__Host-gatepost" in value for _, value in site.application.reached[-1].headers)


def test_many_windows_of_one_browser_get_in_at_once(site: Edge, window: BrowserContext) -> None:
    """As when a browser opens the tabs of yesterday."""
    look_in(site, paths=[str(site.agent.pem)])
    pages = [window.new_page() for _ in range(4)]
    for page in pages:
        page.evaluate(f"window.location = {url(site)!r}")
    for page in pages:
        assert "agent" == is_let_in(page, site)


def test_another_browsers_challenge_is_refused(site: Edge, window: BrowserContext) -> None:
    """The link that leads an attacker's browser to its agent is of no use on a managed device, to either of them."""
    # His machine has no agent: he stops where it would be asked, and has somebody else go on.
    attacker = Window(site)
    at_login_host = location(attacker.get("/cdn-cgi/access/login?to=/"))
    at_agent = attacker.elsewhere(at_login_host)
    assert at_agent.startswith("http://127.0.0.1:")
    before = len(site.application.reached)
    victim = window.new_page()
    for address, refused_at in ((at_agent, "/vouched"), (at_login_host, "/cdn-cgi/access/callback")):
        answer = victim.goto(address)
        assert answer is not None
        assert (403, True) == (answer.status, refused_at in answer.url)
        assert "This device was not let in" in victim.inner_text("h1")
    assert before == len(site.application.reached)


def test_no_page_gets_anything_from_the_agent(site: Edge, window: BrowserContext) -> None:
    """Neither by a script, nor by a picture, nor in a frame."""
    page = window.new_page()
    page.goto(url(site))
    is_let_in(page, site)
    agent = f"http://127.0.0.1:{site.agent.browser_port}/vouch?login={site.server.url}&challenge=e30.AAAA"
    heard: list[int] = []
    page.on("response", lambda answer: heard.append(answer.status) if "/vouch?" in answer.url else None)
    page.evaluate(
        """async address => {
            try { await fetch(address, {mode: 'no-cors'}) } catch {}
            for (const tag of ['img', 'iframe']) {
                const element = document.createElement(tag)
                const done = new Promise(end => { element.onload = element.onerror = end; setTimeout(end, 3000) })
                element.src = address
                document.body.append(element)
                await done
            }
        }""",
        agent,
    )
    assert {403} >= set(heard)


def test_a_browser_gets_in_by_tls_from_its_users_own_nss_database(site: Edge, tmp_path: Path) -> None:
    """Which Chromium reads; a policy of the administrator's says that it shows the certificate without asking."""
    look_in(site, paths=[str(site.agent.pem)])
    home = tmp_path / "home"
    (home / ".pki").mkdir(parents=True)
    add_pair(create_database(home / ".pki" / "nssdb"), site.device, "laptop")
    with chromium(home, program=_with_policy(tmp_path)) as browser:
        page = browser.new_context(ignore_https_errors=True).new_page()
        page.goto(url(site))
        assert "mutual_tls" == is_let_in(page, site)


def _with_policy(folder: Path) -> str:
    """Give a program that starts Chromium where a policy lies in the one place in which it looks."""
    managed = folder / "policies" / "managed"
    managed.mkdir(parents=True)
    chosen = msgspec.json.encode({"pattern": f"https://{HOST}", "filter": {}}).decode()
    (managed / "gatepost.json").write_bytes(msgspec.json.encode({"AutoSelectCertificateForUrls": [chosen]}))
    apart = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody have a mount namespace of his own")
    script = folder / "chromium"
    bound = f"mount --bind {folder} /etc/chromium"
    script.write_text(
        f'#!/bin/sh\nexec {" ".join(apart)} sh -c \'{bound} && exec {chromium_path()} "$@"\' chromium "$@"\n',
        encoding="ascii",
    )
    script.chmod(0o755)
    return str(script)
