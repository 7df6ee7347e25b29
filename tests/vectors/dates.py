"""Section 2, step 5: both ends of a validity count, for the certificate and then for the signing certificate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gatepost.core.reason import Reason
from tests import der
from tests.certificates import DAY, NOW, Digest, Part
from tests.vectors.forge import leaf, root
from tests.vectors.scene import ROOT, fails, passes
from tests.vectors.vector import Scene, vector

SECTION = "2"
SECOND = timedelta(seconds=1)
BEGIN, END = NOW - DAY, NOW + DAY
SHORT = leaf(ROOT, not_before=BEGIN, not_after=END)
SHORT_ROOT = root(not_before=BEGIN, not_after=END)
LONG = leaf(SHORT_ROOT, not_before=BEGIN - DAY, not_after=END + DAY)


@vector("At its first second a certificate is valid.")
def _first_second() -> Scene:
    return passes(SHORT, now=BEGIN)


@vector("At its last second it still is (RFC 5280, 4.1.2.5).")
def _last_second() -> Scene:
    return passes(SHORT, now=END)


@vector("A second later it has expired.")
def _after_the_last_second() -> Scene:
    return fails(SHORT, now=END + SECOND, why=Reason.CERTIFICATE_EXPIRED)


@vector("Within the second after the last it has expired too.")
def _within_the_second_after_the_last() -> Scene:
    return fails(SHORT, now=END + timedelta(milliseconds=1), why=Reason.CERTIFICATE_EXPIRED)


@vector("A second before the first it is not valid yet.")
def _before_the_first_second() -> Scene:
    return fails(SHORT, now=BEGIN - SECOND, why=Reason.CERTIFICATE_NOT_YET_VALID)


@vector("At its first second a signing certificate is valid.")
def _first_second_of_the_signing_certificate() -> Scene:
    return passes(LONG, now=BEGIN, uploaded=(SHORT_ROOT,))


@vector("At its last second it still is.")
def _last_second_of_the_signing_certificate() -> Scene:
    return passes(LONG, now=END, uploaded=(SHORT_ROOT,))


@vector("A second later it has expired, and nothing passes by it.")
def _after_the_signing_certificate() -> Scene:
    return fails(LONG, now=END + SECOND, why=Reason.SIGNING_CERTIFICATE_EXPIRED, uploaded=(SHORT_ROOT,))


@vector("A second before the first it is not valid yet.")
def _before_the_signing_certificate() -> Scene:
    return fails(LONG, now=BEGIN - SECOND, why=Reason.SIGNING_CERTIFICATE_NOT_YET_VALID, uploaded=(SHORT_ROOT,))


@vector("Where both have expired, the certificate's own end is the reason.")
def _both_expired() -> Scene:
    both = leaf(SHORT_ROOT, not_before=BEGIN, not_after=END)
    return fails(both, now=END + SECOND, why=Reason.CERTIFICATE_EXPIRED, uploaded=(SHORT_ROOT,))


@vector("An end in the year 9999 means that there is none (RFC 5280, 4.1.2.5).")
def _without_an_end() -> Scene:
    endless = leaf(ROOT, not_after=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    return passes(endless)


@vector("Years before 2050 may stand in four digits.")
def _four_digits_before_2050() -> Scene:
    times = der.tlv(0x30, der.tlv(0x18, b"20260101000000Z"), der.tlv(0x18, b"20270101000000Z"))
    return passes(leaf(ROOT, parts={Part.VALIDITY: times}))


@vector("Two digits from 50 on are of the last century.")
def _two_digits_from_50_on() -> Scene:
    times = der.tlv(0x30, der.tlv(0x17, b"500101000000Z"), der.tlv(0x17, b"510101000000Z"))
    return fails(leaf(ROOT, parts={Part.VALIDITY: times}), why=Reason.CERTIFICATE_EXPIRED)


@vector("A certificate that ends before it begins is never valid.")
def _end_before_begin() -> Scene:
    return fails(leaf(ROOT, not_before=END, not_after=BEGIN), why=Reason.CERTIFICATE_EXPIRED)


@vector("The dates come after the signature: a forged certificate that has expired is forged.")
def _signature_before_dates() -> Scene:
    forged = leaf(root("second"), aki=None, not_after=BEGIN)
    return fails(forged, why=Reason.SIGNATURE_INVALID)


@vector("And before the strength: a weak one that has expired has expired.")
def _dates_before_strength() -> Scene:
    return fails(leaf(ROOT, digest=Digest.SHA1, not_after=BEGIN), why=Reason.CERTIFICATE_EXPIRED)
