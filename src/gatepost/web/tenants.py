"""What clients of the reference ask before anything else. Any administrator's token is enough, and it sees its own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar import get

from gatepost.web.listing import OnePage, PageNumber
from gatepost.web.parameters import TheAccount
from gatepost.web.strict import StrictRequest
from gatepost.wire.management.envelope import Envelope, Page, instant, numbered_page
from gatepost.wire.management.tenants import AccountObject, VerifiedToken

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Account


@get("/user/tokens/verify", tags=["user"], sync_to_thread=False, scope=None)
def verify_token(request: StrictRequest) -> Envelope[VerifiedToken]:
    """Tell that the token counts, and until when."""
    caller = request.user
    end = None if caller.expires_at is None else instant(caller.expires_at)
    return Envelope(result=VerifiedToken(id=caller.actor.id, status="active", expires_on=end))


@get("/accounts", tags=["accounts"], sync_to_thread=False, scope=None)
def list_accounts(request: StrictRequest, page: PageNumber = 1, per_page: OnePage = 20) -> Page[AccountObject]:
    """List the accounts that the token opens: the one that it was made in."""
    found = (_show(request.user.account),)
    start = (page - 1) * per_page
    return numbered_page(found[start : start + per_page], page, per_page, len(found))


@get("/", tags=["accounts"], sync_to_thread=False, scope=None)
def get_account(account: TheAccount) -> Envelope[AccountObject]:
    """Get the account."""
    return Envelope(result=_show(account))


def _show(account: Account) -> AccountObject:
    return AccountObject(
        id=account.public_id, name=account.public_id, type="standard", created_on=instant(account.created_at)
    )


TENANT_ROUTES = (verify_token, list_accounts)
