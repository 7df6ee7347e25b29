"""The envelope has all its keys, and lists say how they are paged."""

from __future__ import annotations

import msgspec
import pytest

from gatepost.wire.management.codes import Code
from gatepost.wire.management.envelope import Envelope, Failure, cursor_page, instant, numbered_page, remark, whole_list


def test_a_success_and_a_failure_have_the_same_four_keys() -> None:
    """Clients read all four, whatever the outcome."""
    success = msgspec.to_builtins(Envelope(result={"id": "x"}))
    failure = msgspec.to_builtins(Failure(errors=(remark(Code.FIELD_INVALID, "wrong", "/name"),)))
    assert {"success": True, "errors": (), "messages": (), "result": {"id": "x"}} == success
    assert ["success", "errors", "messages", "result"] == list(failure)
    assert (False, None) == (failure["success"], failure["result"])
    assert {
        "code": 1002,
        "message": "wrong",
        "documentation_url": "/docs/errors#1002",
        "source": {"pointer": "/name"},
    } == failure["errors"][0]


def test_an_empty_list_is_a_list() -> None:
    """Never null."""
    page = msgspec.to_builtins(whole_list(()))
    assert () == page["result"]
    assert {"count": 0, "page": 1, "per_page": 1, "total_count": 0, "total_pages": 1} == page["result_info"]


@pytest.mark.parametrize(("total", "pages"), [(0, 0), (1, 1), (2, 1), (3, 2)])
def test_a_page_by_number_says_how_many_there_are(total: int, pages: int) -> None:
    """Of things and of pages; a page behind the last is empty."""
    info = msgspec.to_builtins(numbered_page((), 9, 2, total))["result_info"]
    assert {"count": 0, "page": 9, "per_page": 2, "total_count": total, "total_pages": pages} == info


def test_the_last_page_by_cursor_has_an_empty_one() -> None:
    """That is where clients stop."""
    assert {"count": 2, "per_page": 5, "cursor": ""} == msgspec.to_builtins(cursor_page(("a", "b"), 5, ""))[
        "result_info"
    ]


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "1970-01-01T00:00:00Z"), (1_780_272_000_000, "2026-06-01T00:00:00Z"), (1_007, "1970-01-01T00:00:01.007Z")],
)
def test_an_instant_is_written_in_utc(milliseconds: int, text: str) -> None:
    """RFC 3339 with Z."""
    assert text == instant(milliseconds)
