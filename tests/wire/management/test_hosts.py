"""Host names have one form in which they are compared, and paths one meaning."""

from __future__ import annotations

import pytest

from gatepost.core.policy import Host
from gatepost.errors import InputError
from gatepost.wire.management.hosts import parse_domain, parse_host


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("app.example.com", Host("app.example.com")),
        ("APP.Example.COM", Host("app.example.com")),
        ("intranet", Host("intranet")),
        ("192.0.2.1", Host("192.0.2.1")),
        ("*.example.com", Host("*.example.com")),
        ("*.corp", Host("*.corp")),
        ("test-*.example.com", Host("test-*.example.com")),
        ("a.*.example.com", Host("a.*.example.com")),
        ("*.example.com/*/admin", Host("*.example.com", "/*/admin")),
        ("example.com/", Host("example.com")),
        ("example.com/A/b/", Host("example.com", "/A/b")),
        ("example.com/a%20b", Host("example.com", "/a%20b")),
        ("Bücher.example", Host("xn--bcher-kva.example")),
        ("xn--bcher-kva.example", Host("xn--bcher-kva.example")),
    ],
)
def test_a_host_is_read_in_its_one_form(text: str, host: Host) -> None:
    """ASCII in lower case; a path keeps its case, and a slash at its end says nothing."""
    assert host == parse_host(text, "/domain")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        ".example.com",
        "example.com.",
        "-a.example.com",
        "a-.example.com",
        "a b.example.com",
        "https://example.com",
        "example.com:8443",
        "user@example.com",
        "example.com?x",
        "example.com#x",
        "*",
        "app.*",
        "example.*",
        "a.example.c*",
        "**.example.com",
        "a*b*.example.com",
        "[2001:db8::1]",
        "a" * 64 + ".example",
        ".".join(["abcdefg"] * 40),
        "\N{RIGHT-TO-LEFT OVERRIDE}.example",
        "example.com//",
        "example.com//a",
        "example.com/a/../b",
        "example.com/./a",
        "example.com/a%2fb",
        "example.com/a%5Cb",
        "example.com/%00",
        "example.com/%2e%2e/a",
        "example.com/%zz",
        "example.com/a*b*",
        "example.com/a\\b",
        "example.com/é",
        "example.com/" + "a" * 1_000,
    ],
)
def test_what_is_no_host_or_has_two_meanings_is_refused(text: str) -> None:
    """With the place."""
    with pytest.raises(InputError) as refused:
        parse_host(text, "/domain")
    assert "/domain" == refused.value.field


def test_a_domain_has_no_wildcard() -> None:
    """And has the same one form."""
    assert "example.com" == parse_domain("Example.com", "/domain")
    with pytest.raises(InputError):
        parse_domain("*.example.com", "/domain")
