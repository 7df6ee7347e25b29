"""Whatever a request may hold can be put into a certificate."""

from __future__ import annotations

import string
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from hypothesis import assume, given
from hypothesis import strategies as some

from gatepost.errors import InputError
from gatepost.pki.extensions import client_extensions
from gatepost.pki.keys import generate_key
from gatepost.pki.request import CertificateRequest, KeyKind, NameKind, Subject, Validity, parse_alternative_name
from tests.certificates import NOW, CertificateAuthority

if TYPE_CHECKING:
    from gatepost.pki.request import AlternativeName

AUTHORITY = CertificateAuthority.create()
KEY = generate_key(KeyKind.P256).public_key()
YEAR = Validity(not_before=NOW, not_after=NOW + timedelta(days=365))
ASCII = some.text(alphabet=string.printable, min_size=1, max_size=80)
LIKELY = {
    NameKind.DNS: some.from_regex(r"(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,3}", fullmatch=True),
    NameKind.EMAIL: some.emails(),
    NameKind.URI: some.from_regex(r"[a-z]{1,8}:[!-~]{1,80}", fullmatch=True),
    NameKind.IP: some.ip_addresses().map(str),
    NameKind.UPN: some.text(min_size=1, max_size=253),
}


def _parsed(kind: NameKind, value: str) -> AlternativeName | None:
    try:
        return parse_alternative_name(f"{kind}:{value}")
    except InputError:
        return None


@given(kind=some.sampled_from(NameKind), data=some.data())
def test_a_name_is_in_the_certificate_when_it_was_parsed(kind: NameKind, data: some.DataObject) -> None:
    """No name that the parser takes is one that the encoder refuses, whatever the text; all others it refuses itself."""
    name = _parsed(kind, data.draw(some.one_of(LIKELY[kind], ASCII)))
    assume(name is not None)
    assert name is not None
    request = CertificateRequest(subject=Subject(), validity=YEAR, names=(name,))

    extensions = x509.Extensions(client_extensions(request, KEY, AUTHORITY.certificate))

    entry = extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert entry.critical
    assert entry.value.public_bytes()
