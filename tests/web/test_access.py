"""Access over HTTP: what lists are asked for, and what remains of a thing that is deleted. Its lives the SDK lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatepost.wire.management.codes import Code

if TYPE_CHECKING:
    from tests.web.conftest import Api

EVERYONE: list[dict[str, Any]] = [{"everyone": {}}]


async def create_apps(api: Api) -> dict[str, str]:
    """Create three applications and give the audience of each by its name."""
    found = {}
    for name, domain in (
        ("wiki", "wiki.example.com"),
        ("Wiki archive", "old.example.com"),
        ("shop", "shop.example.org"),
    ):
        body = {"type": "self_hosted", "name": name, "domain": domain}
        result = (await api("POST", "/access/apps", json=body)).json()["result"]
        found[name] = result["aud"]
    return found


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["wiki", "Wiki archive", "shop"]),
        ("?name=WIKI", ["wiki", "Wiki archive"]),
        ("?name=wiki&exact=true", ["wiki"]),
        ("?domain=example.com", ["wiki", "Wiki archive"]),
        ("?domain=example.com&exact=true", []),
        ("?name=wiki&domain=old", ["Wiki archive"]),
        ("?search=shop", ["shop"]),
        ("?search=example.org", ["shop"]),
        ("?aud=AUD", ["shop"]),
        ("?aud=x", []),
        ("?page=2&per_page=2", ["shop"]),
        ("?page=3&per_page=2", []),
    ],
)
async def test_applications_are_found_by_what_they_say(api: Api, query: str, names: list[str]) -> None:
    """A part of the name or the domain, or the whole where it is asked for."""
    audiences = await create_apps(api)
    listed = (await api("GET", "/access/apps" + query.replace("AUD", audiences["shop"]))).json()
    assert names == [item["name"] for item in listed["result"]]


async def test_a_list_says_how_many_were_found(api: Api) -> None:
    """All that fit, not those on the page."""
    await create_apps(api)
    listed = (await api("GET", "/access/apps?name=wiki&per_page=1")).json()
    assert {"count": 1, "page": 1, "per_page": 1, "total_count": 2, "total_pages": 2} == listed["result_info"]


@pytest.mark.parametrize("path", ["/access/apps", "/access/groups", "/access/service_tokens", "/access/users"])
async def test_a_parameter_that_is_given_twice_is_refused(api: Api, path: str) -> None:
    """Which of the two is meant cannot be known."""
    answer = await api("GET", path + "?name=a&name=b")
    assert (400, Code.PARAMETER_INVALID) == (answer.status_code, answer.json()["errors"][0]["code"])


async def test_of_a_thing_that_is_deleted_its_id_remains(api: Api) -> None:
    """And the thing is gone; a service token is shown once more."""
    for path, body in (
        ("/access/groups", {"name": "g", "include": EVERYONE}),
        ("/access/policies", {"name": "p", "decision": "allow", "include": EVERYONE}),
        ("/access/apps", {"type": "self_hosted", "domain": "a.example"}),
    ):
        identifier = (await api("POST", path, json=body)).json()["result"]["id"]
        assert {"id": identifier} == (await api("DELETE", f"{path}/{identifier}")).json()["result"]
        assert 404 == (await api("GET", f"{path}/{identifier}")).status_code


async def test_options_and_exemptions_live_beside_what_clients_write(api: Api) -> None:
    """On routes of their own."""
    policy = (
        await api("POST", "/access/policies", json={"name": "p", "decision": "allow", "include": EVERYONE})
    ).json()["result"]
    path = f"/gatepost/policies/{policy['id']}/options"
    options = {"mode": "report_only", "minimum_evidence": None, "maximum_evidence_age": "5m", "bindings": ["token"]}
    assert options == (await api("PUT", path, json=options)).json()["result"]
    assert options == (await api("GET", path)).json()["result"]
    app = (await api("POST", "/access/apps", json={"type": "self_hosted", "domain": "a.example"})).json()["result"]
    body = {"app_id": app["id"], "user_email": "a@example.com", "reason": "x", "expires_in": "1h"}
    made = (await api("POST", "/gatepost/exemptions", json=body)).json()["result"]
    assert [made] == (await api("GET", "/gatepost/exemptions")).json()["result"]
    ended = (await api("DELETE", f"/gatepost/exemptions/{made['id']}")).json()["result"]
    assert ({"id": made["id"]}, []) == (ended, (await api("GET", "/gatepost/exemptions")).json()["result"])
