"""Tokens and accounts: what is made, what is stored of it, and who is let in."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration.accounts import NewAccount, create_account
from gatepost.controlplane.administration.tokens import (
    Credential,
    authenticate,
    create_token,
    list_tokens,
    revoke_token,
)
from gatepost.controlplane.keys import load_keys
from gatepost.controlplane.ports import Actor, ActorKind
from gatepost.errors import CredentialError, ForbiddenError, InputError, NotFoundError
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.strict import decode_strictly
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.services import START, Clock

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services

ENROLLMENT = TokenBody(kind=TokenKind.ENROLLMENT, name="laptops", uses=3)
ADMINISTRATOR = TokenBody(kind=TokenKind.ADMINISTRATOR, name="script")
DAY = 24 * 3600 * 1000


def test_an_account_is_made_with_its_secrets_and_a_token_that_opens_it(
    services: Services, created: NewAccount, account: int
) -> None:
    """Everything that a server needs to begin."""
    assert re.fullmatch(r"[0-9a-f]{32}", created.account_id)
    assert account == authenticate(services, Credential(created.token), created.account_id).account.number
    with services.storage.reading() as records:
        assert 32 == len(load_keys(records, account).nonce_secret)


@pytest.mark.parametrize(("wanted", "prefix"), [(ENROLLMENT, "gpe_"), (ADMINISTRATOR, "gpa_")])
def test_a_token_is_a_prefix_and_32_random_bytes_of_which_a_digest_is_stored(
    services: Services, account: int, wanted: TokenBody, prefix: str
) -> None:
    """The form that secret scanners find and that clients of the reference accept."""
    made = create_token(services, account, wanted)
    assert re.fullmatch(prefix + r"[0-9A-Za-z_-]{43}", made.token)
    with services.storage.reading() as records:
        stored = records.tokens.find(hashlib.sha256(made.token.encode()).digest())
    assert stored is not None
    assert made.token not in repr(stored)
    assert made.token not in repr(list_tokens(services, account, None))


def test_an_enrolment_token_lives_seven_days_unless_something_else_is_asked(services: Services, account: int) -> None:
    """A forgotten token must not open the door for ever; null says that this is meant."""

    def end(body: bytes) -> str | None:
        return create_token(services, account, decode_strictly(body, TokenBody)).expires_at

    assert "2026-06-08T00:00:00Z" == end(b'{"kind":"enrollment"}')
    assert "2026-06-01T01:00:00Z" == end(b'{"kind":"enrollment","expires_in":"1h"}')
    assert end(b'{"kind":"enrollment","expires_in":null}') is None
    assert end(b'{"kind":"administrator"}') is None
    assert "2026-06-02T00:00:00Z" == end(b'{"kind":"administrator","expires_in":"24h"}')


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{}", "/kind"),
        (b'{"kind":"enrolment"}', "/kind"),
        (b'{"kind":"enrollment","uses":0}', "/uses"),
        (b'{"kind":"administrator","uses":1}', "/uses"),
        (b'{"kind":"enrollment","user_email":"nobody"}', "/user_email"),
        (b'{"kind":"enrollment","expire_in":"1h"}', "/expire_in"),
    ],
)
def test_a_wrong_wish_is_refused_by_its_field(body: bytes, field: str) -> None:
    """Before anything is made."""
    with pytest.raises(InputError) as caught:
        decode_strictly(body, TokenBody)
    assert field == caught.value.field


def test_a_life_that_is_no_duration_is_refused(services: Services, account: int) -> None:
    """And no token is made."""
    with pytest.raises(InputError) as caught:
        create_token(services, account, TokenBody(kind=TokenKind.ENROLLMENT, expires_in="soon"))
    assert "/expires_in" == caught.value.field
    assert () == list_tokens(services, account, TokenKind.ENROLLMENT)


def test_tokens_are_listed_by_kind(services: Services, account: int) -> None:
    """The first administrator's is among them."""
    made = create_token(services, account, ENROLLMENT)
    assert [made.id] == [item.id for item in list_tokens(services, account, TokenKind.ENROLLMENT)]
    assert 2 == len(list_tokens(services, account, None))
    assert 3 == list_tokens(services, account, TokenKind.ENROLLMENT)[0].uses_left


def test_a_revoked_token_opens_nothing(services: Services, created: NewAccount, account: int) -> None:
    """From that moment on."""
    made = create_token(services, account, ADMINISTRATOR)
    revoke_token(services, account, made.id)
    with pytest.raises(CredentialError) as caught:
        authenticate(services, Credential(made.token), created.account_id)
    assert "the token was revoked" == caught.value.problem


def test_a_token_opens_until_it_expires(services: Services, created: NewAccount, account: int, clock: Clock) -> None:
    """The end itself is no longer a part of its life."""
    made = create_token(services, account, TokenBody(kind=TokenKind.ADMINISTRATOR, expires_in="24h"))
    clock.time = START + DAY - 1
    assert created.account_id == authenticate(services, Credential(made.token), created.account_id).account.public_id
    clock.time = START + DAY
    with pytest.raises(CredentialError) as caught:
        authenticate(services, Credential(made.token), created.account_id)
    assert "the token has expired" == caught.value.problem


def test_the_key_goes_with_its_owners_e_mail(services: Services, created: NewAccount) -> None:
    """In any case; another's does not."""
    assert (
        created.account_id
        == authenticate(services, Credential(created.token, "Owner@Example.com"), created.account_id).account.public_id
    )
    with pytest.raises(CredentialError):
        authenticate(services, Credential(created.token, "other@example.com"), created.account_id)


def test_a_token_without_an_owner_goes_with_any_e_mail(services: Services, created: NewAccount, account: int) -> None:
    """Clients that cannot do otherwise send one."""
    made = create_token(services, account, ADMINISTRATOR)
    assert (
        created.account_id
        == authenticate(services, Credential(made.token, "anybody@example.com"), created.account_id).account.public_id
    )


@pytest.mark.parametrize("text", ["", "x", "gpa_" + "x" * 43, "gpa_" + "x" * 100, "gpa_" + "é" * 43])
def test_an_unknown_token_opens_nothing(services: Services, created: NewAccount, text: str) -> None:
    """Whatever its form, and it is not repeated."""
    with pytest.raises(CredentialError) as caught:
        authenticate(services, Credential(text), created.account_id)
    assert text == "x" or not text or text not in str(caught.value)


def test_an_enrolment_token_does_not_reach_the_management_api(
    services: Services, created: NewAccount, account: int
) -> None:
    """Every device has seen it."""
    made = create_token(services, account, ENROLLMENT)
    with pytest.raises(ForbiddenError):
        authenticate(services, Credential(made.token), created.account_id)


def test_anothers_account_and_one_that_does_not_exist_are_answered_alike(
    services: Services, created: NewAccount
) -> None:
    """So that nobody can ask which accounts there are."""
    other = create_account(services)
    errors = []
    for account_id in (other.account_id, "0" * 32, "", "x" * 5000):
        with pytest.raises(ForbiddenError) as caught:
            authenticate(services, Credential(created.token), account_id)
        errors.append(str(caught.value))
    assert 1 == len(set(errors))


def test_a_token_of_another_account_is_not_there_to_revoke(services: Services, account: int) -> None:
    """Ids reach no further than their account."""
    other = create_account(services)
    with services.storage.reading() as records:
        theirs = next(item for item in records.accounts.all() if item.public_id == other.account_id)
    token_id = list_tokens(services, theirs.number, None)[0].id
    with pytest.raises(NotFoundError):
        revoke_token(services, account, token_id)
    assert list_tokens(services, theirs.number, None)[0].revoked_at is None


def limited(services: Services, *scopes: Scope, expires_at: int | None = None) -> Services:
    """Act for a token with these scopes."""
    return msgspec.structs.replace(
        services, actor=Actor(kind=ActorKind.TOKEN, id="maker"), scopes=scopes, expires_at=expires_at
    )


def test_no_token_makes_a_wider_one(services: Services, account: int) -> None:
    """Neither one that it names, nor one that names nothing."""
    maker = limited(services, Scope.TOKENS_WRITE, Scope.CHECKS_READ)
    with pytest.raises(InputError, match="no token makes a wider one") as refused:
        create_token(maker, account, TokenBody(kind=TokenKind.ADMINISTRATOR, scopes=(Scope.CHECKS_READ, Scope.ALL)))
    assert "/scopes/1" == refused.value.field
    made = create_token(maker, account, ADMINISTRATOR)
    assert (("tokens:write", "checks:read"), "maker") == (made.scopes, made.created_by)
    with pytest.raises(ForbiddenError, match="tokens:write"):
        create_token(limited(services, Scope.ENROLLMENT_WRITE), account, ADMINISTRATOR)
    with pytest.raises(ForbiddenError, match="enrollment:write"):
        create_token(limited(services, Scope.TOKENS_READ), account, ENROLLMENT)
    assert () == create_token(limited(services, Scope.ENROLLMENT_WRITE), account, ENROLLMENT).scopes


def test_a_token_for_administrators_ends_no_later_than_the_one_that_made_it(services: Services, account: int) -> None:
    """A token that ends tonight must not live on in another."""
    maker = limited(services, Scope.ALL, expires_at=START + DAY)
    assert "2026-06-02T00:00:00Z" == create_token(maker, account, ADMINISTRATOR).expires_at
    wanted = msgspec.structs.replace(ADMINISTRATOR, expires_in="1h")
    assert "2026-06-01T01:00:00Z" == create_token(maker, account, wanted).expires_at
    for longer in ("25h", None):
        with pytest.raises(InputError, match="later than your own token's end"):
            create_token(maker, account, msgspec.structs.replace(ADMINISTRATOR, expires_in=longer))
    assert "2026-06-08T00:00:00Z" == create_token(maker, account, ENROLLMENT).expires_at


def test_scopes_are_an_administrators() -> None:
    """An enrolment token reaches no route."""
    with pytest.raises(InputError, match="only administrators' tokens have scopes"):
        decode_strictly(b'{"kind":"enrollment","scopes":["checks:read"]}', TokenBody)
    with pytest.raises(InputError, match="did you mean checks:read"):
        decode_strictly(b'{"kind":"administrator","scopes":["check:read"]}', TokenBody)
