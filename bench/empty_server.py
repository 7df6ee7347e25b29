"""``python -m bench.empty_server server run …``: the product, and before it one path that answers 204 and nothing else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from gatepost.cli import serving
from gatepost.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.cli.server_settings import ServerSettings

EMPTY: Final = "/empty"
_product: Final = serving.load


def load(settings: ServerSettings, ready: Callable[[], None]) -> Any:  # noqa: ANN401 - an ASGI application.
    """Put the product together, and the path before it."""
    product = _product(settings, ready)

    async def application(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's.
        if scope["type"] == "http" and scope["path"] == EMPTY:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await product(scope, receive, send)

    return application


if __name__ == "__main__":
    serving.load = load
    main(sys.argv[1:])
