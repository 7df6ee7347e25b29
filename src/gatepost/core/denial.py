"""Denial: certificates and keys that an administrator, or their own CA, has taken back.

A certificate is named by its key (SHA-256 of the SubjectPublicKeyInfo: every certificate with it) or by its issuer's name and
its serial number, which together name one certificate (RFC 5280, 4.1.2.2). The name is compared as RFC 5280, 7.1 does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from gatepost.core.public_key import canonical_key
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from gatepost.core.certificate import Certificate
    from gatepost.core.name import DistinguishedName


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """What is denied, of all that may be asked for: why, by `key_digest` and by `certificate_digest`."""

    keys: Mapping[bytes, Reason] = {}
    certificates: Mapping[bytes, Reason] = {}

    def why(self, certificate: Certificate) -> Reason | None:
        """Return why a certificate is denied; None: it is not."""
        if not self.keys and not self.certificates:
            return None
        named = certificate_digest(certificate.issuer, certificate.serial_number)
        return self.keys.get(key_digest(certificate)) or self.certificates.get(named)


def key_digest(certificate: Certificate) -> bytes:
    """Return the SHA-256 of a certificate's SubjectPublicKeyInfo, in its usual form whatever form the certificate has."""
    return hashlib.sha256(canonical_key(certificate.public_key)).digest()


def certificate_digest(issuer: DistinguishedName, serial_number: int) -> bytes:
    """Return the SHA-256 of an issuer's name, in the form in which names are compared, and a serial number."""
    return hashlib.sha256(b"%d\0%b" % (serial_number, issuer.canonical)).digest()
