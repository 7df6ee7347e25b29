"""The routes that Gatepost adds, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gatepost.wire.management.codes import Code
from tests.certificates import CertificateAuthority
from tests.services import rule_of
from tests.storage import samples

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from tests.web.conftest import Api

ABSENT = "00000000-0000-4000-8000-000000000000"


async def rule(api: Api, **changes: object) -> tuple[str, dict[str, Any]]:
    """Create a rule on a root of its own; give its id and what was written."""
    upload = {"ca": True, "certificates": CertificateAuthority.create().pem.decode()}
    certificate_id = (await api("POST", "/mtls_certificates", json=upload)).json()["result"]["id"]
    written = rule_of(certificate_id, **changes)
    made = (await api("POST", "/devices/posture", json=written)).json()["result"]
    return made["id"], written


async def test_options_are_replaced_as_a_whole_and_outlive_the_rules_replacement(api: Api) -> None:
    """A client of the reference neither sees nor wipes them."""
    rule_id, written = await rule(api)
    path = f"/gatepost/checks/{rule_id}/options"
    default: dict[str, Any] = {
        "evidence": None,
        "shared": "allow",
        "hardware_policies": [],
        "message": "",
        "on_change": "keep",
    }
    assert default == (await api("GET", path)).json()["result"]
    options = {"evidence": "key_present", "shared": "deny", "message": "Call the help desk."}
    assert default | options == (await api("PUT", path, json=options)).json()["result"]
    replaced = (await api("PUT", f"/devices/posture/{rule_id}", json=written)).json()["result"]
    assert {"id": rule_id, **written} == replaced
    assert default | options == (await api("GET", path)).json()["result"]
    assert default | {"message": "x"} == (await api("PUT", path, json={"message": "x"})).json()["result"]


@pytest.mark.parametrize(
    ("options", "pointer", "words"),
    [
        ({"evidence": "posession"}, "/evidence", "did you mean possession?"),
        ({"evidence": "possession"}, "/evidence", "cannot be reached on mac yet"),
        ({"evidence": "hardware"}, "/hardware_policies", "is empty"),
        ({"shared": "maybe"}, "/shared", "allowed are allow, deny"),
        ({"hardware_policies": ["1.2.x"]}, "/hardware_policies/0", "dotted object identifier"),
        ({"evidense": "reported"}, "/evidense", "did you mean evidence?"),
    ],
)
async def test_a_bad_option_is_refused_with_its_pointer(
    api: Api, options: dict[str, Any], pointer: str, words: str
) -> None:
    """And what stood before still stands."""
    rule_id, _ = await rule(api, operating_system="mac")
    path = f"/gatepost/checks/{rule_id}/options"
    before = (await api("GET", path)).json()["result"]
    answer = await api("PUT", path, json=options)
    error = answer.json()["errors"][0]
    assert (400, {"pointer": pointer}) == (answer.status_code, error["source"])
    assert words in error["message"]
    assert before == (await api("GET", path)).json()["result"]


async def test_the_effective_check_is_shown(api: Api) -> None:
    """With every default filled in."""
    rule_id, _ = await rule(api)
    found = (await api("GET", f"/gatepost/checks/{rule_id}/effective")).json()["result"]
    assert ("possession", "5m", "11m") == (found["evidence"], found["schedule"], found["expiration"])
    assert {"trust_stores": ["system"], "paths": []} == found["locations"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gatepost/checks/{}/options"),
        ("PUT", "/gatepost/checks/{}/options"),
        ("GET", "/gatepost/checks/{}/effective"),
        ("DELETE", "/gatepost/tokens/{}"),
    ],
)
async def test_what_is_not_there_is_not_found(api: Api, method: str, path: str) -> None:
    """In the envelope."""
    answer = await api(method, path.format(ABSENT), json={})
    assert (404, Code.NOT_FOUND) == (answer.status_code, answer.json()["errors"][0]["code"])


async def test_a_token_is_made_listed_and_revoked(api: Api) -> None:
    """Its text is in the first answer alone."""
    body = {"kind": "enrollment", "name": "laptops", "uses": 5, "expires_in": "24h"}
    made = (await api("POST", "/gatepost/tokens", json=body)).json()["result"]
    text = made.pop("token")
    assert text.startswith("gpe_")
    assert ("laptops", 5, "2026-06-02T00:00:00Z") == (made["name"], made["uses_left"], made["expires_at"])
    listed = await api("GET", "/gatepost/tokens?kind=enrollment")
    assert [made] == listed.json()["result"]
    assert {"id": made["id"]} == (await api("DELETE", f"/gatepost/tokens/{made['id']}")).json()["result"]
    assert (
        "2026-06-01T00:00:00Z"
        == (await api("GET", "/gatepost/tokens?kind=enrollment")).json()["result"][0]["revoked_at"]
    )
    assert text not in (await api("GET", "/gatepost/tokens")).text


async def test_a_new_administrators_token_opens_the_api(api: Api) -> None:
    """And a revoked one no longer."""
    made = (await api("POST", "/gatepost/tokens", json={"kind": "administrator"})).json()["result"]
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert 200 == (await api("GET", "/devices/posture", headers=headers)).status_code
    await api("DELETE", f"/gatepost/tokens/{made['id']}")
    assert 401 == (await api("GET", "/devices/posture", headers=headers)).status_code


async def test_results_and_log_are_read_by_cursor(api: Api, services: Services) -> None:
    """Until the cursor is empty."""
    with services.storage.writing() as records:
        account = records.accounts.all()[0].number
        registration = samples.store_registration(records, account)
        for number in (1, 2, 3):
            check = records.checks.add(samples.check(account, number))
            records.results.put(account, samples.stored_result(registration, check))
            records.posture_log.append(account, registration.number, check.number, samples.entry())
    for path, name in (("/gatepost/results", "check"), ("/gatepost/posture-log", "PolicyID")):
        seen: list[Any] = []
        cursor = ""
        while True:
            page = (await api("GET", f"{path}?per_page=2&cursor={cursor}")).json()
            seen.extend(item[name] for item in page["result"])
            cursor = page["result_info"]["cursor"]
            if not cursor:
                break
        assert 3 == len(seen) == len({str(item) for item in seen}), path


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("per_page=0", "per_page"),
        ("per_page=1001", "per_page"),
        ("per_page=x", "per_page is a text; expected a whole number"),
        ("cursor=x", "cursor"),
        ("cursor=-1", "cursor"),
        ("cursor=" + "9" * 30, "cursor"),
    ],
)
@pytest.mark.parametrize("path", ["/gatepost/results", "/gatepost/posture-log"])
async def test_a_bad_parameter_is_named(api: Api, path: str, query: str, words: str) -> None:
    """With what it may be."""
    answer = await api("GET", f"{path}?{query}")
    error = answer.json()["errors"][0]
    assert (400, Code.PARAMETER_INVALID) == (answer.status_code, error["code"])
    assert words in error["message"]


async def test_a_bad_kind_of_token_is_named_with_those_there_are(api: Api) -> None:
    """And the nearest."""
    answer = await api("GET", "/gatepost/tokens?kind=enrolment")
    assert "did you mean enrollment?" in answer.json()["errors"][0]["message"]
