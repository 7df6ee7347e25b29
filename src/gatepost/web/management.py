"""The routes that clients of the reference speak: uploads of certificates, and posture rules.

Each is one use case; its answer is put into the envelope, and whatever it raises becomes one in `web.errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from litestar import delete, get, post, put
from litestar.params import JSONBody, RawBody

from gatepost.controlplane.administration import rules, uploads
from gatepost.web.parameters import CertificateId, RuleId, TheAccount, TheServices
from gatepost.wire.management.envelope import Envelope, Page, whole_list
from gatepost.wire.management.mtls_certificates import Association, CertificateObject, UploadBody
from gatepost.wire.management.posture_rules import Integration, PostureRule, RemovedRule, RuleBody
from gatepost.wire.management.scopes import Scope

if TYPE_CHECKING:
    from gatepost.wire.management.documents import Document

_CERTIFICATES = "/mtls_certificates"
_RULES = "/devices/posture"


@post(_CERTIFICATES, status_code=200, tags=["mtls_certificates"], sync_to_thread=True, scope=Scope.CERTIFICATES_WRITE)
def upload_certificate(
    services: TheServices, account: TheAccount, data: JSONBody[UploadBody]
) -> Envelope[CertificateObject]:
    """Upload a certificate, or several at once; with ``ca``, checks can name it."""
    uploaded = uploads.add_upload(services, account.number, data)
    return Envelope(messages=uploaded.remarks, result=uploaded.shown)


@get(_CERTIFICATES, tags=["mtls_certificates"], sync_to_thread=True, scope=Scope.CERTIFICATES_READ)
def list_certificates(services: TheServices, account: TheAccount) -> Page[CertificateObject]:
    """List the uploaded certificates, oldest first."""
    return whole_list(uploads.list_uploads(services, account.number))


@get(
    _CERTIFICATES + "/{certificate_id:str}",
    tags=["mtls_certificates"],
    sync_to_thread=True,
    scope=Scope.CERTIFICATES_READ,
)
def get_certificate(
    services: TheServices, account: TheAccount, certificate_id: CertificateId
) -> Envelope[CertificateObject]:
    """Get one upload."""
    return Envelope(result=uploads.find_upload(services, account.number, certificate_id))


@delete(
    _CERTIFICATES + "/{certificate_id:str}",
    status_code=200,
    tags=["mtls_certificates"],
    sync_to_thread=True,
    scope=Scope.CERTIFICATES_WRITE,
)
def delete_certificate(
    services: TheServices, account: TheAccount, certificate_id: CertificateId
) -> Envelope[CertificateObject]:
    """Delete an upload that no posture rule names; the answer is what it was."""
    return Envelope(result=uploads.remove_upload(services, account.number, certificate_id))


@get(
    _CERTIFICATES + "/{certificate_id:str}/associations",
    tags=["mtls_certificates"],
    sync_to_thread=True,
    scope=Scope.CERTIFICATES_READ,
)
def list_associations(services: TheServices, account: TheAccount, certificate_id: CertificateId) -> Page[Association]:
    """List what uses an upload."""
    return whole_list(uploads.list_associations(services, account.number, certificate_id))


@post(_RULES, status_code=200, tags=["devices/posture"], sync_to_thread=True, scope=Scope.CHECKS_WRITE)
def create_rule(
    services: TheServices, account: TheAccount, data: JSONBody[RuleBody], body: RawBody
) -> Envelope[PostureRule]:
    """Create a posture rule; it is read back as it was written."""
    del data  # it says that the outer form is right, and documents it; the bytes are what is kept
    return _kept(rules.create_rule(services, account.number, body))


@get(_RULES, tags=["devices/posture"], sync_to_thread=True, scope=Scope.CHECKS_READ)
def list_rules(services: TheServices, account: TheAccount) -> Page[PostureRule]:
    """List the posture rules, oldest first."""
    return whole_list(tuple(map(_as_written, rules.list_rules(services, account.number))))


@get(_RULES + "/integration", tags=["devices/posture"], scope=Scope.CHECKS_READ)
async def list_integrations(account: TheAccount) -> Page[Integration]:
    """List the integrations with other services: there are none."""
    del account
    return whole_list(())


@get(_RULES + "/{rule_id:str}", tags=["devices/posture"], sync_to_thread=True, scope=Scope.CHECKS_READ)
def get_rule(services: TheServices, account: TheAccount, rule_id: RuleId) -> Envelope[PostureRule]:
    """Get one posture rule."""
    return Envelope(result=_as_written(rules.find_rule(services, account.number, rule_id)))


@put(_RULES + "/{rule_id:str}", tags=["devices/posture"], sync_to_thread=True, scope=Scope.CHECKS_WRITE)
def replace_rule(
    services: TheServices, account: TheAccount, rule_id: RuleId, data: JSONBody[RuleBody], body: RawBody
) -> Envelope[PostureRule]:
    """Replace a posture rule as a whole; its options stay as they are."""
    del data  # as in create_rule
    return _kept(rules.replace_rule(services, account.number, rule_id, body))


@delete(
    _RULES + "/{rule_id:str}", status_code=200, tags=["devices/posture"], sync_to_thread=True, scope=Scope.CHECKS_WRITE
)
def delete_rule(services: TheServices, account: TheAccount, rule_id: RuleId) -> Envelope[RemovedRule]:
    """Delete a posture rule and its results; the posture log keeps its lines."""
    rules.remove_rule(services, account.number, rule_id)
    return Envelope(result=RemovedRule(id=rule_id))


def _kept(kept: rules.KeptRule) -> Envelope[PostureRule]:
    return Envelope(messages=kept.remarks, result=_as_written(kept.document))


def _as_written(document: Document) -> PostureRule:
    """Give the very document; `PostureRule` is its form in the documentation, and would add what was not sent."""
    return cast("PostureRule", document)


MANAGEMENT_ROUTES = (
    upload_certificate,
    list_certificates,
    get_certificate,
    delete_certificate,
    list_associations,
    create_rule,
    list_rules,
    list_integrations,
    get_rule,
    replace_rule,
    delete_rule,
)
