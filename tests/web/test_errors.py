"""Each exception has its answer, and each number its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost import errors
from gatepost.web.errors import CODES, STATUSES, refusal_of
from gatepost.wire.management.codes import Code

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES: list[tuple[errors.GatepostError, int, Code, str]] = [
    (errors.InputError("/input/cn", "is empty", "a text"), 400, Code.FIELD_INVALID, "/input/cn is empty; a text"),
    (errors.InputError("", "the body is empty"), 400, Code.BODY_UNREADABLE, "the body is empty"),
    (errors.NotFoundError("token", "x"), 404, Code.NOT_FOUND, "this account has no token x"),
    (errors.ConflictError("certificate", "is used", "go"), 409, Code.CERTIFICATE_IN_USE, "certificate is used; go"),
    (errors.ConflictError("certificates", "are 500"), 409, Code.CERTIFICATE_QUOTA, "the certificates are 500"),
    (errors.ConflictError("posture rules", "are 500"), 409, Code.CHECK_QUOTA, "500"),
    (errors.ConflictError("anything", "is odd"), 409, Code.CONFLICT, "anything is odd"),
    (errors.CredentialError("the token has expired"), 401, Code.NOT_AUTHENTICATED, "expired"),
    (errors.ForbiddenError("this account"), 403, Code.NOT_ALLOWED, "does not reach this account"),
    (errors.TooLargeError("body", 7), 413, Code.BODY_TOO_LARGE, "the body is larger than 7 bytes"),
    (errors.ReportRefusedError("nonce-expired", "late"), 409, Code.REPORT_REFUSED, "nonce-expired: late"),
    (errors.CertificateNotShownError("aa11 is not in the report"), 409, Code.REPORT_REFUSED, "aa11"),
    (errors.OverloadedError(3), 503, Code.SERVER_BUSY, "no room"),
    (errors.TooManyAttemptsError(4), 429, Code.TOO_MANY_ATTEMPTS, "too many credentials were refused"),
    (errors.StorageError("the disk /secret is full"), 503, Code.DATABASE_UNAVAILABLE, "cannot be used now"),
    (errors.StateError("/secret", "detail"), 500, Code.INTERNAL_ERROR, "its log says what"),
]


def descendants(kind: type[errors.GatepostError]) -> Iterator[type[errors.GatepostError]]:
    """Give all classes below one."""
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def test_each_exception_of_the_tree_has_a_number() -> None:
    """One that has none would be a fault of ours on its first day."""
    public = {item for item in descendants(errors.GatepostError) if item.__module__ == errors.__name__}
    assert public == set(CODES)


def test_each_number_of_an_error_has_a_status_and_remarks_have_none() -> None:
    """From 2000 to 2999 are remarks."""
    assert {code for code in Code if not 2000 <= code < 3000} == set(STATUSES)


@pytest.mark.parametrize(("error", "status", "code", "words"), EXAMPLES, ids=[str(item[2]) for item in EXAMPLES])
def test_an_exception_becomes_its_answer(error: errors.GatepostError, status: int, code: Code, words: str) -> None:
    """Its status, its number, its words, and nothing that is nobody's business."""
    refusal = refusal_of(error, "GET /")
    assert (status, code) == (refusal.status, refusal.code)
    assert words in refusal.message
    assert "secret" not in refusal.message


def test_what_can_be_asked_again_says_when() -> None:
    """In the header that HTTP has for it."""
    assert {"Retry-After": "3"} == refusal_of(errors.OverloadedError(3), "GET /").headers
    assert {"Retry-After": "4"} == refusal_of(errors.TooManyAttemptsError(4), "GET /").headers
    assert "Retry-After" in refusal_of(errors.StorageError("x"), "GET /").headers


def test_an_unknown_exception_is_a_fault_of_ours_and_says_nothing_more() -> None:
    """Neither its kind nor its words reach a client."""
    refusal = refusal_of(RuntimeError("secret"), "GET /")
    assert (500, Code.INTERNAL_ERROR, None) == (refusal.status, refusal.code, refusal.pointer)
    assert "secret" not in refusal.message
    assert "RuntimeError" not in refusal.message
