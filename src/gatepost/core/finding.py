"""What reading the stores gives: candidates, how many other certificates there are, and faults.

"Could not look" is a value with a reason, beside whatever else was found: a store that fails does not hide the others.
"""

from __future__ import annotations

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
