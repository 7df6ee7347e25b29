"""Sections 1 and 4: one and the same certificate meets all; any one is enough; the nearest gives the reasons."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from gatepost.core.reason import Reason
from tests.certificates import DAY, EMAIL_PROTECTION, NOW, Issued, dns
from tests.vectors.forge import leaf, root
from tests.vectors.scene import LAPTOP, ROOT, at, errs, fails, passes, proved
from tests.vectors.vector import Place, Scene, vector

SECTION = "1"
ASKED: dict[str, Any] = {"cn": "laptop-1", "extended_key_usage": ["clientAuth"]}
EXPIRED = leaf(ROOT, not_after=NOW - DAY)
COLLEAGUE = leaf(ROOT, "colleague", cn="laptop-2")
MAIL = leaf(ROOT, eku=[EMAIL_PROTECTION])
STRANGER = leaf(root("second", cn="Second Root CA"))
NSSDB = Place(store="nssdb", path="/etc/pki/nssdb", label="Laptop")


def _nearest(scene: Scene, *order: Issued) -> Scene:
    """Tell the order of the certificates too."""
    digests = tuple(hashlib.sha256(item.der).hexdigest() for item in order)
    return scene | {"expected": msgspec.structs.replace(scene["expected"], nearest=digests)}


@vector("One that passes is enough, whatever lies beside it.")
def _one_of_many() -> Scene:
    return passes(EXPIRED, COLLEAGUE, STRANGER, LAPTOP, MAIL, at(b"no certificate"), **ASKED)


@vector("A certificate and its renewal may overlap.")
def _renewal_beside_the_old_one() -> Scene:
    return passes(EXPIRED, leaf(ROOT, serial=4712, not_after=NOW + 700 * DAY), **ASKED)


@vector("The name of one and the purpose of another do not make a device pass.")
def _facts_of_two_certificates() -> Scene:
    lacks_name = leaf(ROOT, cn="laptop-2", not_after=NOW + 400 * DAY)
    return _nearest(fails(MAIL, lacks_name, why=Reason.COMMON_NAME_MISMATCH, **ASKED), lacks_name, MAIL)


@vector("Nor do they when both lie in one file, or under one nickname.")
def _facts_of_two_certificates_in_one_place() -> Scene:
    lacks_name = leaf(ROOT, cn="laptop-2", not_after=NOW + 400 * DAY)
    return fails(at(MAIL, NSSDB), at(lacks_name, NSSDB), why=Reason.COMMON_NAME_MISMATCH, **ASKED)


@vector("Nor the key of one and the certificate of another.")
def _key_of_another_certificate() -> Scene:
    colleague = leaf(ROOT, "colleague", cn="laptop-2", not_after=NOW + DAY)
    found = (at(LAPTOP, key="missing"), proved(colleague, "colleague"))
    return fails(*found, why=Reason.PRIVATE_KEY_MISSING, check_private_key=True, cn="laptop-1")


@vector("All reasons of a certificate are kept.")
def _all_reasons() -> Scene:
    wrong = leaf(ROOT, cn="laptop-2", eku=None, sans=[dns("a.example")], not_after=NOW - DAY)
    why = (
        Reason.CERTIFICATE_EXPIRED,
        Reason.COMMON_NAME_MISMATCH,
        Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH,
        Reason.EXTENDED_KEY_USAGE_MISSING,
        Reason.PRIVATE_KEY_MISSING,
    )
    return fails(wrong, why=why, subject_alternative_names=["b.example"], check_private_key=True, **ASKED)


@vector("The nearest is the one that lacks least.")
def _nearest_lacks_least() -> Scene:
    worse = leaf(ROOT, cn="laptop-2", eku=None, not_after=NOW + 900 * DAY)
    return _nearest(fails(worse, MAIL, why=Reason.EXTENDED_KEY_USAGE_MISSING, **ASKED), MAIL, worse)


@vector("Of those that lack as much, the one that ends last.")
def _nearest_ends_last() -> Scene:
    later = leaf(ROOT, cn="laptop-2", not_after=NOW + 336 * DAY)
    return _nearest(fails(MAIL, later, why=Reason.COMMON_NAME_MISMATCH, **ASKED), later, MAIL)


@vector("Of those that end together, the one whose SHA-256 comes first.")
def _nearest_by_digest() -> Scene:
    several = [leaf(ROOT, cn="laptop-2", serial=number) for number in range(5000, 5004)]
    ordered = sorted(several, key=lambda item: hashlib.sha256(item.der).digest())
    return _nearest(fails(*several, why=Reason.COMMON_NAME_MISMATCH, **ASKED), *ordered)


@vector("Of those that pass, the one that ends last is named.")
def _passing_ends_last() -> Scene:
    later = leaf(ROOT, serial=4712, not_after=NOW + 336 * DAY)
    return _nearest(passes(LAPTOP, later, **ASKED), later, LAPTOP)


@vector("What cannot be read comes last.")
def _malformed_comes_last() -> Scene:
    worst = leaf(ROOT, cn="laptop-2", eku=None, not_after=NOW - DAY)
    why = (Reason.CERTIFICATE_EXPIRED, Reason.COMMON_NAME_MISMATCH, Reason.EXTENDED_KEY_USAGE_MISSING)
    return fails(at(b"no certificate"), worst, why=why, **ASKED)


@vector("One certificate in two places counts where its key is.")
def _certificate_in_two_places() -> Scene:
    return passes(at(LAPTOP, NSSDB, key="missing"), proved(LAPTOP), check_private_key=True, evidence="possession")


@vector("No more than 16 certificates are reported: those that pass, then the nearest.")
def _more_than_are_reported() -> Scene:
    many = [leaf(ROOT, cn="laptop-2", serial=number) for number in range(5000, 5017)]
    ordered = sorted(many, key=lambda item: hashlib.sha256(item.der).digest())
    return _nearest(passes(*many, LAPTOP, **ASKED), LAPTOP, *ordered[:15])


@vector("More than a thousand candidates are an error, also when one of those that were judged would pass.")
def _too_many() -> Scene:
    return errs(LAPTOP, why=Reason.TOO_MANY_CANDIDATES, too_many=True, **ASKED)


@vector("Without any certificate the reason is that there is none.")
def _nothing_found() -> Scene:
    return fails(why=Reason.NO_CERTIFICATE_FOUND, **ASKED)


@vector("With certificates of other issuers alone the reason is that none is of this one.")
def _others_alone() -> Scene:
    return fails(STRANGER, why=Reason.NOT_ISSUED_BY_SIGNING_CERTIFICATE, **ASKED)


@vector("A certificate that its store explicitly distrusts does not pass.", "6")
def _distrusted() -> Scene:
    return fails(at(LAPTOP, NSSDB, distrusted=True), why=Reason.CERTIFICATE_DISTRUSTED, **ASKED)


@vector("The distrust of one certificate is not another's.", "6")
def _distrusted_beside_another() -> Scene:
    return passes(at(LAPTOP, NSSDB, distrusted=True), leaf(ROOT, serial=4712), **ASKED)


@vector("Nor is it the same certificate's in another store.", "6")
def _distrusted_in_one_of_two_places() -> Scene:
    return passes(at(LAPTOP, NSSDB, distrusted=True), LAPTOP, **ASKED)
