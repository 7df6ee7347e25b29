"""The stores of Windows, read for real: what is found and counted, what a fault says, and that nothing is changed."""

from __future__ import annotations

import ctypes
import uuid
from ctypes import wintypes
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from gatepost.core.certificate import Malformed
from gatepost.core.finding import Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.windows_api import Context, StoreApi, declare, load_library
from tests import der
from tests.certificates import UNKNOWN_EXTENSION, extension
from tests.windows.doubles import Loader, Played, failing, leave_error, with_doubles
from tests.windows.staging import Container, certificates, snapshot
from tests.windows.subjects import CA, MACHINE, OTHER_CA, USER, Place, ec_key, only, query, rsa_key

if TYPE_CHECKING:
    from tests.certificates import Issued
    from tests.windows.staging import Stage

PLACES = pytest.mark.parametrize("place", [pytest.param(MACHINE, id="machine"), pytest.param(USER, id="user")])
OPEN_TYPES = (
    ctypes.c_void_p,
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.LPCWSTR,
)


@PLACES
def test_a_certificate_is_found_with_its_friendly_name(place: Place, stage: Stage) -> None:
    """The label is the name that a person gave it, the path the one that PowerShell knows."""
    issued = CA.issue(cn="laptop")
    stage.add(place.owner, issued, friendly_name="Notebook: Büro 4")
    candidate = only(place.open().read(query(asks_key=False)))
    assert issued.der == candidate.certificate.der
    assert Location(store=StoreKind.WINDOWS, path=place.path, label="Notebook: Büro 4") == candidate.location
    assert (KeyState.NOT_ASKED, "", False) == (candidate.key, candidate.key_detail, candidate.distrusted)


@PLACES
def test_a_certificate_has_no_label_when_nobody_named_it(place: Place, stage: Stage) -> None:
    """None, and not an empty text."""
    stage.add(place.owner, CA.issue())
    stage.add(place.owner, CA.issue(), friendly_name="")
    labels = {item.location.label for item in place.open().read(query(asks_key=False)).candidates}
    assert {None} == labels


@PLACES
def test_certificates_of_others_are_counted_and_not_returned(place: Place, stage: Stage) -> None:
    """Whatever else the store has is counted exactly."""
    stage.add(place.owner, CA.issue())
    stage.add(place.owner, OTHER_CA.issue())
    stage.add(place.owner, OTHER_CA.issue())
    findings = place.open().read(query(asks_key=False))
    assert 1 == len(findings.candidates)
    assert len(certificates(place.owner)) - 1 == findings.others


def test_an_issuer_is_recognised_when_its_name_is_encoded_otherwise(stage: Stage) -> None:
    """Names are compared as RFC 5280 says: case, spaces and string types apart."""
    name = der.name(("CN", "GATEPOST  test of Windows", der.Text.PRINTABLE))
    issued = CA.issue(issuer=name)
    stage.add(USER.owner, issued)
    assert issued.der == only(USER.open().read(query(asks_key=False))).certificate.der


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(der.tlv(der.SEQUENCE, der.tlv(0x04, b"no name")), id="no name"),
        pytest.param(der.name(("CN", "x" * 5_000)), id="longer than any"),
    ],
)
def test_an_issuer_is_another_when_its_name_cannot_be_compared(name: bytes, stage: Stage) -> None:
    """Such a certificate is one of the others."""
    stage.add(USER.owner, CA.issue(issuer=name))
    findings = USER.open().read(query(asks_key=False))
    assert ((), len(certificates(USER.owner))) == (findings.candidates, findings.others)


def test_a_certificate_is_malformed_when_windows_takes_it_and_the_check_does_not(stage: Stage) -> None:
    """A serial number of 80 bytes is nothing to Windows; the candidate says what is wrong with it."""
    stage.add(USER.owner, CA.issue(serial=1 << 639))
    candidate = only(USER.open().read(query()))
    assert isinstance(candidate.certificate, Malformed)
    assert "serial number" in candidate.certificate.detail
    assert KeyState.NOT_ASKED is candidate.key


def test_a_certificate_is_malformed_when_it_is_too_large(stage: Stage) -> None:
    """No more than 64 KiB are copied."""
    bulk = x509.UnrecognizedExtension(x509.ObjectIdentifier(UNKNOWN_EXTENSION), der.tlv(0x04, bytes(70_000)))
    issued = CA.issue(extensions=[extension(bulk)])
    stage.add(USER.owner, issued)
    found = only(USER.open().read(query())).certificate
    assert isinstance(found, Malformed)
    assert (issued.der[:65_536], f"it has {len(issued.der)} bytes; at most 65536 are read") == (found.der, found.detail)


@PLACES
def test_a_certificate_is_distrusted_when_it_is_among_the_untrusted(place: Place, stage: Stage) -> None:
    """The store of untrusted certificates counts, and for this certificate alone."""
    denied, good = CA.issue(cn="denied"), CA.issue(cn="good")
    for issued in (denied, good):
        stage.add(place.owner, issued)
    stage.add(place.owner, denied, store="Disallowed")
    found = place.open().read(query(asks_key=False)).candidates
    assert {denied.der: True, good.der: False} == {item.certificate.der: item.distrusted for item in found}


@PLACES
def test_a_thousand_certificates_are_all_found(place: Place, stage: Stage) -> None:
    """As many as are ever judged."""
    many = _numbered(1_000)
    stage.add_many(place.owner, many)
    findings = place.open().read(query(asks_key=False))
    assert {issued.der for issued in many} == {item.certificate.der for item in findings.candidates}
    assert not findings.too_many


def test_too_many_candidates_are_said_to_be_too_many(stage: Stage) -> None:
    """No more than the limit are returned; as many as the limit are not too many."""
    stage.add_many(USER.owner, _numbered(4))
    few, enough = (USER.open().read(query(asks_key=False, limit=limit)) for limit in (3, 4))
    assert (3, True) == (len(few.candidates), few.too_many)
    assert (4, False) == (len(enough.candidates), enough.too_many)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0x00000002, Reason.STORE_MISSING),
        (0x80070002, Reason.STORE_MISSING),
        (0x80092004, Reason.STORE_MISSING),
        (0x00000005, Reason.PERMISSION_DENIED),
        (0x80070005, Reason.PERMISSION_DENIED),
        (0x00000020, Reason.STORE_UNREADABLE),
    ],
)
def test_a_store_that_does_not_open_is_a_fault_with_its_code(code: int, reason: Reason) -> None:
    """A double of crypt32 refuses to open; its code stands in the detail, as it can be searched for."""
    api = with_doubles(crypt32={"CertOpenStore": failing(code, *OPEN_TYPES)})
    detail = rf"Cert:\LocalMachine\My could not be read (CertOpenStore: 0x{code:08X})"
    fault = Fault(location=Location(store=StoreKind.WINDOWS, path=MACHINE.path), reason=reason, detail=detail)
    assert Findings(faults=(fault,)) == MACHINE.open(api).read(query())


def test_a_store_that_windows_does_not_have_is_missing() -> None:
    """What Windows itself says of a store that is not there is what the fault rests on."""
    with StoreApi().open_store(USER.owner, f"Gatepost-{uuid.uuid4()}") as store:
        assert "CertOpenStore: 0x00000002" == str(store)


def test_untrusted_certificates_that_cannot_be_read_are_a_fault(stage: Stage) -> None:
    """Whether a certificate is distrusted is then not known; what was found stands beside the fault."""
    issued = CA.issue()
    stage.add(USER.owner, issued)
    findings = USER.open(_api_that_opens("MY")).read(query(asks_key=False))
    detail = "the store of untrusted certificates could not be read (CertOpenStore: 0x00000005)"
    location = Location(store=StoreKind.WINDOWS, path=USER.path)
    assert (Fault(location=location, reason=Reason.PERMISSION_DENIED, detail=detail),) == findings.faults
    assert [issued.der] == [item.certificate.der for item in findings.candidates]


def test_an_enumeration_that_breaks_is_a_fault_beside_what_was_found(stage: Stage) -> None:
    """A double of crypt32 gives the first certificates, then another code than that of the end."""
    stage.add_many(USER.owner, _numbered(3))
    real = load_library("crypt32.dll")["CertEnumCertificatesInStore"]
    real.restype, real.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_void_p)
    asked = []

    def enumerate_two(store: int, context: int) -> int:
        asked.append(context)
        following: int = real(store, context) or 0
        leave_error(0x1F if len(asked) > 2 else 0)
        if len(asked) > 2 and following:
            free(following)
        return 0 if len(asked) > 2 else following

    free = load_library("crypt32.dll")["CertFreeCertificateContext"]
    free.argtypes = (ctypes.c_void_p,)
    types = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    api = with_doubles(crypt32={"CertEnumCertificatesInStore": Played(types, enumerate_two)})
    findings = USER.open(api).read(query(asks_key=False))
    detail = rf"{USER.path} could not be read (CertEnumCertificatesInStore: 0x0000001F)"
    assert [(Reason.STORE_UNREADABLE, detail)] == [(fault.reason, fault.detail) for fault in findings.faults]
    assert len(asked) - 1 == len(findings.candidates) + findings.others


def test_more_certificates_than_are_looked_at_are_a_fault(stage: Stage) -> None:
    """A double of crypt32 gives the same certificate again and again: reading ends, and says so."""
    stage.add(USER.owner, OTHER_CA.issue())
    findings = USER.open(_enumerates_without_end()).read(query())
    assert ((), 100_000) == (findings.candidates, findings.others)
    detail = f"{USER.path} has more than 100000 certificates"
    assert [(Reason.STORE_UNREADABLE, detail)] == [(fault.reason, fault.detail) for fault in findings.faults]


def test_the_certificate_with_the_key_counts_when_a_store_shows_it_twice(stage: Stage) -> None:
    """One store is made of several places; the key may be named in one of them."""
    key = rsa_key()
    box = stage.make_key(Container(name="gatepost-twice"), key)
    issued = CA.issue(key=key)
    stage.add(USER.owner, issued, key=box)
    assert KeyState.PRESENT is only(USER.open(_enumerates_thrice()).read(query())).key


def test_a_friendly_name_that_is_too_long_is_none(stage: Stage) -> None:
    """A property of more than 64 KiB is not read."""
    stage.add(USER.owner, CA.issue(), friendly_name="x" * 40_000)
    assert None is only(USER.open().read(query(asks_key=False))).location.label


@PLACES
def test_reading_and_signing_change_nothing(place: Place, stage: Stage) -> None:
    """Certificates and all their properties are the same afterwards."""
    key = rsa_key()
    box = stage.make_key(Container(name="gatepost-unchanged", machine=place.is_machine), key)
    stage.add(place.owner, CA.issue(key=key), friendly_name="unchanged", key=box)
    before = snapshot(place.owner)
    store = place.open()
    assert isinstance(store.sign(only(store.read(query())), b"a statement"), bytes)
    assert before == snapshot(place.owner)


def test_a_person_sees_the_candidate_by_its_thumbprint(stage: Stage) -> None:
    """The command names the one certificate, as certificates are named there."""
    issued = CA.issue()
    stage.add(MACHINE.owner, issued)
    store = MACHINE.open()
    thumbprint = issued.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - it is a name, not a proof
    expected = (
        "powershell",
        "-NoProfile",
        "-Command",
        rf"Get-Item Cert:\LocalMachine\My\{thumbprint} | Format-List Subject, Issuer, NotAfter, FriendlyName, HasPrivateKey",
    )
    assert expected == store.command(only(store.read(query(asks_key=False))))
    assert () == store.watched


def _enumerates_without_end() -> Loader:
    """Play a store that gives its first certificate again and again; releasing it is played, too."""
    crypt32 = load_library("crypt32.dll")
    enumerate_first = declare(crypt32, "CertEnumCertificatesInStore", *[ctypes.c_void_p] * 3)
    first: list[int] = []

    def enumerate_again(store: int, _context: int | None) -> int:
        if not first:
            first.append(enumerate_first(store, None))
        return first[0]

    def release(_context: int) -> int:
        return 1

    return with_doubles(
        crypt32={
            "CertEnumCertificatesInStore": Played((ctypes.c_void_p,) * 3, enumerate_again),
            "CertFreeCertificateContext": Played((wintypes.BOOL, ctypes.c_void_p), release),
        }
    )


def _enumerates_thrice() -> Loader:
    """Play a store that gives its one certificate three times, the first and the last time without its properties."""
    crypt32 = load_library("crypt32.dll")
    enumerate_first = declare(crypt32, "CertEnumCertificatesInStore", *[ctypes.c_void_p] * 3)
    release = declare(crypt32, "CertFreeCertificateContext", wintypes.BOOL, ctypes.c_void_p)
    make = declare(
        crypt32, "CertCreateCertificateContext", ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD
    )
    asked: list[int | None] = []

    def enumerate_thrice(store: int, context: int | None) -> int:
        asked.append(context)
        if context:
            release(context)
        if len(asked) == 4:
            return 0
        first: int = enumerate_first(store, None)
        if len(asked) == 2:
            return first
        content = ctypes.cast(first, ctypes.POINTER(Context)).contents
        bare: int = make(1, content.encoded, content.length)
        release(first)
        return bare

    return with_doubles(crypt32={"CertEnumCertificatesInStore": Played((ctypes.c_void_p,) * 3, enumerate_thrice)})


def _numbered(count: int) -> list[Issued]:
    key = ec_key()
    return [CA.issue(cn=f"laptop-{number}", key=key) for number in range(count)]


def _api_that_opens(only_name: str) -> Loader:
    real = load_library("crypt32.dll")["CertOpenStore"]
    real.restype, real.argtypes = OPEN_TYPES[0], OPEN_TYPES[1:]

    def open_store(*arguments: object) -> int:
        if arguments[-1] != only_name:
            leave_error(5)
            return 0
        store: int = real(*arguments)
        return store

    return with_doubles(crypt32={"CertOpenStore": Played(OPEN_TYPES, open_store)})
