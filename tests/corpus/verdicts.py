"""One file of the corpus in the place of a device's certificate, and in the place of an upload: what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.check import Check, Evidence, Purpose, parse_name_template
from gatepost.core.device import DeviceFacts, parse_template
from gatepost.core.evaluation import Evaluation, evaluate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.errors import InputError
from gatepost.wire.management.mtls_certificates import parse_upload
from tests.certificates import pem_block
from tests.corpus.files import Subject, read
from tests.corpus.pairs import FIXED_AUTHORITY, FIXED_CANDIDATE, issuers_of, shared_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FACTS: Final = DeviceFacts(serial_number="S-1", hostname="laptop-1", device_uuid=None)
_PLACE: Final = Location(store=StoreKind.PEM_FILE, path="/etc/gatepost/device.pem")


def judge_file(path: Path) -> tuple[Evaluation, ...]:
    """Evaluate a check of every criterion for each certificate in a file, by its issuers, a fixed CA and itself; as CA, too."""
    found = read(path)
    return tuple(evaluation for item in found for evaluation in _judge(item))


def _judge(item: Subject) -> Iterator[Evaluation]:
    for authority in dict.fromkeys((*issuers_of(item), FIXED_AUTHORITY, item)):
        yield from _evaluated(item, authority)
    yield from _evaluated(FIXED_CANDIDATE, item)


def _evaluated(candidate: Subject, authority: Subject) -> Iterator[Evaluation]:
    # Read anew each time, as a store is; what this costs is measured.
    signer = parse_certificate(authority.der)
    if isinstance(signer, Certificate):
        found = Candidate(certificate=parse_certificate(candidate.der), location=_PLACE, key=KeyState.PRESENT)
        instant = shared_instant(candidate, authority)
        yield evaluate(_check(signer), _FACTS, Findings(candidates=(found,)), instant)


def _check(authority: Certificate) -> Check:
    return Check(
        id="corpus",
        authorities=(authority,),
        common_name=parse_template("${hostname}", "cn"),
        alternative_names=(parse_name_template("dns:${hostname}.example", "san"),),
        purposes=(Purpose.CLIENT_AUTH,),
        asks_key=True,
        evidence=Evidence.POSSESSION,
    )


def upload(item: Subject) -> str:
    """Upload a subject as a signing certificate; return why it is refused, or nothing."""
    try:
        parse_upload(pem_block("CERTIFICATE", item.der).decode(), ca=True)
    except InputError as error:
        return str(error)
    return ""
