"""Groups, policies and applications: read back as written, nothing dangling, nothing removed under somebody's feet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.controlplane.administration import rules
from gatepost.controlplane.administration.access import app_policies, apps, groups, policies, service_tokens
from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.ports import AuditFilter
from gatepost.core.policy import Mode
from gatepost.errors import ConflictError, InputError, NotFoundError
from gatepost.wire.management.access_apps import MAXIMUM_POLICIES
from gatepost.wire.management.codes import Code
from gatepost.wire.management.policy_options import PolicyOptions
from gatepost.wire.management.service_tokens import ServiceTokenBody
from tests.services import as_json

if TYPE_CHECKING:
    from gatepost.controlplane.administration.access.documents import Kept
    from gatepost.controlplane.administration.services import Services
    from gatepost.wire.management.documents import Document

EVERYONE: dict[str, Any] = {"everyone": {}}
POLICY: dict[str, Any] = {"name": "all", "decision": "allow", "include": [EVERYONE]}
APP: dict[str, Any] = {"type": "self_hosted", "name": "wiki", "domain": "wiki.example.com"}


def plain(document: Document) -> dict[str, Any]:
    """Give a thing as a client reads it."""
    found: dict[str, Any] = msgspec.json.decode(as_json(document))
    return found


def shown(kept: Kept) -> dict[str, Any]:
    """Give what was kept as a client reads it."""
    return plain(kept.document)


def codes(kept: Kept) -> list[tuple[int, str]]:
    """Give the remarks, each with its place."""
    return [(item.code, item.source.pointer if item.source else "") for item in kept.remarks]


def group(services: Services, account: int, *include: dict[str, Any]) -> str:
    """Create a group and give its id."""
    content = as_json({"name": "g", "include": include or [EVERYONE]})
    identifier: str = shown(groups.create_group(services, account, content))["id"]
    return identifier


def policy(services: Services, account: int, **fields: Any) -> str:  # noqa: ANN401 - the fields are of many types.
    """Create a policy for any application and give its id."""
    identifier: str = shown(policies.create_policy(services, account, as_json(POLICY | fields)))["id"]
    return identifier


def app(services: Services, account: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - as above.
    """Create an application and give it."""
    return shown(apps.create_app(services, account, as_json(APP | fields)))


def posture_rule(services: Services, account: int) -> str:
    """Create a posture rule of a type that is not evaluated, and give its id."""
    kept = rules.create_rule(services, account, as_json({"name": "disk", "type": "disk_encryption"}))
    identifier: str = msgspec.json.decode(kept.document["id"])
    return identifier


def test_what_was_read_can_be_written_back(services: Services, account: int) -> None:
    """The fields that the server gives are taken off again, and nothing changes but the time."""
    own = POLICY | {"name": "own"}
    made = app(services, account, policies=[policy(services, account), own], session_duration="24h")
    again = shown(apps.replace_app(services, account, made["id"], as_json(made)))
    assert made == again == plain(apps.find_app(services, account, made["id"]))
    (first, second) = made["policies"]
    got = plain(policies.find_policy(services, account, first["id"]))
    assert got == shown(policies.replace_policy(services, account, first["id"], as_json(got)))
    own_got = plain(app_policies.find_app_policy(services, account, made["id"], second["id"]))
    assert own_got == second
    replaced = app_policies.replace_app_policy(services, account, made["id"], second["id"], as_json(own_got))
    assert own_got == shown(replaced)
    listed = groups.list_groups(services, account)
    assert () == listed


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"group": {"id": "x"}}, "/require/0/group/id"),
        ({"service_token": {"token_id": "x"}}, "/require/0/service_token/token_id"),
        ({"device_posture": {"integration_uid": "x"}}, "/require/0/device_posture/integration_uid"),
    ],
)
def test_a_rule_that_names_what_is_not_there_is_refused(
    services: Services, account: int, rule: dict[str, Any], pointer: str
) -> None:
    """In a group and in a policy; nothing is stored."""
    for create, content in ((groups.create_group, {"name": "g"}), (policies.create_policy, POLICY)):
        with pytest.raises(InputError) as refused:
            create(services, account, as_json({**content, "include": [EVERYONE], "require": [rule]}))
        assert pointer == refused.value.field
    assert () == groups.list_groups(services, account) == policies.list_policies(services, account)


def test_a_group_never_stands_within_itself(services: Services, account: int) -> None:
    """Neither directly nor by way of others; what is no circle is taken."""
    first = group(services, account)
    second = group(services, account, {"group": {"id": first}})
    third = group(services, account, {"group": {"id": second}}, {"group": {"id": first}})
    for inner in (first, third):
        content = as_json({"name": "g", "include": [EVERYONE], "exclude": [{"group": {"id": inner}}]})
        with pytest.raises(InputError) as refused:
            groups.replace_group(services, account, first, content)
        assert "/exclude/0/group/id" == refused.value.field
    content = as_json({"name": "new", "include": [{"group": {"id": second}}, {"group": {"id": first}}]})
    assert "new" == shown(groups.replace_group(services, account, third, content))["name"]


def test_what_is_used_does_not_go(services: Services, account: int) -> None:
    """The refusal names who uses it; when the last user is gone, it goes."""
    inner, check = group(services, account), posture_rule(services, account)
    token = service_tokens.create_service_token(services, account, ServiceTokenBody(name="t")).id
    named = [
        {"group": {"id": inner}},
        {"device_posture": {"integration_uid": check}},
        {"service_token": {"token_id": token}},
    ]
    user = policy(services, account, exclude=named)
    made = app(services, account, policies=[user])

    def all_refused(name: str) -> None:
        for remove, reference in (
            (groups.remove_group, inner),
            (rules.remove_rule, check),
            (service_tokens.remove_service_token, token),
        ):
            with pytest.raises(ConflictError) as refused:
                remove(services, account, reference)
            assert name in refused.value.problem

    all_refused(f"policy {user}")
    with pytest.raises(ConflictError) as refused:
        policies.remove_policy(services, account, user)
    assert f"application {made['id']}" in refused.value.problem
    apps.remove_app(services, account, made["id"])
    policies.remove_policy(services, account, user)
    outer = group(services, account, *named)
    all_refused(f"group {outer}")
    groups.remove_group(services, account, outer)
    own = app(services, account, policies=[POLICY | {"require": named}])
    all_refused(f"policy {own['policies'][0]['id']}")
    apps.remove_app(services, account, own["id"])
    groups.remove_group(services, account, inner)
    rules.remove_rule(services, account, check)
    service_tokens.remove_service_token(services, account, token)


def test_what_is_kept_without_effect_is_remarked_upon(services: Services, account: int) -> None:
    """Fields that are not known, rules that are not evaluated, and policies that match nobody for it."""
    geo, check = (
        {"geo": {"country_code": "NL"}},
        {"device_posture": {"integration_uid": posture_rule(services, account)}},
    )

    def remarks(**fields: Any) -> list[tuple[int, str]]:  # noqa: ANN401 - as above.
        return codes(policies.create_policy(services, account, as_json(POLICY | fields)))

    assert [] == remarks()
    assert [(Code.FIELD_UNKNOWN, "/approval_required")] == remarks(approval_required=True)
    assert [(Code.RULE_NOT_EVALUATED, "/include/1")] == remarks(include=[EVERYONE, geo])
    nobody = (Code.POLICY_MATCHES_NOBODY, "/include")
    assert [(Code.RULE_NOT_EVALUATED, "/include/0"), nobody] == remarks(include=[geo])
    assert [(Code.RULE_NOT_EVALUATED, "/require/0"), nobody] == remarks(require=[check])
    assert [(Code.RULE_NOT_EVALUATED, "/exclude/0"), nobody] == remarks(exclude=[geo])
    assert [(Code.RULE_NOT_EVALUATED, "/include/0")] == remarks(include=[geo], decision="deny")
    in_app = apps.create_app(services, account, as_json(APP | {"policies": [POLICY | {"include": [geo]}]}))
    assert [
        (Code.RULE_NOT_EVALUATED, "/policies/0/include/0"),
        (Code.POLICY_MATCHES_NOBODY, "/policies/0/include"),
    ] == codes(in_app)
    kept = groups.create_group(services, account, as_json({"name": "g", "include": [geo], "is_default": []}))
    assert [(Code.FIELD_UNKNOWN, "/is_default"), (Code.RULE_NOT_EVALUATED, "/include/0")] == codes(kept)


def test_applications_that_protect_nothing_are_remarked_upon(services: Services, account: int) -> None:
    """Those of other types are kept whatever they say, and so are other destinations."""
    saas = apps.create_app(services, account, as_json({"type": "saas", "saas_app": {"x": 1}, "domain": "no host"}))
    assert [(Code.FIELD_UNKNOWN, "/saas_app"), (Code.APP_NOT_EVALUATED, "/type")] == codes(saas)
    assert {"x": 1} == shown(saas)["saas_app"]
    private = [{"type": "private", "cidr": "10.0.0.0/8"}, {"uri": "a.example"}]
    kept = apps.create_app(services, account, as_json({"type": "self_hosted", "destinations": private}))
    assert [(Code.APP_NOT_EVALUATED, "/destinations/0/type")] == codes(kept)
    assert ("a.example", private) == (shown(kept)["domain"], shown(kept)["destinations"])


def test_two_applications_are_never_at_one_place(services: Services, account: int) -> None:
    """However the name is written; another path is another place, and an application may stay where it is."""
    made = app(services, account)
    taken = {"type": "self_hosted", "self_hosted_domains": ["b.example", "WIKI.example.com/"]}
    with pytest.raises(ConflictError) as refused:
        apps.create_app(services, account, as_json(taken))
    assert made["id"] in refused.value.problem
    other = app(services, account, domain="wiki.example.com/docs")
    with pytest.raises(ConflictError):
        apps.replace_app(services, account, other["id"], as_json(APP))
    assert made["id"] == shown(apps.replace_app(services, account, made["id"], as_json(APP)))["id"]


def test_an_application_keeps_its_audience_and_its_policies(services: Services, account: int) -> None:
    """Where the new one says nothing of them; an empty list takes them away."""
    made = app(services, account, policies=[POLICY])
    renamed = shown(apps.replace_app(services, account, made["id"], as_json(APP | {"name": "new"})))
    assert (made["aud"], made["policies"]) == (renamed["aud"], renamed["policies"])
    bare = shown(apps.replace_app(services, account, made["id"], as_json(APP | {"policies": []})))
    assert (made["aud"], []) == (bare["aud"], bare["policies"])
    with services.storage.reading() as records:
        assert () == records.resources.all(account, "access-app-policy")
    assert [bare] == [plain(item) for item in apps.list_apps(services, account)]


def test_the_order_of_policies_is_their_precedence(services: Services, account: int) -> None:
    """Given, or else behind all before it; a place is nobody's twice."""
    named = policy(services, account, name="named")
    own = POLICY | {"name": "own", "precedence": 1}
    made = app(services, account, policies=[{"id": named, "precedence": 5}, own, POLICY | {"name": "last"}])
    assert [("own", 1), ("named", 5), ("last", 6)] == [(item["name"], item["precedence"]) for item in made["policies"]]
    listed = app_policies.list_app_policies(services, account, made["id"])
    assert made["policies"] == [plain(item) for item in listed]
    first = made["policies"][0]["id"]
    for precedence, place in ((None, 1), (1, 1), (9, 9)):
        content = as_json(own | {"precedence": precedence})
        kept = app_policies.replace_app_policy(services, account, made["id"], first, content)
        assert place == shown(kept)["precedence"]
    with pytest.raises(InputError) as refused:
        app_policies.create_app_policy(services, account, made["id"], as_json(POLICY | {"precedence": 5}))
    assert "/precedence" == refused.value.field
    added = app_policies.create_app_policy(services, account, made["id"], as_json(POLICY))
    assert 10 == shown(added)["precedence"]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        (["NAMED", {"id": "NAMED"}], "/policies/1"),
        (["absent"], "/policies/0"),
        ([{"id": "absent", **POLICY}], "/policies/0"),
        ([{"id": "NAMED", "precedence": 1}, POLICY | {"precedence": 1}], "/policies/1/precedence"),
        ([{"precedence": 1}], "/policies/0/include"),
        (["NAMED", POLICY | {"include": []}], "/policies/1/include"),
        ([POLICY | {"require": [{"group": {"id": "x"}}]}], "/policies/0/require/0/group/id"),
    ],
)
def test_policies_that_are_wrong_are_refused_with_their_place(
    services: Services, account: int, given: list[Any], pointer: str
) -> None:
    """And the application is not there."""
    named = policy(services, account)
    content = as_json(APP | {"policies": given}).replace(b"NAMED", named.encode())
    with pytest.raises(InputError) as refused:
        apps.create_app(services, account, content)
    assert pointer == refused.value.field
    assert () == apps.list_apps(services, account)


def test_a_policy_of_ones_own_is_replaced_within_the_application(services: Services, account: int) -> None:
    """By its id; one of another application's is none here."""
    made = app(services, account, policies=[POLICY, POLICY | {"name": "second"}])
    first, second = made["policies"]
    given = [{"id": second["id"]}, first | {"name": "new", "precedence": None}]
    changed = apps.replace_app(services, account, made["id"], as_json(APP | {"policies": given}))
    assert [(second["id"], "second", 1), (first["id"], "new", 2)] == [
        (item["id"], item["name"], item["precedence"]) for item in shown(changed)["policies"]
    ]
    with pytest.raises(InputError):
        app(services, account, domain="b.example", policies=[first["id"]])


def test_a_policy_for_any_application_is_only_taken_off(services: Services, account: int) -> None:
    """One of the application's own is removed."""
    named = policy(services, account)
    made = app(services, account, policies=[named, POLICY])
    own = made["policies"][1]["id"]
    for policy_id in (named, own):
        app_policies.remove_app_policy(services, account, made["id"], policy_id)
    assert [] == plain(apps.find_app(services, account, made["id"]))["policies"]
    assert named == plain(policies.find_policy(services, account, named))["id"]
    for policy_id in (named, own):
        with pytest.raises(NotFoundError):
            app_policies.find_app_policy(services, account, made["id"], policy_id)
        with pytest.raises(NotFoundError):
            app_policies.remove_app_policy(services, account, made["id"], policy_id)
        with pytest.raises(NotFoundError):
            app_policies.replace_app_policy(services, account, made["id"], policy_id, as_json(POLICY))


def test_an_application_has_so_many_policies_and_no_more(services: Services, account: int) -> None:
    """All of them are looked at on a request."""
    made = app(services, account, policies=[POLICY] * MAXIMUM_POLICIES)
    with pytest.raises(ConflictError):
        app_policies.create_app_policy(services, account, made["id"], as_json(POLICY))


def test_options_outlive_what_a_client_of_the_reference_writes(services: Services, account: int) -> None:
    """Of policies of both kinds; they do not show in what it reads."""
    made = app(services, account, policies=[policy(services, account), POLICY])
    options = PolicyOptions(mode=Mode.REPORT_ONLY, maximum_evidence_age="5m")
    for item in made["policies"]:
        assert PolicyOptions() == policies.find_policy_options(services, account, item["id"])
        policies.replace_policy_options(services, account, item["id"], options)
    named, own = (item["id"] for item in made["policies"])
    policies.replace_policy(services, account, named, as_json(POLICY))
    app_policies.replace_app_policy(services, account, made["id"], own, as_json(POLICY))
    assert [options] * 2 == [policies.find_policy_options(services, account, item) for item in (named, own)]
    assert "mode" not in plain(policies.find_policy(services, account, named))
    with pytest.raises(NotFoundError):
        policies.find_policy_options(services, account, "absent")


def test_what_is_not_there_is_not_found(services: Services, account: int) -> None:
    """Whatever is asked of it."""
    content = {"app": as_json(APP), "group": as_json({"name": "g", "include": [EVERYONE]}), "policy": as_json(POLICY)}
    for name, module in (("app", apps), ("group", groups), ("policy", policies)):
        for verb, arguments in (("find", ()), ("remove", ()), ("replace", (content[name],))):
            with pytest.raises(NotFoundError):
                getattr(module, f"{verb}_{name}")(services, account, "absent", *arguments)


def test_each_change_is_in_the_audit_log(services: Services, account: int) -> None:
    """With what was there before and what is there now."""
    made = app(services, account, policies=[POLICY])
    named = policy(services, account)
    policies.replace_policy_options(services, account, named, PolicyOptions(mode=Mode.REPORT_ONLY))
    apps.replace_app(services, account, made["id"], as_json(APP | {"policies": [named]}))
    apps.remove_app(services, account, made["id"])
    lines, _ = read_audit_log(services, account, AuditFilter(), None, 100)
    found = [(line.action, line.kind) for line in reversed(lines)]
    assert [
        ("create", "access-app-policy"),
        ("create", "access-app"),
        ("create", "access-policy"),
        ("update", "policy-options"),
        ("delete", "access-app-policy"),
        ("update", "access-app"),
        ("delete", "access-app"),
    ] == found[-7:]
    update = next(line for line in lines if (line.action, line.kind) == ("update", "access-app"))
    assert [1, named] == [len(update.before["policies"]), update.after["policies"][0]["id"]]
