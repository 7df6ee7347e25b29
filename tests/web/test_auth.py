"""Who is let in, before anything else of a request is looked at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import httpx2
import pytest
from litestar import Litestar, Router, get

from gatepost.controlplane.administration.accounts import create_account
from gatepost.controlplane.administration.tokens import create_token
from gatepost.web.app import create_app
from gatepost.web.auth import admit
from gatepost.web.errors import answer_error
from gatepost.web.limits import LimitSettings, Rate
from gatepost.web.strict import StrictRequest
from gatepost.wire.management.codes import Code
from gatepost.wire.management.scopes import Scope, reaches
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.services import access_of, surround
from tests.web.conftest import Api, no_device
from tests.web.routes import OUTSIDE, PATHS, ROUTES

if TYPE_CHECKING:
    from gatepost.controlplane.administration.accounts import NewAccount
    from gatepost.controlplane.administration.services import Services
    from gatepost.web.front import Application, Front


def test_the_routes_below_are_all_that_there_are(app: Front) -> None:
    """A route that is forgotten here would not be tried without a credential."""
    litestar = app.routes
    assert isinstance(litestar, Litestar)
    found = {
        (method, route.path.removeprefix("/client/v4/accounts/{account_id:str}"))
        for route in litestar.routes
        if route.path.startswith("/client/")
        for method in getattr(route, "methods", ())
        if method != "OPTIONS"
    }
    assert {*PATHS, *OUTSIDE} == {(method, re.sub(r"\{\w+:str\}", "x", path)) for method, path in found}


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_no_route_answers_without_a_credential(
    stranger: httpx2.AsyncClient, created: NewAccount, method: str, path: str
) -> None:
    """Also with a body that is wrong, which is not looked at."""
    url = f"/client/v4/accounts/{created.account_id}{path}"
    answer = await stranger.request(method, url, content=b"{")
    assert (401, Code.NOT_AUTHENTICATED) == (answer.status_code, answer.json()["errors"][0]["code"])
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_no_route_answers_to_anothers_credential(
    stranger: httpx2.AsyncClient, services: Services, created: NewAccount, method: str, path: str
) -> None:
    """Nor tells an account that exists from one that does not."""
    other = create_account(services)
    headers = {"Authorization": f"Bearer {other.token}"}
    answers = [
        await stranger.request(method, f"/client/v4/accounts/{account_id}{path}", content=b"{", headers=headers)
        for account_id in (created.account_id, "0" * 32)
    ]
    assert [403, 403] == [answer.status_code for answer in answers]
    assert answers[0].content == answers[1].content


async def test_both_forms_of_credential_are_taken(stranger: httpx2.AsyncClient, created: NewAccount) -> None:
    """A bearer token, or the owner's e-mail with the same token as key."""
    url = f"/client/v4/accounts/{created.account_id}/devices/posture"
    for headers in (
        {"Authorization": f"Bearer {created.token}"},
        {"Authorization": f"bearer  {created.token} "},
        {"X-Auth-Email": "owner@example.com", "X-Auth-Key": created.token},
    ):
        answer = await stranger.get(url, headers=headers)
        assert 200 == answer.status_code, headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic TOKEN"},
        {"Authorization": "TOKEN"},
        {"Authorization": "Bearer TOKENx"},
        {"Authorization": "Bearer TOKEN, Bearer TOKEN"},
        {"X-Auth-Key": "TOKEN"},
        {"X-Auth-Email": "owner@example.com"},
        {"X-Auth-Email": "other@example.com", "X-Auth-Key": "TOKEN"},
        {"X-Auth-User-Service-Key": "TOKEN"},
    ],
)
async def test_anything_else_is_no_credential(
    stranger: httpx2.AsyncClient, created: NewAccount, headers: dict[str, str]
) -> None:
    """And the token is not in the answer."""
    given = {name: value.replace("TOKEN", created.token) for name, value in headers.items()}
    answer = await stranger.get(f"/client/v4/accounts/{created.account_id}/devices/posture", headers=given)
    assert 401 == answer.status_code
    assert created.token not in answer.text


async def test_two_credentials_of_a_kind_are_none(stranger: httpx2.AsyncClient, created: NewAccount) -> None:
    """Which of them a proxy in between has seen cannot be known."""
    value = f"Bearer {created.token}"
    url = f"/client/v4/accounts/{created.account_id}/devices/posture"
    answer = await stranger.get(url, headers=[("Authorization", value), ("Authorization", value)])
    assert 401 == answer.status_code


async def test_an_enrolment_token_is_let_in_nowhere(
    stranger: httpx2.AsyncClient, services: Services, created: NewAccount
) -> None:
    """Every device has seen it."""
    with services.storage.reading() as records:
        account = records.accounts.all()[0].number
    token = create_token(services, account, TokenBody(kind=TokenKind.ENROLLMENT)).token
    url = f"/client/v4/accounts/{created.account_id}/devices/posture"
    answer = await stranger.get(url, headers={"Authorization": f"Bearer {token}"})
    assert (403, Code.NOT_ALLOWED) == (answer.status_code, answer.json()["errors"][0]["code"])


async def test_who_guesses_is_turned_away_for_a_while_and_who_has_a_token_is_not(
    services: Services, created: NewAccount
) -> None:
    """429 with the seconds; at the same address a token that counted before still does."""
    around = surround(LimitSettings(refusals=Rate(2, 0.5)))
    transport = httpx2.ASGITransport(app=create_app(services, no_device, around, access_of(services)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        api = Api(client, created)
        assert 200 == (await api("GET", "/devices/posture")).status_code
        wrong = {"Authorization": f"Bearer gpa_{'A' * 43}"}
        answers = [await api("GET", "/devices/posture", headers=wrong) for _ in range(3)]
        assert [401, 401, 429] == [answer.status_code for answer in answers]
        assert ("2", Code.TOO_MANY_ATTEMPTS) == (
            answers[2].headers["retry-after"],
            answers[2].json()["errors"][0]["code"],
        )
        assert 200 == (await api("GET", "/devices/posture")).status_code


async def test_a_token_of_another_account_takes_no_attempt(services: Services, created: NewAccount) -> None:
    """It is no guess: it counts, and does not reach so far."""
    around = surround(LimitSettings(refusals=Rate(1, 0.5)))
    other = create_account(services)
    transport = httpx2.ASGITransport(app=create_app(services, no_device, around, access_of(services)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        api = Api(client, created)
        theirs = {"Authorization": f"Bearer {other.token}"}
        answers = [await api("GET", "/devices/posture", headers=theirs) for _ in range(3)]
    assert [403, 403, 403] == [answer.status_code for answer in answers]


@pytest.mark.parametrize("held", list(Scope))
async def test_a_route_answers_to_the_scopes_that_reach_it_and_to_no_other(
    stranger: httpx2.AsyncClient, services: Services, created: NewAccount, held: Scope
) -> None:
    """Each route with each scope: a body that is wrong is looked at only by whom it may change something for."""
    with services.storage.reading() as records:
        account = records.accounts.all()[0].number
    token = create_token(services, account, TokenBody(kind=TokenKind.ADMINISTRATOR, scopes=(held,))).token
    for method, path, needed in ROUTES:
        answer = await stranger.request(
            method,
            f"/client/v4/accounts/{created.account_id}{path}",
            content=b"{",
            headers={"Authorization": f"Bearer {token}"},
        )
        is_list = answer.headers["content-type"].startswith("text/csv")
        errors = [] if is_list else answer.json()["errors"]
        refused = (403, Code.NOT_ALLOWED) == (answer.status_code, (errors or [{"code": 0}])[0]["code"])
        assert reaches((held,), needed) != refused, (method, path)
        assert not refused or needed in errors[0]["message"]


async def test_a_route_without_a_scope_is_reached_by_nobody(services: Services, created: NewAccount) -> None:
    """Forgetting it opens nothing."""

    @get("/forgotten")
    async def forgotten() -> None:
        """Stand for a route whose author forgot its scope."""

    router = Router(
        path="/client/v4/accounts/{account_id:str}",
        route_handlers=[forgotten],
        guards=[admit(services, surround().limits)],
    )
    app = Litestar([router], request_class=StrictRequest, exception_handlers={Exception: answer_error})
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=cast("Application", app)), base_url="http://127.0.0.1"
    ) as client:
        headers = {"Authorization": f"Bearer {created.token}"}
        answer = await client.get(f"/client/v4/accounts/{created.account_id}/forgotten", headers=headers)
    assert 403 == answer.status_code


def test_what_may_be_written_may_be_read() -> None:
    """And whoever may make any token may make one for enrolment; nothing else is implied."""
    assert reaches((Scope.CHECKS_WRITE,), Scope.CHECKS_READ)
    assert reaches((Scope.TOKENS_WRITE,), Scope.ENROLLMENT_WRITE)
    assert not reaches((Scope.CHECKS_READ,), Scope.CHECKS_WRITE)
    assert not reaches((Scope.CHECKS_WRITE,), Scope.CERTIFICATES_READ)
    assert not reaches((), Scope.AUDIT_READ)
    assert all(reaches((Scope.ALL,), scope) for scope in Scope)
