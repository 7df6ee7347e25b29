"""What the child answers about tokens of SoftHSM, in this process; through the pipe it is tried in ``test_pkcs11.py``."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.finding import KeyState
from gatepost.core.reason import Reason
from gatepost.stores import token_child, token_session
from gatepost.stores.questions import NotSigned, Seen, Signed, Trouble, unframe
from gatepost.stores.token_child import answer
from gatepost.stores.token_questions import Place, ReadToken, SignWithToken, Token, TokenOutcome
from tests.certificates import CertificateAuthority, Issued, KeyKind, Part
from tests.stores.tokens import MODULE, PIN, Tokens

if TYPE_CHECKING:
    from tests.stores.tokens import Device

STATEMENT = b"a statement"


@pytest.fixture(autouse=True)
def _here(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SoftHSM in this process find the device's tokens."""
    monkeypatch.setenv("SOFTHSM2_CONF", device.tokens.environment["SOFTHSM2_CONF"])


def place(pin: str | None = PIN, uri: str = "pkcs11:token=device") -> Place:
    """Name the token."""
    return Place(modules=(MODULE,), uri=uri, pin=pin)


def read(device: Device, where: Place, *, limit: int = 1_000, asks_key: bool = True) -> Token:
    """Ask for the authority's certificates and their keys."""
    query = msgspec.structs.replace(device.query, limit=limit, asks_key=asks_key)
    token = answer(ReadToken(place=where, query=query))
    assert isinstance(token, Token)
    return token


def sign(issued: Issued, where: Place) -> TokenOutcome:
    """Ask for a signature."""
    outcome = answer(SignWithToken(place=where, certificate=issued.der, statement=STATEMENT))
    assert isinstance(outcome, TokenOutcome)
    return outcome


def seen(issued: Issued, key: KeyState, detail: str = "", label: str | None = "laptop") -> Seen:
    """Describe a candidate."""
    return Seen(encoded=issued.der, label=label, key=key, key_detail=detail, distrusted=False)


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P384, KeyKind.ED25519])
def test_a_pair_is_found_and_signs(kind: KeyKind, device: Device) -> None:
    """The answer says in which module it lies."""
    issued = device.authority.issue(key=kind)
    device.tokens.add_pair(issued)
    assert Token(module=MODULE, seen=(seen(issued, KeyState.PRESENT),)) == read(device, place())
    outcome = sign(issued, place())
    assert isinstance(outcome.answer, Signed)
    assert not outcome.pin_refused


def test_a_lonely_certificate_has_no_key(device: Device) -> None:
    """And a strange one is counted."""
    issued = device.authority.issue()
    device.tokens.add_many([issued, CertificateAuthority.create(cn="Another Root").issue()])
    expected = seen(issued, KeyState.MISSING, "the token has no key of this certificate", "laptop-0")
    assert Token(module=MODULE, seen=(expected,), others=1) == read(device, place())
    words = "the token does not have the key any more"
    assert TokenOutcome(answer=NotSigned(state=KeyState.MISSING, detail=words)) == sign(issued, place())


def test_another_key_under_its_id_is_a_mismatch(device: Device) -> None:
    """Said in words."""
    issued = device.authority.issue()
    device.tokens.add_key(device.authority.issue(), b"\1")
    device.tokens.add_certificate(issued, b"\1")
    expected = seen(issued, KeyState.MISMATCH, "the token has another key under this certificate's id")
    assert (expected,) == read(device, place()).seen


def test_what_is_no_certificate_has_no_key(device: Device) -> None:
    """No PIN is tried for it."""
    rubbish = Issued(der=b"rubbish", key=device.authority.key)
    device.tokens.add_many([rubbish])
    token = read(device, place("wrong"))
    assert ((seen(rubbish, KeyState.NOT_ASKED, label="laptop-0"),), False) == (token.seen, token.pin_refused)
    words = "what cannot be read as a certificate has no key"
    assert TokenOutcome(answer=NotSigned(state=KeyState.MISSING, detail=words)) == sign(rubbish, place("wrong"))


def test_more_candidates_than_asked_for_are_cut_off(device: Device) -> None:
    """And it is said."""
    device.tokens.add_many([device.authority.issue() for _ in range(3)])
    for limit, count, too_many in ((2, 2, True), (3, 3, False)):
        token = read(device, place(), limit=limit, asks_key=False)
        assert (count, too_many) == (len(token.seen), token.too_many)


@pytest.mark.parametrize(
    ("pin", "refused", "words"),
    [
        (None, False, "the token shows its private keys to whoever has its PIN"),
        ("9999", True, "the token refused its PIN (PinIncorrect)"),
        ("1", True, "the token refused its PIN (PinIncorrect)"),
    ],
)
def test_without_the_right_pin_a_key_is_locked(pin: str | None, words: str, device: Device, *, refused: bool) -> None:
    """Whether the PIN was refused is said beside it."""
    issued = device.authority.issue()
    device.tokens.add_pair(issued)
    assert Token(module=MODULE, seen=(seen(issued, KeyState.LOCKED, words),), pin_refused=refused) == read(
        device, place(pin)
    )
    locked = NotSigned(state=KeyState.LOCKED, detail=words)
    assert TokenOutcome(answer=locked, pin_refused=refused) == sign(issued, place(pin))


def test_a_key_that_may_not_sign_is_not_let(device: Device) -> None:
    """The token would refuse it."""
    public = device.tokens.generate(b"\1", sign=False)
    issued = device.authority.issue(parts={Part.PUBLIC_KEY: public})
    device.tokens.add_certificate(issued, b"\1")
    words = "its token does not let this key sign"
    assert (seen(issued, KeyState.UNUSABLE, words),) == read(device, place()).seen
    assert TokenOutcome(answer=NotSigned(state=KeyState.UNUSABLE, detail=words)) == sign(issued, place())


def test_a_token_without_hashes_signs_with_rsa_and_not_with_what_it_lacks(device: Device) -> None:
    """The mechanisms are the token's to offer."""
    rsa, ec = device.authority.issue(key=KeyKind.RSA2048), device.authority.issue()
    for issued in (rsa, ec):
        device.tokens.add_pair(issued)
    Tokens.configure(device.folder, "CKM_RSA_PKCS")
    assert isinstance(sign(rsa, place()).answer, Signed)
    words = "the token did not sign: MechanismInvalid"
    assert NotSigned(state=KeyState.UNUSABLE, detail=words) == sign(ec, place()).answer


def test_two_tokens_of_one_label_are_told_apart_by_the_serial_number(device: Device) -> None:
    """Neither is taken before."""
    device.tokens.add()
    trouble = read(device, place()).trouble
    assert trouble is not None
    assert Reason.STORE_UNREADABLE is trouble.reason


def test_a_token_that_is_not_there_is_said_to_be_missing(device: Device) -> None:
    """To both questions."""
    elsewhere = place(uri="pkcs11:token=other")
    assert Token(trouble=Trouble(reason=Reason.STORE_MISSING, detail="no token matches")) == read(device, elsewhere)
    missing = NotSigned(state=KeyState.MISSING, detail="no token matches")
    assert TokenOutcome(answer=missing) == sign(device.authority.issue(), elsewhere)


def test_a_token_that_cannot_be_read_to_its_end_is_an_error(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """To both questions."""
    issued = device.authority.issue()
    device.tokens.add_pair(issued)
    monkeypatch.setattr(token_session, "_MAXIMUM_OBJECTS", 0)
    token = read(device, place())
    trouble = Trouble(reason=Reason.STORE_UNREADABLE, detail="more than 0 objects of one kind")
    assert Token(module=MODULE, trouble=trouble) == token
    words = "the token did not sign: more than 0 objects of one kind"
    assert NotSigned(state=KeyState.UNUSABLE, detail=words) == sign(issued, place()).answer


def test_the_program_answers_one_question(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its standard input, on its standard output."""
    question = msgspec.msgpack.encode(ReadToken(place=place(None), query=device.query))
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(question)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output))
    token_child.main()
    assert [Token(module=MODULE)] == list(unframe(output.getvalue(), Token))
