"""The helper in a user's session: what it answers, from any store, and what it does not answer at all."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.core.certificate import Certificate, parse_certificate
from gatepost.core.finding import Candidate, Findings, KeyState, Location, StoreKind
from gatepost.core.signature import verify_signature
from gatepost.stores.pem_files import PemFiles
from gatepost.stores.safe_open import Access
from gatepost.stores.windows_answers import MAXIMUM_ANSWER, Found, Outcome, Read, Sign, decode, frame, trial
from gatepost.stores.windows_user import serve
from tests.certificates import CertificateAuthority, Issued, uri

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


def _store(folder: Path, *content: bytes) -> PemFiles:
    paths = [folder / f"{number}.pem" for number in range(len(content))]
    for path, part in zip(paths, content, strict=True):
        path.write_bytes(part)
    return PemFiles(tuple(map(str, paths)), Access(allowed_paths=("/",)))


def _serve(request: Request, store: Store) -> bytes:
    target = io.BytesIO()
    serve(io.BytesIO(frame(request)), target, store)
    return target.getvalue()


def _found(request: Read, store: Store) -> Found:
    return decode(_serve(request, store), Found)


def test_a_key_that_is_there_signs_the_challenge(tmp_path: Path) -> None:
    """Its signature goes with the candidate."""
    issued = CA.issue()
    (seen,) = _found(_read(), _store(tmp_path, issued.pem + issued.key_pem())).seen
    certificate = _facts(issued.der)
    assert (issued.der, KeyState.PRESENT, "") == (seen.certificate, seen.key, seen.key_detail)
    assert verify_signature(certificate.public_key, seen.signature or b"", trial(CHALLENGE, certificate))


def test_nothing_signs_when_no_challenge_is_given(tmp_path: Path) -> None:
    """The check does not ask for keys."""
    issued = CA.issue()
    (seen,) = _found(_read(challenge=None), _store(tmp_path, issued.pem + issued.key_pem())).seen
    assert (KeyState.NOT_ASKED, None) == (seen.key, seen.signature)


def test_nothing_signs_for_what_is_no_certificate(tmp_path: Path) -> None:
    """Its bytes are answered all the same."""
    odd = CA.issue(serial=1 << 639)
    (seen,) = _found(_read(), _store(tmp_path, odd.pem)).seen
    assert (odd.der, KeyState.NOT_ASKED, None) == (seen.certificate, seen.key, seen.signature)


def test_a_statement_is_signed(tmp_path: Path) -> None:
    """By the key of the certificate that is named, and no other."""
    issued, other = CA.issue(), CA.issue()
    store = _store(tmp_path, issued.pem + issued.key_pem() + other.pem + other.key_pem())
    outcome = decode(_serve(Sign(certificate=issued.der, statement=STATEMENT), store), Outcome)
    assert verify_signature(_facts(issued.der).public_key, outcome.signature or b"", STATEMENT)


def test_a_key_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    """In the store's own words."""
    issued = CA.issue()
    outcome = decode(_serve(Sign(certificate=issued.der, statement=STATEMENT), _store(tmp_path, issued.pem)), Outcome)
    expected = Outcome(signature=None, key=KeyState.MISSING, key_detail="there is no private key in these files")
    assert expected == outcome


def test_the_last_candidates_are_left_out_when_the_answer_would_be_too_large(tmp_path: Path) -> None:
    """And it is said that there are more."""
    key = CA.issue().key
    parts = [CA.issue(key=key, sans=[uri(f"https://{n}.example/{'x' * 24_000}")]).pem for n in range(40)]
    encoded = _serve(_read(challenge=None), _store(tmp_path, *[b"".join(parts[n : n + 20]) for n in (0, 20)]))
    found = decode(encoded, Found)
    assert len(encoded) <= MAXIMUM_ANSWER
    assert (20, True) == (len(found.seen), found.too_many)


def test_what_a_store_could_not_read_is_a_trouble(tmp_path: Path) -> None:
    """With its reason."""
    found = _found(_read(), PemFiles((str(tmp_path / "missing.pem"),), Access(allowed_paths=("/",))))
    assert ["store-missing"] == [trouble.reason for trouble in found.troubles]


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
def test_nothing_is_answered_when_the_request_is_none(request_bytes: bytes, tmp_path: Path) -> None:
    """Broken off, too long, no JSON, or a request that there is not."""
    target = io.BytesIO()
    with pytest.raises(ValueError, match=r".+"):
        serve(io.BytesIO(request_bytes), target, _store(tmp_path))
    assert b"" == target.getvalue()


def test_nothing_is_answered_when_what_is_to_sign_is_no_certificate(tmp_path: Path) -> None:
    """Nobody knows which key is meant."""
    with pytest.raises(ValueError, match="no certificate"):
        _serve(Sign(certificate=b"none", statement=STATEMENT), _store(tmp_path))


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
