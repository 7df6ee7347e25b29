"""Places: which application a host and a target belong to, and what could be read in two ways."""

from __future__ import annotations

import re
from posixpath import normpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.controlplane.access.places import Directory
from gatepost.core.policy import Application
from gatepost.wire.management.hosts import parse_host


def app(name: str, *hosts: str) -> Application:
    """Give an application."""
    return Application(id=name, name=name, audience="", hosts=tuple(parse_host(host, "") for host in hosts))


ESCAPES = ("%2f", "%2F", "%5c", "%2e", "%61", "%61dmin", "%3f", "%23", "%00", "%25", "%2561dmin", "%3b", "%zz", "%")

APPS = (
    app("wiki", "wiki.example.com", "wiki.example.org"),
    app("admin", "wiki.example.com/admin"),
    app("users", "wiki.example.com/admin/users/*/edit"),
    app("all", "*.example.com"),
    app("numbered", "host-*.example.net"),
    app("umlaut", "bücher.example"),
)


@pytest.mark.parametrize(
    ("host", "target", "name"),
    [
        ("wiki.example.com", "/", "wiki"),
        ("WIKI.example.com", "/x?y=/admin", "wiki"),
        ("wiki.example.com:443", "/", "wiki"),
        ("wiki.example.com.", "/", "wiki"),
        ("wiki.example.org", "/admin", "wiki"),
        ("wiki.example.com", "/admin", "admin"),
        ("wiki.example.com", "/admin/", "admin"),
        ("wiki.example.com", "/admin/x", "admin"),
        ("wiki.example.com", "/administrator", "wiki"),
        ("wiki.example.com", "/Admin", "wiki"),
        ("wiki.example.com", "/admin/users/7/edit", "users"),
        ("wiki.example.com", "/admin/users/7/edit/more", "users"),
        ("wiki.example.com", "/admin/users/7", "admin"),
        ("other.example.com", "/admin", "all"),
        ("a.b.example.com", "/", "all"),
        ("host-1.example.net", "/", "numbered"),
        ("bücher.example", "/", "umlaut"),
        ("xn--bcher-kva.example", "/", "umlaut"),
    ],
)
def test_the_most_specific_host_and_then_the_longest_path_decide(host: str, target: str, name: str) -> None:
    """Wildcards come after names, and a path covers what lies below it and nothing beside it."""
    found = Directory(APPS).find(host, target)
    assert name == (found and found.id)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "example.com",
        "wiki.example.com.evil.example",
        "evil-wiki.example.org",
        "wiki.example.com:x",
        "wiki.example.com:443:443",
        "wiki.example.com..",
        "*.example.com",
        "wiki.example.com/admin",
        "user@wiki.example.com",
        "[::1]",
        "wiki.example.com\x00",
        "host-1.x.example.net",
        "a" * 300,
    ],
)
def test_another_host_has_no_application(host: str) -> None:
    """However near it comes."""
    assert Directory(APPS).find(host, "/") is None


@pytest.mark.parametrize(
    "target",
    [
        "/%2fadmin",
        "/x/%2e%2e/admin",
        "/x/../admin",
        "/x/./admin",
        "/..",
        "//admin",
        "/x//admin",
        "/admin%00",
        "/x\\admin",
        "/x%5cadmin",
        "/x%5Cadmin",
        "/admin;x",
        "/%61dmin",
        "/%41dmin",
        "/adm%69n/x",
        "/%2561dmin",
        "/admin%3fx",
        "/admin%23x",
        "/x#/admin",
        "/x%2",
        "/x%zz",
        "/;/admin",
        "/..;/admin",
        "http://wiki.example.com/",
        "*",
        "",
        "/" + "x" * 9_000,
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_nobodys(target: str) -> None:
    """Where an application has a part of the host alone; a proxy and an application may differ in what they make of it."""
    assert Directory(APPS).find("wiki.example.com", target) is None


def test_where_no_path_matters_none_is_refused() -> None:
    """The application has the whole host."""
    whole = Directory(APPS).find("wiki.example.org", "/x/../%2f")
    assert whole is not None


def readings(target: str) -> list[str]:
    """Give what servers of different habits would make of a target: with escapes resolved before or after the query is cut off."""
    path = target.partition("?")[0]
    once, whole = unquote(path), unquote(target).partition("?")[0]
    read = [path, once, unquote(once), whole, once.partition("#")[0]]
    return [normpath("/" + item.replace("\\", "/").replace("\0", "").lstrip("/")) for item in read] + [
        normpath(re.sub(";[^/]*", "", item)) for item in read
    ]


@given(target=st.lists(st.sampled_from(["/", "admin", "x", ".", "..", ";", "?", "#", "\\", *ESCAPES])).map("".join))
def test_no_spelling_of_a_path_leads_past_the_application_that_has_it(target: str) -> None:
    """What any server would resolve to a place below /admin is that application's, or nobody's."""
    found = Directory(APPS).find("wiki.example.com", f"/{target}")
    if any(f"{path}/".startswith("/admin/") for path in readings(f"/{target}")):
        assert found is None or found.id in {"admin", "users"}
