"""Requests whose body is decoded strictly, by the handler's own annotation.

Litestar alone would take ``0`` for ``false`` and answer invalid UTF-8 with 500; here a wrong body is an `InputError` with
a JSON pointer.
"""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request
from litestar.params import PathParameter

from gatepost.controlplane.administration.services import Caller
from gatepost.controlplane.ports import Account  # noqa: TC001 - Litestar reads the annotations of what it injects.
from gatepost.wire.management.strict import decode_strictly


class StrictRequest(Request[Caller, Any, Any]):
    """A request of the management API; its user is whoever the credential belongs to."""

    async def json(self) -> Any:  # noqa: ANN401 - whatever the handler's parameter ``data`` is annotated with.
        """Decode the body as what the handler's ``data`` is annotated with; raises `InputError`."""
        kind = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        return decode_strictly(await self.body(), kind)


def provide_account(
    request: StrictRequest, account_id: Annotated[str, PathParameter(description="The account's id: 32 hex digits.")]
) -> Account:
    """Give handlers the account that the guard let in; ``account_id`` stands here for the documentation."""
    del account_id
    return request.user.account
