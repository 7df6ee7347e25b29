"""After a restore nothing counts that the world has moved on from; devices go on, and what may have come back is listed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration.access import apps, exemptions
from gatepost.controlplane.administration.access.emergencies import declare_emergency, find_emergency
from gatepost.controlplane.administration.access.service_tokens import change_service_token, create_service_token
from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.administration.restoring import Restored, settle_restored
from gatepost.controlplane.administration.tokens import create_token, revoke_token
from gatepost.controlplane.ports import AuditFilter
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.errors import CredentialError, ReportRefusedError
from gatepost.storage.backup import write_backup
from gatepost.storage.keybox import Keybox
from gatepost.storage.restoration import restore_backup
from gatepost.wire import jws
from gatepost.wire.device import Facts
from gatepost.wire.management.emergencies import EmergencyBody
from gatepost.wire.management.exemptions import ExemptionBody
from gatepost.wire.management.service_tokens import ServiceTokenBody, ServiceTokenChange
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.controlplane.house import HOUR, MINUTE, House, Member, open_house
from tests.kinds import KINDS, new_database
from tests.services import MASTER_KEY, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gatepost.controlplane.ports import Records


class Lost:
    """A house that is backed up, goes on for a while, and is lost."""

    def __init__(self, house: House, file: Path) -> None:
        """Let one device pass, and back up."""
        self.house, self.file = house, file
        self.laptop = house.admit()
        self.check = house.ask(cn="", check_private_key=True)
        self.issued = house.authority.issue(cn="laptop-1")
        self.laptop.prove(self.issued)
        self.made_at = house.clock()
        write_backup(house.database, file, self.made_at)
        house.clock.time += MINUTE

    def restore(self, folder: Path, url: str) -> tuple[House, Restored]:
        """Restore into another database, and give a house on that."""
        clock = self.house.clock

        def settle(records: Records, made_at: int) -> Restored:
            return settle_restored(records, made_at, clock(), os.urandom)

        restored = restore_backup(url, self.file, Keybox(MASTER_KEY, os.urandom), settle)
        house = House(folder, database=url, made=True)
        house.clock.time = clock()
        house.authority = self.house.authority
        house.intake.start()
        self.laptop.house = house
        return house, restored


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[Lost]:
    """Give such a house, on SQLite."""
    with open_house(tmp_path) as house:
        yield Lost(house, tmp_path / "backup")


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest) -> str:
    """Give an empty database of each kind."""
    return new_database(request)


@pytest.fixture
def after(lost: Lost, tmp_path: Path, target: str) -> Iterator[tuple[House, Restored]]:
    """Give what there is after a restore right away."""
    house, restored = lost.restore(tmp_path, target)
    yield house, restored
    house.intake.stop()
    house.close()


def _counts(member: Member) -> bool:
    return member.result().result.counts(member.house.clock())


def test_an_earlier_result_counts_no_more_until_the_device_proves_anew(
    lost: Lost, after: tuple[House, Restored]
) -> None:
    """Its sequence may be ahead of what the backup knows."""
    assert _counts(lost.laptop) is False
    assert Status.PASS is lost.laptop.result().result.status
    lost.laptop.sequence += 40
    lost.laptop.prove(lost.issued)
    assert _counts(lost.laptop) is True
    assert 1 == after[1].accounts[0].results_ended


def test_a_report_that_was_sent_before_the_restore_counts_nowhere(lost: Lost, tmp_path: Path, target: str) -> None:
    """Its nonce was issued under a secret that is gone; the refusal brings one that may be answered."""
    nonce = lost.laptop.synchronise().nonce
    report = lost.laptop.compose(lost.laptop.found(lost.issued, nonce), nonce=nonce)
    document = lost.laptop.sign(jws.Kind.REPORT, report)
    lost.house.take(document)
    house, _ = lost.restore(tmp_path, target)
    with pytest.raises(ReportRefusedError) as caught:
        house.take(document)
    assert Reason.NONCE_EXPIRED == caught.value.reason
    fresh = caught.value.nonce
    lost.laptop.send(lost.laptop.compose(lost.laptop.found(lost.issued, fresh), nonce=fresh))
    assert _counts(lost.laptop) is True
    house.intake.stop()
    house.close()


def test_every_version_is_higher_than_any_that_an_agent_has_seen(lost: Lost, tmp_path: Path, target: str) -> None:
    """An agent refuses what went backwards, and one version of a check is one question for ever."""
    for number in range(3):
        lost.house.ask_otherwise(lost.check, cn=f"laptop-{number}")
    seen = lost.laptop.checks()
    house, _ = lost.restore(tmp_path, target)
    now = lost.laptop.checks()
    assert now.version > seen.version
    assert now.checks[0].version > seen.checks[0].version
    lost.laptop.prove(lost.issued)
    assert _counts(lost.laptop) is True
    house.intake.stop()
    house.close()


def test_an_enrolment_token_admits_nobody_any_more(lost: Lost, tmp_path: Path) -> None:
    """It may have been spent or revoked since the backup; one that was revoked before stays as it was."""
    token = lost.house.token()
    dead = create_token(lost.house.services, lost.house.account, TokenBody(kind=TokenKind.ENROLLMENT))
    revoke_token(lost.house.services, lost.house.account, dead.id)
    lost.file = tmp_path / "later"
    write_backup(lost.house.database, lost.file, lost.house.clock())
    house, restored = lost.restore(tmp_path, f"sqlite:///{tmp_path / 'restored.db'}")
    with pytest.raises(CredentialError, match="was revoked"):
        house.enroller.enroll(token, Member(house).enrollment(Facts(hostname="laptop-2")))
    assert 2 == restored.accounts[0].enrollment_tokens_revoked
    house.intake.stop()
    house.close()


def test_what_may_have_come_back_to_life_is_listed(lost: Lost, tmp_path: Path) -> None:
    """An administrator's token and a device that were revoked since the backup are among it."""
    services, account = lost.house.services, lost.house.account
    leaked = create_token(services, account, TokenBody(kind=TokenKind.ADMINISTRATOR, name="leaked"))
    apps.create_app(services, account, as_json({"type": "self_hosted", "domain": "wiki.example.com"}))
    body = TokenBody(kind=TokenKind.PROXY, name="edge-1", apps=("wiki.example.com",))
    proxy = create_token(services, account, body)
    lost.file = tmp_path / "later"
    write_backup(lost.house.database, lost.file, lost.house.clock())
    revoke_token(services, account, leaked.id)
    revoke_token(services, account, proxy.id)
    lost.house.revoke(lost.laptop)
    house, restored = lost.restore(tmp_path, f"sqlite:///{tmp_path / 'restored.db'}")
    (revived,) = restored.accounts
    assert lost.house.account_id == revived.account_id
    assert ["first administrator", "leaked"] == [token.name for token in revived.administrators]
    assert ["edge-1"] == [token.name for token in revived.proxies]
    assert (1, 1, 1) == (revived.registrations, revived.posture_rules, revived.certificates)
    house.intake.stop()
    house.close()


def _exemption(app_id: str, expires_in: str = "24h", **of: str) -> ExemptionBody:
    return ExemptionBody(app_id=app_id, reason="new laptop", expires_in=expires_in, **of)


def test_service_tokens_and_exemptions_that_count_again_are_listed(lost: Lost, tmp_path: Path) -> None:
    """Those alone: what has ended by itself, or let nobody in, is left out."""
    services, account = lost.house.services, lost.house.account
    kept = apps.create_app(services, account, as_json({"type": "self_hosted", "domain": "wiki.example.com"}))
    app: str = msgspec.json.decode(kept.document["id"])
    for_a_device = lost.laptop.registration.id
    long = exemptions.create_exemption(services, account, _exemption(app, user_email="ada@example.com"))
    exemptions.create_exemption(services, account, _exemption(app, registration_id=for_a_device, expires_in="1h"))
    ended = exemptions.create_exemption(services, account, _exemption(app, user_email="b@c", expires_in="1m"))
    robot = create_service_token(services, account, ServiceTokenBody(name="robot", duration="2h"))
    off = create_service_token(services, account, ServiceTokenBody(name="off"))
    change_service_token(services, account, off.id, ServiceTokenChange(enabled=False))
    create_service_token(services, account, ServiceTokenBody(name="forever", duration="forever"))
    create_service_token(services, account, ServiceTokenBody(name="brief", duration="1m"))
    lost.file = tmp_path / "later"
    write_backup(lost.house.database, lost.file, lost.house.clock())
    lost.house.clock.time += 2 * MINUTE
    house, restored = lost.restore(tmp_path, f"sqlite:///{tmp_path / 'restored.db'}")
    (revived,) = restored.accounts
    assert ["robot", "forever"] == [item.of for item in revived.service_tokens]
    assert [robot.expires_at, None] == [item.expires_at for item in revived.service_tokens]
    assert ["ada@example.com", f"registration {for_a_device}"] == [item.of for item in revived.exemptions]
    assert (long.id, long.expires_at) == (revived.exemptions[0].id, revived.exemptions[0].expires_at)
    assert ended.id not in {item.id for item in revived.exemptions}
    house.intake.stop()
    house.close()


def test_an_emergency_that_was_declared_ends(lost: Lost, tmp_path: Path, target: str) -> None:
    """It may have been ended since the backup, and would let everybody in."""
    declare_emergency(lost.house.services, lost.house.account, EmergencyBody(reason="no CA", expires_in="2h"))
    lost.file = tmp_path / "later"
    write_backup(lost.house.database, lost.file, lost.house.clock())
    house, restored = lost.restore(tmp_path, target)
    assert restored.accounts[0].emergency_ended is True
    assert find_emergency(house.services, house.account) is None
    (line, *_), _ = read_audit_log(house.services, house.account, AuditFilter(), None, 10)
    assert line.after["emergency_ended"] is True
    house.intake.stop()
    house.close()


def test_the_audit_log_has_a_mark(after: tuple[House, Restored]) -> None:
    """Who reads it later knows where time was set back, and to when."""
    house, restored = after
    (line, *_), _ = read_audit_log(house.services, house.account, AuditFilter(), None, 10)
    assert ("restore", "database", house.account_id) == (line.action, line.kind, line.reference)
    assert restored.backup_made_at == line.after["backup_made_at"]
    assert "console" == line.actor.kind


def test_a_clock_that_was_set_back_makes_no_version_smaller(lost: Lost, tmp_path: Path, target: str) -> None:
    """The backup comes from the future, then."""
    before = lost.laptop.checks()
    lost.house.clock.time -= HOUR
    house, _ = lost.restore(tmp_path, target)
    assert lost.laptop.checks().version > before.version
    house.intake.stop()
    house.close()
