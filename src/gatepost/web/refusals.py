"""What whoever was refused reads: ``/access/v1/refused``, which a proxy shows in the application's place.

It says which reasons there are in the words for a device's user, and a reference by which an administrator finds the decision;
nothing of what would have been let in. The proxy hands that on from the decision, in one header. Where only a newer report is
missing the device was asked for one, and the page goes on by itself; so it does where the device's agent may vouch for the
browser. Every answer is 403, so that nothing mistakes it for the
application.
"""

from __future__ import annotations

import base64
import hashlib
import html
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec

from gatepost.controlplane.access.asking import MENDED_BY_A_REPORT
from gatepost.controlplane.access.vouching import AT_APPLICATION, read_target
from gatepost.core.explanation import for_user
from gatepost.core.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from gatepost.controlplane.access.answers import Answer

    Scope = MutableMapping[str, Any]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

REFUSED: Final = "/access/v1/refused"
_NAME: Final = 100
_MESSAGE: Final = 300
_CHECKS: Final = 3
"""Characters and checks of which the page tells: all of it fits into 9 KiB of a header, also in letters beyond ASCII."""
_WAITING: Final = (
    "This device has not reported lately. It was asked to, and this page goes on by itself within half a minute.",
    "If it does not, please make sure that the device is online and that its Gatepost agent runs.",
)
_LOOKING: Final = (
    "The Gatepost agent on this device is asked to vouch for this browser, and this page goes on by itself.",
    "If the browser says that it cannot connect to 127.0.0.1, no agent runs here: please go back, and read what to do.",
)
_NO_ANSWER: Final = "The Gatepost agent of this device was asked to vouch for this browser, and did not answer."
_AGAIN_AFTER_A_TRY: Final = 5
"""Seconds after which a page asks again that waits for another window's login to end."""
_AGAIN: Final = 1
"""Seconds after which a page that waits for a report asks again."""
_STYLE: Final = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:12vh auto;padding:0 1.2rem;color-scheme:light dark}"
    "h1{font-size:1.5rem}h2{font-size:1.1rem;margin-bottom:.2rem}p.reference{opacity:.75;font-size:.9rem}code{font-size:1rem}"
)
_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)


class Check(msgspec.Struct, frozen=True):
    """A check that kept somebody out: its name, why, and its administrator's own words."""

    name: str
    reasons: tuple[Reason, ...]
    message: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision hands to the page, by way of the proxy: in the header ``X-Gatepost-Page``, as base64 of JSON."""

    reasons: tuple[Reason, ...] = ()
    checks: tuple[Check, ...] = ()
    reference: str = ""
    login: str = ""
    """Where whoever is not known wanted to go, and may once its device's agent vouched for it; "": that would change nothing."""
    tried: bool = False
    """Whether that was tried just before, and came to no end."""

    @property
    def retry(self) -> bool:
        """Whether a new report, which the device was asked for, is likely to be all that is missing."""
        return bool(self.reasons) and set(self.reasons) <= MENDED_BY_A_REPORT


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The same for programs. ``retry``: a report was asked for, and the next request may be let in."""

    decision: str = "deny"
    reasons: tuple[Reason, ...]
    explanations: tuple[str, ...]
    reference: str
    retry: bool


def tell_story(answer: Answer, reference: str, login: str = "", *, tried: bool = False) -> Story:
    """Return what the page shows of a decision; ``login``: where a browser wanted to go that an agent may vouch for."""
    checks = [Check(item.name[:_NAME], item.reasons, item.message[:_MESSAGE]) for item in answer.failed[:_CHECKS]]
    return Story(
        reasons=answer.verdict.reasons,
        checks=tuple(checks),
        reference=reference,
        login=read_target(login) if login else "",
        tried=tried and bool(login),
    )


def write_story(story: Story) -> bytes:
    """Write it, short enough for a header."""
    return base64.b64encode(msgspec.json.encode(story))


def read_story(header: bytes) -> Story:
    """Read what a decision wrote; whatever else it is shows no reason."""
    try:
        return msgspec.json.decode(base64.b64decode(header, validate=True), type=Story)
    except (ValueError, msgspec.MsgspecError):
        return Story()


async def answer_refused(scope: Scope, send: Send) -> None:
    """Answer one request: a page for whoever takes HTML, JSON for all others."""
    told = {name.lower(): value for name, value in scope["headers"]}
    headers, body = reply(read_story(told.get(b"x-gatepost-page", b"")), told.get(b"accept", b""))
    fixed = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": 403, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def reply(story: Story, accept: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return headers and a body: a page for whoever takes HTML, JSON for all others."""
    if b"text/html" in accept:
        kind, body = b"text/html; charset=utf-8", render_page(story).encode()
    else:
        kind, body = b"application/json", msgspec.json.encode(_shown(story))
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"content-security-policy", _POLICY.encode()),
        (b"referrer-policy", b"no-referrer"),
    ]
    return headers, body


def _shown(story: Story) -> Shown:
    return Shown(
        reasons=story.reasons,
        explanations=_explain(story.reasons),
        reference=story.reference,
        retry=story.retry,
    )


def _explain(reasons: tuple[Reason, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(for_user, reasons)))


def render_page(story: Story) -> str:
    """Render the page, which a phone can show."""
    logs_in = bool(story.login) and not story.tried
    title = "Checking this device…" if story.retry or logs_in else "This device was not let in"
    said = _paragraphs(_WAITING) if story.retry else _paragraphs(_LOOKING) if logs_in else _why(story)
    reference = (
        f'<p class="reference">Reference for your administrator: <code>{html.escape(story.reference)}</code></p>'
        if story.reference
        else ""
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{_refresh(story)}'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{said}{reference}</main></body></html>\n"
    )


def _refresh(story: Story) -> str:
    """Say whether and where the page goes on by itself."""
    if story.login and not story.tried:
        return f'<meta http-equiv="refresh" content="0;url={html.escape(_login_at(story.login))}">'
    seconds = _AGAIN if story.retry else _AGAIN_AFTER_A_TRY if story.login else 0
    return f'<meta http-equiv="refresh" content="{seconds}">' if seconds else ""


def _login_at(target: str) -> str:
    return f"{AT_APPLICATION}login?{urlencode({'to': target})}"


def _why(story: Story) -> str:
    """Say of each check what it found, and once what there is to say beside checks."""
    of_checks = {reason for check in story.checks for reason in check.reasons}
    others = tuple(reason for reason in story.reasons if reason not in of_checks)
    parts = [
        f"<section><h2>{html.escape(check.name)}</h2>{_paragraphs((*_explain(check.reasons), check.message))}</section>"
        for check in story.checks
    ]
    alone = _paragraphs(_explain(others)) if others else ""
    if story.login:
        again = html.escape(_login_at(story.login))
        parts.append(f'{_paragraphs((_NO_ANSWER,))}<p><a href="{again}">Try again</a></p>')
    return "".join([alone, *parts]) or _paragraphs(("Please ask your administrator.",))


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences if sentence)
