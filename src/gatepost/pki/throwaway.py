"""An authority in memory, for load and for trials: nothing of it is written anywhere, and it is gone with the process."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from gatepost.pki.extensions import authority_extensions, client_extensions
from gatepost.pki.keys import signature_digest
from gatepost.pki.request import CertificateRequest, Subject, Validity

if TYPE_CHECKING:
    from datetime import datetime

_LIFE: Final = timedelta(days=30)
_EARLIER: Final = timedelta(minutes=5)
"""As much earlier certificates become valid than they are made: other clocks are behind."""
_HALF: Final = 32
_ECDSA: Final = ec.ECDSA(hashes.SHA256())


class ThrowawayCertificate(msgspec.Struct, frozen=True):
    """A client certificate (DER) with its P-256 key."""

    der: bytes
    key: ec.EllipticCurvePrivateKey

    def sign(self, statement: bytes) -> bytes:
        """Sign a possession statement: r || s."""
        r, s = decode_dss_signature(self.key.sign(statement, _ECDSA))
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")


class ThrowawayAuthority:
    """A root with a P-256 key."""

    def __init__(self, cn: str, now: datetime) -> None:
        """Make it, named ``cn``."""
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name(cn)
        extensions = authority_extensions(self._key.public_key(), 0, None)
        self._certificate = self._sign(name, name, self._key.public_key(), list(extensions))

    @property
    def pem(self) -> str:
        """Its certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, cn: str) -> ThrowawayCertificate:
        """Issue a client certificate with a key of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        validity = Validity(not_before=self._now - _EARLIER, not_after=self._now + _LIFE)
        request = CertificateRequest(subject=Subject(cn=cn), validity=validity)
        extensions = client_extensions(request, key.public_key(), self._certificate)
        made = self._sign(_name(cn), self._certificate.subject, key.public_key(), list(extensions))
        return ThrowawayCertificate(made.public_bytes(serialization.Encoding.DER), key)

    def _sign(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: ec.EllipticCurvePublicKey,
        extensions: list[x509.Extension[x509.ExtensionType]],
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=issuer,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=self._now - _EARLIER,
            not_valid_after=self._now + _LIFE,
            extensions=extensions,
        )
        return builder.sign(self._key, signature_digest(self._key))


def _name(cn: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
