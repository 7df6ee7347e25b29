"""The documents between agent and server: their form stays, their bounds hold, and what is written is what is read."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.check import (
    MAXIMUM_REPORTED,
    Check,
    Evidence,
    Locations,
    OperatingSystem,
    Purpose,
    TrustStore,
    parse_name_template,
)
from gatepost.core.device import VARIABLES, parse_template
from gatepost.core.evaluation import Evaluation, Status
from gatepost.core.finding import Candidate, Fault, KeyState, Location, StoreKind
from gatepost.core.nearest import Judged
from gatepost.core.reason import Reason
from gatepost.core.signature import verify_signature
from gatepost.errors import InputError
from gatepost.wire import checks as wire_checks
from gatepost.wire import device, jws
from tests.wire import documents
from tests.wire.documents import ACCOUNT_POINT, AUTHORITY, DEVICE_POINT, GOLDEN, LAPTOP, REPORT, SIGNED

NAMES = {kind: kind.removeprefix("gatepost-").removesuffix("+jwt") for kind in jws.Kind}


def within(part: Any, whole: Any) -> bool:  # noqa: ANN401 - JSON of any kind.
    """Tell whether ``whole`` says all that ``part`` says; it may say more."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and within(part[key], whole[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and len(part) == len(whole) and all(map(within, part, whole))
    return bool(part == whole)


# The golden files.


def test_every_kind_of_signed_document_has_its_golden_file() -> None:
    """A new kind comes with its first document."""
    assert set(jws.Kind) == set(SIGNED)
    assert {f"{name}.jws" for name in NAMES.values()} == {path.name for path in GOLDEN.glob("*.jws")}


@pytest.mark.parametrize("kind", list(jws.Kind), ids=list(NAMES.values()))
def test_a_document_of_the_first_day_is_read_for_ever(kind: jws.Kind) -> None:
    """Its signature is still one, and it still says what it said."""
    signed = jws.split(kind, (GOLDEN / f"{NAMES[kind]}.jws").read_bytes().strip())
    assert jws.verify(signed, ACCOUNT_POINT if kind in {jws.Kind.CHECKS, jws.Kind.CHECKPOINT} else DEVICE_POINT)
    assert (GOLDEN / f"{NAMES[kind]}.json").read_bytes().strip() == signed.payload
    assert SIGNED[kind] == device.decode(signed.payload, type(SIGNED[kind]))


@pytest.mark.parametrize("kind", list(jws.Kind), ids=list(NAMES.values()))
def test_a_document_of_today_says_all_that_it_said_on_the_first_day(kind: jws.Kind) -> None:
    """A server or an agent of the first release finds every field that it knows."""
    golden = msgspec.json.decode((GOLDEN / f"{NAMES[kind]}.json").read_bytes())
    assert within(golden, msgspec.json.decode(msgspec.json.encode(SIGNED[kind])))


@pytest.mark.parametrize("name", list(documents.ANSWERS))
def test_an_answer_of_the_first_day_is_read_and_written_for_ever(name: str) -> None:
    """The server's answers, in both directions."""
    content, answer = (GOLDEN / f"{name}.json").read_bytes(), documents.ANSWERS[name]
    assert answer == msgspec.json.decode(content, type=type(answer))
    assert within(msgspec.json.decode(content), msgspec.json.decode(msgspec.json.encode(answer)))


def test_the_statement_of_the_first_day_is_still_the_one_that_was_signed() -> None:
    """The possession signature in the golden report is Ed25519 by a fixed key: its bytes stand."""
    golden = device.decode((GOLDEN / "report.json").read_bytes(), device.Report)
    signature = golden.checks[0].candidates[0].signature
    assert documents.LAPTOP_KEY.sign(documents.STATEMENT) == signature
    assert signature is not None
    assert verify_signature(LAPTOP.public_key, signature, documents.STATEMENT)


# Bounds.


def report(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON of any kind.
    """Give the report as JSON, with fields replaced."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(REPORT))
    return plain | changes


def answer(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as above.
    """Give a report whose one answer has fields replaced."""
    return report(checks=[report()["checks"][0] | changes])


def candidate(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as above.
    """Give a report whose one candidate has fields replaced."""
    return answer(candidates=[report()["checks"][0]["candidates"][0] | changes])


def fault(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as above.
    """Give a report whose one fault has fields replaced."""
    return answer(faults=[report()["checks"][0]["faults"][0] | changes])


ANSWER, PLACED, FAULT = "/checks/0", "/checks/0/candidates/0", "/checks/0/faults/0"
FIRST = report()["checks"][0]
LONG = "x" * 1025
BOUNDS: dict[str, tuple[dict[str, Any], str]] = {
    "another version": (report(v=2), "/v"),
    "a version as text": (report(v="1"), "/v"),
    "no audience": ({name: value for name, value in report().items() if name != "aud"}, "body"),
    "a long audience": (report(aud=LONG), "/aud"),
    "sequence 0": (report(sequence=0), "/sequence"),
    "a negative sequence": (report(sequence=-1), "/sequence"),
    "a sequence beyond a double": (report(sequence=2**53 + 1), "/sequence"),
    "a sequence with a fraction": (report(sequence=1.5), "/sequence"),
    "a sequence as text": (report(sequence="1"), "/sequence"),
    "a short nonce": (report(nonce=base64.b64encode(bytes(39)).decode()), "/nonce"),
    "a long nonce": (report(nonce=base64.b64encode(bytes(41)).decode()), "/nonce"),
    "a nonce that is not base64": (report(nonce="!" * 56), "/nonce"),
    "no nonce": (report(nonce=None), "/nonce"),
    "facts as a list": (report(facts=[]), "/facts"),
    "a long host name": (report(facts={"hostname": LONG}), "/facts/hostname"),
    "an unknown system": (report(facts={"device_type": "beos"}), "/facts/device_type"),
    "a certificate under another name": (report(certificates={"x": ""}), "/certificates"),
    "a certificate under capitals": (report(certificates={"A" * 64: ""}), "/certificates"),
    "a certificate that is not base64": (report(certificates={"a" * 64: "?"}), "/certificates"),
    "65 checks": (report(checks=[FIRST] * 65), "/checks"),
    "checks as an object": (report(checks={}), "/checks"),
    "an answer without a status": (report(checks=[{"id": "x", "version": 1}]), ANSWER),
    "an empty id": (answer(id=""), f"{ANSWER}/id"),
    "a long id": (answer(id="x" * 65), f"{ANSWER}/id"),
    "an unknown status": (answer(status="maybe"), f"{ANSWER}/status"),
    "17 candidates": (answer(candidates=FIRST["candidates"][:1] * 17), f"{ANSWER}/candidates"),
    "a negative count": (answer(others=-1), f"{ANSWER}/others"),
    "a giant count": (answer(others=10**6 + 1), f"{ANSWER}/others"),
    "too_many as a number": (answer(too_many=1), f"{ANSWER}/too_many"),
    "65 faults": (answer(faults=FIRST["faults"] * 65), f"{ANSWER}/faults"),
    "a long digest": (candidate(sha256=LAPTOP.fingerprint + "x"), f"{PLACED}/sha256"),
    "an unknown store": (candidate(store="registry"), f"{PLACED}/store"),
    "a long path": (candidate(path=LONG), f"{PLACED}/path"),
    "a long label": (candidate(label=LONG), f"{PLACED}/label"),
    "a long user": (candidate(user=LONG), f"{PLACED}/user"),
    "an unknown state of the key": (candidate(key="hardware"), f"{PLACED}/key"),
    "a long detail of the key": (candidate(key_detail=LONG), f"{PLACED}/key_detail"),
    "a giant signature": (candidate(signature=base64.b64encode(bytes(1025)).decode()), f"{PLACED}/signature"),
    "an unknown reason": (fault(reason="bored"), f"{FAULT}/reason"),
    "a long detail": (fault(detail=LONG), f"{FAULT}/detail"),
}


@pytest.mark.parametrize(("document", "pointer"), BOUNDS.values(), ids=BOUNDS)
def test_a_report_is_refused_at_the_field_that_breaks_a_bound(document: dict[str, Any], pointer: str) -> None:
    """The pointer names the field, and nothing behind the decoder has seen it."""
    with pytest.raises(InputError) as refused:
        device.decode(msgspec.json.encode(document), device.Report)
    assert pointer == refused.value.field


def test_a_report_is_read_when_it_is_as_large_as_may_be() -> None:
    """The bounds themselves are allowed, and so are fields of a later release."""
    largest = report(sequence=2**53, checks=[FIRST | {"candidates": FIRST["candidates"][:1] * 16}] * 64, later={})
    assert 64 == len(device.decode(msgspec.json.encode(largest), device.Report).checks)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"aud":"\xff"}',
        b'{"aud":"\\ud800"}',
        b"[" * 60_000,
        b'{"v":' * 60_000,
        b"NaN",
    ],
    ids=["empty", "cut", "list", "null", "no UTF-8", "no UTF-8 inside", "surrogate", "nested", "nested objects", "NaN"],
)
def test_what_is_no_document_is_refused(content: bytes) -> None:
    """Whatever the bytes are, the answer is our own error."""
    with pytest.raises(InputError):
        device.decode(content, device.Report)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_read_or_refused(document: object) -> None:
    """No JSON brings the decoder to anything but a document or our own error."""
    for kind in (device.Report, device.Sync, device.Enrollment, wire_checks.Checks, device.Wait):
        with pytest.raises(InputError):
            device.decode(msgspec.json.encode(document), kind)


# To core and from it.

CERTIFICATES: dict[str, Certificate | Malformed] = {LAPTOP.fingerprint: LAPTOP}


def test_certificates_are_parsed_when_their_names_are_their_digests() -> None:
    """What is no certificate comes as such: it is judged, not refused."""
    digest = hashlib.sha256(b"junk").hexdigest()
    parsed = device.certificates_to_core({LAPTOP.fingerprint: LAPTOP.der, digest: b"junk"})
    assert isinstance(parsed[LAPTOP.fingerprint], Certificate)
    assert isinstance(parsed[digest], Malformed)


def test_a_certificate_is_refused_under_the_digest_of_another() -> None:
    """A name that is not the digest of what it names would let one certificate stand for another."""
    with pytest.raises(InputError) as refused:
        device.certificates_to_core({AUTHORITY.fingerprint: LAPTOP.der})
    assert f"/certificates/{AUTHORITY.fingerprint}" == refused.value.field


def test_a_candidate_is_refused_when_its_certificate_is_not_in_the_report() -> None:
    """Nothing can be judged of it."""
    with pytest.raises(InputError, match=LAPTOP.fingerprint):
        device.claim_to_core(documents.ANSWER, {})


def test_a_check_is_refused_when_its_authority_is_not_in_the_document() -> None:
    """A check without one of its signing certificates is another check."""
    broken: dict[str, Certificate | Malformed] = {AUTHORITY.fingerprint: Malformed(b"", b"", "")}
    for certificates in ({}, broken):
        with pytest.raises(InputError, match=AUTHORITY.fingerprint):
            wire_checks.check_to_core(documents.CHECK, certificates)


_printable = st.text(st.characters(codec="utf-8", exclude_characters="$", exclude_categories=["Cc"]), min_size=1)
_templates = st.one_of(_printable, st.sampled_from([f"${{{name}}}.example" for name in VARIABLES]))


@st.composite
def checks(draw: st.DrawFn) -> Check:
    """Draw any check that can be made."""
    system = draw(st.sampled_from(OperatingSystem))
    asks_key = draw(st.booleans())
    levels = [Evidence.REPORTED]
    if asks_key:
        levels += [Evidence.KEY_PRESENT]
        levels += [] if system is OperatingSystem.MAC else [Evidence.POSSESSION, Evidence.HARDWARE]
    stores = draw(st.lists(st.sampled_from(TrustStore), unique=True).map(tuple))
    paths = draw(st.lists(_printable, min_size=0 if stores else 1, max_size=16).map(tuple))
    common_name = draw(st.none() | _templates)
    kinds = st.sampled_from(["", "dns:", "email:", "uri:", "ip:", "upn:"])
    names = draw(st.lists(st.builds("{}{}".format, kinds, _templates), max_size=4))
    return Check(
        id=draw(st.text(st.characters(codec="ascii"), min_size=1, max_size=64)),
        version=draw(st.integers(0, 2**31)),
        authorities=(AUTHORITY, LAPTOP)[: draw(st.integers(1, 2))],
        common_name=parse_template(common_name, "cn") if common_name else None,
        alternative_names=tuple(parse_name_template(name, "san") for name in names),
        purposes=draw(st.lists(st.sampled_from(Purpose), unique=True).map(tuple)),
        asks_key=asks_key,
        evidence=draw(st.sampled_from(levels)),
        hardware_policies=("1.2.3",),
        operating_system=system,
        locations=Locations(stores, paths),
        schedule=draw(st.integers(1, 10**6)),
        expiration=draw(st.none() | st.integers(1, 10**6)),
    )


def _comparable(check: Check) -> dict[str, Any]:
    fields = msgspec.structs.asdict(check)
    return fields | {"authorities": [item.sha256 for item in check.authorities]}


@given(checks())
def test_a_check_is_the_same_on_the_device_when_it_was_sent(check: Check) -> None:
    """Whatever can be asked is asked alike on both sides."""
    document = wire_checks.Checks(
        account_id="a",
        version=1,
        valid_until=0,
        certificates=wire_checks.authorities_from_core([check]),
        checks=(wire_checks.check_from_core(check, "name"),),
    )
    read = device.decode(msgspec.json.encode(document), wire_checks.Checks)
    (received,) = read.checks
    assert _comparable(check) == _comparable(
        wire_checks.check_to_core(received, device.certificates_to_core(read.certificates))
    )
    assert "name" == received.name


def test_an_authority_travels_once_when_many_checks_name_it() -> None:
    """Sixty-four checks of one upload are not sixty-four uploads."""
    check = Check(id="x", authorities=(AUTHORITY,))
    assert {AUTHORITY.fingerprint: AUTHORITY.der} == wire_checks.authorities_from_core([check] * 64)


_names = st.text(st.characters(), max_size=20) | st.text(st.characters(categories=["Cs"]), max_size=3) | st.just(LONG)
_locations = st.builds(
    Location, store=st.sampled_from(StoreKind), path=_names, label=st.none() | _names, user=st.none() | _names
)
_judged = st.builds(
    lambda **fields: Judged(
        candidate=Candidate(certificate=LAPTOP, **fields), judgements=(), authority=None, evidence=None
    ),
    location=_locations,
    key=st.sampled_from(KeyState),
    key_detail=_names,
    distrusted=st.booleans(),
)
_faults = st.builds(Fault, location=_locations, reason=st.sampled_from(Reason), detail=_names)


@given(
    st.builds(
        Evaluation,
        status=st.sampled_from(Status),
        certificates=st.lists(_judged, max_size=MAXIMUM_REPORTED).map(tuple),
        others=st.integers(0, 10**7),
        faults=st.lists(_faults, max_size=70).map(tuple),
    ),
    st.booleans(),
)
def test_whatever_a_device_found_can_be_written_and_read(evaluation: Evaluation, too_many: bool) -> None:  # noqa: FBT001 - drawn.
    """Names that are no UTF-8, that are too long, more faults than fit: the answer is within its bounds, and says the rest."""
    check = Check(id="x", version=3, authorities=(AUTHORITY,))
    signatures = {(LAPTOP.sha256, item.candidate.location): b"s" for item in evaluation.certificates[:1]}
    written = device.answer_from_core(check, evaluation, signatures, too_many=too_many)
    claim = device.claim_to_core(device.decode(msgspec.json.encode(written), device.CheckAnswer), CERTIFICATES)

    assert ("x", 3, evaluation.status, too_many) == (
        claim.check_id,
        claim.check_version,
        claim.status,
        claim.findings.too_many,
    )
    assert [item.candidate.key for item in evaluation.certificates] == [item.key for item in claim.findings.candidates]
    assert [item.candidate.distrusted for item in evaluation.certificates] == [
        item.distrusted for item in claim.findings.candidates
    ]
    assert [item.reason for item in evaluation.faults[:64]] == [item.reason for item in claim.findings.faults]
    assert min(evaluation.others, 10**6) == claim.findings.others
    assert [b"s"] * bool(evaluation.certificates) == [item for item in claim.signatures[:1] if item]


def test_a_place_comes_back_as_it_was_when_it_is_ordinary() -> None:
    """Store, path, label and user travel whole; a lone surrogate is written as an escape."""
    place = Location(store=StoreKind.NSSDB, path="/home/ü/nssdb", label="laptop 1", user="ü")
    odd = Location(store=StoreKind.PEM_FILE, path="/tmp/\udcff.pem")  # noqa: S108 - a name, not a file.
    judged = [
        Judged(candidate=Candidate(certificate=LAPTOP, location=item), judgements=(), authority=None, evidence=None)
        for item in (place, odd)
    ]
    check = Check(id="x", authorities=(AUTHORITY,))
    evaluation = Evaluation(status=Status.FAIL, certificates=tuple(judged))
    written = device.answer_from_core(check, evaluation, {(LAPTOP.sha256, place): b"signed"}, too_many=False)
    claim = device.claim_to_core(written, CERTIFICATES)

    assert place == claim.findings.candidates[0].location
    assert "/tmp/\\udcff.pem" == claim.findings.candidates[1].location.path  # noqa: S108 - as above.
    assert (b"signed", None) == claim.signatures


def test_a_signature_stays_with_the_place_whose_key_made_it() -> None:
    """One certificate in two places: only the place that signed has the signature."""
    places = [Location(store=StoreKind.PEM_FILE, path=path) for path in ("/a", "/b")]
    found = [Candidate(certificate=LAPTOP, location=place) for place in places]
    judged = tuple(Judged(candidate=item, judgements=(), authority=None, evidence=None) for item in found)
    check = Check(id="x", authorities=(AUTHORITY,))
    evaluation = Evaluation(status=Status.FAIL, certificates=judged)
    written = device.answer_from_core(check, evaluation, {(LAPTOP.sha256, places[1]): b"b"}, too_many=False)
    assert [None, b"b"] == [item.signature for item in written.candidates]


def test_the_facts_of_templates_alone_go_to_core() -> None:
    """What pages show is no fact that a check could name."""
    facts = device.facts_to_core(documents.FACTS)
    assert ("S-1", "laptop-1", "6f1c0d1e-0000-4000-8000-00000000000a") == (
        facts.serial_number,
        facts.hostname,
        facts.device_uuid,
    )


def test_a_certificate_is_found_by_the_digest_that_core_computes() -> None:
    """The names in a report are those by which core compares."""
    parsed = parse_certificate(LAPTOP.der)
    assert hashlib.sha256(LAPTOP.der).hexdigest() == parsed.fingerprint
