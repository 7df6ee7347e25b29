"""Enrolment: who is admitted, who is not, and that a refusal leaves nothing behind."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from gatepost.controlplane.administration.tokens import create_token, list_tokens, revoke_token
from gatepost.controlplane.enrollment import Enroller
from gatepost.core.check import OperatingSystem
from gatepost.errors import ConflictError, CredentialError, GatepostError, InputError
from gatepost.wire import jws
from gatepost.wire.device import Enrollment, Facts
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.controlplane.house import HOUR, House, Member, open_house

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FACTS = Facts(hostname="laptop-1", serial_number="S-1")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a house of one account."""
    with open_house(tmp_path) as opened:
        yield opened


def devices(house: House) -> int:
    """Count what is registered."""
    with house.services.storage.reading() as records:
        return len(records.devices.all(house.account, 0, 100))


def uses_left(house: House) -> list[int | None]:
    """Return what is left of each enrolment token."""
    return [item.uses_left for item in list_tokens(house.services, house.account, TokenKind.ENROLLMENT)]


def test_a_device_is_registered_when_its_token_and_its_key_are_good(house: House) -> None:
    """It learns who it is and whom to believe, and its facts stay as they were then."""
    member = Member(house)
    facts = msgspec.structs.replace(FACTS, device_uuid="u-1", name="laptop-1.corp", os_version="Debian 12")
    enrolled = house.enroller.enroll(house.token(user_email="user@example.com"), member.enrollment(facts))
    registration = member.registration

    assert (house.account_id, registration.id, registration.device.id) == (
        enrolled.account_id,
        enrolled.registration_id,
        enrolled.device_id,
    )
    assert ("S-1", "laptop-1", "u-1") == tuple(msgspec.structs.astuple(registration.device.facts))
    assert ("laptop-1.corp", "user@example.com", member.point) == (
        registration.device.name,
        registration.user_email,
        registration.public_key,
    )
    assert facts == msgspec.json.decode(registration.device.details, type=Facts)
    assert member.checks().account_id == house.account_id
    signed = jws.split(jws.Kind.CHECKS, member.synchronise().checks.encode())
    assert jws.verify(signed, jws.from_jwk(enrolled.account_key, "account_key"))


@pytest.mark.parametrize(
    ("facts", "name"),
    [(Facts(name="n", hostname="h"), "n"), (Facts(hostname="h"), "h"), (Facts(), "unnamed")],
)
def test_a_device_is_named_by_the_best_that_it_says(house: House, facts: Facts, name: str) -> None:
    """Its own name, its host name, or that it has none."""
    assert name == house.admit(facts).registration.device.name


def unknown(_house: House) -> str:
    """Give a token that nobody made."""
    return "gpe_" + "A" * 43


def nothing(_house: House) -> str:
    """Give no token."""
    return ""


def of_an_administrator(house: House) -> str:
    """Give an administrator's token: it opens the API, and enrols nothing."""
    return house.administrator


def expired(house: House) -> str:
    """Give a token whose hour is over to the millisecond."""
    text = house.token(expires_in="1h")
    house.clock.time += HOUR
    return text


def revoked(house: House) -> str:
    """Give a token that was revoked."""
    made = create_token(house.services, house.account, TokenBody(kind=TokenKind.ENROLLMENT))
    revoke_token(house.services, house.account, made.id)
    return made.token


def spent(house: House) -> str:
    """Give a token whose one use is gone."""
    text = house.token(uses=1)
    house.enroller.enroll(text, Member(house).enrollment(FACTS))
    return text


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (unknown, "not known"),
        (nothing, "not known"),
        (of_an_administrator, "not known"),
        (expired, "expired"),
        (revoked, "revoked"),
        (spent, "no uses left"),
    ],
)
def test_nobody_is_registered_when_the_token_does_not_count(
    house: House, token: Callable[[House], str], words: str
) -> None:
    """The refusal says why, does not repeat the token, and leaves no row."""
    text = token(house)
    before = devices(house)
    with pytest.raises(CredentialError, match=words) as refused:
        house.enroller.enroll(text, Member(house).enrollment(FACTS))
    assert before == devices(house)
    assert not text or text not in str(refused.value)


def test_a_token_counts_to_the_last_millisecond(house: House) -> None:
    """It ends when its hour does, and not before."""
    text = house.token(expires_in="1h")
    house.clock.time += HOUR - 1
    house.enroller.enroll(text, Member(house).enrollment(FACTS))
    assert 1 == devices(house)


def test_the_last_use_is_spent_once_when_many_want_it(house: House) -> None:
    """Eight devices, two uses: two are admitted, whatever the order of their threads."""
    text = house.token(uses=2)
    members = [Member(house) for _ in range(8)]
    refused: list[Exception] = []
    starting = threading.Barrier(len(members))

    def enroll(member: Member) -> None:
        document = member.enrollment(FACTS)
        starting.wait()
        try:
            house.enroller.enroll(text, document)
        except CredentialError as error:
            refused.append(error)

    threads = [threading.Thread(target=enroll, args=(member,)) for member in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (2, 6, [0]) == (devices(house), len(refused), uses_left(house))


def test_a_key_is_registered_once(house: House) -> None:
    """The same key again is a conflict; the token's use is given back, and no device is left over."""
    member = house.admit()
    text = house.token(uses=1)
    with pytest.raises(ConflictError, match="registered already"):
        house.enroller.enroll(text, member.enrollment(FACTS))
    assert (1, {None, 1}) == (devices(house), set(uses_left(house)))


def signed_by_another(member: Member) -> bytes:
    """Name one key, sign with another, and say so."""
    other = Member(member.house)
    return other.sign(jws.Kind.ENROLLMENT, Enrollment(aud=member.house.url, key=jws.to_jwk(member.point), facts=FACTS))


def under_the_name_of_another(member: Member) -> bytes:
    """Name one key in the header and the document, and sign with another."""
    document = Enrollment(aud=member.house.url, key=jws.to_jwk(member.point), facts=FACTS)
    other = ec.generate_private_key(ec.SECP256R1())
    return jws.sign(jws.Kind.ENROLLMENT, msgspec.json.encode(document), other, member.thumbprint)


def for_another_server(member: Member) -> bytes:
    """Mean another server."""
    return member.enrollment(FACTS, aud="https://other.example")


def for_an_account(member: Member) -> bytes:
    """Mean an account of this server, as reports do."""
    return member.enrollment(FACTS, aud=f"{member.house.url}/{member.house.account_id}")


def of_another_kind(member: Member) -> bytes:
    """Send the right document under another kind's header."""
    document = Enrollment(aud=member.house.url, key=jws.to_jwk(member.point), facts=FACTS)
    return member.sign(jws.Kind.SYNC, document)


def with_a_bad_point(member: Member) -> bytes:
    """Name a point that is not on the curve."""
    key = jws.JsonWebKey(x=jws.encode_base64url(bytes(32)), y=jws.encode_base64url(bytes(32)))
    return member.enrollment(FACTS, key=key)


def with_long_facts(member: Member) -> bytes:
    """Say more than a field holds."""
    return member.enrollment(Facts(hostname="x" * 1_025))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (signed_by_another, "signature"),
        (under_the_name_of_another, "signature"),
        (for_another_server, "/aud"),
        (for_an_account, "/aud"),
        (of_another_kind, "header/typ"),
        (with_a_bad_point, "/key"),
        (with_long_facts, "/facts/hostname"),
        (lambda _member: b"", "body"),
    ],
)
def test_a_document_is_refused_before_its_token_is_looked_at(
    house: House, document: Callable[[Member], bytes], field: str
) -> None:
    """Nothing is registered, and no use is spent."""
    text = house.token(uses=1)
    with pytest.raises(InputError) as refused:
        house.enroller.enroll(text, document(Member(house)))
    assert (field, 0, [1]) == (refused.value.field, devices(house), uses_left(house))


def test_a_server_is_known_by_each_of_its_addresses(house: House) -> None:
    """Either public URL will do, and only those."""
    urls = ("https://one.example", "https://two.example")
    enroller = Enroller(house.services.storage, house.clock, house.services.random, urls)
    for url in urls:
        enroller.enroll(house.token(), Member(house).enrollment(FACTS, aud=url))
    with pytest.raises(InputError, match=r"one\.example or https://two\.example"):
        enroller.enroll(house.token(), Member(house).enrollment(FACTS))
    assert 2 == devices(house)


@pytest.mark.parametrize(
    ("hostname", "wanted"),
    [
        ("${serial_number}", "S-1"),
        ("*", "laptop-1"),
        ("", "laptop-1"),
        ("x" * 300, "x" * 60),
        ("\u202elaptop-1", "laptop-1"),
        ("laptop-1\n", "laptop-1"),
        ("' OR 1=1 --", "laptop-1"),
        ("<script>", "laptop-1"),
        ("\u212a", "k"),
    ],
    ids=["variable", "star", "empty", "long", "bidi", "line", "SQL", "markup", "kelvin"],
)
def test_hostile_facts_are_kept_as_they_are_and_match_nothing(house: House, hostname: str, wanted: str) -> None:
    """They are stored as text; in a template they are literal or not usable, never a wildcard."""
    house.ask(cn="${hostname}")
    member = house.admit(Facts(hostname=hostname, serial_number="S-1"))
    assert hostname == member.registration.device.facts.hostname
    member.prove(house.authority.issue(cn=wanted))
    assert "pass" != member.result().result.status


@pytest.mark.parametrize("name", ["hostname", "serial_number", "device_uuid", "name", "manufacturer"])
def test_a_fact_with_a_nul_enrols_nobody(house: House, name: str) -> None:
    """No database need hold one, and no honest fact has one."""
    member = Member(house)
    with pytest.raises(InputError, match=f"/facts/{name}"):
        house.enroller.enroll(
            house.token(), member.enrollment(msgspec.structs.replace(Facts(), **{name: "laptop-1\0"}))
        )


def test_an_honest_host_name_matches(house: House) -> None:
    """The twin of the hostile ones."""
    house.ask(cn="${hostname}")
    member = house.admit(Facts(hostname="laptop-1"))
    member.prove(house.authority.issue(cn="laptop-1"))
    assert "pass" == member.result().result.status


def test_the_system_that_a_device_enrols_with_decides_its_checks(house: House) -> None:
    """A check for another system does not concern it."""
    house.ask()
    (linux, mac) = (house.admit(Facts(device_type=system)) for system in (OperatingSystem.LINUX, OperatingSystem.MAC))
    assert (1, 0) == (len(linux.checks().checks), len(mac.checks().checks))


def test_nothing_is_stored_when_something_breaks_behind_the_token(house: House) -> None:
    """An error after the device was registered undoes all of the enrolment."""
    text = house.token(uses=1)

    class Broken(Enroller):
        """Fails after it has registered the device."""

        def _admit(self, *arguments: Any) -> Any:  # noqa: ANN401 - handed through.
            super()._admit(*arguments)
            raise ZeroDivisionError

    broken = Broken(house.services.storage, house.clock, house.services.random, (house.url,))
    with pytest.raises(ZeroDivisionError):
        broken.enroll(text, Member(house).enrollment(FACTS))
    assert (0, [1]) == (devices(house), uses_left(house))


def test_every_refusal_is_an_error_of_ours(house: House) -> None:
    """Whatever is sent, no other exception leaves."""
    for content in (b"", b"a.b.c", b"\xff" * 100, b"." * 100):
        with pytest.raises(GatepostError):
            house.enroller.enroll("x", content)
