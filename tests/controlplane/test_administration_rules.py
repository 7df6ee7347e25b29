"""Posture rules: read back as written, refused as a whole, and their options beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.administration import rules, uploads
from gatepost.core.check import Evidence
from gatepost.errors import ConflictError, InputError, NotFoundError
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.codes import Code
from gatepost.wire.management.mtls_certificates import UploadBody
from tests.certificates import CertificateAuthority
from tests.services import as_json, rule_of

if TYPE_CHECKING:
    from gatepost.controlplane.administration.rules import KeptRule
    from gatepost.controlplane.administration.services import Services
    from gatepost.wire.management.documents import Document


@pytest.fixture
def certificate_id(services: Services, account: int) -> str:
    """Give the id of an uploaded root."""
    text = CertificateAuthority.create().pem.decode()
    return uploads.add_upload(services, account, UploadBody(ca=True, certificates=text)).shown.id


def plain(document: Document) -> dict[str, Any]:
    """Give a rule as a client reads it."""
    found: dict[str, Any] = msgspec.json.decode(as_json(document))
    return found


def create(services: Services, account: int, document: object) -> tuple[str, KeptRule]:
    """Create a rule and give its id with it."""
    kept = rules.create_rule(services, account, as_json(document))
    return plain(kept.document)["id"], kept


def version(services: Services, account: int, rule_id: str) -> int:
    """Give the version of a rule's question."""
    return rules.find_effective(services, account, rule_id).version


def test_a_rule_is_read_back_as_it_was_written(services: Services, account: int, certificate_id: str) -> None:
    """Nothing is added but the id, and nothing is lost."""
    written = rule_of(
        certificate_id,
        cn="${serial_number}.corp.example",
        extended_key_usage=["emailProtection", "clientAuth"],
        subject_alternative_names=["b", "a"],
        locations={"paths": ["/b", "/a"], "trust_stores": ["user", "system"]},
    ) | {"schedule": "15m", "description": "née", "expiration": ""}
    rule_id, kept = create(services, account, written)
    assert {"id": rule_id, **written} == plain(kept.document) == plain(rules.find_rule(services, account, rule_id))
    assert [{"id": rule_id, **written}] == [plain(item) for item in rules.list_rules(services, account)]
    assert () == kept.remarks


def test_a_rule_that_is_replaced_is_another_as_a_whole(services: Services, account: int, certificate_id: str) -> None:
    """What the new one leaves out is gone; its id stays."""
    rule_id, _ = create(services, account, rule_of(certificate_id, cn="x") | {"description": "old"})
    written = rule_of(certificate_id) | {"name": "new"}
    kept = rules.replace_rule(services, account, rule_id, as_json(written))
    assert {"id": rule_id, **written} == plain(kept.document) == plain(rules.find_rule(services, account, rule_id))


def test_options_outlive_what_a_client_of_the_reference_writes(
    services: Services, account: int, certificate_id: str
) -> None:
    """A full replacement knows nothing of them, and they do not show in it."""
    rule_id, _ = create(services, account, rule_of(certificate_id))
    options = CheckOptions(evidence=Evidence.KEY_PRESENT, message="Call the help desk.")
    rules.replace_options(services, account, rule_id, options)
    kept = rules.replace_rule(services, account, rule_id, as_json(rule_of(certificate_id)))
    assert options == rules.find_options(services, account, rule_id)
    assert {"id", "name", "type", "match", "input"} == set(plain(kept.document))


def test_the_version_rises_with_the_question_alone(services: Services, account: int, certificate_id: str) -> None:
    """A new name or message asks nothing new; another field, schedule or level does."""
    rule_id, _ = create(services, account, rule_of(certificate_id))

    def replaced(document: object) -> int:
        rules.replace_rule(services, account, rule_id, as_json(document))
        return version(services, account, rule_id)

    assert 1 == version(services, account, rule_id)
    assert 1 == replaced(rule_of(certificate_id) | {"name": "other", "description": "words"})
    assert 2 == replaced(rule_of(certificate_id, cn="x"))
    assert 3 == replaced(rule_of(certificate_id, cn="x") | {"schedule": "10m"})
    rules.replace_options(services, account, rule_id, CheckOptions(message="Hello"))
    assert 3 == version(services, account, rule_id)
    rules.replace_options(services, account, rule_id, CheckOptions(evidence=Evidence.REPORTED))
    assert 4 == version(services, account, rule_id)


def test_agents_are_told_of_every_change(services: Services, account: int, certificate_id: str) -> None:
    """The account's number of checks rises."""

    def number() -> int:
        with services.storage.reading() as records:
            return records.checks.version(account)

    seen = [number()]
    rule_id, _ = create(services, account, rule_of(certificate_id))
    seen.append(number())
    rules.replace_rule(services, account, rule_id, as_json(rule_of(certificate_id, cn="x")))
    seen.append(number())
    rules.replace_options(services, account, rule_id, CheckOptions(evidence=Evidence.REPORTED))
    seen.append(number())
    rules.remove_rule(services, account, rule_id)
    seen.append(number())
    assert sorted(set(seen)) == seen


def test_a_certificate_that_was_sent_as_a_leaf_cannot_be_named(services: Services, account: int) -> None:
    """The cause and the cure are in the words."""
    leaf = CertificateAuthority.create().issue().pem.decode()
    upload = uploads.add_upload(services, account, UploadBody(ca=False, certificates=leaf)).shown
    with pytest.raises(InputError) as caught:
        create(services, account, rule_of(upload.id))
    assert "/input/certificate_id" == caught.value.field
    assert "ca: false" in caught.value.problem


def test_what_is_refused_leaves_nothing_behind(services: Services, account: int, certificate_id: str) -> None:
    """Neither a new rule nor a part of a replaced one."""
    rule_id, kept = create(services, account, rule_of(certificate_id))
    for wrong in (rule_of("00000000-0000-4000-8000-000000000000"), rule_of(certificate_id, cn="${x}"), {"name": "x"}):
        with pytest.raises(InputError):
            rules.create_rule(services, account, as_json(wrong))
        with pytest.raises(InputError):
            rules.replace_rule(services, account, rule_id, as_json(wrong))
    assert [plain(kept.document)] == [plain(item) for item in rules.list_rules(services, account)]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"name": "laptops", "type": "file"}, [Code.CHECK_NOT_EVALUATED]),
        ({"name": "x", "type": "file", "scheduel": "5m"}, [Code.FIELD_UNKNOWN, Code.CHECK_NOT_EVALUATED]),
    ],
)
def test_a_rule_that_is_not_evaluated_is_marked_so(
    services: Services, account: int, changes: dict[str, Any], codes: list[Code]
) -> None:
    """It is kept, and never passes."""
    rule_id, kept = create(services, account, changes)
    assert codes == [item.code for item in kept.remarks]
    effective = rules.find_effective(services, account, rule_id)
    assert (False, None, ()) == (effective.evaluated, effective.evidence, effective.signing_certificates)


def test_what_is_odd_but_valid_is_remarked_upon(services: Services, account: int, certificate_id: str) -> None:
    """A name that is not unique, results that end too soon, a match and a place without effect."""
    create(services, account, rule_of(certificate_id))
    odd = rule_of(certificate_id, operating_system="mac", locations={"trust_stores": ["user", "system"]})
    _, kept = create(services, account, odd | {"expiration": "2m"})
    assert [
        ("/name", Code.NAME_NOT_UNIQUE),
        ("/expiration", Code.EXPIRES_EARLY),
        ("/match", Code.MATCH_WITHOUT_EFFECT),
        ("/input/locations/trust_stores", Code.LOCATION_NOT_READ),
    ] == [(item.source and item.source.pointer, item.code) for item in kept.remarks]


def test_an_option_without_effect_is_remarked_upon(services: Services, account: int, certificate_id: str) -> None:
    """The level of evidence, where no key is asked for."""
    rule_id, _ = create(services, account, rule_of(certificate_id, check_private_key=False))
    remarks = rules.replace_options(services, account, rule_id, CheckOptions(evidence=Evidence.POSSESSION))
    assert [Code.OPTION_WITHOUT_EFFECT] == [item.code for item in remarks]
    assert Evidence.REPORTED == rules.find_effective(services, account, rule_id).evidence


def test_a_level_that_the_rules_system_cannot_reach_is_refused_on_either_side(
    services: Services, account: int, certificate_id: str
) -> None:
    """When the option is set, and when a rule is replaced under an option that stands."""
    mac, _ = create(services, account, rule_of(certificate_id, operating_system="mac"))
    linux, _ = create(services, account, rule_of(certificate_id) | {"name": "other"})
    with pytest.raises(InputError) as caught:
        rules.replace_options(services, account, mac, CheckOptions(evidence=Evidence.POSSESSION))
    assert "/evidence" == caught.value.field
    rules.replace_options(services, account, linux, CheckOptions(evidence=Evidence.POSSESSION))
    with pytest.raises(InputError) as caught:
        rules.replace_rule(services, account, linux, as_json(rule_of(certificate_id, operating_system="mac")))
    assert "/input/operating_system" == caught.value.field
    assert "option" in caught.value.allowed


def test_the_effective_check_has_every_default_filled_in(services: Services, account: int, certificate_id: str) -> None:
    """What is asked when nothing more is said."""
    rule_id, _ = create(services, account, rule_of(certificate_id, cn="a", subject_alternative_names=["dns:b", "c"]))
    found = rules.find_effective(services, account, rule_id)
    assert (True, True, "5m", "11m") == (found.enabled, found.evaluated, found.schedule, found.expiration)
    assert ("a", ("dns:b", "c"), Evidence.POSSESSION) == (found.cn, found.subject_alternative_names, found.evidence)
    assert found.locations is not None
    assert (("system",), ()) == (found.locations.trust_stores, found.locations.paths)
    assert ["CN=Example Root CA"] == [item.subject for item in found.signing_certificates]


def test_results_that_never_end_by_themselves_are_shown_so(
    services: Services, account: int, certificate_id: str
) -> None:
    """A setting of the server."""
    rule_id, _ = create(services, account, rule_of(certificate_id))
    lasting = msgspec.structs.replace(services, results_expire=False)
    assert rules.find_effective(lasting, account, rule_id).expiration is None


def test_a_rule_that_is_not_there_is_not_found(services: Services, account: int, certificate_id: str) -> None:
    """By any of the verbs."""
    del certificate_id
    absent = "00000000-0000-4000-8000-000000000000"
    for verb in (rules.find_rule, rules.remove_rule, rules.find_options, rules.find_effective):
        with pytest.raises(NotFoundError):
            verb(services, account, absent)
    with pytest.raises(NotFoundError):
        rules.replace_rule(services, account, absent, b'{"name":"x","type":"file"}')
    with pytest.raises(NotFoundError):
        rules.replace_options(services, account, absent, CheckOptions())


def test_no_more_checks_are_taken_than_a_device_answers(
    services: Services, account: int, certificate_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disabled ones, and those for another system, do not count."""
    monkeypatch.setattr(rules, "MAXIMUM_CHECKS_OF_A_DEVICE", 2)
    one, _ = create(services, account, rule_of(certificate_id))
    create(services, account, rule_of(certificate_id))
    create(services, account, rule_of(certificate_id) | {"enabled": False})
    create(services, account, rule_of(certificate_id, operating_system="windows"))
    with pytest.raises(ConflictError) as caught:
        create(services, account, rule_of(certificate_id))
    assert "posture rules" == caught.value.kind
    assert () != rules.replace_rule(services, account, one, as_json(rule_of(certificate_id, cn="x"))).remarks


def test_a_rule_that_an_earlier_release_took_bars_no_other(
    services: Services, account: int, certificate_id: str
) -> None:
    """It is listed, counts for nothing, and can be replaced and removed."""
    rule_id, _ = create(services, account, rule_of(certificate_id))
    with services.storage.writing() as records:
        kept = records.checks.find(account, rule_id)
        assert kept is not None
        records.checks.replace(msgspec.structs.replace(kept, document=as_json(rule_of(certificate_id, cn="${old}"))))
    create(services, account, rule_of(certificate_id))
    assert 2 == len(rules.list_rules(services, account))
    rules.replace_rule(services, account, rule_id, as_json(rule_of(certificate_id)))
    assert 2 == version(services, account, rule_id)


def test_there_is_an_end_to_rules(services: Services, account: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is not paged, so it is bounded."""
    monkeypatch.setattr(rules, "MAXIMUM_RULES", 1)
    create(services, account, {"name": "x", "type": "file"})
    with pytest.raises(ConflictError):
        create(services, account, {"name": "y", "type": "file"})
