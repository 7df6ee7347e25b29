"""What proxies ask, what they hear, and the line that the access log has of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from gatepost.core.decision import Unmet, Verdict
from gatepost.core.log import AccessDocument, UnmetDocument
from gatepost.core.policy import Application, Posture
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from gatepost.controlplane.ports import Token

_LONGEST_HOST: Final = 255
"""Characters of a name in DNS."""
_LONGEST_PATH: Final = 1_024
"""Characters of a path that a line keeps."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One request that a proxy asks about, as the proxy's own configuration hands it on."""

    credential: str
    """The proxy's token."""
    reference: str = ""
    """The name by which the answer is found again in the log."""
    app: str
    """The host for which the proxy's configuration is: a constant in it."""
    host: str
    target: str
    address: str
    certificate: bytes | None = None
    """SHA-256 of the client certificate of the TLS connection; None: there is none."""
    certificate_der: bytes | None = None
    client_id: str = ""
    client_secret: str = ""
    method: str = ""
    token: str = ""
    """A device's token for its programs, and with it the proof for this request."""
    proof: str = ""
    cookies: dict[str, str] = {}
    """The client's cookies of ours by their names: a sealed session by the id of its application."""
    others: str = ""
    """Its other cookies, which are for the application alone."""


class FailedCheck(msgspec.Struct, frozen=True):
    """A check that kept somebody out, by its name, why, and what its administrator has to say of that."""

    name: str
    reasons: tuple[Reason, ...]
    message: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, when it was given (ms), and on whom and what."""

    verdict: Verdict
    at: int = 0
    application: Application | None = None
    registration: str | None = None
    device: str | None = None
    """The device's name."""
    device_id: str | None = None
    email: str | None = None
    service_token: str | None = None
    failed: tuple[FailedCheck, ...] = ()
    """The checks that a refusal rests on."""
    claims: dict[str, Any] = {}
    """What the application is told, of whoever is let in; times are not among it."""
    key: bytes = b""
    """The key that signs that."""


NOT_ALLOWED: Final = Answer(verdict=Verdict(allowed=False, reasons=(Reason.PROXY_NOT_ALLOWED,)))
"""To a proxy that may not ask, or not this."""
CRASHED: Final = Answer(verdict=Verdict(allowed=False, reasons=(Reason.EVALUATION_CRASHED,)))
"""Where something broke."""


def line_of(token: Token, question: Question, answer: Answer, at: int) -> AccessDocument:
    """Give the line of the access log: what was asked with a proxy's token, and what came of it, at an instant (ms)."""
    verdict, application = answer.verdict, answer.application
    return AccessDocument(
        at=at,
        reference=question.reference,
        proxy_id=token.id,
        app_id=None if application is None else application.id,
        app_name=None if application is None else application.name,
        host=question.host[:_LONGEST_HOST],
        path=question.target.partition("?")[0][:_LONGEST_PATH],
        address=question.address[:_LONGEST_HOST],
        certificate=None if question.certificate is None else question.certificate.hex(),
        registration_id=answer.registration,
        device_id=answer.device_id,
        device_name=answer.device,
        user_email=answer.email,
        service_token_id=answer.service_token,
        allowed=verdict.allowed,
        decision=verdict.decision,
        policy_id=verdict.policy_id,
        reasons=tuple(verdict.reasons),
        unmet=tuple(map(_unmet, verdict.unmet)),
        binding=verdict.binding,
        evidence=verdict.evidence,
        evidence_age=verdict.evidence_age,
        stands_for=1,
    )


def _unmet(item: Unmet) -> UnmetDocument:
    return UnmetDocument(
        policy_id=item.policy_id,
        rule=item.place,
        check_id=item.rule.check_id if isinstance(item.rule, Posture) else None,
        reasons=tuple(item.reasons),
    )
