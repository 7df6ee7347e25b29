"""Keeping the logs: signed checkpoints, the file for an auditor, and what is dropped when it is old.

A checkpoint is made by housekeeping, and with each export. What is dropped are whole segments, up to a checkpoint that
is older than the retention: what remains is verified from there on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.controlplane.keys import load_keys
from gatepost.controlplane.ports import StoredCheckpoint
from gatepost.core.chain import Log, Place, extend
from gatepost.core.log_proof import certificates_named
from gatepost.errors import StorageError
from gatepost.wire import jws
from gatepost.wire.log_file import CertificateLine, Checkpoint, FileHead, LogLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gatepost.controlplane.ports import Account, ChainedLine, Records, Storage

CHECKPOINT_AFTER: Final = 60 * 60 * 1000
"""ms after which a chain that went on has another checkpoint."""
CHECKPOINT_LINES: Final = 10_000
"""Lines after which it has one in any case."""
_BATCH: Final = 500


def make_checkpoint(records: Records, account: Account, now: int) -> StoredCheckpoint | None:
    """Sign how far an account's chain has come; None for a chain without a line. One position is signed once."""
    place = records.log_chain.head(account.number).place
    if place.position == 0:
        return None
    keys = load_keys(records, account.number)
    signed = Checkpoint(account_id=account.public_id, position=place.position, head=place.head.hex(), at=now)
    document = jws.sign(jws.Kind.CHECKPOINT, msgspec.json.encode(signed), keys.signing_key, keys.thumbprint).decode()
    checkpoint = StoredCheckpoint(place.position, now, document)
    records.log_chain.confirm(account.number, checkpoint)
    return checkpoint


def needs_checkpoint(records: Records, account: int, now: int) -> bool:
    """Tell whether a chain went far enough since its last checkpoint, or long enough."""
    position = records.log_chain.head(account).place.position
    newest = records.log_chain.newest_checkpoint(account, now)
    if newest is None:
        return position > 0
    return position - newest.position >= CHECKPOINT_LINES or (
        position > newest.position and now - newest.made_at >= CHECKPOINT_AFTER
    )


def drop_segments(records: Records, account: int, older_than: int, limit: int) -> int:
    """Drop lines up to the last checkpoint that was made before then (ms), at most ``limit``; return how many."""
    newest = records.log_chain.newest_checkpoint(account, older_than)
    return 0 if newest is None else records.log_chain.drop(account, newest.position, limit)


def export_log(storage: Storage, account: Account, logs: Iterable[Log], now: Callable[[], int]) -> Iterator[bytes]:
    """Write the logs of an account as lines of a file (`wire.log_file`), oldest line first.

    Lines of other logs stand with their digests. A checkpoint is made of the end, so that what comes later is told from it.
    Raises StorageError where a line that the chain has is not there: the file ends before it.
    """
    shown = frozenset(logs)
    with storage.writing() as records:
        make_checkpoint(records, account, now())
        point = load_keys(records, account.number).point
        head = records.log_chain.head(account.number)
    place = _beginning(storage, account, head.dropped)
    first = FileHead(
        account_id=account.public_id,
        account_key=jws.to_jwk(point),
        position=place.position,
        head=place.head.hex(),
        exported_at=now(),
    )
    yield _line(first)
    told: set[bytes] = set()
    while place.position < head.place.position:
        with storage.reading() as records:
            batch = _read_batch(records, account.number, place.position)
            wanted = _named(item for item in batch if item.log in shown) - told
            certificates = records.log_chain.certificates(account.number, wanted)
        told |= wanted
        for content in certificates.values():
            yield _line(CertificateLine(certificate=content))
        if not batch:
            raise StorageError(f"the logs have no line of position {place.position + 1}, which their chain has")
        for item in batch:
            if item.position != place.position + 1:
                raise StorageError(f"the logs have no line of position {place.position + 1}, which their chain has")
            place = extend(place, item.digest or b"")
            yield _line(
                LogLine(
                    position=item.position,
                    log=item.log,
                    digest=(item.digest or b"").hex(),
                    head=place.head.hex(),
                    line=msgspec.Raw(item.line) if item.log in shown else msgspec.UNSET,
                )
            )


def _named(lines: Iterable[ChainedLine]) -> set[bytes]:
    """Return the SHA-256 of the certificates that lines of the posture log rest on."""
    shown = (item.line for item in lines if item.log == Log.POSTURE)
    return {bytes.fromhex(name) for line in shown for name in certificates_named(line)}


def _beginning(storage: Storage, account: Account, dropped: int) -> Place:
    """Return where the lines that are there begin: what was dropped ended with a checkpoint."""
    if dropped == 0:
        return Place()
    with storage.reading() as records:
        (checkpoint,) = records.log_chain.checkpoints(account.number, dropped - 1, 1)
    signed = msgspec.json.decode(jws.split(jws.Kind.CHECKPOINT, checkpoint.document.encode()).payload, type=Checkpoint)
    return Place(signed.position, bytes.fromhex(signed.head))


def _read_batch(records: Records, account: int, after: int) -> list[ChainedLine]:
    """Return the next lines of all logs, as far as each of them was read."""
    read = [log.chained(account, after, _BATCH) for log in (records.posture_log, records.audit_log, records.access_log)]
    whole = min((items[-1].position for items in read if len(items) == _BATCH), default=None)
    merged = sorted((item for items in read for item in items), key=lambda item: item.position)
    return merged if whole is None else [item for item in merged if item.position <= whole]


def export_checkpoints(storage: Storage, account: Account) -> Iterator[bytes]:
    """Write all checkpoints of an account, one a line, oldest first."""
    after = 0
    while True:
        with storage.reading() as records:
            found = records.log_chain.checkpoints(account.number, after, _BATCH)
        for item in found:
            yield item.document.encode() + b"\n"
        if len(found) < _BATCH:
            return
        after = found[-1].position


def _line(document: object) -> bytes:
    return msgspec.json.encode(document) + b"\n"
