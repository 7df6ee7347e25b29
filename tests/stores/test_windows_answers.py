"""What a service makes of its helper's answers: an honest helper over PEM files, and helpers that lie, as real processes."""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.errors import ProcessError
from gatepost.processes import Answered, ask
from gatepost.stores.interface import Query, Unsigned
from gatepost.stores.windows import USER_PATH
from gatepost.stores.windows_answers import MAXIMUM_ANSWER, MAXIMUM_SEEN, SessionStore, trial
from tests.certificates import CertificateAuthority, Issued, KeyKind, uri
from tests.stores.keyring import signature

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cryptography.x509 import GeneralName

CA = CertificateAuthority.create(cn="Example Root")
OTHER_CA = CertificateAuthority.create(cn="Another Root")
USER = r"EXAMPLE\alice"
WHO = rf"the process in the session of {USER}"
STATEMENT = b"a statement"
CHALLENGE = bytes(range(32))
PLACE = Location(store=StoreKind.WINDOWS, path=USER_PATH, user=USER)

# The helper itself, but for the store that it reads.
HONEST = """
import sys
import msgspec
from gatepost.stores.pem_files import PemFiles
from gatepost.stores.safe_open import Access
from gatepost.stores.windows_user import serve
class OnePlace(PemFiles):  # which is cut off at its limit, as Windows' stores are
    def read(self, query):
        found = super().read(query)
        many = len(found.candidates) > query.limit
        return msgspec.structs.replace(found, candidates=found.candidates[: query.limit], too_many=many)
serve(sys.stdin.buffer, sys.stdout.buffer, OnePlace((sys.argv[1],), Access(allowed_paths=("/",))))
"""


def _query(*, asks_key: bool = True, limit: int = 1_000) -> Query:
    authority = parse_certificate(CA.der)
    assert isinstance(authority, Certificate)
    return Query(issuers=frozenset({authority.subject.canonical}), asks_key=asks_key, limit=limit)


def _pem(path: Path, *parts: bytes) -> str:
    path.write_bytes(b"".join(parts))
    return str(path)


def _with_key(issued: Issued) -> bytes:
    return issued.pem + issued.key_pem()


def _child(script: str, *arguments: str, timeout: float = 30.0) -> Callable[[bytes], Answered]:
    """Reach a helper that is a real process running ``script``."""
    command = (sys.executable, "-c", script, *arguments)
    return lambda request: ask(command, request, timeout=timeout, limit=MAXIMUM_ANSWER, environment={})


def _session(asked: Callable[[bytes], Answered]) -> SessionStore:
    return SessionStore(USER, asked, lambda count: CHALLENGE[:count])


def _only(findings: Findings) -> Candidate:
    assert findings.faults == ()
    (candidate,) = findings.candidates
    return candidate


def _fault(findings: Findings) -> str:
    """Return the one fault's detail; beside it there is nothing."""
    (fault,) = findings.faults
    assert Findings(faults=(Fault(location=PLACE, reason=Reason.STORE_UNREADABLE, detail=fault.detail),)) == findings
    return fault.detail


# --- An honest helper -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyKind.RSA2048, KeyKind.P256, KeyKind.P384, KeyKind.ED25519])
def test_a_candidate_is_found_and_signs_through_a_real_process(kind: KeyKind, tmp_path: Path) -> None:
    """The certificate is the one that lies there, its key has signed the challenge, and it signs the statement."""
    issued = CA.issue(key=kind)
    path = _pem(tmp_path / "store.pem", _with_key(issued), OTHER_CA.issue().pem)
    store = _session(_child(HONEST, path))
    findings = store.read(_query())
    candidate = _only(findings)
    assert (issued.der, KeyState.PRESENT, "", PLACE) == (
        candidate.certificate.der,
        candidate.key,
        candidate.key_detail,
        candidate.location,
    )
    assert 1 == findings.others
    signed = store.sign(candidate, STATEMENT)
    certificate = candidate.certificate
    assert isinstance(signed, bytes)
    assert isinstance(certificate, Certificate)
    assert verify_signature(certificate.public_key, signed, STATEMENT)


def test_no_key_is_asked_when_the_check_asks_for_none(tmp_path: Path) -> None:
    """Then nothing signs, and the state says so."""
    path = _pem(tmp_path / "store.pem", _with_key(CA.issue()))
    assert KeyState.NOT_ASKED is _only(_session(_child(HONEST, path)).read(_query(asks_key=False))).key


def test_a_key_that_is_not_there_is_missing(tmp_path: Path) -> None:
    """With the helper's own words."""
    path = _pem(tmp_path / "store.pem", CA.issue().pem)
    store = _session(_child(HONEST, path))
    candidate = _only(store.read(_query()))
    expected = "there is no private key in these files"
    assert (KeyState.MISSING, expected) == (candidate.key, candidate.key_detail)
    assert Unsigned(expected, KeyState.MISSING) == store.sign(candidate, STATEMENT)


def test_what_the_helper_cannot_read_is_a_fault(tmp_path: Path) -> None:
    """Its reason and its words go through."""
    missing = tmp_path / "missing.pem"
    (fault,) = _session(_child(HONEST, str(missing))).read(_query()).faults
    assert (Reason.STORE_MISSING, PLACE) == (fault.reason, fault.location)
    assert str(missing) in fault.detail


def test_too_many_candidates_are_said_to_be_too_many(tmp_path: Path) -> None:
    """One answer holds fewer than other stores may."""
    key = ec.generate_private_key(ec.SECP256R1())
    many = [CA.issue(cn=f"laptop-{number}", key=key).pem for number in range(MAXIMUM_SEEN + 1)]
    store = _session(_child(HONEST, _pem(tmp_path / "store.pem", *many)))
    findings = store.read(_query(asks_key=False))
    assert (MAXIMUM_SEEN, True, ()) == (len(findings.candidates), findings.too_many, findings.faults)


def test_the_last_candidates_are_left_out_when_the_answer_would_be_too_large(tmp_path: Path) -> None:
    """An honest helper cuts its answer, and says that there are more."""
    names = [_large_name(number) for number in range(40)]
    paths = [_pem(tmp_path / f"{number}.pem", CA.issue(sans=sans).pem) for number, sans in enumerate(names)]
    script = HONEST.replace("(sys.argv[1],)", "tuple(sys.argv[1].split('|'))")
    findings = _session(_child(script, "|".join(paths))).read(_query(asks_key=False))
    assert (20, True, ()) == (len(findings.candidates), findings.too_many, findings.faults)


def _large_name(number: int) -> list[GeneralName]:
    return [uri(f"https://{number}.example/{'x' * 24_000}")]


def test_a_certificate_that_cannot_be_read_is_malformed(tmp_path: Path) -> None:
    """The service parses it again; no key is looked for, and none signs."""
    path = _pem(tmp_path / "store.pem", CA.issue(serial=1 << 639).pem)
    store = _session(_child(HONEST, path))
    candidate = _only(store.read(_query()))
    assert isinstance(candidate.certificate, Malformed)
    assert KeyState.NOT_ASKED is candidate.key
    unsigned = Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
    assert unsigned == store.sign(candidate, STATEMENT)


def test_a_person_sees_the_candidate_as_the_user(tmp_path: Path) -> None:
    """The command runs as whose store it is."""
    issued = CA.issue()
    store = _session(_child(HONEST, _pem(tmp_path / "store.pem", issued.pem)))
    program, user, script = store.command(_only(store.read(_query(asks_key=False))))
    thumbprint = issued.certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - it is a name, not a proof
    assert ("runas", rf"/user:{USER}") == (program, user)
    assert script.startswith(rf"powershell -NoExit -NoProfile -Command Get-Item {USER_PATH}\{thumbprint} | ")
    assert () == store.watched


# --- Helpers that are none ---------------------------------------------------------------------------------------------

ENDLESS = "import sys\nwhile True: sys.stdout.buffer.write(b' ' * 65536)"
GIANT = f"import sys; sys.stdout.buffer.write(b'{{' + b' ' * {MAXIMUM_ANSWER})"
TRICKLE = "import sys, time\nwhile True: sys.stdout.buffer.write(b' '); sys.stdout.buffer.flush(); time.sleep(0.01)"
SILENT = "import time; time.sleep(60)"
LINGERING = "import sys, time; print('{}', flush=True); sys.stdout.close(); time.sleep(60)"


@pytest.mark.parametrize(
    ("script", "timeout", "complaint"),
    [
        pytest.param(ENDLESS, 30.0, f"answered more than {MAXIMUM_ANSWER} bytes", id="endless"),
        pytest.param(GIANT, 30.0, f"answered more than {MAXIMUM_ANSWER} bytes", id="giant"),
        pytest.param(TRICKLE, 1.0, "did not end in time", id="trickle"),
        pytest.param(SILENT, 1.0, "did not end in time", id="silent"),
        pytest.param("raise SystemExit(3)", 30.0, "failed (exit code 3)", id="failing"),
        pytest.param("import os; os.abort()", 30.0, "failed (exit code -6)", id="crashing"),
        pytest.param("", 30.0, "answered what is no answer", id="nothing to say"),
    ],
)
def test_a_helper_that_does_not_answer_is_a_fault(script: str, timeout: float, complaint: str) -> None:
    """Real processes; each ends, none is waited for without end, and the fault says which it was."""
    store = _session(_child(script, timeout=timeout))
    assert f"{WHO} {complaint}" == _fault(store.read(_query()))
    assert Unsigned(f"{WHO} {complaint}") == store.sign(_candidate(), STATEMENT)


def test_a_helper_that_cannot_be_started_is_a_fault() -> None:
    """Somebody has removed it."""

    def start(_request: bytes) -> Answered:
        raise ProcessError("helper", 127, "is not installed")

    assert f"{WHO} is not installed" == _fault(_session(start).read(_query()))


ANSWERS = [
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"{",
    b"\xff\xfe",
    b'{"seen":[],"others":0,"too_many":false,"troubles":[]} {}',
    b'{"seen":[],"others":0,"too_many":false,"troubles":[],"more":1}',
    b'{"seen":[],"others":-1,"too_many":false,"troubles":[]}',
    b'{"seen":[],"others":1e400,"too_many":false,"troubles":[]}',
    b'{"seen":[],"others":NaN,"too_many":false,"troubles":[]}',
    b'{"seen":[],"others":1000001,"too_many":false,"troubles":[]}',
    b'{"seen":[],"others":true,"too_many":false,"troubles":[]}',
    b'{"seen":[],"others":0,"too_many":"no","troubles":[]}',
    b'{"seen":[null],"others":0,"too_many":false,"troubles":[]}',
    b'{"seen":[],"others":0,"too_many":false,"troubles":[{"reason":"no-such-reason","detail":""}]}',
    b'{"seen":[],"others":0,"too_many":false,"troubles":[{"reason":"store-missing","detail":"\xff"}]}',
    b'{"seen":[],"others":0,"too_many":false,"troubles":[{"reason":"store-missing","detail":"\\ud800"}]}',
    b"[" * 100_000,
    b'{"seen":' + b"[" * 100_000,
    b'{"a":' * 100_000,
]


@pytest.mark.parametrize("output", ANSWERS, ids=[repr(item[:70]) + str(len(item)) for item in ANSWERS])
def test_what_is_no_answer_is_a_fault(output: bytes) -> None:
    """Wrong JSON, unknown parts, numbers out of bounds, text that is none, nesting without end."""
    store = _session(lambda _request: Answered(output, 0))
    assert f"{WHO} answered what is no answer" == _fault(store.read(_query()))
    assert Unsigned(f"{WHO} answered what is no answer") == store.sign(_candidate(), STATEMENT)


# --- Helpers that lie ---------------------------------------------------------------------------------------------------


class Liar:
    """A helper that holds one key and one certificate, and changes its honest answer before it gives it."""

    def __init__(self, issued: Issued, lie: Callable[[dict[str, Any]], None]) -> None:
        self._issued = issued
        self._lie = lie

    def __call__(self, request: bytes) -> Answered:
        """Answer a framed request."""
        asked = json.loads(request[4:])
        honest = self._read(asked) if asked["type"] == "Read" else self._sign(asked)
        self._lie(honest)
        return Answered(json.dumps(honest).encode(), 0)

    def _read(self, asked: dict[str, Any]) -> dict[str, Any]:
        made = None
        if asked["challenge"]:
            certificate = parse_certificate(self._issued.der)
            assert isinstance(certificate, Certificate)
            made = _text(_signed(self._issued, trial(b64decode(asked["challenge"]), certificate)))
        seen = {
            "certificate": _text(self._issued.der),
            "label": None,
            "distrusted": False,
            "key": "present" if made else "not-asked",
            "key_detail": "",
            "signature": made,
        }
        return {"seen": [seen], "others": 0, "too_many": False, "troubles": []}

    def _sign(self, asked: dict[str, Any]) -> dict[str, Any]:
        made = _signed(self._issued, b64decode(asked["statement"]))
        return {"signature": _text(made), "key": "present", "key_detail": ""}


MINE = CA.issue(cn="mine")
"""What the lying user really has."""
STOLEN = CA.issue(cn="stolen")
"""Somebody else's, whose certificate the user has and whose key not."""


def _text(content: bytes) -> str:
    return b64encode(content).decode()


def _signed(issued: Issued, message: bytes) -> bytes:
    return signature(issued.key, message)


def _candidate(issued: Issued = MINE) -> Candidate:
    return Candidate(certificate=parse_certificate(issued.der), location=PLACE, key=KeyState.PRESENT)


def _change(**fields: object) -> Callable[[dict[str, Any]], None]:
    """Lie about the one candidate."""
    return lambda honest: honest["seen"][0].update(fields)


def _no_lie(_honest: dict[str, Any]) -> None:
    return


def test_the_liar_is_believed_when_it_does_not_lie() -> None:
    """The honest twin of every lie below."""
    store = _session(Liar(MINE, _no_lie))
    assert KeyState.PRESENT is _only(store.read(_query())).key
    assert KeyState.NOT_ASKED is _only(store.read(_query(asks_key=False))).key
    assert isinstance(store.sign(_candidate(), STATEMENT), bytes)


OLD = _signed(STOLEN, trial(bytes(32), parse_certificate(STOLEN.der)))  # type: ignore[arg-type]  # it is a certificate
"""What the stolen certificate's key once signed for another challenge."""


@pytest.mark.parametrize(
    ("lie", "complaint"),
    [
        pytest.param(
            _change(certificate=_text(OTHER_CA.issue().der)), "a certificate of another issuer", id="other issuer"
        ),
        pytest.param(
            _change(certificate=_text(STOLEN.der)), "a signature that does not verify", id="another's certificate"
        ),
        pytest.param(
            _change(certificate=_text(STOLEN.der), signature=_text(OLD)),
            "a signature that does not verify",
            id="another's certificate, and what its key signed before",
        ),
        pytest.param(_change(signature=_text(b"x")), "a signature that does not verify", id="no signature"),
        pytest.param(
            _change(certificate=_text(STOLEN.der), signature=None),
            "a key without its signature, or a signature without its key",
            id="a key that is only said to be there",
        ),
        pytest.param(
            _change(key="missing"),
            "a key without its signature, or a signature without its key",
            id="a signature by a key that is not there",
        ),
        pytest.param(
            _change(key="not-asked", signature=None),
            "the state of a key that was not asked for, or none where one was",
            id="no word of the key",
        ),
        pytest.param(
            _change(certificate=_text(b"no certificate")),
            "the state of a key that was not asked for, or none where one was",
            id="the key of nothing",
        ),
        pytest.param(lambda honest: honest["seen"].append(honest["seen"][0]), "the same certificate twice", id="twice"),
        pytest.param(
            lambda honest: honest["troubles"].append({"reason": "report-missing", "detail": ""}),
            "a store does not give report-missing",
            id="a reason that no store has",
        ),
    ],
)
def test_a_lie_spoils_the_whole_answer(lie: Callable[[dict[str, Any]], None], complaint: str) -> None:
    """Nothing of it counts, and the fault says what could not be."""
    findings = _session(Liar(MINE, lie)).read(_query())
    assert f"{WHO} answered what cannot be: {complaint}" == _fault(findings)


def test_a_key_that_nobody_asked_about_spoils_the_whole_answer() -> None:
    """Nothing signs for a check that does not ask for keys, so nothing can be shown."""
    findings = _session(Liar(MINE, _change(key="unusable"))).read(_query(asks_key=False))
    assert "the state of a key that was not asked for" in _fault(findings)


def test_more_candidates_than_were_asked_for_spoil_the_whole_answer() -> None:
    """Also when each of them is right."""

    def double(honest: dict[str, Any]) -> None:
        honest["seen"].append({**honest["seen"][0], "certificate": _text(STOLEN.der)})

    findings = _session(Liar(MINE, double)).read(_query(asks_key=False, limit=1))
    assert "more candidates than were asked for" in _fault(findings)


@given(st.binary(max_size=300))
def test_no_bytes_are_believed(output: bytes) -> None:
    """Whatever comes is a fault, and nothing is raised."""
    assert _fault(_session(lambda _request: Answered(output, 0)).read(_query()))


@given(st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 4))
def test_no_change_of_an_honest_answer_makes_a_key(place: int, instead: bytes, length: int) -> None:
    """Some bytes of it are others: a key is present only where it is the liar's own certificate and signature."""

    def spoil(request: bytes) -> Answered:
        honest = Liar(MINE, _no_lie)(request).output
        start = place % len(honest)
        return Answered(honest[:start] + instead + honest[start + length :], 0)

    findings = _session(spoil).read(_query())
    present = [item.certificate.der for item in findings.candidates if item.key is KeyState.PRESENT]
    assert present in ([], [MINE.der])
    assert bool(findings.faults) == (not findings.candidates)


def test_what_would_move_a_terminal_is_shown_escaped() -> None:
    """Labels and words of the helper are texts by a stranger."""
    lie = _change(label="\x1b[2J", key="missing", key_detail="a\x07b", signature=None)
    candidate = _only(_session(Liar(MINE, lie)).read(_query()))
    assert (r"\x1b[2J", r"a\x07b") == (candidate.location.label, candidate.key_detail)
    troubles = [{"reason": "store-missing", "detail": "\x1b[0m"}]
    (fault,) = _session(Liar(MINE, lambda honest: honest.update(troubles=troubles))).read(_query()).faults
    assert (Reason.STORE_MISSING, r"\x1b[0m", PLACE) == (fault.reason, fault.detail, fault.location)


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (
            {"signature": _text(_signed(MINE, b"another statement"))},
            Unsigned(f"{WHO} answered a signature that does not verify"),
        ),
        (
            {"signature": _text(_signed(STOLEN, STATEMENT))},
            Unsigned(f"{WHO} answered a signature that does not verify"),
        ),
        ({"signature": None}, Unsigned(f"{WHO} answered no signature")),
        ({"signature": None, "key": "not-asked"}, Unsigned(f"{WHO} answered no signature")),
        (
            {"signature": None, "key": "locked", "key_detail": "\x1b"},
            Unsigned(r"\x1b", KeyState.LOCKED),
        ),
        ({"signature": ""}, Unsigned(f"{WHO} answered what is no answer")),
        ({"more": 1}, Unsigned(f"{WHO} answered what is no answer")),
    ],
)
def test_a_signature_counts_only_when_it_verifies(lie: dict[str, object], expected: Unsigned) -> None:
    """Over our own statement, with the candidate's own key."""
    assert expected == _session(Liar(MINE, lambda honest: honest.update(lie))).sign(_candidate(), STATEMENT)
