"""The kinds of differences from the other judges, as ``docs/differences.md`` names them, and how each is known.

Source of the page's words are these values; `Kind` are the differences where we are the stricter, `Leniency` those where
GnuTLS refuses what OpenSSL accepts and so do we.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from gatepost.core.certificate import Malformed
from gatepost.core.reason import Reason
from tests import der

if TYPE_CHECKING:
    from gatepost.core.certificate import Certificate, Refusal


class Kind(StrEnum):
    """We refuse, and another judge accepts; a row of the page begins with each."""

    AUTHORITY = "a CA's certificate, or the signing certificate itself, in a device's place"
    NO_AUTHORITY = "a signing certificate of version 1, or without CA:TRUE"
    DIGEST = "signatures with MD5, SHA-1, SHA-224"
    KEY = "keys other than RSA 2048 to 8192"
    BEHIND = "bytes behind the certificate, or behind the value of an extension"
    BER = "what BER allows and DER does not"
    TWICE = "an extension twice"
    POLICIES = "certificate policies that cannot be read"
    UNSEEN = "what OpenSSL looks at and GnuTLS does not"


class Unread(StrEnum):
    """Both refuse: we because it is malformed, OpenSSL for another reason that it came to before, or instead."""

    TIME = "a time that RFC 5280 does not allow"
    EXTENSION = "an extension that cannot be read"
    TAG = "a tag of several bytes in a name"


class Leniency(StrEnum):
    """GnuTLS refuses, and OpenSSL and we accept; a row of the page begins with each."""

    NAMES = "names that differ in case, white space or string type"
    MAPPINGS = "critical policy mappings in the signing certificate"
    SUBTREES = "constraints on names of other kinds than the certificate has"
    ENVELOPE = "a signing certificate whose own signature is no whole number of bytes"


_BY_REASON: Final = {
    Reason.CERTIFICATE_IS_A_CA: Kind.AUTHORITY,
    Reason.SIGNING_CERTIFICATE_NOT_A_CA: Kind.NO_AUTHORITY,
    Reason.SIGNATURE_ALGORITHM_WEAK: Kind.DIGEST,
    Reason.KEY_UNSUPPORTED: Kind.KEY,
}
_UNSEEN_BY_GNUTLS: Final = {Reason.NAME_CONSTRAINT_VIOLATED, Reason.SIGNATURE_INVALID}
_BY_DETAIL: Final[dict[str, Kind | Unread]] = {
    "bytes behind": Kind.BEHIND,
    "a length that": Kind.BER,
    "tag 0x10 where 0x30": Kind.BER,
    "is not a SET": Kind.BER,
    "has no value": Kind.BER,
    "stands twice": Kind.TWICE,
    "extension 2.5.29.32: ": Kind.POLICIES,
    "extension 2.5.29.": Unread.EXTENSION,
    "a time that": Unread.TIME,
    "a tag of several bytes": Unread.TAG,
}
_BY_WORDS: Final = {
    "issuer is unknown": Leniency.NAMES,
    "unknown critical extension": Leniency.MAPPINGS,
    "violates the signer's constraints": Leniency.SUBTREES,
    "issuer is not a CA": Leniency.ENVELOPE,
}


_CRITICAL_MAPPINGS: Final = bytes.fromhex("0603551d210101ff")
_NAME_CONSTRAINTS: Final = bytes.fromhex("0603551d1e")


def kind_of(ours: Refusal | Malformed, *, gnutls: bool = False) -> Kind | Unread | None:
    """Tell of which kind a refusal of ours is that another judge does not share; None: of no kind that is known."""
    if isinstance(ours, Malformed):
        return next((found for words, found in _BY_DETAIL.items() if words in ours.detail), None)
    return Kind.UNSEEN if gnutls and ours.reason in _UNSEEN_BY_GNUTLS else _BY_REASON.get(ours.reason)


def leniency_of(words: str, candidate: Certificate, authority: Certificate) -> Leniency | None:
    """Tell of which kind a refusal of GnuTLS is that we do not share: by its own words, and by what there is to refuse."""
    found = next((found for part, found in _BY_WORDS.items() if part in words), None)
    match found:
        case Leniency.NAMES:
            there = candidate.issuer.encoded != authority.subject.encoded
        case Leniency.MAPPINGS:
            there = _CRITICAL_MAPPINGS in authority.der
        case Leniency.SUBTREES:
            there = _NAME_CONSTRAINTS in authority.der
        case Leniency.ENVELOPE:
            there = _unused_bits(authority.der) != 0
        case _:
            there = False
    return found if there else None


def _unused_bits(encoded: bytes) -> int:
    """Return how many bits of the signature, the last part of a certificate, do not count (X.690, 8.6.2)."""
    signature = der.parts(encoded)[2]
    return signature[4 if signature[1] == 0x82 else 2]
