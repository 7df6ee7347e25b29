"""The one tree of exceptions: what Gatepost *cannot* do, as distinct from a "no", which is a value with a reason.

Each error carries fields, not prose. Two tables turn them into words: ``cli`` (error to exit code and sentence) and
``web`` (error to API error). A test walks the subclasses and fails on one without an entry in both.
Nothing above this floor may enter: this file imports nothing of Gatepost.
"""

from __future__ import annotations


class GatepostError(Exception):
    """The root of the tree; never raised itself."""


class InputError(GatepostError):
    """Something that a person or a program gave us is wrong.

    ``field`` is what was given (a flag such as ``--cn``, a JSON pointer such as ``/input/cn``, a parameter of a URL such as
    ``?since``, a file's path),
    ``problem`` says what is wrong with it and ``allowed`` what would be right (may be empty).
    """

    def __init__(self, field: str, problem: str, allowed: str = "") -> None:
        super().__init__(field, problem, allowed)
        self.field = field
        self.problem = problem
        self.allowed = allowed

    def __str__(self) -> str:
        """Render the fields in one line, for operator logs."""
        return f"{self.field}: {self.problem}" + (f"; {self.allowed}" if self.allowed else "")


class NotFoundError(GatepostError):
    """``kind`` (such as "posture rule") with ``reference`` does not exist in this account."""

    def __init__(self, kind: str, reference: str) -> None:
        super().__init__(kind, reference)
        self.kind = kind
        self.reference = reference


class ConflictError(GatepostError):
    """The thing exists, but its state does not allow this; ``problem`` says why and ``cure`` what to do first."""

    def __init__(self, kind: str, problem: str, cure: str = "") -> None:
        super().__init__(kind, problem, cure)
        self.kind = kind
        self.problem = problem
        self.cure = cure


class CredentialError(GatepostError):
    """A credential is missing, unknown, expired, spent or revoked; ``problem`` says which, without echoing it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class ForbiddenError(GatepostError):
    """A valid credential does not reach this far; ``scope`` names what it would need."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)
        self.scope = scope


class TooLargeError(GatepostError):
    """``what`` is larger than ``limit`` bytes."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what, limit)
        self.what = what
        self.limit = limit


class ReportRefusedError(GatepostError):
    """A device's report cannot count; ``reason`` is from the closed list, ``nonce`` a fresh one to answer (or empty)."""

    def __init__(self, reason: str, detail: str, nonce: bytes = b"") -> None:
        super().__init__(reason, detail, nonce)
        self.reason = reason
        self.detail = detail
        self.nonce = nonce


class CertificateNotShownError(GatepostError):
    """A report names a certificate that it does not carry and the server has not; ``detail`` says which. Send it whole."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class OverloadedError(GatepostError):
    """No room now; the client may come back after ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class TooManyAttemptsError(GatepostError):
    """Too many credentials were refused, or too many devices enrolled; whoever asks may come back after ``retry_after`` seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class StorageError(GatepostError):
    """The database cannot be used: locked by another server, unknown schema, full disk; ``detail`` says which.

    ``undone``: nothing is wrong but that two writers stood in each other's way; the same again may well succeed.
    """

    def __init__(self, detail: str, undone: bool = False) -> None:  # noqa: FBT001, FBT002 - a field among others.
        super().__init__(detail, undone)
        self.detail = detail
        self.undone = undone


class TransportError(GatepostError):
    """The server at ``url`` could not be reached or answered something that is not ours; ``detail`` goes on after its name."""

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(url, detail)
        self.url = url
        self.detail = detail


class ServerRefusedError(GatepostError):
    """The server answered ``status`` with its own ``code`` and ``message``; ``pointer`` names the field, if any."""

    def __init__(self, status: int, code: int, message: str, pointer: str = "") -> None:
        super().__init__(status, code, message, pointer)
        self.status = status
        self.code = code
        self.message = message
        self.pointer = pointer


class CertificateWantedError(ServerRefusedError):
    """The server asks for a certificate that a report named alone."""


class StateError(GatepostError):
    """The files of the agent or server under ``path`` are missing, damaged or too widely readable."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail


class ProcessError(GatepostError):
    """A program that we started failed: ``command`` is its name, ``status`` its exit code, ``detail`` its last words."""

    def __init__(self, command: str, status: int, detail: str) -> None:
        super().__init__(command, status, detail)
        self.command = command
        self.status = status
        self.detail = detail
