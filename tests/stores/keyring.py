"""A store in memory, with real certificates and keys: what other stores are for readers, this is for tests of what asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.stores.interface import Unsigned

if TYPE_CHECKING:
    from gatepost.stores.interface import Query
    from tests.certificates import Issued, PrivateKey


class KeyRing:
    """Holds certificates: those of ``keyed`` with their keys, those of ``bare`` without."""

    watched: tuple[str, ...] = ()

    def __init__(
        self, *keyed: Issued, bare: tuple[Issued, ...] = (), faults: tuple[Fault, ...] = (), user: str | None = None
    ) -> None:
        self._keys = {issued.der: issued.key for issued in keyed}
        self._certificates = [issued.der for issued in (*keyed, *bare)]
        self._faults = faults
        self._place = Location(store=StoreKind.WINDOWS, path="a ring", label="a label", user=user)

    def read(self, query: Query) -> Findings:
        """Find the candidates, as every store does."""
        parsed = [parse_certificate(encoded) for encoded in self._certificates]
        wanted = [
            item for item in parsed if not isinstance(item, Certificate) or item.issuer.canonical in query.issuers
        ]
        candidates = tuple(Candidate(certificate=item, location=self._place) for item in wanted[: query.limit])
        return Findings(
            candidates=candidates,
            others=len(parsed) - len(wanted),
            faults=self._faults,
            too_many=len(wanted) > query.limit,
        )

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Sign with a key that is there."""
        key = self._keys.get(candidate.certificate.der)
        return Unsigned("no key on this ring", KeyState.MISSING) if key is None else signature(key, statement)

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Name one."""
        return ("show", candidate.certificate.fingerprint)


def signature(key: PrivateKey, message: bytes) -> bytes:
    """Sign in the form that a possession statement's signature has."""
    match key:
        case rsa.RSAPrivateKey():
            return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        case ec.EllipticCurvePrivateKey():
            digest = hashes.SHA256() if key.key_size <= 256 else hashes.SHA384()
            r, s = decode_dss_signature(key.sign(message, ec.ECDSA(digest)))
            width = (key.key_size + 7) // 8
            return r.to_bytes(width, "big") + s.to_bytes(width, "big")
        case ed25519.Ed25519PrivateKey():
            return key.sign(message)
        case _:
            raise TypeError(type(key))
