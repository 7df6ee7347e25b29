"""The deny-list: ``/accounts/{a}/gatepost/deny-list``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.pem import scan_pem
from gatepost.core.reason import Reason
from gatepost.errors import InputError
from gatepost.wire.management.envelope import Instant

_ALLOWED = "one of public_key, certificate, and issuer or certificate_id with serial_number"
_Text = Annotated[str, msgspec.Meta(max_length=1_000, pattern=r"^[^\x00]*$")]


class Cause(StrEnum):
    """Why something is denied."""

    DENIED = Reason.CERTIFICATE_DENIED.value
    REVOKED = Reason.CERTIFICATE_REVOKED.value


class Basis(StrEnum):
    """What of a certificate is denied: its issuer and number, which name it alone, or its key and so all that have it."""

    SERIAL_NUMBER = "serial_number"
    PUBLIC_KEY = "public_key"


class DenialBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be denied: a key, a certificate, or a serial number of the one certificate authority in an upload."""

    public_key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the SubjectPublicKeyInfo, in hex."""
    certificate: Annotated[str, msgspec.Meta(min_length=1, max_length=32_768)] | None = None
    """PEM, one certificate."""
    by: Basis = Basis.SERIAL_NUMBER
    certificate_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00]+$")] | None = None
    issuer: Annotated[str, msgspec.Meta(min_length=1, max_length=32_768)] | None = None
    """PEM, the certificate of the certificate authority whose serial number it is."""
    serial_number: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,60}$")] | None = None
    """Decimal, as uploads show it."""
    reason: Cause = Cause.DENIED
    note: _Text = ""

    def __post_init__(self) -> None:
        """Insist that it names one thing; raises `InputError`."""
        given = [self.public_key, self.certificate, self.certificate_id, self.issuer]
        if sum(item is not None for item in given) != 1:
            raise InputError("/certificate", "is not the one thing that is named", _ALLOWED)
        if (self.certificate_id is None and self.issuer is None) != (self.serial_number is None):
            raise InputError("/serial_number", "goes with issuer or certificate_id, and with nothing else", _ALLOWED)


class DenialObject(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is denied. ``kind`` and ``value``: a digest of what; ``source``: who put it there.

    ``source`` is ``administrator``, ``authority`` (a certificate's own CA), or the id of the registration whose revocation
    it was: then it is lifted with that.
    """

    id: str
    kind: str
    value: str
    reason: Reason
    source: str
    note: str
    created_at: Instant


def read_certificate(text: str, field: str = "/certificate") -> Certificate:
    """Read PEM that holds one certificate and nothing else; the `InputError` names ``field``."""
    blocks = scan_pem(text)
    content = blocks[0].content if len(blocks) == 1 and blocks[0].label == "CERTIFICATE" else None
    certificate = None if content is None else parse_certificate(content)
    if not isinstance(certificate, Certificate):
        raise InputError(field, "is not one certificate", "PEM, one block")
    return certificate
