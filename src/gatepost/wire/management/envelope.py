"""The envelope of every answer of the management API: success, errors, messages, result, and for lists ``result_info``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar

import msgspec

from gatepost.errors import InputError

if TYPE_CHECKING:
    from gatepost.wire.management.codes import Code

_T = TypeVar("_T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Instant = Annotated[str, msgspec.Meta(description="RFC 3339, UTC", extra_json_schema={"format": "date-time"})]


class Source(msgspec.Struct, frozen=True):
    """Where in the request it is: a JSON pointer (RFC 6901), such as ``/input/cn``."""

    pointer: str


class Remark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One error, or one remark beside a success: its number, a sentence, the place, and where it is explained."""

    code: int
    message: str
    documentation_url: str = ""
    source: Source | None = None


class ResultInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a list is paged. ``cursor`` is that of the next page; empty, there is none."""

    count: int
    per_page: int
    page: int | None = None
    total_count: int | None = None
    total_pages: int | None = None
    cursor: str | None = None


class Envelope(msgspec.Struct, Generic[_T], frozen=True, kw_only=True):
    """A success."""

    success: bool = True
    errors: tuple[Remark, ...] = ()
    messages: tuple[Remark, ...] = ()
    result: _T


class Page(msgspec.Struct, Generic[_T], frozen=True, kw_only=True):
    """A success whose result is a list; an empty one is ``[]``, never null."""

    success: bool = True
    errors: tuple[Remark, ...] = ()
    messages: tuple[Remark, ...] = ()
    result: tuple[_T, ...]
    result_info: ResultInfo


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal; all four keys are there."""

    success: bool = False
    errors: tuple[Remark, ...]
    messages: tuple[Remark, ...] = ()
    result: None = None


def remark(code: Code, message: str, pointer: str | None = None) -> Remark:
    """Make one remark or error."""
    source = None if pointer is None else Source(pointer)
    return Remark(code=code, message=message, documentation_url=f"/docs/errors#{code}", source=source)


def whole_list(items: tuple[_T, ...], messages: tuple[Remark, ...] = ()) -> Page[_T]:
    """Answer a list that is not paged."""
    count = len(items)
    info = ResultInfo(count=count, page=1, per_page=max(count, 1), total_count=count, total_pages=1)
    return Page(messages=messages, result=items, result_info=info)


def numbered_page(items: tuple[_T, ...], page: int, per_page: int, total: int) -> Page[_T]:
    """Answer one page of a list that is read by numbers; behind the last one come empty pages, where clients stop."""
    info = ResultInfo(
        count=len(items), page=page, per_page=per_page, total_count=total, total_pages=-(-total // per_page)
    )
    return Page(result=items, result_info=info)


def cursor_page(items: tuple[_T, ...], per_page: int, cursor: str) -> Page[_T]:
    """Answer one page of a list that is read by cursor."""
    return Page(result=items, result_info=ResultInfo(count=len(items), per_page=per_page, cursor=cursor))


def instant(milliseconds: int) -> str:
    """Write ms since 1970 as RFC 3339, to the millisecond where there is a part of a second."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    part = milliseconds % 1000
    fraction = f".{part:03}" if part else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def parse_instant(text: str, field: str) -> int:
    """Read RFC 3339 as whole ms since 1970; raises `InputError` that names ``field``."""
    try:
        moment = msgspec.convert(text, datetime, strict=True)
    except msgspec.ValidationError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(field, f"is {text!r}", "expected RFC 3339, such as 2026-06-01T00:00:00Z") from None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
