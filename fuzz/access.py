"""Targets at the proxies, in browsers and at the agent's own listeners: what clients carry, and what a proxy hands on."""

from __future__ import annotations

from contextlib import suppress
from email.message import Message
from functools import cache
from http import HTTPStatus
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fuzz.target import Target
from gatepost.agent.browsers import Voucher
from gatepost.agent.programs import Asked, Minter
from gatepost.client.identity import DeviceKey, EnrolledAs
from gatepost.controlplane.access.sealing import Challenge, Code, DeviceToken, Login, Session, seal, unseal
from gatepost.controlplane.access.vouching import read_target
from gatepost.errors import InputError
from gatepost.web.cookies import PREFIX, split_cookies
from gatepost.web.questions import read_question
from gatepost.web.refusals import read_story, render_page
from gatepost.wire import jws
from gatepost.wire.device_token import IssuedToken, Proof, read_proof, sign_proof

_SECRET: Final = b"s" * 32
_SERVER: Final = "https://gatepost.example"
_LOGIN: Final = Login(app_id="a", host="app.example.com", to="/", state="0" * 64, ends_at=1)
_SESSION: Final = Session(app_id="a", registration_id="r", ends_at=1)


@cache
def _key() -> DeviceKey:
    private = ec.derive_private_key(7, ec.SECP256R1())
    return DeviceKey(private, private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


@cache
def _enrolled() -> EnrolledAs:
    return EnrolledAs(
        server=_SERVER,
        account_id="a" * 32,
        registration_id="r",
        device_id="d",
        account_key=jws.to_jwk(_key().point),
    )


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def sealed(data: bytes) -> None:
    """Open a sealed text as each kind; one that was not sealed opens as none."""
    text = _text(data)
    for kind in (Login, Challenge, Code, Session, DeviceToken):
        opened = unseal(_SECRET, text, kind, 0)
        assert opened is None or seal(_SECRET, opened) == text


def proof(data: bytes) -> None:
    """Read a program's proof."""
    with suppress(InputError):
        read_proof(_text(data))


def cookies(data: bytes) -> None:
    """Split a Cookie line: the application gets none of ours."""
    others, _ = split_cookies(_text(data))
    assert not any(part.strip().lower().startswith(PREFIX.lower()) for part in others.split(";"))


def head(data: bytes) -> None:
    """Read what a proxy hands on: lines of a name, a colon and a value."""
    lines = [line.partition(b":") for line in data.split(b"\n")]
    headers = [(name.lower(), value.strip()) for name, _, value in lines]
    scope = {"headers": headers, "path": "/access/v1/decide", "query_string": b""}
    read_question(scope, "/access/v1/decide")


def target(data: bytes) -> None:
    """Read where a login leads back to: never another host."""
    led = read_target(_text(data))
    assert led[:1] == "/"
    assert led[1:2] not in {"/", "\\"}
    assert led.isascii()
    assert led.isprintable()


def page(data: bytes) -> None:
    """Render the page for who is refused from what a proxy hands on; nothing of it becomes an element."""
    shown = render_page(read_story(data))
    assert shown.lower().count("<script") == 0


def vouch(data: bytes) -> None:
    """Answer a window at the agent's port."""
    headers = Message()
    for name, value in (("Host", "127.0.0.1:1"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")):
        headers[name] = value
    status, told = Voucher(_key(), _enrolled()).answer(_text(data), headers, 1)
    assert status is not HTTPStatus.SEE_OTHER or told.startswith(f"{_SERVER}/access/v1/")


def asked(data: bytes) -> None:
    """Answer a program at the agent's socket."""
    issued = IssuedToken(
        token="t",  # noqa: S106 - a text that no server issued.
        issued_at=1,
        expires_in=300,
    )
    minter = Minter(_key(), _enrolled(), lambda _: issued, lambda: 1.0, bytes)
    with suppress(InputError, msgspec.MsgspecError, UnicodeDecodeError):
        minter.mint(msgspec.json.decode(data, type=Asked))


def _seals() -> tuple[bytes, ...]:
    challenge = Challenge(login=_LOGIN, browser="0" * 64, number="1", ends_at=1)
    return tuple(seal(_SECRET, document).encode() for document in (_LOGIN, challenge, _SESSION))


def _proofs() -> tuple[bytes, ...]:
    made = Proof(jti="0" * 32, htm="GET", htu="https://app.example.com/", iat=1, ath="x")
    return (sign_proof(made, _key().private, _key().point).encode(),)


_HEAD: Final = b"""X-Gatepost-Proxy: gpx_x
X-Gatepost-App: app.example.com
X-Gatepost-Host: app.example.com:8443
X-Gatepost-Target: /a?b
X-Gatepost-Method: GET
X-Gatepost-Address: 192.0.2.7
X-Gatepost-Certificate: MAAwAA==
Cookie: a=b; __Host-gatepost-a=c.d
Gatepost-Token: a.b
Gatepost-DPoP: a.b.c"""
_STORY: Final = (
    b"eyJyZWFzb25zIjpbImRldmljZS1ub3QtaWRlbnRpZmllZCJdLCJjaGVja3MiOltdLCJyZWZlcmVuY2UiOiJyIiwibG9naW4iOiIvYSJ9"
)

TARGETS: Final = {
    "sealed": Target(sealed, _seals),
    "proof": Target(proof, _proofs),
    "cookies": Target(cookies, lambda: (b"a=b; __Host-gatepost-a=c.d; c=d", b"__host-GATEPOST-x=y")),
    "head": Target(head, lambda: (_HEAD,)),
    "target": Target(target, lambda: (b"/a/b?c=d#e", b"//a", b"/\\a")),
    "page": Target(page, lambda: (_STORY,)),
    "vouch": Target(vouch, lambda: (b"/vouch?login=https%3A%2F%2Fgatepost.example&challenge=a.b", b"//[/vouch")),
    "asked": Target(asked, lambda: (b'{"url": "https://app.example.com:8443/a?b", "method": "POST"}',)),
}
