"""What was changed, by whom, from what to what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.administration import rules, tokens, uploads
from gatepost.controlplane.administration.audit import read_audit_log
from gatepost.controlplane.ports import Actor, ActorKind, AuditFilter
from gatepost.errors import ConflictError
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.mtls_certificates import UploadBody
from gatepost.wire.management.tokens import TokenBody, TokenKind
from tests.certificates import CertificateAuthority
from tests.services import START, as_json, rule_of

if TYPE_CHECKING:
    from gatepost.controlplane.administration.services import Services
    from gatepost.wire.management.audit_log import AuditLogLine

SCRIPT = Actor(kind=ActorKind.TOKEN, id="t1", name="script", email="owner@example.com")
ALL = AuditFilter()


def lines(services: Services, account: int, wanted: AuditFilter = ALL) -> list[AuditLogLine]:
    """Return all lines, oldest first."""
    return list(reversed(read_audit_log(services, account, wanted, None, 100)[0]))


@pytest.fixture
def script(services: Services) -> Services:
    """Act for a token."""
    return msgspec.structs.replace(services, actor=SCRIPT)


def test_each_change_of_a_check_has_a_line_with_before_and_after(script: Services, account: int) -> None:
    """In the name of the token that made it."""
    pem = CertificateAuthority.create().pem.decode()
    upload = uploads.add_upload(script, account, UploadBody(ca=True, certificates=pem)).shown
    rule = rules.create_rule(script, account, as_json(rule_of(upload.id))).document
    rule_id = msgspec.json.decode(rule["id"])
    rules.replace_rule(script, account, rule_id, as_json(rule_of(upload.id, cn="${hostname}")))
    rules.replace_options(script, account, rule_id, CheckOptions(message="Ask the help desk."))
    rules.remove_rule(script, account, rule_id)
    uploads.remove_upload(script, account, upload.id)
    found = lines(script, account, AuditFilter(actor_id="t1"))
    assert [
        ("create", "certificate", upload.id),
        ("create", "posture-rule", rule_id),
        ("update", "posture-rule", rule_id),
        ("update", "check-options", rule_id),
        ("delete", "posture-rule", rule_id),
        ("delete", "certificate", upload.id),
    ] == [(item.action, item.kind, item.reference) for item in found]
    assert {("token", "t1", "script", "owner@example.com")} == {msgspec.structs.astuple(item.actor) for item in found}
    update = found[2]
    assert "cn" not in update.before["input"]
    assert "${hostname}" == update.after["input"]["cn"]
    assert (None, "Ask the help desk.") == (found[1].before, found[3].after["message"])
    assert (rule_id, None) == (found[4].before["id"], found[4].after)


def test_no_line_holds_a_secret(script: Services, account: int) -> None:
    """Not the text of a token, nor anything that it could be found from."""
    made = tokens.create_token(script, account, TokenBody(kind=TokenKind.ENROLLMENT))
    tokens.revoke_token(script, account, made.id)
    found = lines(script, account, AuditFilter(reference=made.id))
    assert ["create", "revoke"] == [item.action for item in found]
    assert made.token not in repr(found)


def test_what_was_refused_leaves_no_line(script: Services, account: int) -> None:
    """A change and its line are one transaction."""
    pem = CertificateAuthority.create().pem.decode()
    upload = uploads.add_upload(script, account, UploadBody(ca=True, certificates=pem)).shown
    rules.create_rule(script, account, as_json(rule_of(upload.id)))
    before = len(lines(script, account))
    with pytest.raises(ConflictError):
        uploads.remove_upload(script, account, upload.id)
    assert before == len(lines(script, account))


def test_lines_are_found_by_time_and_word_and_come_in_pages(services: Services, account: int) -> None:
    """Newest first; a page says where the next begins."""
    for _ in range(3):
        tokens.create_token(services, account, TokenBody(kind=TokenKind.ENROLLMENT))
    wanted = AuditFilter(kind="token", action="create", since=START, before=START + 1)
    first, following = read_audit_log(services, account, wanted, None, 2)
    assert following is not None
    second, _ = read_audit_log(services, account, wanted, following, 100)
    numbers = [line.id for line in (*first, *second)]
    assert sorted(numbers, reverse=True) == numbers
    assert len(numbers) == 4  # the account's own first token is the fourth
    assert () == read_audit_log(services, account, AuditFilter(before=START), None, 100)[0]
