"""A login through a real proxy, with the real agent listening: each redirect followed by hand. Chromium is in the journeys."""

from __future__ import annotations

import html
import http.client
import re
import ssl
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tests.enforcement.edge import HOST

if TYPE_CHECKING:
    from tests.enforcement.edge import Edge, Heard

NAVIGATION: Final = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
_TARGET: Final = "/a/b?c=1&d=%20"


class Window:
    """A browser's window, with the cookies of the application and of the login host."""

    def __init__(self, edge: Edge) -> None:
        """Begin without any."""
        self._edge = edge
        self.cookies: dict[str, str] = {}
        self._login_host: dict[str, str] = {}

    def get(self, target: str, *more: str) -> Heard:
        """Ask the application for something, and keep its cookies of ours; ``more`` are others."""
        kept = [*(f"{name}={value}" for name, value in self.cookies.items()), *more]
        lines = [f"Cookie: {'; '.join(kept)}"] if kept else []
        heard = self._edge.get(None, *lines, target=target, host=_host(self._edge))
        _keep(self.cookies, re.findall(r"(?im)^set-cookie: (.*?)\r?$", heard.text))
        return heard

    def elsewhere(self, url: str) -> str:
        """Go to the login host or the agent, and return where that leads."""
        parts = urlsplit(url)
        kept = "; ".join(f"{name}={value}" for name, value in self._login_host.items())
        connection = _connect(parts.scheme, parts.netloc, self._edge)
        connection.request("GET", f"{parts.path}?{parts.query}", headers={**NAVIGATION, "Cookie": kept})
        answer = connection.getresponse()
        body = answer.read().decode()
        _keep(self._login_host, answer.headers.get_all("Set-Cookie") or [])
        connection.close()
        assert 303 == answer.status, (url, answer.status, body)
        return answer.headers["Location"]

    def log_in(self, target: str) -> str:
        """Follow the page that asks for a login to its end; return where that leads."""
        url = location(self.get(target_of(self.get(target))))
        while urlsplit(url).netloc != _host(self._edge):
            url = self.elsewhere(url)
        parts = urlsplit(url)
        return location(self.get(f"{parts.path}?{parts.query}"))


def _connect(scheme: str, netloc: str, edge: Edge) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(netloc, timeout=10)
    context = ssl.create_default_context(cafile=edge.server.trust)
    return http.client.HTTPSConnection(netloc, timeout=10, context=context)


def _host(edge: Edge) -> str:
    return f"{HOST}:{edge.port}"


def _keep(jar: dict[str, str], told: list[str]) -> None:
    for line in told:
        name, _, value = line.partition(";")[0].partition("=")
        jar.pop(name, None)
        if "Max-Age=0" not in line:
            jar[name] = value


def location(heard: Heard) -> str:
    """Give where an answer leads."""
    assert 303 == heard.status, heard.text
    (found,) = re.findall(r"(?im)^location: (.*?)\r?$", heard.text)
    return str(found)


def target_of(heard: Heard) -> str:
    """Give where a refusal's page goes on to."""
    assert 403 == heard.status, heard.text
    (found,) = re.findall(r'content="0;url=(.*?)"', heard.text)
    return html.unescape(found)


def run_login(edge: Edge) -> None:
    """Log in, and see what reaches the application and what does not."""
    window = Window(edge)
    before = len(edge.application.reached)
    with edge.agent.running():
        assert _TARGET == window.log_in(_TARGET)
    assert before == len(edge.application.reached)
    assert 200 == window.get(_TARGET, "theme=dark").status
    reached = edge.application.reached[-1]
    assert [["theme=dark"], ["agent"], ["possession"]] == [
        reached.named(name) for name in ("Cookie", "X-Gatepost-Binding", "X-Gatepost-Evidence")
    ]
    assert _TARGET in reached.line
    assert 200 == window.get("/").status
    reached = edge.application.reached[-1]
    assert [] == [value for value in reached.named("Cookie") if value]
    # Nobody is told what was not said: neither our cookies, nor how a proxy writes a value that there is not.
    assert [] == [pair for pair in reached.headers if "__Host-gatepost" in pair[1] or "{http." in pair[1]]
    assert 200 == edge.get(edge.device, "Cookie: theme=dark").status
    assert ["theme=dark"] == edge.application.reached[-1].named("Cookie")
    assert 403 == Window(edge).get("/").status
    identity = edge.get(edge.device, target="/cdn-cgi/access/get-identity")
    assert (200, True) == (identity.status, '"devicePosture":{"' in identity.text)
    assert (200, True) == (
        (mine := window.get("/cdn-cgi/access/get-identity")).status,
        '"devicePosture":{"' in mine.text,
    )
    assert 403 == edge.get(target="/cdn-cgi/access/get-identity").status
    # What lies there is Gatepost's own, whoever asks.
    before = len(edge.application.reached)
    for target in ("/cdn-cgi/access/", "/cdn-cgi/access/other", "/cdn-cgi/access/callback?code=e30.AAAA"):
        assert edge.get(edge.device, target=target).status in {403, 404}, target
    assert before == len(edge.application.reached)


def run_program(edge: Edge) -> None:
    """Let a program in by the device's token: once for each proof, for what that is for, and hidden from the application."""
    target = "/api?x=1"
    with edge.agent.running():
        url = f"https://{_host(edge)}{target}"
        given = [edge.agent.run("token", "--url", url) for _ in range(2)]
    assert [0, 0] == [ended.code for ended in given], given[0].stderr
    first, second = [ended.stdout.splitlines() for ended in given]
    host = _host(edge)
    assert 200 == edge.get(None, *first, target=target, host=host).status
    reached = edge.application.reached[-1]
    assert [["token"], [], []] == [
        [value for value in reached.named(name) if value]
        for name in ("X-Gatepost-Binding", "Gatepost-Token", "Gatepost-DPoP")
    ]
    before = len(edge.application.reached)
    for lines, elsewhere in ((first, target), (second, "/other"), ([second[0]], target), ([second[1]], target)):
        assert 403 == edge.get(None, *lines, target=elsewhere, host=host).status
    head = [f"POST {target} HTTP/1.1", f"Host: {host}", "Connection: close", "Content-Length: 0", *second]
    assert 403 == edge.send("".join(f"{line}\r\n" for line in head).encode() + b"\r\n").status
    assert before == len(edge.application.reached)
    assert 200 == edge.get(None, *second, target=target, host=host).status
