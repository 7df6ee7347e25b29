"""``gatepost verify-log``: an exported log, verified with nothing but the file, and checkpoints that were kept elsewhere."""

from __future__ import annotations

import hashlib
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from gatepost.cli.choice import Choice
from gatepost.cli.words import printable
from gatepost.core.chain import Flaw, FlawKind, Log, Place, follow
from gatepost.core.log import PostureDocument
from gatepost.core.log_proof import Verified, verify_proof
from gatepost.errors import InputError
from gatepost.wire import jws
from gatepost.wire.log_file import (
    MAXIMUM_LINE,
    CertificateLine,
    FileHead,
    link_of,
    read_checkpoint,
    read_head,
    read_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from gatepost.core.chain import Link

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NO: Final = 1
_SHOWN: Final = 20
"""Flaws that are shown; the others are counted."""
_WORDS: Final = {
    FlawKind.CHANGED: "{lines} {was} changed: what is there does not fit the digests",
    FlawKind.MISSING: "{lines} {is_} missing",
    FlawKind.MOVED: "{lines} {stands} where a later one belongs",
    FlawKind.CUT: "{lines} {is_} cut off at the end: a checkpoint is of line {last}",
    FlawKind.REWRITTEN: "{lines} {is_} not what the checkpoint of line {last} was made of",
}


class _Report(msgspec.Struct, kw_only=True):
    """What was found."""

    account_id: str
    key: str
    first: int
    last: int
    lines: dict[str, int]
    proofs: dict[str, int]
    checkpoints: int
    flaws: list[Flaw]
    refuted: list[int]

    @property
    def whole(self) -> bool:
        return not self.flaws and not self.refuted


@click.command("verify-log")
@click.argument("file", type=_FILE)
@click.option("--checkpoints", type=_FILE, help="Checkpoints that were kept elsewhere, one a line.")
@click.option(
    "--key",
    metavar="THUMBPRINT",
    help="The account's key, as it is known from elsewhere (RFC 7638, SHA-256, base64url).",
)
@click.option("--format", "form", type=Choice(["text", "json"]), default="text", show_default=True)
def verify_log(file: Path, checkpoints: Path | None, key: str | None, form: str) -> None:
    """Verify an exported log FILE: every line, the chain over them, and the proof of every pass.

    Exit codes: 0 it is whole, 1 it is not, 2 it cannot be read.
    """
    report = _verify(file, checkpoints, key)
    if form == "json":
        click.echo(msgspec.json.encode({"whole": report.whole, **msgspec.structs.asdict(report)}).decode())
    else:
        _show(report, confirmed=checkpoints is not None, pinned=key is not None)
    if not report.whole:
        raise click.exceptions.Exit(_NO)


def _verify(path: Path, checkpoints: Path | None, key: str | None) -> _Report:
    with _opened(path) as file:
        head = read_head(file.readline(MAXIMUM_LINE))
        point = jws.from_jwk(head.account_key, "account_key")
        thumbprint = jws.encode_base64url(jws.thumbprint(point))
        if key is not None and key != thumbprint:
            raise InputError("--key", f"is not the key of this file, which is {thumbprint}")
        known = _read_checkpoints(checkpoints, point, head) if checkpoints is not None else {}
        reader = _Reader(file)
        start = Place(head.position, bytes.fromhex(head.head))
        # What a file that begins later no longer has is not its business.
        flaws = list(follow(start, reader.links(), {at: value for at, value in known.items() if at >= start.position}))
    return _Report(
        account_id=head.account_id,
        key=thumbprint,
        first=head.position + 1,
        last=reader.last,
        lines=dict(reader.lines),
        proofs={str(item): reader.proofs[item] for item in Verified},
        checkpoints=sum(head.position <= at <= reader.last for at in known),
        flaws=flaws,
        refuted=reader.refuted,
    )


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error


def _read_checkpoints(path: Path, point: bytes, head: FileHead) -> dict[int, bytes]:
    with _opened(path) as file:
        documents = [line.strip() for line in file if line.strip()]
    found = (read_checkpoint(item, point, head.account_id) for item in documents)
    return {item.position: bytes.fromhex(item.head) for item in found}


class _Reader:
    """Reads lines one after the other, and verifies what each of them says by itself."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._certificates: dict[str, bytes] = {}
        self.lines: Counter[str] = Counter()
        self.proofs: Counter[Verified] = Counter()
        self.refuted: list[int] = []
        self.last = 0

    def links(self) -> Iterator[Link]:
        number = 1
        while content := self._file.readline(MAXIMUM_LINE + 1):
            number += 1
            if len(content) > MAXIMUM_LINE or not content.endswith(b"\n"):
                raise InputError(f"line {number}", "is longer than any line is, or the file ends within it")
            found = read_line(content, number)
            if isinstance(found, CertificateLine):
                self._certificates[hashlib.sha256(found.certificate).hexdigest()] = found.certificate
                continue
            self.lines[found.log] += 1
            self.last = max(self.last, found.position)
            link = link_of(found)
            if found.log == Log.POSTURE and link.line is not None:
                self._verify_proof(link.line, found.position)
            yield link

    def _verify_proof(self, line: bytes, position: int) -> None:
        try:
            document = msgspec.json.decode(line, type=PostureDocument)
        except msgspec.MsgspecError:
            verified = Verified.REFUTED
        else:
            verified = verify_proof(document, self._certificates)
        self.proofs[verified] += 1
        if verified is Verified.REFUTED:
            self.refuted.append(position)


def _show(report: _Report, *, confirmed: bool, pinned: bool) -> None:
    counted = ", ".join(f"{count} {printable(log)}" for log, count in sorted(report.lines.items())) or "none"
    click.echo(f"account      {report.account_id}")
    click.echo(f"key          {report.key}{'' if pinned else '  (as the file says; give --key to be sure of it)'}")
    click.echo(f"lines        {report.first} to {max(report.last, report.first - 1)}: {counted}")
    proofs = report.proofs
    click.echo(
        f"proofs       {proofs['proved']} verified, {proofs['refuted']} refuted, {proofs['unknown']} without their "
        f"certificate, {proofs['unproved']} lines have none"
    )
    words = f"{report.checkpoints} of these lines" if confirmed else "none given: lines may be cut off at the end"
    click.echo(f"checkpoints  {words}")
    for flaw in report.flaws[:_SHOWN]:
        click.echo(f"  {_sentence(flaw)}")
    if len(report.flaws) > _SHOWN:
        click.echo(f"  and {len(report.flaws) - _SHOWN} more")
    for position in report.refuted[:_SHOWN]:
        click.echo(f"  line {position} says that a key was proved, and the signatures do not hold")
    click.echo("The log is whole." if report.whole else "The log is not whole.")


def _sentence(flaw: Flaw) -> str:
    single = flaw.first == flaw.last
    lines = f"line {flaw.first}" if single else f"lines {flaw.first} to {flaw.last}"
    forms = (
        {"was": "was", "is_": "is", "stands": "stands"} if single else {"was": "were", "is_": "are", "stands": "stand"}
    )
    return _WORDS[flaw.kind].format(lines=lines, last=flaw.last, **forms)
