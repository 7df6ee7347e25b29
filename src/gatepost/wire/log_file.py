"""An exported log, as lines of JSON, and checkpoints: what an auditor keeps and verifies without any server.

The first line says whose log it is and where it begins; then come lines of the log, in the order of their positions, and before
a line the certificates that it names, once each. A line of a log that was not asked for stands with its digest alone, so that
the chain has no hole. Version 1, and final: a later version is another document.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeVar

import msgspec

from gatepost.core.chain import Link
from gatepost.errors import InputError
from gatepost.wire import jws
from gatepost.wire.device import Identifier

_T = TypeVar("_T")

MAXIMUM_LINE: Final = 4 * 1024 * 1024
"""Bytes of one line: an explanation is bounded at some hundred KB."""

Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Position = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class FileHead(msgspec.Struct, frozen=True, kw_only=True):
    """Whose log a file holds: it begins behind ``position``, where the chain's head is ``head``."""

    gatepost_log: Literal[1] = 1
    account_id: Identifier
    account_key: jws.JsonWebKey
    position: Position
    head: Digest
    exported_at: int


class CertificateLine(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that lines name; its SHA-256 is what they name it by."""

    certificate: bytes


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the log: its JSON text as it is, of which the digest is; without one, the digest stands alone."""

    position: Position
    log: Identifier
    digest: Digest
    head: Digest
    line: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What the account's key signs of its chain: how far it had come at an instant (ms)."""

    v: Literal[1] = 1
    account_id: Identifier
    position: Position
    head: Digest
    at: int


class _Any(msgspec.Struct):
    """What tells the kinds of line apart."""

    certificate: object = None


def link_of(line: LogLine) -> Link:
    """Return a line as the chain sees it."""
    return Link(
        position=line.position,
        log=line.log,
        digest=bytes.fromhex(line.digest),
        head=bytes.fromhex(line.head),
        line=None if line.line is msgspec.UNSET else bytes(line.line),
    )


def read_head(content: bytes) -> FileHead:
    """Read a file's first line; raises `InputError`."""
    return _read(content, FileHead, 1)


def read_line(content: bytes, number: int) -> LogLine | CertificateLine:
    """Read any other line; raises `InputError`, which names the line's number in the file."""
    kind = _read(content, _Any, number)
    return _read(content, LogLine, number) if kind.certificate is None else _read(content, CertificateLine, number)


def _read(content: bytes, kind: type[_T], number: int) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"line {number}", f"is not one of an exported log: {error}") from error


def read_checkpoint(document: bytes, point: bytes, account_id: str) -> Checkpoint:
    """Read a checkpoint that the key at ``point`` signed for an account; raises `InputError`."""
    signed = jws.split(jws.Kind.CHECKPOINT, document)
    if signed.thumbprint != jws.thumbprint(point) or not jws.verify(signed, point):
        raise InputError("checkpoint", "is not signed by the account's key")
    try:
        checkpoint = msgspec.json.decode(signed.payload, type=Checkpoint)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InputError("checkpoint", f"cannot be read: {error}") from error
    if checkpoint.account_id != account_id:
        raise InputError("checkpoint", f"is of account {checkpoint.account_id}", account_id)
    return checkpoint
