"""The routes of previews, under ``/gatepost/preview``: what a draft of a rule would come to."""

from __future__ import annotations

from litestar import delete, get, post
from litestar.params import JSONBody

from gatepost.controlplane.administration import previews
from gatepost.web.parameters import PreviewId, TheAccount, TheServices
from gatepost.wire.management.envelope import Envelope
from gatepost.wire.management.preview import PreviewBody, PreviewObject, RemovedPreview
from gatepost.wire.management.scopes import Scope

_PREVIEW = "/gatepost/preview"
_ONE = _PREVIEW + "/{preview_id:str}"


@post(_PREVIEW, status_code=200, tags=["gatepost/preview"], sync_to_thread=True, scope=Scope.CHECKS_WRITE)
def start_preview(services: TheServices, account: TheAccount, data: JSONBody[PreviewBody]) -> Envelope[PreviewObject]:
    """Begin to tell what a draft of a rule would come to."""
    return Envelope(result=previews.start_preview(services, account.number, data))


@get(_ONE, tags=["gatepost/preview"], sync_to_thread=True, scope=Scope.CHECKS_READ)
def get_preview(services: TheServices, account: TheAccount, preview_id: PreviewId) -> Envelope[PreviewObject]:
    """Get a preview: how far it is, and what would come of the draft."""
    return Envelope(result=previews.find_preview(services, account.number, preview_id))


@post(_ONE + "/run", status_code=200, tags=["gatepost/preview"], sync_to_thread=True, scope=Scope.CHECKS_WRITE)
def run_preview(services: TheServices, account: TheAccount, preview_id: PreviewId) -> Envelope[PreviewObject]:
    """Tell again, from what devices have reported by now."""
    return Envelope(result=previews.run_preview(services, account.number, preview_id))


@delete(_ONE, status_code=200, tags=["gatepost/preview"], sync_to_thread=True, scope=Scope.CHECKS_WRITE)
def delete_preview(services: TheServices, account: TheAccount, preview_id: PreviewId) -> Envelope[RemovedPreview]:
    """Forget a preview; devices are no longer asked its draft."""
    previews.remove_preview(services, account.number, preview_id)
    return Envelope(result=RemovedPreview(id=preview_id))


PREVIEW_ROUTES = (start_preview, get_preview, run_preview, delete_preview)
