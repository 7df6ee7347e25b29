"""The API describes itself, and fetches nothing from elsewhere to do so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from gatepost.web.errors import STATUSES
from gatepost.wire.management.codes import Code
from tests.web.routes import OUTSIDE, PATHS

if TYPE_CHECKING:
    import httpx2


async def test_the_openapi_document_declares_the_envelope_for_every_status(stranger: httpx2.AsyncClient) -> None:
    """So that generated clients know every answer."""
    document = (await stranger.get("/docs/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len(PATHS) + len(OUTSIDE) == len(operations)
    for operation in operations:
        assert {"200", *map(str, STATUSES.values())} == set(operation["responses"])
        for status, answer in operation["responses"].items():
            if list(answer["content"]) == ["text/csv"]:
                assert ("200", "get_serial_numbers") == (status, operation["operationId"])
                continue
            reference = answer["content"]["application/json"]["schema"]["$ref"]
            expected = r"(Envelope|Page)_.*" if status == "200" else "Failure"
            assert re.fullmatch(f"#/components/schemas/{expected}", reference)
    assert len(operations) == len({operation["operationId"] for operation in operations})


async def test_the_pages_are_plain_and_fetch_nothing(stranger: httpx2.AsyncClient) -> None:
    """No script, no address of another host."""
    for path in ("/docs", "/docs/errors"):
        page = await stranger.get(path)
        assert (200, "text/html; charset=utf-8") == (page.status_code, page.headers["content-type"])
        assert not re.search(r"<script|https?://|@import|src=", page.text)


async def test_each_route_stands_on_the_page(stranger: httpx2.AsyncClient) -> None:
    """With what it does."""
    page = (await stranger.get("/docs")).text
    for path in (await stranger.get("/docs/openapi.json")).json()["paths"]:
        assert f"<code>{path}</code>" in page


async def test_each_number_can_be_linked_to(stranger: httpx2.AsyncClient) -> None:
    """As ``documentation_url`` in an error does."""
    page = (await stranger.get("/docs/errors")).text
    assert [str(code.value) for code in sorted(Code)] == re.findall(r'<tr id="(\d+)">', page)


def test_each_route_stands_in_the_route_tables_own_page() -> None:
    """The page that a newcomer reads names the file of each group."""
    text = (Path(__file__).parents[2] / "src" / "gatepost" / "web" / "app.py").read_text(encoding="utf-8")
    for name in re.findall(r"web/(\w+)\.py", text):
        assert (Path(__file__).parents[2] / "src" / "gatepost" / "web" / f"{name}.py").exists()
