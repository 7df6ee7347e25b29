"""Vouching: how a browser comes to be known as one that runs on a device, by the word of that device's agent.

Four steps, each a redirect of the browser's own window. At the application `begin` gives it a cookie (``state``) and sends it to
the login host. There `challenge` gives it another (``browser``) and sends it to the agent on its own machine, which signs the
challenge with the device's key and sends it back. `vouched` verifies that, and sends it to the application with a code;
`complete` takes the code, and the browser is known there for ten minutes. What it carries is sealed. A challenge counts once and
with its cookie, so does a code: neither is of any use in another browser.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from gatepost.controlplane.access.deciding import find_application
from gatepost.controlplane.access.identifying import why_it_does_not_count
from gatepost.controlplane.access.sealing import Challenge, Code, Login, Session, digest_of, seal, unseal
from gatepost.core.reason import Reason
from gatepost.errors import InputError
from gatepost.wire import jws
from gatepost.wire.device import decode
from gatepost.wire.vouch import Vouch

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.controlplane.access.answers import Question
    from gatepost.controlplane.access.deciding import Access
    from gatepost.controlplane.access.view import AccessView
    from gatepost.controlplane.ports import Registration, Storage

AT_APPLICATION: Final = "/cdn-cgi/access/"
"""Below this path every host of an application is Gatepost's own."""
LOGIN_FOR: Final = 300_000
"""Ms in which a login is finished."""
CHALLENGE_FOR: Final = 60_000
"""Ms in which the agent answers."""
CODE_FOR: Final = 30_000
"""Ms in which the browser is back at the application."""
SESSION_FOR: Final = 600_000
"""Ms for which it is known there; nothing makes it longer."""
LONGEST_TARGET: Final = 1_024
"""Characters of a path and query to which a login leads back."""
_TARGET: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*", re.ASCII)


class Turned(msgspec.Struct, frozen=True):
    """A step that was refused: the reason, and for the operator's log what was wrong."""

    reason: Reason
    detail: str


class Completed(msgspec.Struct, frozen=True):
    """A session: the sealed text, the ids of the application and the registration that it is for, and where the browser goes."""

    session: str
    app_id: str
    registration_id: str
    to: str


class Vouching:
    """The steps. Each returns where the browser goes next, or why not; safe to use from many threads."""

    def __init__(
        self,
        storage: Storage,
        access: Access,
        now: Callable[[], int],
        random: Callable[[int], bytes],
        public_urls: tuple[str, ...],
        agent_port: int,
    ) -> None:
        """Take what decides, a clock in ms, and where agents listen; the first of the public URLs is the login host."""
        self._storage = storage
        self._access = access
        self._now = now
        self._random = random
        self._public_urls = public_urls
        self._agent_port = agent_port

    def begin(self, question: Question, state: str) -> str | Turned:
        """Send a browser that wants ``question.target`` to the login host; ``state`` is its cookie at the application.

        Raises `CredentialError` where no proxy's token counts, and StorageError.
        """
        token, view = self._access.open(question)
        found = find_application(view, token, question)
        if found is None:
            return Turned(Reason.PROXY_NOT_ALLOWED, "this proxy's token is not for what the browser asked for")
        login = Login(
            app_id=found.application.id,
            host=question.host,
            to=question.target,
            state=digest_of(state),
            ends_at=self._now() + LOGIN_FOR,
        )
        return _with(f"{self._public_urls[0]}/access/v1/{view.public_id}/login", request=seal(view.seal_secret, login))

    def challenge(self, account_id: str, request: str, browser: str) -> str | Turned:
        """Send a browser at the login host, where ``browser`` is its cookie, to the agent; raises StorageError."""
        now = self._now()
        view = self._access.view_of(account_id)
        login = None if view is None else unseal(view.seal_secret, request, Login, now)
        if view is None or login is None:
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "this is no login that was begun here, or it took too long")
        challenge = Challenge(login=login, browser=digest_of(browser), number=self.draw(), ends_at=now + CHALLENGE_FOR)
        address = f"http://127.0.0.1:{self._agent_port}/vouch"
        return _with(address, login=self._public_urls[0], challenge=seal(view.seal_secret, challenge))

    def vouched(self, account_id: str, voucher: str, browser: str) -> str | Turned:
        """Send a browser for which a device vouched back to its application; raises StorageError."""
        view = self._access.view_of(account_id)
        if view is None:
            return Turned(Reason.DEVICE_NOT_ENROLLED, "there is no such account")
        try:
            signed = jws.split(jws.Kind.VOUCH, voucher.encode())
            vouch = decode(signed.payload, Vouch)
        except InputError as error:
            return Turned(Reason.DEVICE_NOT_ENROLLED, f"no agent of ours wrote this: {error}")
        registration = self._find_device(view, signed)
        if isinstance(registration, Turned):
            return registration
        challenge = self._find_challenge(view, vouch, browser)
        if not isinstance(challenge, Challenge):
            return challenge
        code = Code(
            login=challenge.login,
            registration_id=registration.id,
            number=self.draw(),
            ends_at=self._now() + CODE_FOR,
        )
        return _with(f"https://{code.login.host}{AT_APPLICATION}callback", code=seal(view.seal_secret, code))

    def complete(self, question: Question, text: str, state: str) -> Completed | str | Turned:
        """Take a code at the application where ``state`` is the browser's cookie; or say where it begins anew.

        Raises `CredentialError` where no proxy's token counts, and StorageError.
        """
        now = self._now()
        token, view = self._access.open(question)
        code = unseal(view.seal_secret, text, Code, now)
        if code is None:
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "this is no code of this account, or it came too late")
        login = code.login
        found = find_application(view, token, msgspec.structs.replace(question, target=login.to))
        if found is None or found.application.id != login.app_id or question.host != login.host:
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "the code is for another application")
        if not hmac.compare_digest(login.state, digest_of(state)):
            return _again(login, state, "the code is another browser's")
        if not self._spend(code):
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "the code was used before")
        session = Session(app_id=login.app_id, registration_id=code.registration_id, ends_at=now + SESSION_FOR)
        return Completed(seal(view.seal_secret, session), login.app_id, code.registration_id, login.to)

    def _find_device(self, view: AccessView, signed: jws.Signed) -> Registration | Turned:
        """Return the device that signed."""
        with self._storage.reading() as records:
            found = records.devices.by_thumbprint(signed.thumbprint)
        if found is None or found.account != view.account or not jws.verify(signed, found.public_key):
            return Turned(Reason.DEVICE_NOT_ENROLLED, "no device of this account signed this")
        absence = why_it_does_not_count(found)
        return found if absence is None else Turned(absence, f"the registration {found.id} does not count")

    def _find_challenge(self, view: AccessView, vouch: Vouch, browser: str) -> Challenge | str | Turned:
        """Return the challenge that was signed, which is this browser's and is spent now; or where it begins anew."""
        if vouch.aud not in {f"{url}/{view.public_id}" for url in self._public_urls}:
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "the agent vouched for another server")
        challenge = unseal(view.seal_secret, vouch.challenge, Challenge, self._now())
        if challenge is None:
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "this is no challenge of this account, or it came too late")
        if not hmac.compare_digest(challenge.browser, digest_of(browser)):
            return _again(challenge.login, browser, "the challenge is another browser's")
        if not self._spend(challenge):
            return Turned(Reason.DEVICE_NOT_IDENTIFIED, "the challenge was answered before")
        return challenge

    def _spend(self, document: Challenge | Code) -> bool:
        with self._storage.writing(alone=False) as records:
            return records.spent.spend(hashlib.sha256(document.number.encode()).digest(), document.ends_at)

    def draw(self) -> str:
        """Draw what nobody guesses: 32 hex digits."""
        return self._random(16).hex()


def read_target(text: str) -> str:
    """Return where a login leads back to: a path of the same host, and ``/`` where it is none."""
    return text if len(text) <= LONGEST_TARGET and _TARGET.fullmatch(text) else "/"


def _again(login: Login, cookie: str, detail: str) -> str | Turned:
    """Let a browser that has another cookie begin a login of its own; one that has none began none.

    Two windows that begin at once get a cookie each, and the browser keeps the second.
    """
    if not cookie:
        return Turned(Reason.DEVICE_NOT_IDENTIFIED, detail)
    return _with(f"https://{login.host}{AT_APPLICATION}login", to=login.to)


def _with(url: str, **parameters: str) -> str:
    return f"{url}?{urlencode(parameters)}"
