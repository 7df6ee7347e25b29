"""What clients ask before anything else: any administrator's token is enough, and sees its own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.controlplane.administration.accounts import create_account
from gatepost.controlplane.administration.tokens import create_token
from gatepost.wire.management.codes import Code
from gatepost.wire.management.envelope import instant
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.services import START
from tests.web.routes import OUTSIDE

if TYPE_CHECKING:
    import httpx2

    from gatepost.controlplane.administration.accounts import NewAccount
    from gatepost.controlplane.administration.services import Services
    from tests.web.conftest import Api


def narrow(services: Services, expires_in: str = "") -> dict[str, str]:
    """Make a token that reaches the audit log alone, and give its header."""
    with services.storage.reading() as records:
        account = records.accounts.all()[0].number
    wanted = TokenBody(kind=TokenKind.ADMINISTRATOR, scopes=(Scope.AUDIT_READ,), expires_in=expires_in)
    return {"Authorization": f"Bearer {create_token(services, account, wanted).token}"}


async def test_a_token_that_counts_is_told_so(
    stranger: httpx2.AsyncClient, services: Services, created: NewAccount
) -> None:
    """However narrow; with its end, where it has one."""
    del created
    headers = narrow(services, expires_in="1h")
    found = (await stranger.get("/client/v4/user/tokens/verify", headers=headers)).json()["result"]
    assert {"status": "active", "expires_on": instant(START + 3_600_000)} == {
        name: found[name] for name in ("status", "expires_on")
    }
    endless = (await stranger.get("/client/v4/user/tokens/verify", headers=narrow(services))).json()["result"]
    assert {"id", "status"} == set(endless)


async def test_a_token_sees_its_own_account_alone(
    stranger: httpx2.AsyncClient, services: Services, created: NewAccount
) -> None:
    """In the list, whose second page is empty, and by its id."""
    create_account(services)
    headers = narrow(services)
    shown = {"id": created.account_id, "name": created.account_id, "type": "standard", "created_on": instant(START)}
    listed = (await stranger.get("/client/v4/accounts", headers=headers)).json()
    assert [shown] == listed["result"]
    assert {"count": 1, "page": 1, "per_page": 20, "total_count": 1, "total_pages": 1} == listed["result_info"]
    assert [] == (await stranger.get("/client/v4/accounts?page=2", headers=headers)).json()["result"]
    got = await stranger.get(f"/client/v4/accounts/{created.account_id}", headers=headers)
    assert shown == got.json()["result"]


@pytest.mark.parametrize(("method", "path"), OUTSIDE)
async def test_no_route_outside_an_account_answers_without_a_credential(
    stranger: httpx2.AsyncClient, created: NewAccount, method: str, path: str
) -> None:
    """Nor to one that is not known."""
    del created
    for headers in ({}, {"Authorization": "Bearer gpa_" + "x" * 43}):
        answer = await stranger.request(method, path, headers=headers)
        assert (401, Code.NOT_AUTHENTICATED) == (answer.status_code, answer.json()["errors"][0]["code"])


@pytest.mark.parametrize(("method", "path"), OUTSIDE)
async def test_an_enrolment_token_is_let_in_nowhere_outside_an_account(
    stranger: httpx2.AsyncClient, services: Services, api: Api, method: str, path: str
) -> None:
    """Every device has seen it."""
    del api
    with services.storage.reading() as records:
        account = records.accounts.all()[0].number
    token = create_token(services, account, TokenBody(kind=TokenKind.ENROLLMENT)).token
    answer = await stranger.request(method, path, headers={"Authorization": f"Bearer {token}"})
    assert 403 == answer.status_code
