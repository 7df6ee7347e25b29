"""What proxies are told: who is let in, and every question that none of our configurations asks."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import pytest

from gatepost.controlplane.access.signing_keys import SigningKeys
from gatepost.controlplane.administration.access import exemptions, groups, service_tokens
from gatepost.controlplane.administration.access.emergencies import declare_emergency
from gatepost.controlplane.administration.access.policies import replace_policy_options
from gatepost.controlplane.administration.tokens import create_token, revoke_token
from gatepost.core.check import Evidence
from gatepost.errors import StorageError
from gatepost.wire.management.emergencies import EmergencyBody
from gatepost.wire.management.exemptions import ExemptionBody
from gatepost.wire.management.policy_options import PolicyOptions
from gatepost.wire.management.service_tokens import ServiceTokenBody
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.certificates import CertificateAuthority
from tests.services import as_json
from tests.web.door import EVERYONE, HOST, Door, fingerprint, proved

if TYPE_CHECKING:
    from tests.certificates import Issued
    from tests.controlplane.house import Member


@pytest.fixture(params=["from the database", "from memory"])
def door(request: pytest.FixtureRequest, door: Door) -> Door:
    """Give the door, whose every decision comes out the same however its grounds are had."""
    door.remembers = request.param == "from memory"
    return door


async def test_a_managed_device_is_let_in_however_the_certificate_is_told(door: Door, laptop: Member) -> None:
    """Escaped PEM as nginx gives it, base64 of DER, and the digest alone; with what the decision rests on."""
    issued = proved(door.house, laptop)
    for told in (
        {"certificate": quote(issued.pem.decode())},
        {"certificate": base64.b64encode(issued.der).decode()},
        {"fingerprint": fingerprint(issued)},
    ):
        answer = await door.ask(**told)
        assert (204, b"") == (answer.status_code, answer.content)
        assert ["mutual_tls", "possession", laptop.registration.id] == [
            answer.headers[f"x-gatepost-{name}"] for name in ("binding", "evidence", "registration")
        ]


async def test_whoever_is_refused_hears_the_reason_and_a_reference(door: Door, laptop: Member) -> None:
    """And nothing of what would have been let in."""
    issued = proved(door.house, laptop)
    laptop.send(laptop.compose())
    answer = await door.ask(fingerprint=fingerprint(issued))
    said = answer.json()
    assert (403, ["no-certificate-found"]) == (answer.status_code, said["reasons"])
    assert {"decision", "explanations", "reasons", "reference", "retry"} == set(said)
    assert said["reference"] == answer.headers["x-gatepost-reference"]


async def test_a_result_that_expires_and_a_device_that_is_revoked_are_refused_at_once(
    door: Door, laptop: Member
) -> None:
    """To the millisecond of the end, and with the next question."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    ends_at = laptop.result().result.ends_at
    assert ends_at is not None
    door.house.clock.time = ends_at - 1
    assert (204, "") == await door.outcome(**told)
    door.house.clock.time = ends_at
    assert (403, "result-expired") == await door.outcome(**told)
    again = {"fingerprint": fingerprint(proved(door.house, laptop))}
    assert (204, "") == await door.outcome(**again)
    door.house.revoke(laptop)
    assert (403, "device-not-identified") == await door.outcome(**again)


async def test_a_certificate_that_nobody_proved_or_two_did_identifies_nobody(door: Door, laptop: Member) -> None:
    """Nor does one of another device's key, or none."""
    assert (403, "device-not-identified") == await door.outcome()
    stranger = door.house.authority.issue(cn="laptop-1")
    assert (403, "device-not-identified") == await door.outcome(fingerprint=fingerprint(stranger))
    issued = proved(door.house, laptop)
    other = door.house.admit()
    other.prove(issued)
    assert (403, "certificate-shared") == await door.outcome(fingerprint=fingerprint(issued))
    door.house.revoke(other)
    assert (204, "") == await door.outcome(fingerprint=fingerprint(issued))


async def test_a_key_that_another_device_proved_with_another_certificate_is_shared_too(
    door: Door, laptop: Member
) -> None:
    """The digest of a certificate can be changed without its key."""
    issued = proved(door.house, laptop)
    again = door.house.authority.issue(cn="laptop-1", key=issued.key)
    other = door.house.admit()
    other.prove(again)
    for told in (issued, again):
        assert (403, "certificate-shared") == await door.outcome(fingerprint=fingerprint(told))


async def test_a_change_of_policy_counts_with_the_next_question(door: Door, laptop: Member) -> None:
    """So does one of a group, of a check, and of a policy's options."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    assert (204, "") == await door.outcome(**told)
    policy_id = door.app["policies"][0]["id"]
    options = PolicyOptions(minimum_evidence=Evidence.HARDWARE)
    replace_policy_options(door.house.services, door.house.account, policy_id, options)
    assert (403, "evidence-too-weak") == await door.outcome(**told)
    replace_policy_options(door.house.services, door.house.account, policy_id, PolicyOptions())
    assert (204, "") == await door.outcome(**told)
    door.house.ask_otherwise(door.check, cn="laptop-2")
    status, reasons = await door.outcome(**told)
    assert (403, "common-name-mismatch") == (status, reasons)


@pytest.mark.parametrize(
    ("fields", "reason"), [({"enabled": False}, "check-disabled"), ({"match": [{"platform": "mac"}]}, "not-applicable")]
)
async def test_a_check_that_asks_nobody_or_others_lets_nobody_in(
    door: Door, laptop: Member, fields: dict[str, Any], reason: str
) -> None:
    """Whatever was proved before."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    more = {"operating_system": "mac"} if "match" in fields else {}
    door.house.ask_otherwise(door.check, cn="laptop-1", fields=fields, **more)
    assert (403, reason) == await door.outcome(**told)


WRONG: list[dict[str, str | None]] = [
    {"proxy": None},
    {"proxy": "gpx_" + "A" * 43},
    {"app": None},
    {"app": "other.example.com"},
    {"host": None},
    {"host": "other.example.com"},
    {"host": "app.example.com:x"},
    {"host": "app.example.com.evil.example"},
    {"host": ""},
    {"address": None},
    {"target": None},
    {"target": ""},
    {"target": "http://app.example.com/"},
    {"target": "/" + "a" * 9_000},
    {"certificate": "%%%"},
    {"certificate": "-----BEGIN CERTIFICATE-----"},
    {"certificate": "-----BEGIN CERTIFICATE-----%0AAAAA%0A-----END CERTIFICATE-----%0A" * 2},
    {"certificate": "-----BEGIN PRIVATE KEY-----%0AAAAA%0A-----END PRIVATE KEY-----%0A"},
    {"certificate": "A" * 25_000},
    {"fingerprint": "00"},
    {"fingerprint": "zz"},
    {"email": "ada@example.com"},
]


async def test_what_none_of_our_configurations_sends_is_refused(door: Door, laptop: Member) -> None:
    """Although the same question as a proxy asks it is answered."""
    told: dict[str, str | None] = {"fingerprint": fingerprint(proved(door.house, laptop))}
    for changes in WRONG:
        assert (204, "") == await door.outcome(**told)
        assert (403, "proxy-not-allowed") == await door.outcome(**(told | changes)), changes


FORGED = [
    [("X-Gatepost-Host", HOST)],
    [("X_Gatepost_Host", HOST)],
    [("x-gatepost_fingerprint", "00" * 32)],
    [("CF_Access_Client_Id", "x")],
    [("CF-Access-Client-Id", "x"), ("CF-Access-Client-Id", "y")],
    [("X-Gatepost-Binding", "agent")],
]


async def test_a_header_that_comes_twice_or_is_spelled_otherwise_is_refused(door: Door, laptop: Member) -> None:
    """A client could have sent it; with none of it the same question is answered."""
    headers = list(door.headers(fingerprint=fingerprint(proved(door.house, laptop))).items())
    for more in FORGED:
        assert 204 == (await door.client.get("/access/v1/decide", headers=headers)).status_code
        answer = await door.client.get("/access/v1/decide", headers=[*headers, *more])
        assert (403, ["proxy-not-allowed"]) == (answer.status_code, answer.json()["reasons"]), more


async def test_bytes_that_no_header_of_ours_has_are_refused(door: Door, laptop: Member) -> None:
    """Such as letters beyond ASCII."""
    headers = list(door.headers(fingerprint=fingerprint(proved(door.house, laptop)), host=None).items())
    named = [*((name.encode(), value.encode()) for name, value in headers), (b"X-Gatepost-Host", "\u212aapp".encode())]
    assert 403 == (await door.client.get("/access/v1/decide", headers=named)).status_code


async def test_what_the_client_asks_for_may_stand_behind_the_path(door: Door, laptop: Member) -> None:
    """As Envoy sends it; but not in both places, and nothing is beside the one route."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    headers = door.headers(target=None, **told)
    answers = [
        (await door.client.get(path, headers=headers)).status_code
        for path in (
            "/access/v1/decide/",
            "/access/v1/decide/a?b=/c",
            "/access/v1/decide",
            "/access/v1/other/",
            "/access/",
        )
    ]
    assert [204, 204, 403, 403, 403] == answers
    both = await door.client.get("/access/v1/decide/a", headers=door.headers(**told))
    assert 403 == both.status_code


async def test_a_proxy_asks_for_its_applications_alone(door: Door, laptop: Member) -> None:
    """Its token lists them; when it is revoked or ends it asks for none."""
    other = door.install("other.example.com", include=[EVERYONE])
    told = {
        "fingerprint": fingerprint(proved(door.house, laptop)),
        "app": "other.example.com",
        "host": "other.example.com",
    }
    assert (403, "proxy-not-allowed") == await door.outcome(**told)
    both = door.token(HOST, other["id"])
    assert (204, "") == await door.outcome(**(told | {"proxy": both}))
    body = TokenBody(kind=TokenKind.PROXY, apps=("other.example.com",), expires_in="1h")
    short = create_token(door.house.services, door.house.account, body)
    assert (204, "") == await door.outcome(**(told | {"proxy": short.token}))
    door.house.clock.time += 3_600_000
    assert (403, "proxy-not-allowed") == await door.outcome(**(told | {"proxy": short.token}))
    longer = create_token(door.house.services, door.house.account, msgspec.structs.replace(body, expires_in=None))
    revoke_token(door.house.services, door.house.account, longer.id)
    assert (403, "proxy-not-allowed") == await door.outcome(**(told | {"proxy": longer.token}))


async def test_no_other_token_is_a_proxys(door: Door) -> None:
    """An administrator's counts for nothing here, and a proxy's nowhere else."""
    assert (403, "proxy-not-allowed") == await door.outcome(proxy=door.house.administrator)
    path = f"/client/v4/accounts/{door.house.account_id}/access/apps"
    answer = await door.client.get(path, headers={"Authorization": f"Bearer {door.proxy}"})
    assert 403 == answer.status_code


async def test_guesses_at_proxies_tokens_are_limited(door: Door, laptop: Member) -> None:
    """And a proxy that counted asks on, at the same address."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    assert 204 == (await door.ask(**told)).status_code
    statuses = {(await door.ask(proxy=f"gpx_{number:043}")).status_code for number in range(25)}
    assert {403, 429} == statuses
    assert 204 == (await door.ask(**told)).status_code


async def test_the_rules_on_certificates_rest_on_our_own_evaluation(door: Door) -> None:
    """Of one of the account's CAs, for clients, valid now, and not denied; the proxy says only that the client has its key."""
    named = {"common_name": {"common_name": "robot-1"}}
    door.install("robots.example.com", decision="non_identity", include=[named])
    door.install("any.example.com", decision="bypass", include=[{"certificate": {}}])
    proxy = door.token("robots.example.com", "any.example.com")
    good = door.house.authority.issue(cn="robot-1")
    others = [
        CertificateAuthority.create(cn="Example Root CA").issue(cn="robot-1"),
        door.house.authority.issue(cn="robot-1", eku=["1.3.6.1.5.5.7.3.1"]),
    ]

    async def outcomes(issued: Issued) -> list[int]:
        told = {"certificate": base64.b64encode(issued.der).decode(), "proxy": proxy}
        hosts = ("robots.example.com", "any.example.com")
        return [(await door.ask(**told, app=host, host=host)).status_code for host in hosts]

    assert [204, 204] == await outcomes(good)
    assert [403, 204] == await outcomes(door.house.authority.issue(cn="robot-2"))
    for issued in others:
        assert [403, 403] == await outcomes(issued)
    host = "any.example.com"
    alone = await door.ask(proxy=proxy, app=host, host=host, fingerprint=fingerprint(good))
    assert 403 == alone.status_code
    malformed = base64.b64encode(b"0").decode()
    assert 403 == (await door.ask(proxy=proxy, app=host, host=host, certificate=malformed)).status_code


async def test_a_program_shows_a_service_token(door: Door) -> None:
    """Of which the id alone is nothing; an older secret counts until it ends, a disabled token never."""
    services, account = door.house.services, door.house.account
    made = service_tokens.create_service_token(services, account, ServiceTokenBody(name="robot", duration="24h"))
    rule = {"service_token": {"token_id": made.id}}
    door.install("api.example.com", decision="non_identity", include=[rule])
    proxy = door.token("api.example.com")

    async def status(client_id: str, secret: str | None) -> int:
        headers = door.headers(proxy=proxy, app="api.example.com", host="api.example.com")
        headers |= {"CF-Access-Client-Id": client_id, "CF-Access-Client-Secret": secret or ""}
        return (await door.client.get("/access/v1/decide", headers=headers)).status_code

    assert 204 == await status(made.client_id, made.client_secret)
    assert 403 == await status(made.client_id, "gps_other")
    assert 403 == await status("other", made.client_secret)
    door.house.clock.time += 24 * 3_600_000
    assert 403 == await status(made.client_id, made.client_secret)


async def test_an_exemption_lets_a_device_or_a_user_in_until_it_ends(door: Door, laptop: Member) -> None:
    """For one application, and the answer says so."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    laptop.send(laptop.compose())
    assert (403, "no-certificate-found") == await door.outcome(**told)
    wanted = ExemptionBody(
        app_id=door.app["id"], registration_id=laptop.registration.id, reason="travels", expires_in="1m"
    )
    exemptions.create_exemption(door.house.services, door.house.account, wanted)
    assert (204, "exempted,no-certificate-found") == await door.outcome(**told)
    door.house.clock.time += 60_000
    assert (403, "no-certificate-found") == await door.outcome(**told)


async def test_in_an_emergency_known_devices_are_let_in_until_it_ends(door: Door, laptop: Member) -> None:
    """Nobody else is, and the answer says so."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    laptop.send(laptop.compose())
    body = EmergencyBody(reason="the CA is down", expires_in="1m")
    declare_emergency(door.house.services, door.house.account, body)
    assert (204, "report-only") == await door.outcome(**told)
    assert (403, "device-not-identified") == await door.outcome()
    door.house.clock.time += 60_000
    assert (403, "no-certificate-found") == await door.outcome(**told)


async def test_rules_in_groups_and_of_networks(door: Door, laptop: Member) -> None:
    """A group's change counts with the next question."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop)), "app": "in.example.com", "host": "in.example.com"}
    group = {"name": "inside", "include": [{"ip": {"ip": "192.0.2.0/24"}}]}
    kept = groups.create_group(door.house.services, door.house.account, as_json(group))
    group_id = msgspec.json.decode(msgspec.json.encode(kept.document))["id"]
    door.install("in.example.com", include=[{"group": {"id": group_id}}])
    told |= {"proxy": door.token("in.example.com")}
    assert (204, "") == await door.outcome(**told)
    assert (204, "") == await door.outcome(**(told | {"address": "::ffff:192.0.2.7"}))
    assert (403, "policy-unmatched") == await door.outcome(**(told | {"address": "198.51.100.1"}))
    assert (403, "policy-unmatched") == await door.outcome(**(told | {"address": "nowhere"}))
    other = {"name": "inside", "include": [{"ip": {"ip": "198.51.100.0/24"}}]}
    groups.replace_group(door.house.services, door.house.account, group_id, as_json(other))
    assert (403, "policy-unmatched") == await door.outcome(**told)


async def test_a_database_that_cannot_be_read_lets_nobody_in(
    door: Door, laptop: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, without the database's own words; and whatever else breaks is a refusal."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    for error, status in ((StorageError("disk on fire"), 503), (ValueError("broken"), 403)):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(door.house.services.storage, "reading", fail)
            answer = await door.ask(**told)
        assert status == answer.status_code
        assert "fire" not in answer.text
        assert "broken" not in answer.text
    assert (204, "") == await door.outcome(**told)


async def test_while_nothing_can_be_written_decisions_go_on(
    door: Door, laptop: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk: results that stand let in, also when the key that signs should take its turn; others refuse."""
    told = {"fingerprint": fingerprint(proved(door.house, laptop))}
    assert (204, "") == await door.outcome(**told)

    def fail(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(door.house.services.storage, "writing", fail)
    assert (204, "") == await door.outcome(**told)
    ends_at = laptop.result().result.ends_at
    assert ends_at is not None
    door.house.clock.time = ends_at
    assert (403, "result-expired") == await door.outcome(**told)
    with monkeypatch.context() as patch:
        patch.setattr(SigningKeys, "is_due", lambda *_: True)
        door.house.clock.time = ends_at - 1
        assert (204, "") == await door.outcome(**told)
