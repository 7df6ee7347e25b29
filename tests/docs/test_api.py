"""The page of the API has every route and every field of what it takes and gives, and no route that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from gatepost.web.app import create_routes
from gatepost.wire.management.access_apps import AccessApp, AppBody
from gatepost.wire.management.access_groups import AccessGroup, GroupBody
from gatepost.wire.management.access_log import AccessRequest, DecisionLine, UnmetRule
from gatepost.wire.management.access_policies import AccessPolicy, AppPolicy, AppPolicyBody
from gatepost.wire.management.access_rules import EVALUATED, RuleKind
from gatepost.wire.management.audit_log import AuditActor, AuditLogLine
from gatepost.wire.management.check_options import CheckOptions
from gatepost.wire.management.client_certificates import ClientCertificateInput, ClientCertificateV2Input
from gatepost.wire.management.denials import DenialBody, DenialObject
from gatepost.wire.management.devices import (
    AcceptBody,
    DeviceClaims,
    DeviceUser,
    LastRegistration,
    OlderDevice,
    PhysicalDevice,
    RegisteredDevice,
    RegistrationObject,
    WaitingRegistration,
)
from gatepost.wire.management.effective import EffectiveCheck, EffectiveLocations, SigningCertificate
from gatepost.wire.management.enrollment import EnrollmentSettings
from gatepost.wire.management.exemptions import ExemptionBody, ExemptionObject
from gatepost.wire.management.mtls_certificates import CertificateObject, UploadBody
from gatepost.wire.management.policy_options import PolicyOptions
from gatepost.wire.management.posture_log import PostureLogLine
from gatepost.wire.management.posture_rules import RuleBody, RuleType
from gatepost.wire.management.preview import Cause, ChangedDevice, Outlook, PreviewBody, PreviewObject, Progress
from gatepost.wire.management.results import ResultCheck, ResultDevice, ResultObject
from gatepost.wire.management.scopes import Scope
from gatepost.wire.management.serial_numbers import SerialCount, SerialNumber
from gatepost.wire.management.service_tokens import (
    RotationBody,
    ServiceTokenBody,
    ServiceTokenChange,
    ServiceTokenObject,
)
from gatepost.wire.management.tokens import NewToken, TokenBody
from gatepost.wire.management.users import Identity, PostureOfDevice, SeenDevice, UserObject
from gatepost.wire.management.webhooks import NewWebhook, WebhookBody, WebhookObject
from gatepost.wire.webhooks import Announcement, AuditChange, PostureChange
from tests.services import Clock, open_services, surround

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
ACCOUNT = "/client/v4/accounts/{account_id}"
PARTS = re.split(r"(?m)^## (.*)$", PAGE)
SECTIONS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
DOCUMENTS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "mtls_certificates": (UploadBody, CertificateObject),
    "devices/posture": (RuleBody, ClientCertificateV2Input, ClientCertificateInput),
    "Devices": (PhysicalDevice, DeviceUser, LastRegistration),
    "Registrations": (RegistrationObject, RegisteredDevice, OlderDevice),
    "Waiting registrations": (WaitingRegistration, DeviceClaims, AcceptBody),
    "Deny-list": (DenialBody, DenialObject),
    "Enrolment": (EnrollmentSettings,),
    "Serial numbers": (SerialNumber, SerialCount),
    "Options": (CheckOptions,),
    "Effective": (EffectiveCheck, EffectiveLocations, SigningCertificate),
    "Results": (ResultObject, ResultDevice, ResultCheck),
    "Posture log": (PostureLogLine,),
    "Tokens": (TokenBody, NewToken),
    "Groups": (GroupBody, AccessGroup),
    "Policies": (AppPolicyBody, AccessPolicy, AppPolicy),
    "Policy options": (PolicyOptions,),
    "Applications": (AppBody, AccessApp),
    "Service tokens": (ServiceTokenBody, ServiceTokenChange, RotationBody, ServiceTokenObject),
    "Users": (UserObject,),
    "Last seen identity": (Identity, PostureOfDevice, SeenDevice),
    "Exemptions": (ExemptionBody, ExemptionObject),
    "Preview": (PreviewBody, PreviewObject, Progress, Outlook, Cause, ChangedDevice),
    "Audit log": (AuditLogLine, AuditActor),
    "Webhooks": (WebhookBody, WebhookObject, NewWebhook, Announcement, PostureChange, AuditChange),
    "Decisions": (DecisionLine, UnmetRule, AccessRequest),
}
"""What stands under each heading: the documents whose fields it names."""
FIELDS = [
    (heading, field.encode_name)
    for heading, documents in DOCUMENTS.items()
    for document in documents
    for field in msgspec.structs.fields(document)
]


def routes(folder: Path) -> set[tuple[str, str]]:
    """Return method and path of every route that the application has, as the page writes them."""
    application = create_routes(open_services(folder, Clock()), surround().limits)
    return {
        (method, re.sub(r":str\}", "}", route.path).removeprefix(ACCOUNT) or ACCOUNT)
        for route in application.routes
        for method in route.methods - {"OPTIONS"}
    }


def test_each_route_is_named_and_no_other(tmp_path: Path) -> None:
    """With its method; those of devices are the wire's."""
    named = {tuple(text.split()) for text in re.findall(r"(?m)^\| `((?:GET|POST|PUT|PATCH|DELETE) [^`]+)` \|", PAGE)}
    assert routes(tmp_path) == named


@pytest.mark.parametrize(("heading", "field"), FIELDS)
def test_each_field_is_named_under_its_heading(heading: str, field: str) -> None:
    """What a client may send, and what it is given."""
    assert re.search(rf"[`\"]{re.escape(field)}[`\"]", SECTIONS[heading])


def test_each_scope_is_named() -> None:
    """And no other."""
    assert {scope.value for scope in Scope} == set(re.findall(r"`(\*|[a-z]+:(?:read|write))`", SECTIONS["Scopes"]))


def test_each_kind_of_rule_is_named() -> None:
    """Those that are evaluated and those that are kept, and no other."""
    section = SECTIONS["Rules"]
    evaluated = re.findall(r'(?m)^\| `\{"([\w-]+)":', section)
    kept = re.findall(r"`([\w-]+)`", section[section.index("The other kinds") : section.index("are kept, given back")])
    assert {kind.value for kind in RuleKind} == {*evaluated, *kept}
    assert EVALUATED == {RuleKind(word) for word in evaluated}


def test_what_is_said_of_types_is_true() -> None:
    """Two are evaluated, and they are types."""
    said = set(re.findall(r"`input` of (?:the older )?\*\*`(\w+)`\*\*", SECTIONS["devices/posture"]))
    assert {RuleType.CLIENT_CERTIFICATE_V2.value, RuleType.CLIENT_CERTIFICATE.value} == said
