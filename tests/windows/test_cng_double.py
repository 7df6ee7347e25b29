"""Keys of CNG, against a double of crypt32 and ncrypt: what is asked of them, what is made of answers, what is released.

None of this ran on a real key of CNG; docs/how-to/check-windows-stores.md says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.core.finding import KeyState
from gatepost.core.signature import verify_signature
from gatepost.stores.interface import Unsigned
from tests.certificates import KeyKind
from tests.windows.doubles import CNG_KEY, KEY_HANDLE, NTE_SILENT_CONTEXT, CngDouble
from tests.windows.staging import Container
from tests.windows.subjects import CA, USER, ec_key, only, parsed, query, rsa_key

if TYPE_CHECKING:
    from tests.windows.staging import Stage

KSP = "Microsoft Software Key Storage Provider"
STATEMENT = b"a statement"
SILENT, PAD_PKCS1, ALLOW_NCRYPT = 0x40, 0x02, 0x10000


def _container() -> Container:
    return Container(name="gatepost-cng", provider=KSP, provider_type=0, key_spec=CNG_KEY)


@pytest.mark.parametrize(
    ("kind", "digest"), [(KeyKind.P256, 32), (KeyKind.P384, 48), (KeyKind.P521, 48), (KeyKind.RSA2048, 32)]
)
def test_a_key_of_cng_signs_in_the_form_of_its_kind(kind: KeyKind, digest: int, stage: Stage) -> None:
    """ECDSA without padding over the curve's digest, RSA with PKCS#1 and SHA-256; silently; and the key is released."""
    key = rsa_key() if kind is KeyKind.RSA2048 else ec_key(kind)
    double = CngDouble(key)
    issued = CA.issue(key=key)
    stage.add(USER.owner, issued, key=_container())
    store = USER.open(double.load)
    candidate = only(store.read(query()))
    assert (KeyState.PRESENT, "") == (candidate.key, candidate.key_detail)
    double.calls.clear()
    signature = store.sign(candidate, STATEMENT)
    assert isinstance(signature, bytes)
    assert verify_signature(parsed(issued).public_key, signature, STATEMENT)
    algorithm, padding = ("SHA256", PAD_PKCS1) if kind is KeyKind.RSA2048 else (None, 0)
    expected = [
        ("acquire", SILENT | ALLOW_NCRYPT, None),
        ("property", KEY_HANDLE, "Algorithm Group"),
        ("sign", KEY_HANDLE, algorithm, digest, SILENT | padding),
        ("free", KEY_HANDLE),
    ]
    assert expected == double.calls


def test_a_key_is_not_released_when_windows_keeps_it(stage: Stage) -> None:
    """Windows says whether the handle is the caller's to free."""
    double = CngDouble(ec_key())
    double.ours = False
    stage.add(USER.owner, CA.issue(key=ec_key()), key=_container())
    assert KeyState.PRESENT is only(USER.open(double.load).read(query())).key
    assert [] == [call for call in double.calls if call[0] == "free"]


def test_a_key_that_wants_a_person_is_unusable_with_its_provider_and_code(stage: Stage) -> None:
    """NTE_SILENT_CONTEXT is what Windows answers where it would have to ask."""
    double = CngDouble(ec_key())
    double.refusal = NTE_SILENT_CONTEXT
    stage.add(USER.owner, CA.issue(key=ec_key()), key=_container())
    candidate = only(USER.open(double.load).read(query()))
    detail = f"{KSP} does not sign unattended (NCryptSignHash: 0x80090022)"
    assert (KeyState.UNUSABLE, detail) == (candidate.key, candidate.key_detail)
    assert ("free", KEY_HANDLE) == double.calls[-1]


def test_a_key_of_another_certificate_is_a_mismatch(stage: Stage) -> None:
    """Its signature does not verify."""
    other = ec_key(KeyKind.P256)
    issued = CA.issue(key=KeyKind.P256)
    stage.add(USER.owner, issued, key=_container())
    store = USER.open(CngDouble(other).load)
    candidate = only(store.read(query()))
    assert KeyState.MISMATCH is candidate.key
    expected = Unsigned(f"the key that it names in {KSP} belongs to another certificate", KeyState.MISMATCH)
    assert expected == store.sign(candidate, STATEMENT)


@pytest.mark.parametrize(("certificate", "group"), [(KeyKind.RSA2048, "ECDSA"), (KeyKind.P256, "RSA")])
def test_a_key_of_another_kind_is_a_mismatch_and_signs_nothing(certificate: KeyKind, group: str, stage: Stage) -> None:
    """Padding for RSA is not sent to a key on a curve, nor the other way round."""
    double = CngDouble(ec_key(), group)
    stage.add(USER.owner, CA.issue(key=certificate), key=_container())
    assert KeyState.MISMATCH is only(USER.open(double.load).read(query())).key
    assert [] == [call for call in double.calls if call[0] == "sign"]


def test_a_key_on_a_curve_signs_when_windows_calls_it_one_for_agreement(stage: Stage) -> None:
    """An imported key of a curve may stand in the group ECDH; whether it signs, only trying shows."""
    double = CngDouble(ec_key(), "ECDH")
    stage.add(USER.owner, CA.issue(key=ec_key()), key=_container())
    assert KeyState.PRESENT is only(USER.open(double.load).read(query())).key


def test_a_key_signs_when_its_provider_does_not_name_its_algorithm(stage: Stage) -> None:
    """A name that is longer than any algorithm's is none; then the signature alone decides."""
    double = CngDouble(ec_key(), "x" * 1000)
    stage.add(USER.owner, CA.issue(key=ec_key()), key=_container())
    assert KeyState.PRESENT is only(USER.open(double.load).read(query())).key


def test_a_key_is_locked_when_it_neither_signs_nor_shows_whose_it_is(stage: Stage) -> None:
    """Without its public half, nobody can tell whether it is this certificate's."""
    double = CngDouble(ec_key())
    double.refusal = NTE_SILENT_CONTEXT
    double.keeps_public_key = True
    stage.add(USER.owner, CA.issue(key=ec_key()), key=_container())
    assert KeyState.LOCKED is only(USER.open(double.load).read(query())).key


def test_a_key_is_unusable_when_it_signs_wrongly(stage: Stage) -> None:
    """It is this certificate's by its public half, and its signature verifies nothing."""
    double = CngDouble(ec_key())
    double.signs_wrongly = True
    stage.add(USER.owner, CA.issue(key=ec_key()), key=_container())
    candidate = only(USER.open(double.load).read(query()))
    assert (KeyState.UNUSABLE, f"its key in {KSP} signs wrongly") == (candidate.key, candidate.key_detail)
