"""The official client of the reference, pointed at us: Access, as it is managed by scripts.

Each journey is made twice: with the client as people use it, and with the client told to refuse answers that do not fit
its own types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cloudflare
import pytest

from gatepost.wire.management.codes import Code
from tests.running import Running, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a server for all journeys of this file."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(params=["loose", "strict"])
def client(server: Running, request: pytest.FixtureRequest) -> Iterator[cloudflare.Cloudflare]:
    """Give the client, as it is and with strict validation of answers."""
    with cloudflare.Cloudflare(
        api_token=server.account.token,
        base_url=server.base_url,
        _strict_response_validation=request.param == "strict",
    ) as made:
        yield made


@pytest.fixture
def account(server: Running) -> str:
    """Give the account's id."""
    return server.account.account_id


EVERYONE: list[Any] = [{"everyone": {}}]


def plain(shown: Any) -> dict[str, Any]:  # noqa: ANN401 - one of many classes of the client's.
    """Give what a client read, without the fields that the server gives."""
    found: dict[str, Any] = shown.to_dict(mode="json")
    ours = ("id", "created_at", "updated_at", "reusable", "app_count", "precedence")
    return {name: value for name, value in found.items() if name not in ours}


def test_a_group_lives_and_dies(client: cloudflare.Cloudflare, account: str) -> None:
    """Every kind of rule that names nothing else is read back as it was written, known here or not."""
    groups = client.zero_trust.access.groups
    written: dict[str, Any] = {
        "name": "staff",
        "include": [
            {"email": {"email": "Ann@example.com"}},
            {"email_domain": {"domain": "example.com"}},
            {"ip": {"ip": "192.0.2.0/24"}},
            {"geo": {"country_code": "NL"}},
        ],
        "require": [{"certificate": {}}, {"common_name": {"common_name": "laptop-1"}}],
        "exclude": [{"any_valid_service_token": {}}, *EVERYONE],
    }
    made = groups.create(account_id=account, **written)
    assert made is not None
    assert made.id is not None
    assert written == plain(made)
    assert [made.id] == [item.id for item in groups.list(account_id=account)]
    got = groups.get(made.id, account_id=account)
    assert got is not None
    assert written == plain(got)
    changed = groups.update(made.id, account_id=account, name="all", include=EVERYONE)
    assert changed is not None
    assert {"name": "all", "include": EVERYONE} == plain(changed)
    gone = groups.delete(made.id, account_id=account)
    assert gone is not None
    assert made.id == gone.id
    with pytest.raises(cloudflare.NotFoundError):
        groups.get(made.id, account_id=account)


def test_a_policy_lives_with_an_application_and_cannot_go_before_it(
    client: cloudflare.Cloudflare, account: str
) -> None:
    """For any application; the answer to the application names it whole, in its order."""
    access = client.zero_trust.access
    assert [] == access.logs.access_requests.list(account_id=account, limit=5, direction="desc")
    written: dict[str, Any] = {"name": "all", "decision": "allow", "include": EVERYONE, "session_duration": "24h"}
    first = access.policies.create(account_id=account, **written)
    second = access.policies.create(account_id=account, name="none", decision="deny", include=EVERYONE)
    assert first is not None
    assert second is not None
    assert first.id is not None
    assert second.id is not None
    assert written == plain(first)
    wiki = access.applications.create(
        account_id=account,
        type="self_hosted",
        name="wiki",
        domain="wiki.example.com",
        policies=[{"id": second.id, "precedence": 2}, {"id": first.id, "precedence": 1}],
    )
    assert wiki is not None
    shown = wiki.to_dict()
    assert [first.id, second.id] == [item["id"] for item in shown["policies"]]  # type: ignore[attr-defined, unused-ignore]  # the client's types say object.
    got = access.policies.get(first.id, account_id=account)
    assert got is not None
    assert 1 == got.app_count
    with pytest.raises(cloudflare.ConflictError) as refused:
        access.policies.delete(first.id, account_id=account)
    assert Code.IN_USE == refused.value.errors[0].code
    app_id: str = shown["id"]  # type: ignore[assignment]  # as above.
    access.applications.delete(app_id, account_id=account)
    for policy_id in (first.id, second.id):
        access.policies.delete(policy_id, account_id=account)
    assert [] == list(access.policies.list(account_id=account))


def test_an_application_lives_and_dies(client: cloudflare.Cloudflare, account: str) -> None:
    """With policies of its own, which go with it; what it says is read back, and its audience stays."""
    apps = client.zero_trust.access.applications
    written: dict[str, Any] = {
        "type": "self_hosted",
        "name": "wiki",
        "domain": "wiki.example.com/docs",
        "self_hosted_domains": ["wiki.example.com/docs", "*.wiki.example.com"],
        "session_duration": "24h",
        "app_launcher_visible": False,
    }
    own: Any = [{"name": "all", "decision": "allow", "include": EVERYONE}]
    made: Any = apps.create(account_id=account, **written, policies=own)
    found = made.to_dict(mode="json")
    assert written == {name: found[name] for name in written}
    assert 64 == len(made.aud)
    (policy,) = apps.policies.list(made.id, account_id=account)
    ops: dict[str, Any] = {"name": "ops", "decision": "deny", "include": EVERYONE}
    more: Any = apps.policies.create(made.id, account_id=account, **ops)
    assert ["all", "ops"] == [item.name for item in apps.policies.list(made.id, account_id=account)]
    ahead: Any = apps.policies.update(more.id, app_id=made.id, account_id=account, **ops, precedence=0)
    assert 0 == ahead.precedence
    assert ["ops", "all"] == [item.name for item in apps.policies.list(made.id, account_id=account)]
    apps.policies.delete(more.id, app_id=made.id, account_id=account)
    changed: Any = apps.update(made.id, account_id=account, type="self_hosted", domain="wiki.example.org")
    assert (made.aud, "wiki.example.org", [policy.id]) == (changed.aud, changed.domain, [changed.policies[0].id])
    assert [made.id] == [item.id for item in apps.list(account_id=account)]
    gone: Any = apps.delete(made.id, account_id=account)
    assert made.id == gone.id
    with pytest.raises(cloudflare.NotFoundError):
        apps.get(made.id, account_id=account)


def test_lists_are_read_page_by_page_to_their_end(client: cloudflare.Cloudflare, account: str) -> None:
    """The client asks on until a page is empty, and finds each thing once."""
    groups = client.zero_trust.access.groups
    made = [groups.create(account_id=account, name=f"g{number}", include=EVERYONE) for number in range(5)]
    names = [item.name for item in groups.list(account_id=account, per_page=2)]
    assert [f"g{number}" for number in range(5)] == names
    assert ["g3"] == [item.name for item in groups.list(account_id=account, search="G3")]
    for group in made:
        assert group is not None
        assert group.id is not None
        groups.delete(group.id, account_id=account)


def test_a_service_token_shows_its_secret_when_it_is_made(client: cloudflare.Cloudflare, account: str) -> None:
    """And when it is rotated, at no other time; it cannot go while a policy names it."""
    tokens = client.zero_trust.access.service_tokens
    made = tokens.create(account_id=account, name="backup", duration="24h")
    assert made is not None
    assert made.id is not None
    assert made.client_secret is not None
    assert made.client_secret.startswith("gps_")
    got = tokens.get(made.id, account_id=account)
    assert got is not None
    assert "client_secret" not in got.to_dict()
    assert (made.client_id, "24h", True) == (got.client_id, got.duration, got.enabled)
    rotated = tokens.rotate(made.id, account_id=account)
    assert rotated is not None
    assert rotated.client_secret not in {None, made.client_secret}
    refreshed = tokens.refresh(made.id, account_id=account)
    assert refreshed is not None
    assert refreshed.expires_at is not None
    disabled = tokens.update(made.id, account_id=account, enabled=False)
    assert disabled is not None
    assert (False, "backup") == (disabled.enabled, disabled.name)
    rule: Any = [{"service_token": {"token_id": made.id}}]
    policy = client.zero_trust.access.policies.create(
        account_id=account, name="programs", decision="non_identity", include=rule
    )
    assert policy is not None
    assert policy.id is not None
    with pytest.raises(cloudflare.ConflictError):
        tokens.delete(made.id, account_id=account)
    client.zero_trust.access.policies.delete(policy.id, account_id=account)
    gone = tokens.delete(made.id, account_id=account)
    assert gone is not None
    assert made.id == gone.id
    assert [] == list(tokens.list(account_id=account))


def test_what_a_client_asks_first_is_answered(client: cloudflare.Cloudflare, account: str) -> None:
    """Whether its token counts, and which accounts it opens."""
    verified = client.user.tokens.verify()
    assert verified is not None
    assert "active" == verified.status
    assert [account] == [item.id for item in client.accounts.list()]
    got = client.accounts.get(account_id=account)
    assert got is not None
    assert account == got.id


def test_users_are_an_empty_list_where_nobody_is_enrolled(client: cloudflare.Cloudflare, account: str) -> None:
    """And one that does not exist is not found."""
    users = client.zero_trust.access.users
    assert [] == list(users.list(account_id=account))
    with pytest.raises(cloudflare.NotFoundError):
        users.last_seen_identity.get("x", account_id=account)
