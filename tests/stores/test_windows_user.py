"""The helper in a user's session: what it answers, from any store, and what it does not answer at all."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.stores.windows_answers import MAXIMUM_ANSWER, Found, Outcome, Read, Sign, decode, frame, trial
from gatepost.stores.windows_user import main, serve
from tests.certificates import CertificateAuthority, Issued, uri
from tests.stores.keyring import KeyRing

if TYPE_CHECKING:
    from pathlib import Path

    from gatepost.stores.interface import Query, Store
    from gatepost.stores.windows_answers import Request

CA = CertificateAuthority.create(cn="Example Root")
CHALLENGE = bytes(range(32))
STATEMENT = b"a statement"


def _facts(encoded: bytes) -> Certificate:
    certificate = parse_certificate(encoded)
    assert isinstance(certificate, Certificate)
    return certificate


def _read(*, challenge: bytes | None = CHALLENGE, limit: int = 200) -> Read:
    return Read(issuers=(_facts(CA.der).subject.canonical,), challenge=challenge, limit=limit)


def _serve(request: Request, store: Store) -> bytes:
    target = io.BytesIO()
    serve(io.BytesIO(frame(request)), target, store)
    return target.getvalue()


def _found(request: Read, store: Store) -> Found:
    return decode(_serve(request, store), Found)


def test_a_key_that_is_there_signs_the_challenge() -> None:
    """Its signature goes with the candidate."""
    issued = CA.issue()
    (seen,) = _found(_read(), KeyRing(issued)).seen
    certificate = _facts(issued.der)
    assert (issued.der, KeyState.PRESENT, "") == (seen.certificate, seen.key, seen.key_detail)
    assert verify_signature(certificate.public_key, seen.signature or b"", trial(CHALLENGE, certificate))


def test_nothing_signs_when_no_challenge_is_given() -> None:
    """The check does not ask for keys."""
    issued = CA.issue()
    (seen,) = _found(_read(challenge=None), KeyRing(issued)).seen
    assert (KeyState.NOT_ASKED, None) == (seen.key, seen.signature)


def test_nothing_signs_for_what_is_no_certificate() -> None:
    """Its bytes are answered all the same."""
    odd = CA.issue(serial=1 << 639)
    (seen,) = _found(_read(), KeyRing(odd)).seen
    assert (odd.der, KeyState.NOT_ASKED, None) == (seen.certificate, seen.key, seen.signature)


def test_a_statement_is_signed() -> None:
    """By the key of the certificate that is named, and no other."""
    issued, other = CA.issue(), CA.issue()
    store = KeyRing(issued, other)
    outcome = decode(_serve(Sign(certificate=issued.der, statement=STATEMENT), store), Outcome)
    assert verify_signature(_facts(issued.der).public_key, outcome.signature or b"", STATEMENT)


def test_a_key_that_is_not_there_is_said_to_be_missing() -> None:
    """In the store's own words."""
    issued = CA.issue()
    outcome = decode(_serve(Sign(certificate=issued.der, statement=STATEMENT), KeyRing(bare=(issued,))), Outcome)
    expected = Outcome(signature=None, key=KeyState.MISSING, key_detail="no key on this ring")
    assert expected == outcome


def test_the_last_candidates_are_left_out_when_the_answer_would_be_too_large() -> None:
    """And it is said that there are more."""
    key = CA.issue().key
    many = [CA.issue(key=key, sans=[uri(f"https://{n}.example/{'x' * 24_000}")]) for n in range(40)]
    encoded = _serve(_read(challenge=None), KeyRing(*many))
    found = decode(encoded, Found)
    assert len(encoded) <= MAXIMUM_ANSWER
    assert (20, True) == (len(found.seen), found.too_many)


def test_what_a_store_could_not_read_is_a_trouble() -> None:
    """With its reason."""
    place = Location(store=StoreKind.WINDOWS, path="a ring")
    fault = Fault(location=place, reason=Reason.STORE_MISSING, detail="it is not there")
    (trouble,) = _found(_read(), KeyRing(faults=(fault,))).troubles
    assert ("store-missing", "it is not there") == (trouble.reason, trouble.detail)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"",
        b"\0\0",
        b"\0\0\0\x05{}",
        b"\xff\xff\xff\xff{}",
        b"\0\0\0\x02{}",
        b"\0\0\0\x01\xff",
        b'\0\0\0\x11{"type":"Delete"}',
    ],
)
def test_nothing_is_answered_when_the_request_is_none(request_bytes: bytes) -> None:
    """Broken off, too long, no JSON, or a request that there is not."""
    target = io.BytesIO()
    with pytest.raises(ValueError, match=r".+"):
        serve(io.BytesIO(request_bytes), target, KeyRing())
    assert b"" == target.getvalue()


def test_nothing_is_answered_when_what_is_to_sign_is_no_certificate() -> None:
    """Nobody knows which key is meant."""
    with pytest.raises(ValueError, match="no certificate"):
        _serve(Sign(certificate=b"none", statement=STATEMENT), KeyRing())


def test_it_answers_on_its_output_when_it_is_given_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request comes on its input."""
    issued = CA.issue()
    target = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(frame(_read(challenge=None)))))
    monkeypatch.setattr("sys.stdout", target)
    main([], lambda: KeyRing(issued))
    assert [issued.der] == [seen.certificate for seen in decode(target.buffer.getvalue(), Found).seen]


def test_it_answers_through_the_pipe_that_it_is_given(tmp_path: Path) -> None:
    """A file stands for the pipe here: the answer comes to lie behind the request."""
    issued = CA.issue()
    pipe = tmp_path / "pipe"
    pipe.write_bytes(frame(_read(challenge=None)))
    main([str(pipe)], lambda: KeyRing(issued))
    answer = pipe.read_bytes().removeprefix(frame(_read(challenge=None)))
    assert [issued.der] == [seen.certificate for seen in decode(answer, Found).seen]


@pytest.mark.skipif("sys.platform == 'win32'", reason="this is a Windows")
def test_there_is_nothing_to_answer_from_when_this_is_no_windows() -> None:
    """The store's libraries are not here."""
    with pytest.raises(OSError, match=r"crypt32\.dll is a library of Windows"):
        main([])


class Silent:
    """A store of one certificate, with a label, and without a way to sign."""

    watched = ()

    def __init__(self, issued: Issued, label: str) -> None:
        place = Location(store=StoreKind.WINDOWS, path="anywhere", label=label)
        self._candidate = Candidate(certificate=_facts(issued.der), location=place)

    def read(self, query: Query) -> Findings:
        """Find it."""
        assert query.issuers
        return Findings(candidates=(self._candidate,))

    def sign(self, _candidate: Candidate, _statement: bytes) -> None:
        """Sign nothing."""

    def command(self, _candidate: Candidate) -> tuple[str, ...]:
        """Name none."""
        return ()


def test_a_store_that_does_not_sign_says_so() -> None:
    """There is no signature, so there is no key that could be shown."""
    (seen,) = _found(_read(), Silent(CA.issue(), "label")).seen
    assert (KeyState.UNUSABLE, "this store does not sign", None) == (seen.key, seen.key_detail, seen.signature)


def test_a_label_is_cut_and_no_text_breaks_the_answer() -> None:
    """Windows takes 30,000 characters, and halves of characters too."""
    encoded = _serve(_read(), Silent(CA.issue(), "\ud800" + "x" * 5_000))
    label = json.loads(encoded)["seen"][0]["label"]
    assert "\\ud800" + "x" * 1_018 == label
    assert decode(encoded, Found).seen[0].label == label
    assert isinstance(msgspec.json.decode(encoded), dict)
