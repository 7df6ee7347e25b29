"""The criteria: each says what it expected and found, and all of them are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gatepost.core.check import Evidence, Purpose, parse_name_template
from gatepost.core.criteria import (
    CommonName,
    ExtendedKeyUsage,
    Judgement,
    OneStep,
    PrivateKey,
    SubjectAlternativeName,
    Trusted,
    UnknownFact,
    reached_evidence,
    same_text,
    shown,
)
from gatepost.core.finding import KeyState, Proof
from gatepost.core.reason import Reason
from tests import der
from tests.certificates import (
    ANY_PURPOSE,
    CLIENT_AUTH,
    DAY,
    EMAIL_PROTECTION,
    NOW,
    CertificateAuthority,
    constraints,
    dns,
    email,
    ip,
    upn,
    uri,
)
from tests.core.subjects import AUTHORITY, LAPTOP, candidate, parsed

if TYPE_CHECKING:
    from cryptography import x509

    from gatepost.core.criteria import Criterion
    from tests.certificates import Issued

POLICY = "1.3.6.1.4.1.55555.2"


def judge(criterion: Criterion, issued: Issued, **fields: object) -> Judgement:
    """Ask one criterion about one candidate."""
    (judgement,) = criterion.judge(candidate(issued, **fields), parsed(issued))
    assert judgement.expected
    assert judgement.found
    return judgement


# --- Issued by, valid now ---------------------------------------------------------------------------------------------


def _same_name(**options: object) -> CertificateAuthority:
    """Make another authority of AUTHORITY's name."""
    return CertificateAuthority.create(**{"cn": "Example Root CA", **options})  # type: ignore[arg-type]  # any of Options


def one_step(*authorities: CertificateAuthority) -> OneStep:
    """Ask for a step to any of these, at NOW, with a signature."""
    return OneStep(tuple(map(parsed, authorities)), NOW, signs=True)


@pytest.mark.parametrize("turned", [False, True])
def test_the_signing_certificate_that_holds_is_named_when_several_were_uploaded(turned: bool) -> None:  # noqa: FBT001 - both orders.
    """Old and new side by side is how a CA is changed; their order says nothing."""
    both = (AUTHORITY, _same_name(aki=None, ski=False))
    authority, refusal = one_step(*both[:: -1 if turned else 1]).step(parsed(AUTHORITY.issue(aki=None)))
    assert (parsed(AUTHORITY).sha256, None) == (authority.sha256, refusal)


@pytest.mark.parametrize("turned", [False, True])
def test_the_signing_certificate_that_ends_last_is_named_when_two_hold(turned: bool) -> None:  # noqa: FBT001 - both orders.
    """A renewed certificate has the old one's key, and a result ends with the one that it names."""
    old = _same_name(key=AUTHORITY.key, not_after=NOW + DAY)
    both = (old, AUTHORITY)
    authority, refusal = one_step(*both[:: -1 if turned else 1]).step(parsed(LAPTOP))
    assert (parsed(AUTHORITY).sha256, None) == (authority.sha256, refusal)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (CertificateAuthority.create(cn="Other"), Reason.AUTHORITY_KEY_MISMATCH),
        (_same_name(key=AUTHORITY.key, not_after=NOW - DAY), Reason.SIGNING_CERTIFICATE_EXPIRED),
    ],
)
def test_the_furthest_refusal_is_named_when_no_signing_certificate_holds(
    other: CertificateAuthority,
    reason: Reason,
    turned: bool,  # noqa: FBT001 - both orders.
) -> None:
    """A right name says more than a wrong one, a right signature more than a right name."""
    both = (other, _same_name())
    _, refusal = one_step(*both[:: -1 if turned else 1]).step(parsed(LAPTOP))
    assert refusal is not None
    assert reason is refusal.reason


@pytest.mark.parametrize(
    ("issued", "expected"),
    [
        (LAPTOP, [("issued by", None), ("valid now", None)]),
        (
            AUTHORITY.issue(not_after=NOW - DAY),
            [("issued by", None), ("valid now", Reason.CERTIFICATE_EXPIRED)],
        ),
        (AUTHORITY.issue(aki=b"other"), [("issued by", Reason.AUTHORITY_KEY_MISMATCH)]),
    ],
)
def test_the_step_is_told_as_issuer_and_dates(issued: Issued, expected: list[tuple[str, Reason | None]]) -> None:
    """The dates are judged once the issuer is the right one."""
    step = one_step(AUTHORITY)
    authority, refusal = step.step(parsed(issued))
    judgements = step.explain(parsed(issued), authority, refusal)
    assert expected == [(item.criterion, item.reason) for item in judgements]
    assert all(item.expected and item.found for item in judgements)


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "wanted", "reason"),
    [
        (["laptop-1"], "laptop-1", None),
        (["LapTop-1"], "lAPtOP-1", None),
        (["laptop-1"], "laptop-10", Reason.COMMON_NAME_MISMATCH),
        (["laptop-10"], "laptop-1", Reason.COMMON_NAME_MISMATCH),
        (["laptop-1"], "*", Reason.COMMON_NAME_MISMATCH),
        (["*"], "laptop-1", Reason.COMMON_NAME_MISMATCH),
        ([" laptop-1"], "laptop-1", Reason.COMMON_NAME_MISMATCH),
        (["laptop  1"], "laptop 1", Reason.COMMON_NAME_MISMATCH),
        (["laptop-1\0.evil"], "laptop-1", Reason.COMMON_NAME_MISMATCH),
        (["laptop-1\0"], "laptop-1\0", Reason.COMMON_NAME_MISMATCH),
        (["\N{KELVIN SIGN}"], "k", Reason.COMMON_NAME_MISMATCH),
        (["É"], "é", Reason.COMMON_NAME_MISMATCH),
        (["é"], "é", None),
        (["e\N{COMBINING ACUTE ACCENT}"], "é", Reason.COMMON_NAME_MISMATCH),
        ([""], "laptop-1", Reason.COMMON_NAME_MISMATCH),
        ([], "laptop-1", Reason.COMMON_NAME_MISSING),
        (["laptop-1", "laptop-1"], "laptop-1", Reason.COMMON_NAME_AMBIGUOUS),
    ],
)
def test_a_common_name_is_met_when_it_is_the_only_one_and_equals_the_template(
    names: list[str], wanted: str, reason: Reason | None
) -> None:
    """Whole, with ASCII case set aside; control characters never match."""
    assert reason is judge(CommonName(wanted), AUTHORITY.issue(cn=names)).reason


def test_a_common_name_is_met_in_any_type_of_string() -> None:
    """The type says how the letters are written, not what they say."""
    for kind in der.Text:
        issued = AUTHORITY.issue(subject=der.name(("CN", "laptop-1", kind)))
        assert judge(CommonName("laptop-1"), issued).reason is None


_NAMES = [dns("a.Example"), email("Jo@B.example"), uri("urn:c:D"), ip("192.0.2.1"), ip("2001:db8::a"), upn("Jo@corp")]


@pytest.mark.parametrize(
    ("wanted", "met"),
    [
        (["A.example"], True),
        (["dns:a.example"], True),
        (["email:a.example"], False),
        (["uri:a.example"], False),
        (["jo@b.EXAMPLE"], True),
        (["email:jo@b.example"], True),
        (["dns:jo@b.example"], False),
        (["urn:c:d"], True),
        (["uri:urn:c:d"], True),
        (["192.0.2.1"], True),
        (["ip:192.0.2.1"], True),
        (["dns:192.0.2.1"], False),
        (["ip:192.0.2.01"], False),
        (["2001:0DB8:0:0::000A"], True),
        (["ip:2001:db8:0:0:0:0:0:a"], True),
        (["ip:2001:db8::b"], False),
        (["ip:2001:db8::a%eth0"], False),
        (["ip:::ffff:192.0.2.1"], False),
        (["ip:a.example"], False),
        (["jo@corp"], False),
        (["upn:JO@corp"], True),
        (["upn:a.example"], False),
        (["*.example"], False),
        (["a.exampl"], False),
        (["b.example", "c.example", "a.example"], True),
        (["b.example", "c.example"], False),
    ],
)
def test_an_alternative_name_is_met_when_one_of_them_equals_one_template(
    wanted: list[str],
    met: bool,  # noqa: FBT001 - the expected value is a truth value.
) -> None:
    """Of the prefix's kind, or of any kind but UPN; addresses are compared as addresses."""
    judgement = judge(names_asked(*wanted), AUTHORITY.issue(sans=_NAMES))
    assert judgement.reason is (None if met else Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH)
    assert " or ".join(wanted) == judgement.expected


def names_asked(*texts: str) -> SubjectAlternativeName:
    """Ask for these names, which have no variables."""
    templates = tuple(parse_name_template(text, "san") for text in texts)
    return SubjectAlternativeName(tuple((item, item.template.text) for item in templates))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ([], "a"),
        ([dns("a\0b")], "a"),
        ([dns("a\0b")], "a\0b"),
        ([uri("a\nb")], "a\nb"),
        ([upn("K\N{KELVIN SIGN}")], "upn:kk"),
    ],
)
def test_an_alternative_name_is_not_met_when_there_is_none_or_it_has_control_characters(
    names: list[x509.GeneralName], wanted: str
) -> None:
    """A name with NUL equals nothing, not even itself."""
    issued = AUTHORITY.issue(sans=names)
    assert judge(names_asked(wanted), issued).reason is Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH


def test_the_common_name_is_no_alternative_name() -> None:
    """Each criterion looks in its own place."""
    issued = AUTHORITY.issue(cn="a.example", sans=[dns("b.example")])
    assert judge(names_asked("a.example"), issued).reason is Reason.SUBJECT_ALTERNATIVE_NAME_MISMATCH
    assert judge(CommonName("b.example"), issued).reason is Reason.COMMON_NAME_MISMATCH


def test_what_was_found_is_shown_escaped_and_bounded() -> None:
    """A name cannot paint a terminal, and a thousand of them do not fill a page."""
    issued = AUTHORITY.issue(cn="a\x1b[31m", sans=[dns("b\nc")] + [dns("d")] * 30)
    assert judge(CommonName("a"), issued).found == "a\\x1b[31m"
    assert judge(names_asked("a"), issued).found == "dns:b\\nc" + ", dns:d" * 15
    assert shown("\udcff") == "\\udcff"


def test_a_name_that_lacks_a_fact_is_met_by_no_certificate() -> None:
    """The reason is the device's, not the certificate's."""
    judgement = judge(UnknownFact("common name", "${hostname}", "hostname"), LAPTOP)
    assert Judgement("common name", Reason.DEVICE_FACT_MISSING, "${hostname}", "hostname not known") == judgement


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [("a", "A", True), ("", "", True), ("a\tb", "a\tb", False), ("k", "\N{KELVIN SIGN}", False), ("a", "b", False)],
)
def test_two_texts_are_the_same_when_only_ascii_case_differs(found: str, wanted: str, same: bool) -> None:  # noqa: FBT001 - the expected value is a truth value.
    """And both can be printed."""
    assert same == same_text(found, wanted)


# --- Purposes, trust, keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "asked", "met"),
    [
        ([CLIENT_AUTH], (Purpose.CLIENT_AUTH,), True),
        ([CLIENT_AUTH, EMAIL_PROTECTION], tuple(Purpose), True),
        ([CLIENT_AUTH], tuple(Purpose), False),
        ([EMAIL_PROTECTION], (Purpose.CLIENT_AUTH,), False),
        ([ANY_PURPOSE], (Purpose.CLIENT_AUTH,), False),
        ([ANY_PURPOSE, CLIENT_AUTH], (Purpose.CLIENT_AUTH,), True),
        ([], (Purpose.CLIENT_AUTH,), False),
        (None, (Purpose.CLIENT_AUTH,), False),
    ],
)
def test_the_purposes_are_met_when_every_one_is_listed(
    listed: list[str] | None,
    asked: tuple[Purpose, ...],
    met: bool,  # noqa: FBT001 - the expected value is a truth value.
) -> None:
    """Any, none and no extension are no purpose."""
    judgement = judge(ExtendedKeyUsage(asked), AUTHORITY.issue(eku=listed))
    assert judgement.reason is (None if met else Reason.EXTENDED_KEY_USAGE_MISSING)


def test_a_certificate_is_distrusted_when_its_store_says_so() -> None:
    """Otherwise there is nothing to tell."""
    assert judge(Trusted(), LAPTOP, distrusted=True).reason is Reason.CERTIFICATE_DISTRUSTED
    assert Trusted().judge(candidate(LAPTOP), parsed(LAPTOP)) == ()


ATTESTED = AUTHORITY.issue(policies=["2.23.140.1.2.1", POLICY])


@pytest.mark.parametrize(
    ("asked", "key", "proof", "reason"),
    [
        (Evidence.REPORTED, KeyState.NOT_ASKED, Proof.NONE, Reason.PRIVATE_KEY_MISSING),
        (Evidence.REPORTED, KeyState.MISSING, Proof.NONE, Reason.PRIVATE_KEY_MISSING),
        (Evidence.REPORTED, KeyState.MISMATCH, Proof.NONE, Reason.PRIVATE_KEY_MISMATCH),
        (Evidence.REPORTED, KeyState.PRESENT, Proof.NONE, None),
        (Evidence.KEY_PRESENT, KeyState.MISSING, Proof.NONE, Reason.PRIVATE_KEY_MISSING),
        (Evidence.KEY_PRESENT, KeyState.MISMATCH, Proof.NONE, Reason.PRIVATE_KEY_MISMATCH),
        (Evidence.KEY_PRESENT, KeyState.UNUSABLE, Proof.NONE, None),
        (Evidence.KEY_PRESENT, KeyState.LOCKED, Proof.NONE, Reason.PRIVATE_KEY_UNUSABLE),
        (Evidence.POSSESSION, KeyState.LOCKED, Proof.NONE, Reason.PRIVATE_KEY_UNUSABLE),
        (Evidence.KEY_PRESENT, KeyState.PRESENT, Proof.NONE, None),
        (Evidence.KEY_PRESENT, KeyState.PRESENT, Proof.INVALID, None),
        (Evidence.POSSESSION, KeyState.MISSING, Proof.NONE, Reason.PRIVATE_KEY_MISSING),
        (Evidence.POSSESSION, KeyState.MISMATCH, Proof.NONE, Reason.PRIVATE_KEY_MISMATCH),
        (Evidence.POSSESSION, KeyState.UNUSABLE, Proof.NONE, Reason.PRIVATE_KEY_UNUSABLE),
        (Evidence.POSSESSION, KeyState.PRESENT, Proof.NONE, Reason.POSSESSION_UNPROVEN),
        (Evidence.POSSESSION, KeyState.PRESENT, Proof.INVALID, Reason.POSSESSION_UNPROVEN),
        (Evidence.POSSESSION, KeyState.PRESENT, Proof.VALID, None),
        (Evidence.POSSESSION, KeyState.MISSING, Proof.VALID, None),
        (Evidence.HARDWARE, KeyState.PRESENT, Proof.VALID, Reason.EVIDENCE_TOO_WEAK),
        (Evidence.HARDWARE, KeyState.PRESENT, Proof.INVALID, Reason.POSSESSION_UNPROVEN),
    ],
)
def test_the_key_criterion_is_met_when_the_evidence_reaches_the_level(
    asked: Evidence, key: KeyState, proof: Proof, reason: Reason | None
) -> None:
    """A valid proof says more than the store; to ask for the key is to ask for its presence at least."""
    assert reason is judge(PrivateKey(asked, (POLICY,)), LAPTOP, key=key, proof=proof).reason


def test_the_key_criterion_tells_the_provider_s_words() -> None:
    """For the administrator."""
    found = judge(PrivateKey(Evidence.POSSESSION, ()), LAPTOP, key=KeyState.UNUSABLE, key_detail="needs a PIN").found
    assert found == "key_present (needs a PIN)"


@pytest.mark.parametrize(
    ("issued", "proof", "policies", "evidence"),
    [
        (ATTESTED, Proof.VALID, (POLICY,), Evidence.HARDWARE),
        (ATTESTED, Proof.VALID, (), Evidence.POSSESSION),
        (ATTESTED, Proof.VALID, ("1.2.3",), Evidence.POSSESSION),
        (LAPTOP, Proof.VALID, (POLICY,), Evidence.POSSESSION),
        (ATTESTED, Proof.NONE, (POLICY,), Evidence.KEY_PRESENT),
        (ATTESTED, Proof.INVALID, (POLICY,), Evidence.KEY_PRESENT),
    ],
)
def test_hardware_is_reached_when_a_listed_policy_stands_beside_a_valid_proof(
    issued: Issued, proof: Proof, policies: tuple[str, ...], evidence: Evidence
) -> None:
    """The policy alone raises nothing, nor does the proof."""
    found = candidate(issued, key=KeyState.PRESENT, proof=proof)
    assert evidence is reached_evidence(found, parsed(issued), policies)


def test_a_refused_name_is_told_with_what_was_found() -> None:
    """The one step keeps OpenSSL's number for whoever looks it up."""
    authority = CertificateAuthority.create(cn="Limited", name_constraints=constraints(permitted=[dns("corp.example")]))
    step = one_step(authority)
    issued = parsed(authority.issue(sans=[dns("a.example")]))
    (judgement,) = step.explain(issued, *step.step(issued))
    assert (Reason.NAME_CONSTRAINT_VIOLATED, True) == (judgement.reason, "OpenSSL error 47" in judgement.found)
