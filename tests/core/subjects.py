"""What the tests of core judge: parsed certificates, checks and candidates, with ordinary values for all that is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatepost.core.certificate import Certificate, examine_issuance, parse_certificate
from gatepost.core.check import Check, parse_name_template
from gatepost.core.device import DeviceFacts, parse_template
from gatepost.core.finding import Candidate, Findings, Location, StoreKind
from tests.certificates import NOW, CertificateAuthority

if TYPE_CHECKING:
    from gatepost.core.certificate import Refusal
    from gatepost.core.reason import Reason
    from tests.certificates import Issued

AUTHORITY = CertificateAuthority.create(cn="Example Root CA")
LAPTOP = AUTHORITY.issue(cn="laptop-1")
PLACE = Location(store=StoreKind.PEM_FILE, path="/etc/gatepost/device.pem")
FACTS = DeviceFacts(serial_number="S-1", hostname="laptop-1", device_uuid="6f1c0d1e-0000-4000-8000-00000000000a")


def parsed(subject: Issued | CertificateAuthority) -> Certificate:
    """Parse a certificate that is meant to be one."""
    certificate = parse_certificate(subject.der)
    assert isinstance(certificate, Certificate), certificate
    return certificate


def refusal(issued: Issued, authority: CertificateAuthority = AUTHORITY, *, signs: bool = True) -> Refusal | None:
    """Judge the one step at NOW."""
    return examine_issuance(parsed(issued), parsed(authority), NOW, signs=signs)


def step(issued: Issued, authority: CertificateAuthority = AUTHORITY) -> tuple[int, Reason] | None:
    """Judge the one step at NOW: where it stopped, and why."""
    found = refusal(issued, authority)
    return None if found is None else (found.step, found.reason)


def check(*authorities: CertificateAuthority, cn: str = "", sans: tuple[str, ...] = (), **fields: Any) -> Check:  # noqa: ANN401 - the fields of Check are of many types.
    """Make a check of these authorities (of AUTHORITY where none is given)."""
    return Check(
        id="check-1",
        authorities=tuple(parsed(item) for item in authorities or (AUTHORITY,)),
        common_name=parse_template(cn, "cn") if cn else None,
        alternative_names=tuple(parse_name_template(text, "san") for text in sans),
        **fields,
    )


def candidate(issued: Issued, **fields: Any) -> Candidate:  # noqa: ANN401 - the fields of Candidate are of many types.
    """Find a certificate at PLACE."""
    return Candidate(**{"certificate": parse_certificate(issued.der), "location": PLACE, **fields})


def findings(*issued: Issued, **fields: Any) -> Findings:  # noqa: ANN401 - the fields of Findings are of many types.
    """Find these certificates, with nothing known of their keys."""
    return Findings(candidates=tuple(candidate(item) for item in issued), **fields)
