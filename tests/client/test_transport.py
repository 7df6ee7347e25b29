"""The device's half of the wire: to whom it speaks, to whom it does not, and what it takes for an answer."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import ssl
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.client.transport import Server, check_server_url
from gatepost.errors import CertificateWantedError, InputError, ReportRefusedError, ServerRefusedError, TransportError
from gatepost.wire.device import Acknowledgement, Called
from tests.certificates import DAY, NOW, CertificateAuthority, dns
from tests.client.peer import Peer, answer, tls_context
from tests.wire.documents import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AUTHORITY = CertificateAuthority.create(cn="Server CA")
ACKNOWLEDGED = msgspec.json.encode(ANSWERS["acknowledgement"])
VERDICT = msgspec.json.decode(ACKNOWLEDGED)["verdicts"][0]
SECRET = b"a-report-that-nobody-else-may-see"


def report_to(url: str, authorities: str | None = None) -> Acknowledgement:
    """Hand in a report."""
    with Server(url, authorities) as server:
        return server.report(SECRET)


def failure(url: str, authorities: str | None = None) -> TransportError:
    """Hand in a report that must not arrive, or not be answered; return why."""
    with pytest.raises(TransportError) as error:
        report_to(url, authorities)
    assert url in error.value.url
    return error.value


# To whom it speaks.


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("https://gatepost.example", "https://gatepost.example"),
        ("https://gatepost.example/", "https://gatepost.example"),
        ("HTTPS://Gatepost.Example:443/", "https://gatepost.example"),
        ("https://gatepost.example:8640", "https://gatepost.example:8640"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://[2001:DB8::1]:443", "https://[2001:db8::1]"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://127.0.0.1:8640", "http://127.0.0.1:8640"),
        ("http://127.0.0.9", "http://127.0.0.9"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://localhost:1/", "http://localhost:1"),
    ],
)
def test_an_address_has_one_form(given: str, form: str) -> None:
    """It is part of what devices sign, so that two ways to write it must not be two audiences."""
    assert form == check_server_url(given, "--server")
    assert form == check_server_url(form, "--server")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "gatepost.example",
        "//gatepost.example",
        "ftp://gatepost.example",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://gatepost.example/path",
        "https://gatepost.example//",
        "https://gatepost.example?",
        "https://gatepost.example?x=1",
        "https://gatepost.example#",
        "https://user@gatepost.example",
        "https://:secret@gatepost.example",
        "https://user:secret@gatepost.example",
        "https://gatepost.example:",
        "https://gatepost.example:port",
        "https://gatepost.example:99999",
        "https://gatepost.example:-1",
        "https://gatepost.example:08443",
        "https://[::1",
        "https://::1",
        "https://gatepost.example\n",
        " https://gatepost.example",
        "https://gatepost .example",
        "https://gatepost.example\\@other.example",
        "https://bücher.example",
        "https://gatepost.example\0",
        "http://gatepost.example",
        "http://10.0.0.1",
        "http://127.1",
        "http://0.0.0.0",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "http://[::ffff:192.0.2.1]",
    ],
)
def test_an_address_is_refused_when_it_is_none_or_not_safe(given: str) -> None:
    """With the flag's name, and what would be right."""
    with pytest.raises(InputError) as refused:
        Server(given)
    assert "--server" == refused.value.field
    assert "https://HOST" in refused.value.allowed


def test_a_server_is_believed_when_its_ca_was_given(tmp_path: Path) -> None:
    """The honest twin of those that follow."""
    with Peer(answer(ACKNOWLEDGED), tls_context(tmp_path, AUTHORITY)) as peer:
        assert ANSWERS["acknowledgement"] == report_to(peer.url, AUTHORITY.pem.decode())
        assert peer.requests[0].endswith(SECRET)


def another_ca(_folder: Path) -> tuple[ssl.SSLContext, str]:
    """Trust one CA, meet another's certificate."""
    return tls_context(_folder, CertificateAuthority.create(cn="Server CA")), AUTHORITY.pem.decode()


def another_name(folder: Path) -> tuple[ssl.SSLContext, str]:
    """Meet a certificate of another host."""
    return tls_context(folder, AUTHORITY, sans=[dns("other.example")]), AUTHORITY.pem.decode()


def expired(folder: Path) -> tuple[ssl.SSLContext, str]:
    """Meet a certificate that has ended."""
    context = tls_context(folder, AUTHORITY, not_before=NOW - 900 * DAY, not_after=NOW - 500 * DAY)
    return context, AUTHORITY.pem.decode()


def too_old_tls(folder: Path) -> tuple[ssl.SSLContext, str]:
    """Meet a server that speaks TLS 1.1 at best."""
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context = tls_context(folder, AUTHORITY, ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context, AUTHORITY.pem.decode()


@pytest.mark.parametrize("meet", [another_ca, another_name, expired, too_old_tls])
def test_no_report_leaves_when_the_server_is_not_the_right_one(
    tmp_path: Path, meet: Callable[[Path], tuple[ssl.SSLContext, str]]
) -> None:
    """The connection ends before a byte of the report is sent."""
    context, authorities = meet(tmp_path)
    with Peer(answer(ACKNOWLEDGED), context) as peer:
        assert "cannot be reached" in failure(peer.url, authorities).detail
        assert [] == peer.requests
        assert 0 < peer.connections


def test_no_report_leaves_when_the_system_does_not_know_the_servers_ca(tmp_path: Path) -> None:
    """A self-signed server, or a man in the middle."""
    with Peer(answer(ACKNOWLEDGED), tls_context(tmp_path, AUTHORITY)) as peer:
        assert "certificate" in failure(peer.url).detail
        assert [] == peer.requests


@pytest.mark.parametrize("authorities", ["", "\n", "junk", "-----BEGIN CERTIFICATE-----", "\ufffd", "ä"])
def test_authorities_that_are_none_are_refused(authorities: str) -> None:
    """An empty file must not stand for the system's authorities."""
    with pytest.raises(InputError) as refused:
        Server("https://gatepost.example", authorities)
    assert "--server-ca" == refused.value.field


def test_nothing_is_taken_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a proxy, nor a file for the connection's keys, nor a password from ~/.netrc."""
    keys = tmp_path / "keys.log"
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login user password secret\n", encoding="ascii")
    (tmp_path / ".netrc").chmod(0o600)
    with Peer(answer(b"")) as proxy, Peer(answer(ACKNOWLEDGED), tls_context(tmp_path, AUTHORITY)) as peer:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        report_to(peer.url, AUTHORITY.pem.decode())
        assert 0 == proxy.connections
        assert b"authorization" not in peer.requests[0].lower()
    assert not keys.exists()


def test_nobody_there_is_said() -> None:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "cannot be reached" in failure(f"http://127.0.0.1:{port}").detail


# What it takes for an answer.


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"]
)
def test_a_redirect_is_not_followed(status: str) -> None:
    """Neither to another host nor within this one, and its body is no answer."""
    with Peer(answer(ACKNOWLEDGED)) as other:
        with Peer(answer(ACKNOWLEDGED, status, f"Location: {other.url}/device/v1/report\r\n")) as peer:
            assert status[:3] in failure(peer.url).detail
        assert 0 == other.connections


def test_a_giant_answer_is_not_read_to_its_end() -> None:
    """Four MiB are enough; the rest is left where it is."""
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while sent < 1 << 30:
            connection.sendall(b"x" * 65_536)
            sent += 65_536

    with Peer(endless) as peer:
        assert "more than" in failure(peer.url).detail
    assert sent < 1 << 26


def test_a_compressed_answer_is_not_unpacked() -> None:
    """A thousandth of the bytes would be enough to fill the memory."""
    packed = gzip.compress(ACKNOWLEDGED)
    with Peer(answer(packed, headers="Content-Encoding: gzip\r\n")) as peer:
        assert "not ours" in failure(peer.url).detail
        assert b"accept-encoding: identity" in peer.requests[0].lower()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"<html>", b"\xff", b'{"acknowledged":1}', ACKNOWLEDGED.replace(b'"fail"', b'"sure"')],
)
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "502 Bad Gateway", "204 No Content"])
def test_an_answer_that_is_not_ours_is_said(status: str, body: bytes) -> None:
    """A proxy's page, a captive portal's, half a document."""
    with Peer(answer(body, status)) as peer:
        assert "not ours" in failure(peer.url).detail


def test_an_answer_that_breaks_off_is_said() -> None:
    """Fewer bytes than were announced."""
    with Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{") as peer:
        assert "cannot be reached" in failure(peer.url).detail


def refused(body: dict[str, object], status: str) -> ReportRefusedError | ServerRefusedError:
    """Hand in a report to a server that says no in our form; return the refusal."""
    with Peer(answer(msgspec.json.encode(body), status)) as peer:
        with pytest.raises((ReportRefusedError, ServerRefusedError)) as error:
            report_to(peer.url)
        assert isinstance(error.value, ReportRefusedError | ServerRefusedError)
        return error.value


@pytest.mark.parametrize("status", ["200 OK", "409 Conflict", "500 Internal Server Error"])
def test_an_answer_that_is_nested_without_end_is_not_ours(status: str) -> None:
    """It is refused like any other, and does not end the agent."""
    with Peer(answer(b'{"x":' + b"[" * 100_000, status)) as peer:
        assert "not ours" in failure(peer.url).detail


@pytest.mark.parametrize(
    "change",
    [
        {"next_in": 0},
        {"next_in": -1},
        {"next_in": 10**400},
        {"verdicts": [{**VERDICT, "ends_at": 10**300}]},
        {"verdicts": [{**VERDICT, "ends_at": 253402300800000}]},
    ],
)
def test_an_acknowledgement_is_not_ours_when_its_times_are_none(change: dict[str, object]) -> None:
    """A report due at once would make the agent report without a pause; a number without end would end it."""
    document = msgspec.json.decode(ACKNOWLEDGED) | change
    with Peer(answer(json.dumps(document).encode())) as peer:
        assert "not ours" in failure(peer.url).detail


@pytest.mark.parametrize("again_in", [-1, 10**30])
def test_a_call_is_not_ours_when_its_pause_is_none(again_in: int) -> None:
    """A thread cannot wait for so long, nor for less than nothing."""
    body = json.dumps({"report_now": False, "again_in": again_in}).encode()
    with Peer(answer(body)) as peer, Server(peer.url) as server, pytest.raises(TransportError, match="not ours"):
        server.wait(b"x")


def test_a_reason_of_the_closed_list_refuses_the_report() -> None:
    """With the fresh nonce that comes along."""
    nonce = base64.b64encode(bytes(range(40))).decode()
    error = refused({"reason": "nonce-expired", "detail": "too old", "nonce": nonce}, "409 Conflict")
    assert isinstance(error, ReportRefusedError)
    assert ("nonce-expired", "too old", bytes(range(40))) == (error.reason, error.detail, error.nonce)


@pytest.mark.parametrize("length", [0, 1, 39, 41, 4_000])
def test_a_nonce_of_another_length_is_none(length: int) -> None:
    """It could not stand in a statement."""
    nonce = base64.b64encode(bytes(length)).decode()
    error = refused({"reason": "nonce-expired", "detail": "too old", "nonce": nonce}, "409 Conflict")
    assert isinstance(error, ReportRefusedError)
    assert b"" == error.nonce


def test_a_certificate_that_the_server_lacks_has_an_error_of_its_own() -> None:
    """So that the agent sends it."""
    error = refused({"reason": "certificate-not-shown", "detail": "aa11"}, "409 Conflict")
    assert isinstance(error, CertificateWantedError)
    assert (409, "certificate-not-shown: aa11") == (error.status, error.message)


def test_another_word_is_the_servers_own_refusal() -> None:
    """With its status, so that the command can tell whose fault it was."""
    error = refused({"reason": "overloaded", "detail": "too many"}, "503 Service Unavailable")
    assert isinstance(error, ServerRefusedError)
    assert (503, "overloaded: too many") == (error.status, error.message)


def test_each_call_goes_to_its_own_path_with_what_belongs_to_it() -> None:
    """The token stands in the header of the enrolment alone."""
    bodies = {name: msgspec.json.encode(document) for name, document in ANSWERS.items()}
    with Peer(answer(bodies["enrolled"])) as peer, Server(peer.url) as server:
        assert ANSWERS["enrolled"] == server.enroll("gpe_token", b"one")
        assert peer.requests[0].startswith(b"POST /device/v1/enroll ")
        assert b"\r\nauthorization: bearer gpe_token\r\n" in peer.requests[0].lower()
    with Peer(answer(bodies["synced"])) as peer, Server(peer.url) as server:
        assert ANSWERS["synced"] == server.synchronise(b"two")
        assert peer.requests[0].startswith(b"POST /device/v1/sync ")
        assert b"authorization" not in peer.requests[0].lower()
    with Peer(answer(bodies["called"])) as peer, Server(peer.url) as server:
        assert Called(report_now=True, again_in=30) == server.wait(b"three")
        assert peer.requests[0].startswith(b"POST /device/v1/wait ")


@pytest.mark.parametrize(
    ("headers", "year"),
    [
        ("Date: Mon, 01 Jun 2026 00:00:00 GMT\r\n", 2026),
        ("Date: soon\r\n", None),
        ("Date: Mon, 01 Jan 99999999999 00:00:00 GMT\r\n", None),
        ("Date: Mon, 01 Jan 2024 00:00:00 +9999999999999\r\n", None),
        ("", None),
    ],
)
def test_a_sign_of_life_tells_the_servers_time_when_it_says_it(headers: str, year: int | None) -> None:
    """Whatever the status; the content is not looked at."""
    with Peer(answer(b"", "405 Method Not Allowed", headers)) as peer, Server(peer.url) as server:
        time = server.probe()
    assert year == (time.year if time else None)


def test_no_sign_of_life_is_said() -> None:
    """As any other call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Server(f"http://127.0.0.1:{port}") as server, pytest.raises(TransportError, match="cannot be reached"):
        server.probe()


def test_a_name_in_the_environment_changes_no_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --server-ca, only those authorities count, whatever SSL_CERT_FILE says."""
    stranger = CertificateAuthority.create(cn="Stranger")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(stranger.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert os.environ["SSL_CERT_FILE"] == str(bundle)
    with Peer(answer(ACKNOWLEDGED), tls_context(tmp_path, stranger)) as peer:
        failure(peer.url, AUTHORITY.pem.decode())
        assert [] == peer.requests
