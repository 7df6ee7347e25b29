"""Errors into words and exit codes: the one table of the command line, read by a test that walks the tree of errors.

Exit codes everywhere: 0 yes, 1 no, 2 wrong usage or input, 3 could not tell.
"""

from __future__ import annotations

from typing import Final

from gatepost.errors import (
    CertificateNotShownError,
    ConflictError,
    CredentialError,
    ForbiddenError,
    GatepostError,
    InputError,
    NotFoundError,
    OverloadedError,
    ProcessError,
    ReportRefusedError,
    ServerRefusedError,
    StateError,
    StorageError,
    TooLargeError,
    TooManyAttemptsError,
    TransportError,
)

USAGE: Final = 2
COULD_NOT_TELL: Final = 3
_SERVER_ERROR: Final = 500


def explain_error(error: GatepostError) -> tuple[int, str]:
    """Return the exit code and one sentence that names the thing and what is allowed.

    A part of it may be somebody else's, a server's for one: the sentence is fit for a terminal and for a line of a journal.
    """
    code, sentence = _explain(error)
    return code, printable(sentence)


def printable(text: str) -> str:
    """Show what does not print with escapes, so that nobody's words move a cursor, end a line or turn its direction."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _explain(error: GatepostError) -> tuple[int, str]:
    code, sentence = COULD_NOT_TELL, ""
    match error:
        case InputError():
            code, sentence = USAGE, f"{error.field} {error.problem}" + (f": {error.allowed}" if error.allowed else "")
        case NotFoundError():
            code, sentence = USAGE, f"there is no {error.kind} {error.reference!r}"
        case ConflictError():
            code, sentence = USAGE, f"{error.kind} {error.problem}" + (f": {error.cure}" if error.cure else "")
        case CredentialError():
            code, sentence = USAGE, error.problem
        case ForbiddenError():
            code, sentence = USAGE, f"this token does not reach so far: it needs the scope {error.scope}"
        case TooLargeError():
            code, sentence = USAGE, f"{error.what} is larger than {error.limit} bytes"
        case _:
            code, sentence = _explain_failure(error)
    return code, sentence


def _explain_failure(error: GatepostError) -> tuple[int, str]:
    """Explain what is not the user's doing."""
    code, sentence = COULD_NOT_TELL, type(error).__name__
    match error:
        case ServerRefusedError():
            code = COULD_NOT_TELL if error.status >= _SERVER_ERROR else USAGE
            sentence = f"the server refused ({error.status}): {error.message}"
        case ReportRefusedError():
            sentence = f"the server refused the report, {error.reason}: {error.detail}"
        case CertificateNotShownError():
            sentence = f"the server refused the report: {error.detail}"
        case OverloadedError():
            sentence = f"the server has no room now; try again in {error.retry_after} seconds"
        case TooManyAttemptsError():
            sentence = f"there were too many attempts; try again in {error.retry_after} seconds"
        case StorageError():
            sentence = f"the database cannot be used: {error.detail}"
        case TransportError():
            sentence = f"{error.url} {error.detail}"
        case StateError():
            sentence = f"{error.path} {error.detail}"
        case ProcessError():
            sentence = f"{error.command} failed with exit code {error.status}: {error.detail}"
        case _:
            pass
    return code, sentence
