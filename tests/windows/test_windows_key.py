"""Keys of CSPs, for real: which state each is in, what it signs, and what stands in the way of one that does not."""

from __future__ import annotations

import ctypes
from ctypes import wintypes
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from gatepost.agent.gather import gather
from gatepost.core.certificate import Malformed
from gatepost.core.check import Check, Evidence, OperatingSystem
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState
from gatepost.core.possession import build_statement
from gatepost.core.signature import verify_signature
from gatepost.stores.interface import Unsigned
from tests.certificates import NOW, KeyKind
from tests.windows.doubles import Played, failing, leave_error, with_doubles
from tests.windows.staging import (
    AES,
    AT_SIGNATURE,
    ENHANCED,
    MACHINE_KEYS,
    PASSWORD,
    RSA_FULL,
    Container,
)
from tests.windows.subjects import CA, MACHINE, USER, Place, ec_key, only, parsed, query, rsa_key

if TYPE_CHECKING:
    from tests.certificates import Issued
    from tests.windows.staging import Stage

PLACES = pytest.mark.parametrize("place", [pytest.param(MACHINE, id="machine"), pytest.param(USER, id="user")])
STATEMENT = build_statement("https://gatepost.example/account", bytes(32), bytes(40), bytes(32))


def _container(place: Place, name: str = "gatepost-key") -> Container:
    return Container(name=name, machine=place.is_machine)


@PLACES
@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.RSA3072, KeyKind.RSA4096])
def test_a_key_signs_and_others_can_verify_it(place: Place, kind: KeyKind, stage: Stage) -> None:
    """The signature is right by our own judgement and by cryptography's."""
    key = rsa_key(kind=kind)
    issued = CA.issue(key=key)
    stage.add(place.owner, issued, key=stage.make_key(_container(place), key))
    store = place.open()
    candidate = only(store.read(query()))
    assert (KeyState.PRESENT, "") == (candidate.key, candidate.key_detail)
    signature = store.sign(candidate, STATEMENT)
    assert isinstance(signature, bytes)
    assert verify_signature(parsed(issued).public_key, signature, STATEMENT)
    key.public_key().verify(signature, STATEMENT, padding.PKCS1v15(), hashes.SHA256())


def test_a_check_passes_with_possession(stage: Stage) -> None:
    """The whole way: read, judge, sign, judge again."""
    key = rsa_key()
    stage.add(USER.owner, CA.issue(key=key), key=stage.make_key(_container(USER), key))
    check = Check(
        id="windows",
        authorities=(parsed(CA.issued),),
        asks_key=True,
        evidence=Evidence.POSSESSION,
        operating_system=OperatingSystem.WINDOWS,
    )
    gathered = gather(check, DeviceFacts(), (USER.open(),), NOW, lambda certificate: STATEMENT + certificate.sha256)
    assert (Status.PASS, Evidence.POSSESSION) == (gathered.evaluation.status, gathered.evaluation.evidence)


def test_a_key_imported_from_a_pkcs12_file_signs(stage: Stage) -> None:
    """Windows gives it to a provider that knows no SHA-256; the key is opened through that provider's successor.

    A user's file alone: Wine forgets where it put the key of one that is imported for the machine.
    """
    key = rsa_key("imported")
    issued = CA.issue(key=key)
    stage.add(USER.owner, issued, key=stage.import_pkcs12(_pkcs12(issued)))
    store = USER.open()
    candidate = only(store.read(query()))
    assert (KeyState.PRESENT, "") == (candidate.key, candidate.key_detail)
    signature = store.sign(candidate, STATEMENT)
    assert isinstance(signature, bytes)
    assert verify_signature(parsed(issued).public_key, signature, STATEMENT)


@PLACES
def test_a_key_of_an_older_provider_signs(place: Place, stage: Stage) -> None:
    """As the one from a file, but put there by name, so that it is known which provider that was."""
    key = rsa_key()
    older = msgspec.structs.replace(_container(place), provider=ENHANCED, provider_type=RSA_FULL)
    stage.add(place.owner, CA.issue(key=key), key=stage.make_key(older, key))
    assert KeyState.PRESENT is only(place.open().read(query())).key


def test_a_key_of_a_provider_without_sha_256_is_unusable(stage: Stage) -> None:
    """Where it is not known that another provider has the same key, the provider that cannot is named."""
    key = rsa_key()
    older = stage.make_key(Container(name="gatepost-key", provider=ENHANCED, provider_type=RSA_FULL), key)
    stage.add(USER.owner, CA.issue(key=key), key=msgspec.structs.replace(older, provider=None))
    candidate = only(USER.open().read(query()))
    expected = "its provider cannot sign with SHA-256 (CryptCreateHash: 0x80090008)"
    assert (KeyState.UNUSABLE, expected) == (candidate.key, candidate.key_detail)


def test_a_key_for_signatures_signs(stage: Stage) -> None:
    """A container holds two keys; the certificate says which."""
    key = rsa_key()
    container = msgspec.structs.replace(_container(USER), key_spec=AT_SIGNATURE)
    stage.add(USER.owner, CA.issue(key=key), key=stage.make_key(container, key))
    assert KeyState.PRESENT is only(USER.open().read(query())).key


@PLACES
def test_a_key_is_missing_when_its_container_is_gone(place: Place, stage: Stage) -> None:
    """The certificate goes on naming it."""
    key = rsa_key()
    container = stage.make_key(_container(place), key)
    stage.add(place.owner, CA.issue(key=key), key=container)
    store = place.open()
    candidate = only(store.read(query()))
    assert KeyState.PRESENT is candidate.key
    stage.drop_key(container)
    detail = f"{AES} does not have its key, or this account may not use it (CryptAcquireContextW: 0x80090016)"
    gone = only(store.read(query()))
    assert (KeyState.MISSING, detail) == (gone.key, gone.key_detail)
    assert Unsigned(detail, KeyState.MISSING) == store.sign(candidate, STATEMENT)


@PLACES
def test_a_key_is_missing_when_its_container_is_empty(place: Place, stage: Stage) -> None:
    """The container is there, and no key of that kind in it."""
    stage.add(place.owner, CA.issue(key=rsa_key()), key=stage.make_empty(_container(place)))
    candidate = only(place.open().read(query()))
    detail = f"{AES} does not have its key, or this account may not use it (CryptSignHashW: 0x8009000D)"
    assert (KeyState.MISSING, detail) == (candidate.key, candidate.key_detail)


@PLACES
def test_a_key_is_missing_when_none_was_stored(place: Place, stage: Stage) -> None:
    """A certificate alone."""
    stage.add(place.owner, CA.issue(key=rsa_key()))
    candidate = only(place.open().read(query()))
    assert (KeyState.MISSING, "no private key was stored with it") == (candidate.key, candidate.key_detail)


@PLACES
@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P256])
def test_a_key_of_another_certificate_is_a_mismatch(place: Place, kind: KeyKind, stage: Stage) -> None:
    """The certificate names a key that is there, and it is not its own."""
    container = stage.make_key(_container(place), rsa_key("another"))
    stage.add(place.owner, CA.issue(key=kind), key=container)
    store = place.open()
    candidate = only(store.read(query()))
    detail = f"the key that it names in {AES} belongs to another certificate"
    assert (KeyState.MISMATCH, detail) == (candidate.key, candidate.key_detail)
    assert Unsigned(detail, KeyState.MISMATCH) == store.sign(candidate, STATEMENT)


def test_a_key_is_unusable_when_no_check_accepts_its_kind(stage: Stage) -> None:
    """It is there, and its own; it is not tried."""
    key = rsa_key(kind=KeyKind.RSA1024)
    stage.add(USER.owner, CA.issue(key=key), key=stage.make_key(_container(USER), key))
    candidate = only(USER.open().read(query()))
    expected = (KeyState.UNUSABLE, "keys of this kind (RSA 1024) do not sign here")
    assert expected == (candidate.key, candidate.key_detail)


@pytest.mark.parametrize("kind", [KeyKind.RSA1024, KeyKind.ED25519])
def test_a_key_is_a_mismatch_when_no_check_accepts_the_certificates_kind(kind: KeyKind, stage: Stage) -> None:
    """Whose key it is shows without a signature."""
    stage.add(USER.owner, CA.issue(key=kind), key=stage.make_key(_container(USER), rsa_key()))
    assert KeyState.MISMATCH is only(USER.open().read(query())).key


def test_nothing_signs_when_the_certificate_has_left_the_store(stage: Stage) -> None:
    """It was there when the store was read."""
    key = rsa_key()
    issued = CA.issue(key=key)
    stage.add(USER.owner, issued, key=stage.make_key(_container(USER), key))
    store = USER.open()
    candidate = only(store.read(query()))
    stage.remove(USER.owner, issued)
    assert Unsigned(f"it is no longer in {USER.path}", KeyState.MISSING) == store.sign(candidate, STATEMENT)


def test_nothing_signs_when_the_candidate_is_no_certificate(stage: Stage) -> None:
    """Nobody knows which key would have to sign."""
    stage.add(USER.owner, CA.issue(serial=1 << 639))
    store = USER.open()
    candidate = only(store.read(query()))
    assert isinstance(candidate.certificate, Malformed)
    unsigned = store.sign(candidate, STATEMENT)
    assert Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING) == unsigned


def test_the_right_one_signs_when_many_name_the_same_key(stage: Stage) -> None:
    """A renewed certificate names the key of the one before."""
    key = rsa_key()
    container = stage.make_key(_container(USER), key)
    for number in range(3):
        stage.add(USER.owner, CA.issue(cn=f"laptop-{number}", key=key), key=container)
    store = USER.open()
    found = store.read(query()).candidates
    assert [KeyState.PRESENT] * 3 == [item.key for item in found]
    for candidate in found:
        assert isinstance(store.sign(candidate, STATEMENT), bytes)


_HASH_TYPES = (
    wintypes.BOOL,
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    ctypes.c_void_p,
)
_DATA_TYPES = wintypes.BOOL, ctypes.c_void_p, ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD
_SIGN_TYPES = (
    wintypes.BOOL,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.LPCWSTR,
    wintypes.DWORD,
    ctypes.c_void_p,
    ctypes.c_void_p,
)


@pytest.mark.parametrize(
    ("function", "types"),
    [("CryptCreateHash", _HASH_TYPES), ("CryptHashData", _DATA_TYPES), ("CryptSignHashW", _SIGN_TYPES)],
)
@pytest.mark.parametrize("code", [0x80090022, 0x8010006E, 0x80090010])
def test_a_key_is_unusable_when_its_provider_fails(
    function: str, types: tuple[object, ...], code: int, stage: Stage
) -> None:
    """A double of advapi32 refuses: a person is wanted, a card's dialogue was cancelled, access is denied."""
    key = rsa_key()
    stage.add(USER.owner, CA.issue(key=key), key=stage.make_key(_container(USER), key))
    api = with_doubles(advapi32={function: failing(code, *types)})
    candidate = only(USER.open(api).read(query()))
    detail = f"{AES} does not sign unattended ({function}: 0x{code:08X})"
    assert (KeyState.UNUSABLE, detail) == (candidate.key, candidate.key_detail)


def test_a_key_is_locked_when_it_does_not_open(stage: Stage) -> None:
    """A double of crypt32 says that a person would have to be asked: whose key it is nobody can tell."""
    stage.add(USER.owner, CA.issue(key=rsa_key()), key=stage.make_key(_container(USER), rsa_key()))
    types = (wintypes.BOOL, *[ctypes.c_void_p] * 6)
    load = with_doubles(crypt32={"CryptAcquireCertificatePrivateKey": failing(0x80090022, *types)})
    candidate = only(USER.open(load).read(query()))
    detail = f"{AES} does not open its key unattended (CryptAcquireCertificatePrivateKey: 0x80090022)"
    assert (KeyState.LOCKED, detail) == (candidate.key, candidate.key_detail)


def test_a_key_is_unusable_when_the_successor_does_not_open_it(stage: Stage) -> None:
    """What the successor says is what the detail says."""
    key = rsa_key()
    older = stage.make_key(Container(name="gatepost-key", provider=ENHANCED, provider_type=RSA_FULL), key)
    stage.add(USER.owner, CA.issue(key=key), key=older)
    types = (
        wintypes.BOOL,
        ctypes.c_void_p,
        wintypes.LPCWSTR,
        wintypes.LPCWSTR,
        wintypes.DWORD,
        wintypes.DWORD,
    )
    api = with_doubles(advapi32={"CryptAcquireContextW": failing(0x80090022, *types)})
    candidate = only(USER.open(api).read(query()))
    detail = f"{ENHANCED} does not sign unattended (CryptAcquireContextW: 0x80090022)"
    assert (KeyState.UNUSABLE, detail) == (candidate.key, candidate.key_detail)


@PLACES
def test_a_container_is_opened_silently_and_where_it_lies(place: Place, stage: Stage) -> None:
    """A double of advapi32 sees the flags: never a window, and the machine's keys where the certificate says so."""
    key = rsa_key()
    older = msgspec.structs.replace(_container(place), provider=ENHANCED, provider_type=RSA_FULL)
    stage.add(place.owner, CA.issue(key=key), key=stage.make_key(older, key))
    seen: list[tuple[object, ...]] = []

    def refuse(_handle: int, *arguments: object) -> int:
        seen.append(arguments)
        leave_error(0x80090022)
        return 0

    types = wintypes.BOOL, ctypes.c_void_p, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD, wintypes.DWORD
    place.open(with_doubles(advapi32={"CryptAcquireContextW": Played(types, refuse)})).read(query())
    flags = 0x40 | (MACHINE_KEYS if place.is_machine else 0)
    name, _provider, _kind, used = seen[-1]
    assert (older.name, flags) == (name, used)


def test_a_key_is_unusable_when_the_store_does_not_open_to_sign(stage: Stage) -> None:
    """It opened when it was read."""
    stage.add(USER.owner, CA.issue(key=ec_key()))
    candidate = only(USER.open().read(query()))
    types = (ctypes.c_void_p, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, wintypes.LPCWSTR)
    api = with_doubles(crypt32={"CertOpenStore": failing(5, *types)})
    expected = Unsigned(f"{USER.path} could not be opened (CertOpenStore: 0x00000005)")
    assert expected == USER.open(api).sign(candidate, STATEMENT)


def _pkcs12(issued: Issued) -> bytes:
    """Write a file as older programs do, which Windows has read since Windows 2000."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2_000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())  # noqa: S303 - it is the file's own, and no proof of anything
        .build(PASSWORD.encode())
    )
    return pkcs12.serialize_key_and_certificates(b"laptop", rsa_key("imported"), issued.certificate, None, encryption)
