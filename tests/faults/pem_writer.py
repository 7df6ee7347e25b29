"""A PEM file that is rewritten in its place, piece by piece, while it is read: never a pass out of two halves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gatepost.agent.gather import gather
from gatepost.core.check import Check, Evidence
from gatepost.core.device import DeviceFacts, parse_template
from gatepost.stores.pem_files import PemFiles
from gatepost.stores.safe_open import Access
from tests.certificates import DAY, NOW, CertificateAuthority
from tests.core.subjects import parsed
from tests.faults.campaign import Campaign, Tally, count
from tests.stores.strangers import meanwhile

if TYPE_CHECKING:
    from gatepost.core.certificate import Certificate

PIECE = 64
"""Bytes that are written at once: a line."""


class Place(msgspec.Struct, frozen=True):
    """The file, and contents of it of which none passes; the right one would."""

    file: Path
    check: Check
    wrong: tuple[bytes, ...]
    right: bytes

    def answer(self) -> str:
        """Check, and return status and reasons."""

        def statement(certificate: Certificate) -> bytes:
            return b"statement of " + certificate.sha256

        store = PemFiles((str(self.file),), Access(allowed_paths=(str(self.file.parent),)))
        evaluation = gather(self.check, DeviceFacts(hostname="laptop-1"), (store,), NOW, statement).evaluation
        return " ".join((evaluation.status, *evaluation.reasons))


def prepare(folder: Path) -> Place:
    """Make the certificates: the right one, an expired one of the same name, a colleague's, each with its key."""
    folder.chmod(0o700)
    authority = CertificateAuthority.create(cn="Example Root CA")
    right, colleague = authority.issue(cn="laptop-1"), authority.issue(cn="laptop-2")
    expired = authority.issue(cn="laptop-1", not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    check = Check(
        id="x",
        authorities=(parsed(authority),),
        common_name=parse_template("${hostname}", "cn"),
        asks_key=True,
        evidence=Evidence.POSSESSION,
    )
    wrong = (
        expired.pem + expired.key_pem(),
        colleague.key_pem() + colleague.pem,
        # The right certificate, and another's key: it passes for whoever takes a half of each content.
        right.pem + colleague.key_pem(),
    )
    return Place(folder / "laptop.pem", check, wrong, right.pem + right.key_pem())


def rewrite(place: Place) -> None:
    """Write each content in the place of the one before, a line at a time, as a careless script does."""
    for content in place.wrong:
        with place.file.open("r+b", buffering=0) as file:
            for start in range(0, len(content), PIECE):
                file.write(content[start : start + PIECE])
            file.truncate(len(content))
        time.sleep(0.001)


def run(folder: Path, rounds: int) -> Tally:
    """Check so many times; before and after, the right content passes."""
    place = prepare(folder)
    place.file.write_bytes(place.right)
    place.file.chmod(0o600)
    assert place.answer() == "pass"
    place.file.write_bytes(place.wrong[0])
    with meanwhile(lambda: rewrite(place)):
        answers = [place.answer() for _ in range(rounds)]
    place.file.write_bytes(place.right)
    assert place.answer() == "pass"
    kinds = [item.partition(" ")[0] for item in answers]
    return count(kinds, frozenset({"fail", "error"}))


CAMPAIGN = Campaign(
    name="PEM file that is rewritten in its place",
    what="A program writes three contents over one another, a line at a time; none of them passes, and no mixture may",
    rounds=10_000,
    few=500,
    run=run,
)
