"""The API's own documentation under ``/docs``: the OpenAPI document, a plain page of it, and the list of errors.

Nothing here is fetched from elsewhere, and no script runs.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from litestar import MediaType, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins import ReceiveRoutePlugin
from litestar.routes import HTTPRoute

from gatepost import __version__
from gatepost.web.errors import STATUSES
from gatepost.wire.management.codes import MEANINGS
from gatepost.wire.management.envelope import Failure

if TYPE_CHECKING:
    from litestar import Request
    from litestar.routes import BaseRoute
    from litestar.types import ControllerRouterHandler

ROUTES_PREFIX: Final = "/client/v4/"
_DESCRIPTION: Final = (
    "The management API, in the shape of Cloudflare's v4 API. Every answer has the envelope success, errors, messages, "
    "result; /docs/errors explains the numbers."
)


class EnvelopeForAll(ReceiveRoutePlugin):
    """Declares our envelope for every status that a route of the API can refuse with."""

    def receive_route(self, route: BaseRoute) -> None:
        """Add the refusals to each handler's documented answers."""
        if not isinstance(route, HTTPRoute) or not route.path.startswith(ROUTES_PREFIX):
            return
        refusals = {
            status: ResponseSpec(Failure, description=_described(status), generate_examples=False)
            for status in sorted({*STATUSES.values()})
        }
        for handler in route.route_handlers:
            handler.responses = {**refusals, **(handler.responses or {})}


def _described(status: int) -> str:
    return " ".join(f"{code.value}: {MEANINGS[code]}" for code, its in STATUSES.items() if its == status)


class Pages(Router):
    """The router of the pages, without Litestar's own page for paths that are not there: those are refused as all others."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        """Take a handler, unless it is the one that catches all paths."""
        if isinstance(value, HTTPRouteHandler) and "/{path:str}" in value.paths:
            return []
        return super().register(value)


class PlainPage(OpenAPIRenderPlugin):
    """The operations as one page of HTML."""

    def __init__(self) -> None:
        """Stand at ``/docs``."""
        super().__init__(path="/", favicon="", style="")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """List the routes with their methods and what they do."""
        del request
        rows = "".join(
            f"<tr><td>{escape(method.upper())}</td><td><code>{escape(path)}</code></td>"
            f"<td>{escape(str(operation.get('description', '')))}</td></tr>"
            for path, item in openapi_schema["paths"].items()
            for method, operation in item.items()
            if isinstance(operation, dict)
        )
        links = '<a href="/docs/openapi.json">OpenAPI document</a>, <a href="/docs/errors">error numbers</a>'
        return _page("Gatepost API", f"<p>{escape(_DESCRIPTION)}</p><p>{links}</p><table>{rows}</table>").encode()


@get("/docs/errors", include_in_schema=False, sync_to_thread=False)
def list_errors() -> Response[str]:
    """Show what each number means."""
    rows = "".join(
        f'<tr id="{code.value}"><td>{code.value}</td><td>{STATUSES.get(code, "")}</td><td>{escape(meaning)}</td></tr>'
        for code, meaning in sorted(MEANINGS.items())
    )
    page = _page("Gatepost API errors", f"<table><tr><th>code<th>status<th>meaning</tr>{rows}</table>")
    return Response(page, media_type=MediaType.HTML)


def _page(title: str, content: str) -> str:
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
    return f"{head}<h1>{escape(title)}</h1>{content}</html>"


def documentation() -> OpenAPIConfig:
    """Describe the API as a whole."""
    return OpenAPIConfig(
        title="Gatepost",
        version=__version__,
        description=_DESCRIPTION,
        openapi_router=Pages(path="/docs", route_handlers=[], include_in_schema=False),
        render_plugins=[JsonRenderPlugin(path="/openapi.json"), PlainPage()],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer"),
                "email": SecurityScheme(type="apiKey", name="X-Auth-Email", security_scheme_in="header"),
                "key": SecurityScheme(type="apiKey", name="X-Auth-Key", security_scheme_in="header"),
            }
        ),
        security=[{"token": []}, {"email": [], "key": []}],
    )
