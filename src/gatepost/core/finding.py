"""What reading the stores gives: candidates, how many other certificates there are, and faults.

"Could not look" is a value with a reason, beside whatever else was found: a store that fails does not hide the others.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from enum import StrEnum

import msgspec

from gatepost.core.certificate import Certificate, Malformed
from gatepost.core.reason import Reason


class StoreKind(StrEnum):
    """The kinds of store, one for each reader."""

    PEM_FILE = "file"
    NSSDB = "nssdb"
    PKCS11 = "pkcs11"
    KEYCHAIN = "keychain"
    WINDOWS = "windows"


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a certificate lies: the store's kind and path, in it the ``label`` (an NSS nickname), and whose store it is."""

    store: StoreKind
    path: str
    label: str | None = None
    user: str | None = None


class KeyState(StrEnum):
    """What is known of a candidate's private key, where it is."""

    NOT_ASKED = "not-asked"
    """Nobody looked, because the check does not ask."""
    MISSING = "missing"
    MISMATCH = "mismatch"
    """There is a key beside it, of another certificate."""
    LOCKED = "locked"
    """There is a key that cannot be looked at (encrypted): whose it is nobody can tell."""
    UNUSABLE = "unusable"
    """It is this certificate's, and will not sign unattended."""
    PRESENT = "present"


class Proof(StrEnum):
    """What became of the possession statement's signature."""

    NONE = "none"
    INVALID = "invalid"
    VALID = "valid"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate whose issuer is the signing certificate by name, or bytes in such a place that are none."""

    certificate: Certificate | Malformed
    location: Location
    key: KeyState = KeyState.NOT_ASKED
    key_detail: str = ""
    """For the administrator: the provider and its code, which key was found instead."""
    distrusted: bool = False
    """The store itself explicitly distrusts it (NSS trust ``p``)."""
    proof: Proof = Proof.NONE


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A place that could not be looked into, why, and the detail that names the cure."""

    location: Location
    reason: Reason
    detail: str


class Nearby(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of another issuer that is one step from the uploaded CA: its issuer ``via`` is a candidate itself.

    It says which certificate the administrator meant to upload. Of other certificates nothing but their number is known.
    """

    issuer: str
    sha256: bytes
    not_after: datetime
    via: bytes
    """SHA-256 of the certificate that issued it, which the uploaded one issued."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that one check's locations gave. ``others``: certificates of other issuers (1 may stand for "some")."""

    candidates: tuple[Candidate, ...] = ()
    others: int = 0
    faults: tuple[Fault, ...] = ()
    nearby: tuple[Nearby, ...] = ()
    too_many: bool = False
    """There were more candidates than are judged."""


def leave_out_crowd(findings: Findings) -> Findings:
    """Make a fault of the one place that ``findings`` are of, where it holds more candidates than are judged.

    So it hides nothing that lies elsewhere: whoever fills a place spoils that place.
    """
    if not findings.too_many or not findings.candidates:
        return findings
    detail = (
        f"more than {len(findings.candidates)} certificates here name the signing certificate as issuer; none is judged"
    )
    fault = Fault(location=_place(findings.candidates[0]), reason=Reason.TOO_MANY_CANDIDATES, detail=detail)
    return msgspec.structs.replace(findings, candidates=(), faults=(*findings.faults, fault), too_many=False)


def leave_out_largest(findings: Findings, limit: int) -> Findings:
    """Leave out the places with the most candidates, each as a fault, until there are ``limit`` at most."""
    left = len(findings.candidates)
    if left <= limit:
        return findings
    faults: dict[Location, Fault] = {}
    counted = Counter(map(_place, findings.candidates))
    for place, count in sorted(counted.items(), key=lambda item: (-item[1], item[0].path, item[0].user or "")):
        if left > limit:
            left -= count
            detail = (
                f"{count} certificates here name the signing certificate as issuer; {limit} of all places are judged"
            )
            faults[place] = Fault(location=place, reason=Reason.TOO_MANY_CANDIDATES, detail=detail)
    kept = tuple(item for item in findings.candidates if _place(item) not in faults)
    return msgspec.structs.replace(findings, candidates=kept, faults=(*findings.faults, *faults.values()))


def _place(candidate: Candidate) -> Location:
    """Return the place of a candidate, whatever its nickname there."""
    return msgspec.structs.replace(candidate.location, label=None)
