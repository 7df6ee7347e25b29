"""``gatepost proxy-config``: what it refuses, and what its files have; the files themselves are tried in tests/enforcement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.cli.commands import gatepost, refused

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "gpx_" + "A" * 43
KINDS = ("nginx", "envoy", "caddy", "haproxy")


@pytest.fixture
def words(tmp_path: Path) -> dict[str, str]:
    """Give options that are right."""
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n", encoding="ascii")
    return {
        "--app": "Wiki.example.com",
        "--upstream": "http://127.0.0.1:9000",
        "--server": "https://gatepost.example.com",
        "--token-file": str(token),
        "--tls-cert": "/etc/ssl/wiki.pem",
        "--tls-key": "/etc/ssl/wiki.pem.key",
    }


def as_words(options: dict[str, str]) -> list[str]:
    """Give options as they are typed."""
    return [word for pair in options.items() for word in pair]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_has_the_application_the_token_and_the_server(kind: str, words: dict[str, str]) -> None:
    """The host in the form in which hosts are compared, and TLS verified to a server elsewhere."""
    printed = gatepost("proxy-config", kind, *as_words(words), "--server-ca", "/etc/ssl/gatepost-ca.pem")
    assert (0, "") == (printed.code, printed.stderr)
    for part in ("wiki.example.com", TOKEN, "gatepost.example.com", "/etc/ssl/gatepost-ca.pem", "/etc/ssl/wiki.pem"):
        assert part in printed.stdout, part
    assert "Wiki" not in printed.stdout


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("nginx", "proxy_ssl_verify on;"),
        ("haproxy", "verify required"),
        ("envoy", "trusted_ca"),
        ("caddy", "https://wiki.internal"),
    ],
)
def test_an_application_over_tls_is_verified_too(kind: str, word: str, words: dict[str, str]) -> None:
    """By the system's authorities; Caddy does so by itself."""
    printed = gatepost(
        "proxy-config",
        kind,
        *as_words(words | {"--server": "http://127.0.0.1:8640"}),
        "--upstream",
        "https://wiki.internal",
    )
    assert 0 == printed.code
    assert word in printed.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_it_listens_where_it_is_told(kind: str, words: dict[str, str]) -> None:
    """At every address and port 443 where nothing is said."""
    told = gatepost("proxy-config", kind, *as_words(words), "--listen", "[::1]:8443").stdout
    assert "::1" in told
    assert "8443" in told
    assert "443" in gatepost("proxy-config", kind, *as_words(words)).stdout


def test_envoys_file_is_json(words: dict[str, str]) -> None:
    """Which is YAML."""
    document = msgspec.json.decode(gatepost("proxy-config", "envoy", *as_words(words)).stdout)
    assert ["applications"] == [item["name"] for item in document["static_resources"]["listeners"]]


@pytest.mark.parametrize("kind", ["nginx", "caddy"])
def test_the_refusing_server_can_be_left_to_another_file(kind: str, words: dict[str, str]) -> None:
    """One for each port is enough, and nginx takes no second one."""
    whole = gatepost("proxy-config", kind, *as_words(words)).stdout
    without = gatepost("proxy-config", kind, *as_words(words), "--without-default").stdout
    assert "421" in whole
    assert "421" not in without


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--app", "*.example.com"),
        ("--app", "wiki.example.com;"),
        ("--app", ""),
        ("--upstream", "127.0.0.1:9000"),
        ("--upstream", "ftp://127.0.0.1"),
        ("--upstream", "http://127.0.0.1:99999"),
        ("--upstream", "http://user@127.0.0.1"),
        ("--upstream", "http://127.0.0.1/path"),
        ("--upstream", "http://a b"),
        ("--upstream", "http://[::zz]"),
        ("--server", "http://gatepost.example.com"),
        ("--server", "http://192.0.2.1:8640"),
        ("--listen", "8443;"),
        ("--listen", "0"),
        ("--listen", "70000"),
        ("--listen", "host:443"),
        ("--listen", "::1:443"),
        ("--listen", "[127.0.0.1]:443"),
        ("--tls-cert", "wiki.pem"),
        ("--tls-cert", "/etc/a b.pem"),
        ("--tls-cert", "/etc/a;.pem"),
        ("--tls-key", '/etc/"'),
        ("--server-ca", "/etc/a\nb"),
        ("--token-file", "/nowhere/token"),
        ("--token-file", "/dev/null"),
    ],
)
@pytest.mark.parametrize("kind", ["nginx"])
def test_what_could_mean_something_else_in_a_file_is_refused(
    kind: str, words: dict[str, str], flag: str, value: str
) -> None:
    """The words name the flag."""
    assert flag in refused("proxy-config", kind, *as_words(words | {flag: value}))


@pytest.mark.parametrize("flag", ["--app", "--upstream", "--tls-cert", "--tls-key", "--token-file"])
def test_what_is_missing_is_named(words: dict[str, str], flag: str) -> None:
    """One after the other."""
    assert flag in refused("proxy-config", "nginx", *as_words({k: v for k, v in words.items() if k != flag}))


def test_haproxy_finds_a_key_beside_the_certificate_alone(words: dict[str, str]) -> None:
    """So another place is refused, in words."""
    assert "HAProxy looks for no other" in refused(
        "proxy-config", "haproxy", *as_words(words | {"--tls-key": "/etc/ssl/wiki.key"})
    )
    assert 0 == gatepost("proxy-config", "haproxy", *as_words(words | {"--tls-key": "/etc/ssl/wiki.pem"})).code


def test_the_action_for_haproxy_needs_no_options_and_holds_no_secret() -> None:
    """It is the same everywhere."""
    printed = gatepost("proxy-config", "haproxy-lua")
    assert (0, True) == (printed.code, 'core.register_action("gatepost"' in printed.stdout)
    assert "gpx_" not in printed.stdout
