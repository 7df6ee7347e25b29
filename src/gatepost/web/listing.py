"""Lists that are read by page numbers: which page, and which things are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter, SkipValidation

from gatepost.controlplane.administration.history import MAXIMUM_PAGE
from gatepost.errors import InputError
from gatepost.web.strict import StrictRequest  # noqa: TC001 - Litestar reads the annotations.
from gatepost.wire.management.envelope import Page, numbered_page

_Item = TypeVar("_Item")

_PER_PAGE: Final = 25
"""As many as one page has where nothing is said; clients ask on until a page is empty."""
_TEXT: Final = r"^[^\x00]*$"

PageNumber = Annotated[int, QueryParameter(description="Which page, from 1 on.", ge=1, le=1_000_000)]
OnePage = Annotated[int, QueryParameter(description="As many as one page has.", ge=1, le=MAXIMUM_PAGE)]
Part = Annotated[
    str | None, QueryParameter(description="Only what has this in it, in whatever case.", max_length=256, pattern=_TEXT)
]
Whole = Annotated[str | None, QueryParameter(description="Only what is this.", max_length=256, pattern=_TEXT)]
Exact = Annotated[bool, QueryParameter(description="Whether name and domain must be the whole, not a part.")]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What of a list is wanted: ``equal`` and ``parts`` by field; ``search`` is part of any of the fields in ``parts``."""

    page: int
    per_page: int
    equal: Mapping[str, str | None]
    parts: Mapping[str, str | None]
    search: str | None

    def answer(self, items: tuple[object, ...], kind: type[_Item]) -> Page[_Item]:
        """Give the page that is wanted of a whole list, whose items are, or are the documents of, ``kind``."""
        del kind
        wanted = tuple(item for item in items if self._wants(item))
        start = (self.page - 1) * self.per_page
        shown = cast("tuple[_Item, ...]", wanted[start : start + self.per_page])
        return numbered_page(shown, self.page, self.per_page, len(wanted))

    def _wants(self, item: object) -> bool:
        fields: dict[str, Any] = msgspec.to_builtins(item) if isinstance(item, msgspec.Struct) else cast("Any", item)
        texts = {name: _text(fields.get(name)) for name in (*self.equal, *self.parts)}
        return (
            all(text is None or texts[name] == text for name, text in self.equal.items())
            and all(text is None or text.casefold() in texts[name].casefold() for name, text in self.parts.items())
            and (self.search is None or any(self.search.casefold() in texts[name].casefold() for name in self.parts))
        )


def _text(value: object) -> str:
    """Read a field of a document, which may be the bytes that were sent."""
    found = msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value
    return found if isinstance(found, str) else ""


def _refuse_repeated(request: StrictRequest) -> None:
    """Refuse a parameter that is given twice: which of its values is meant cannot be known."""
    for name, _ in request.query_params.multi_items():
        if len(request.query_params.getall(name)) > 1:
            raise InputError(f"?{name}", "is given more than once", "each parameter once")


def provide_listing(
    request: StrictRequest, page: PageNumber = 1, per_page: OnePage = _PER_PAGE, name: Part = None, search: Part = None
) -> Listing:
    """Read which things are wanted by their name."""
    _refuse_repeated(request)
    return Listing(page=page, per_page=per_page, equal={}, parts={"name": name}, search=search)


def provide_app_listing(  # noqa: PLR0913 - each is a parameter of the URL, and the reference has them.
    request: StrictRequest,
    *,
    page: PageNumber = 1,
    per_page: OnePage = _PER_PAGE,
    name: Part = None,
    domain: Part = None,
    aud: Whole = None,
    search: Part = None,
    exact: Exact = False,
) -> Listing:
    """Read which applications are wanted."""
    _refuse_repeated(request)
    named = {"name": name, "domain": domain}
    nothing = dict.fromkeys(named)
    return Listing(
        page=page,
        per_page=per_page,
        equal={"aud": aud, **(named if exact else {})},
        parts=nothing if exact else named,
        search=search,
    )


TheListing = NamedDependency[SkipValidation[Listing]]
BY_NAME: Final = {"listing": Provide(provide_listing, sync_to_thread=False)}
OF_APPS: Final = {"listing": Provide(provide_app_listing, sync_to_thread=False)}
