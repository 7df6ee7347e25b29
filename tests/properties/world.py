"""A world for properties: a server's application and devices of every intent, all over the real routes, and what may pass.

Beside the server stands a process that decides for a proxy from memory, as `gatepost.cli.serving` puts it together.

What may pass is written down here a second time, as simply as it can be said: a device passes while its newest report that
counted held a proof of a certificate that is right, and nothing has happened since that ends that. The server may refuse
more than this; it must never let pass what this does not.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gatepost.controlplane.access.answers import Question
from gatepost.controlplane.access.deciding import Access
from gatepost.controlplane.access.memory import Memory as AccessMemory
from gatepost.controlplane.access.recording import AccessRecorder
from gatepost.controlplane.access.vouching import Completed, Turned, Vouching
from gatepost.controlplane.administration.restoring import settle_restored
from gatepost.controlplane.administration.services import Services
from gatepost.controlplane.calls import Calls
from gatepost.controlplane.housekeeping import Housekeeper
from gatepost.core.evaluation import Status
from gatepost.core.finding import KeyState, StoreKind
from gatepost.storage.backup import write_backup
from gatepost.storage.keybox import Keybox
from gatepost.storage.restoration import restore_backup
from gatepost.web.app import create_app
from gatepost.web.device import DeviceApi, DeviceUseCases
from gatepost.web.limits import LimitSettings, Rate
from gatepost.wire import jws
from gatepost.wire.checks import Checks
from gatepost.wire.device import CheckAnswer, Enrolled, Facts, PlacedCandidate, Report, Sync, Synced, decode
from gatepost.wire.vouch import Vouch
from tests.certificates import CertificateAuthority
from tests.controlplane.house import PLACE, House, Member, prove
from tests.services import MASTER_KEY, access_of, rule_of, surround

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gatepost.web.front import Front
    from tests.certificates import Issued

SCHEDULE = 300_000
EXPIRATION = 660_000
"""How long a result may count, in ms: from the instant at which the nonce was issued that its report answers."""
OLDEST_NONCE = 600_000
CLOCKS_APART = 5_000
"""A nonce may be from so many ms ahead: another process gave it."""
MINUTE = 60_000
OURS = CertificateAuthority.create(cn="Example Root CA")
THEIRS = CertificateAuthority.create(cn="Another Root CA")
OK = 200
HOST = "wiki.example.com"


class Intent(StrEnum):
    """What a device reports."""

    HONEST = "its certificate, proved"
    BARE = "nothing"
    FORGED = "its certificate, and bytes that are no signature"
    PASTED = "its certificate, and the signature of an earlier report"
    LATE = "its certificate, proved with the first nonce that it ever got"
    INVENTED = "its certificate, proved with a nonce of its own"
    STOLEN = "the certificate of another device, with a signature by its own key"
    MISNAMED = "a certificate for another name"
    FOREIGN = "a certificate of another authority"


class Held(msgspec.Struct, frozen=True):
    """A certificate as the model sees it; instants in ms."""

    issued: Any
    name: str
    ours: bool
    begins: int
    ends: int

    @property
    def key(self) -> str:
        """SHA-256 of its SubjectPublicKeyInfo, in hex."""
        return _key_of(self.issued)


class Shown(msgspec.Struct, frozen=True):
    """What the newest report that counted came with: whether it proved it, when its nonce was issued, and when it was judged."""

    held: Held
    measured_at: int
    judged_at: int


class Window(msgspec.Struct, frozen=True):
    """A browser's session beside a device: for which application, until when (ms), and under which of the server's secrets."""

    session: str
    app: str
    ends: int
    secret: int


class Actor(msgspec.Struct):
    """A device: what it holds, and what the model knows of it."""

    member: Member
    name: str
    held: Held
    nonces: list[tuple[int, bytes, int]] = msgspec.field(default_factory=list)
    """When each was given, the nonce, and under which of the server's secrets."""
    sent: list[bytes] = msgspec.field(default_factory=list)
    accepted: bytes = b""
    signed: tuple[bytes, bytes, str] = (b"", b"\0" * 64, "")
    """The newest nonce that its certificate's key signed, the signature, and the key."""
    shown: Shown | None = None
    window: Window | None = None
    revoked: bool = False
    deleted: bool = False
    registration: str = ""
    sequence: int = 0


class Door(msgspec.Struct, frozen=True):
    """An application for those that pass the check, and the token of a proxy before it."""

    app: str
    token: str


class _Memory(msgspec.Struct, frozen=True):
    """The model at the moment of a backup."""

    path: Any
    devices: dict[str, bool]
    denied: dict[str, str]
    check: str | None
    template: str
    door: Door | None


class _Place:
    """Where the house is that the one application serves: making an application costs half a second."""

    house: House


_HERE = _Place()


def _now() -> int:
    return _HERE.house.clock()


class _Part:
    """A part of that house, whichever it is by now."""

    def __init__(self, pick: Callable[[House], Any]) -> None:
        self._pick = pick

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of whatever it stands for.
        return getattr(self._pick(_HERE.house), name)


@cache
def _application() -> Front:
    """Make the application, put together as `gatepost.cli.serving` does it, over the parts of the house that is there."""
    storage: Any = _Part(lambda house: house.storage)
    services = Services(storage=storage, now=_now, random=os.urandom)
    enroller: Any = _Part(lambda house: house.enroller)
    posture: Any = _Part(lambda house: house.posture)
    intake: Any = _Part(lambda house: house.intake)
    free = Rate(10**9, 10**9)
    around = surround(LimitSettings(enrollments=free, all_enrollments=free))
    device = DeviceApi(DeviceUseCases(enroller, posture, intake, Calls(storage, 10)), around)
    return create_app(services, device, around, access_of(services))


class World:
    """One server on one database, and its devices."""

    def __init__(self, folder: Path, new_database: Callable[[], str] | None = None) -> None:
        """Make it; ``new_database`` gives the URL of an empty one, or it is SQLite in ``folder``."""
        self._folder = folder
        self._new = new_database or self._new_file
        self._runner = asyncio.Runner()
        self._count = 0
        self.secrets = 0
        self.actors: list[Actor] = []
        self.denied: dict[str, str] = {}
        """By key: the denial's id."""
        self.check: str | None = None
        self.door: Door | None = None
        self.template = "${hostname}"
        self._backup: _Memory | None = None
        self._open(House(folder, database=new_database() if new_database else ""))
        self._token = self.house.administrator
        self._upload = self._call("POST", "/mtls_certificates", {"ca": True, "certificates": OURS.pem.decode()})["id"]
        self._foreign = THEIRS.issue(cn="laptop")

    def _open(self, house: House) -> None:
        self.house = house
        house.intake.start()
        _HERE.house = house
        transport = httpx2.ASGITransport(app=_application())
        self._client = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")
        # Time stands still between two looks: none is ever too old, so whatever is served was not forgotten.
        self._memory = AccessMemory(house.storage, lambda: 0.0)
        self._deciding = Access(house.storage, house.clock, AccessRecorder(house.storage, house.clock), self._memory)
        self._vouching = Vouching(house.storage, self._deciding, house.clock, os.urandom, (house.url,), 8645)
        for actor in self.actors:
            actor.member.house = house

    def close(self) -> None:
        """End the server."""
        self._runner.run(self._client.aclose())
        self.house.intake.stop()
        self.house.close()
        self._runner.close()

    # --- What administrators do ------------------------------------------------------------------------------------------

    def ask(self) -> None:
        """Make the check, where there is none."""
        if self.check is None:
            self.check = self._call("POST", "/devices/posture", self._rule())["id"]
            self.door = self._open_door(self.check)
            for actor in self.actors:
                actor.shown = None

    def ask_otherwise(self, template: str) -> None:
        """Ask for another name."""
        self.template = template
        if self.check is not None:
            self._call("PUT", f"/devices/posture/{self.check}", self._rule())

    def forget(self) -> None:
        """Delete the check, and what asks about it before."""
        if self.check is not None and self.door is not None:
            self._call("DELETE", f"/access/apps/{self.door.app}")
            self.door = None
            self._call("DELETE", f"/devices/posture/{self.check}")
            self.check = None

    def _open_door(self, check: str) -> Door:
        managed = {"device_posture": {"integration_uid": check}}
        policy = {"name": "managed", "decision": "allow", "include": [{"everyone": {}}], "require": [managed]}
        app = {"type": "self_hosted", "name": "wiki", "domain": HOST, "policies": [policy]}
        made = self._call("POST", "/access/apps", app)["id"]
        token = self._call("POST", "/gatepost/tokens", {"kind": "proxy", "name": "edge", "apps": [HOST]})["token"]
        return Door(made, token)

    def revoke(self, actor: Actor, *, deny: bool) -> None:
        """Revoke a device, with what it proved or without."""
        if not actor.deleted:
            words = f"?id={actor.registration}&deny={'true' if deny else 'false'}"
            self._call("POST", f"/devices/registrations/revoke{words}")
            actor.revoked = True

    def unrevoke(self, actor: Actor) -> None:
        """Let it back."""
        if not actor.deleted:
            self._call("POST", f"/devices/registrations/unrevoke?id={actor.registration}")
            actor.revoked = False

    def delete(self, actor: Actor) -> None:
        """Delete a device's registration."""
        if not actor.deleted:
            self._call("DELETE", f"/devices/registrations/{actor.registration}")
            actor.deleted = True

    def deny(self, actor: Actor) -> None:
        """Deny the key of its certificate."""
        if actor.held.key not in self.denied:
            self.denied[actor.held.key] = self._call("POST", "/gatepost/deny-list", {"public_key": actor.held.key})[
                "id"
            ]

    def lift(self) -> None:
        """Lift every denial of a key that was denied by itself."""
        for denial in self.denied.values():
            self._call("DELETE", f"/gatepost/deny-list/{denial}")
        self.denied = {}

    def _rule(self) -> dict[str, Any]:
        return rule_of(self._upload, cn=self.template, locations={"paths": [PLACE]}) | {"schedule": "5m"}

    # --- What happens to the server --------------------------------------------------------------------------------------

    def pass_time(self, ms: int) -> None:
        """Let time go on, or jump back."""
        self.house.clock.time += ms

    def restart(self) -> None:
        """End the process without a word, and begin another on the same database."""
        self._begin(self.house.database)

    def keep_house(self) -> None:
        """Do what is due."""
        Housekeeper(self.house.storage, self.house.clock, 30).keep()

    def back_up(self) -> None:
        """Make a backup."""
        self._count += 1
        path = self._folder / f"backup-{self._count}"
        write_backup(self.house.database, path, self.house.clock())
        states = {item.registration: item.revoked for item in self.actors if not item.deleted}
        self._backup = _Memory(path, states, dict(self.denied), self.check, self.template, self.door)

    def restore(self) -> None:
        """Restore the backup into another database, and go on there."""
        memory = self._backup
        if memory is None:
            return
        url = self._new()
        now = self.house.clock
        restore_backup(
            url,
            memory.path,
            Keybox(MASTER_KEY, os.urandom),
            lambda records, made: settle_restored(records, made, now(), os.urandom),
        )
        self.secrets += 1
        self.actors = [item for item in self.actors if item.registration in memory.devices]
        for actor in self.actors:
            actor.revoked, actor.deleted = memory.devices[actor.registration], False
            actor.shown = None
        self.denied, self.check, self.template = dict(memory.denied), memory.check, memory.template
        self.door = memory.door
        self._begin(url)

    def _new_file(self) -> str:
        self._count += 1
        return f"sqlite:///{self._folder / f'restored-{self._count}.db'}"

    def _begin(self, url: str) -> None:
        self._runner.run(self._client.aclose())
        time = self.house.clock.time
        self.house.intake.stop()
        self.house.close()
        house = House(self._folder, database=url, made=True)
        house.clock.time = time
        self._open(house)

    # --- What devices do -------------------------------------------------------------------------------------------------

    def enroll(self) -> Actor:
        """Enrol a device with a certificate."""
        self._count += 1
        name = f"laptop-{self._count}"
        body = {"kind": "enrollment", "name": name, "uses": 1}
        token = self._call("POST", "/gatepost/tokens", body)["token"]
        member = Member(self.house)
        document = member.enrollment(Facts(hostname=name, serial_number=f"S-{self._count}"))
        answer = self._post("/device/v1/enroll", document, {"Authorization": f"Bearer {token}"})
        assert answer.status_code == OK, answer.text
        member.enrolled = msgspec.json.decode(answer.content, type=Enrolled)
        registration = member.enrolled.registration_id
        actor = Actor(member=member, name=name, held=self._issue(name, 24 * 60), registration=registration)
        self.actors.append(actor)
        return actor

    def renew(self, actor: Actor, minutes: int) -> None:
        """Give a device another certificate with another key, which ends in so many minutes."""
        actor.held = self._issue(actor.name, minutes)

    def report(self, actor: Actor, intent: Intent) -> bool:
        """Ask for a nonce and report; tell whether it was acknowledged."""
        synced = self._synchronise(actor)
        if synced is None:
            return False
        checks = decode(jws.split(jws.Kind.CHECKS, (synced.checks or "").encode()).payload, Checks).checks
        given_at, nonce, secret = actor.nonces[0] if intent is Intent.LATE else actor.nonces[-1]
        if intent is Intent.INVENTED:
            given_at, nonce = self.house.clock(), self.house.clock().to_bytes(8, "big") + bytes(32)
        held = self._held_for(actor, intent)
        signature = self._signature(actor, intent, held, nonce)
        found = () if intent is Intent.BARE else (_place(held.issued, signature),)
        actor.sequence += 1
        report = Report(
            aud=actor.member.audience,
            sequence=actor.sequence,
            nonce=nonce,
            facts=Facts(hostname=actor.name),
            # Each third report names what it shows, and carries nothing: refused, unless this device showed it before.
            certificates={item.sha256: held.issued.der for item in found if actor.sequence % 3},
            checks=tuple(
                CheckAnswer(id=item.id, version=item.version, status=Status.PASS, candidates=found) for item in checks
            ),
        )
        document = actor.member.sign(jws.Kind.REPORT, report)
        proved = {Intent.HONEST, Intent.LATE, Intent.MISNAMED, Intent.FOREIGN}
        # Where time stood still the nonce is the same, and so is what it is answered with.
        pasted = intent is Intent.PASTED and (actor.signed[0], actor.signed[2]) == (nonce, held.key)
        sound = (intent in proved or pasted) and secret == self.secrets
        sound = sound and -CLOCKS_APART <= self.house.clock() - given_at <= OLDEST_NONCE
        actor.sent.append(document)
        if intent is Intent.HONEST:
            actor.signed = nonce, signature, held.key
        return self._hand_in(actor, document, Shown(held, given_at, self.house.clock()) if sound else None)

    def replay(self, actor: Actor, which: int) -> None:
        """Send a report once more that was sent before; the newest one may be acknowledged again, and changes nothing."""
        if actor.sent:
            document = actor.sent[which % len(actor.sent)]
            answer = self._post("/device/v1/report", document)
            if answer.status_code == OK:
                self._look_at_verdicts(actor, answer, actor.shown if document == actor.accepted else None)

    def _hand_in(self, actor: Actor, document: bytes, shown: Shown | None) -> bool:
        answer = self._post("/device/v1/report", document)
        if answer.status_code != OK:
            assert answer.status_code in {401, 403, 409}, answer.text
            return False
        actor.shown, actor.accepted = shown, document
        self._look_at_verdicts(actor, answer, shown)
        return True

    def _look_at_verdicts(self, actor: Actor, answer: httpx2.Response, shown: Shown | None) -> None:
        for verdict in msgspec.json.decode(answer.content)["verdicts"]:
            assert verdict["status"] != "pass" or self._may_pass(actor, shown), f"{actor.name} is told that it passes"

    def _synchronise(self, actor: Actor) -> Synced | None:
        sync = Sync(aud=actor.member.audience, checks_version=-1)
        answer = self._post("/device/v1/sync", actor.member.sign(jws.Kind.SYNC, sync))
        if answer.status_code != OK:
            assert answer.status_code in {401, 403, 409}, answer.text
            assert actor.revoked or actor.deleted, answer.text
            return None
        synced = msgspec.json.decode(answer.content, type=Synced)
        actor.nonces.append((self.house.clock(), synced.nonce, self.secrets))
        return synced

    def _held_for(self, actor: Actor, intent: Intent) -> Held:
        match intent:
            case Intent.STOLEN:
                return next((item.held for item in self.actors if item is not actor), actor.held)
            case Intent.MISNAMED:
                return self._issue(f"not-{actor.name}", 60)
            case Intent.FOREIGN:
                return msgspec.structs.replace(self._issue(actor.name, 60, THEIRS), ours=False)
            case _:
                return actor.held

    def _signature(self, actor: Actor, intent: Intent, held: Held, nonce: bytes) -> bytes:
        match intent:
            case Intent.FORGED:
                return b"\1" * 64
            case Intent.PASTED:
                return actor.signed[1]
            case Intent.STOLEN:
                statement = actor.member.statement(hashlib.sha256(held.issued.der).digest(), nonce)
                return prove(actor.held.issued, statement) if held is not actor.held else b"\1" * 64
            case _:
                return prove(held.issued, actor.member.statement(hashlib.sha256(held.issued.der).digest(), nonce))

    def _issue(self, name: str, minutes: int, authority: CertificateAuthority = OURS) -> Held:
        begins, ends = (self.house.clock() // 1000 + 60 * item for item in (-5, minutes))
        issued = authority.issue(
            cn=name, not_before=datetime.fromtimestamp(begins, UTC), not_after=datetime.fromtimestamp(ends, UTC)
        )
        return Held(issued, name, ours=True, begins=begins * 1000, ends=ends * 1000 + 999)

    # --- What must hold --------------------------------------------------------------------------------------------------

    def inspect(self) -> None:
        """Look at every result: none may count as a pass that the model does not allow."""
        by_id = {item.registration: item for item in self.actors}
        for result in self._call("GET", "/gatepost/results?per_page=1000"):
            if result["counts"] and result["status"] == "pass":
                actor = by_id[result["registration_id"]]
                assert self._may_pass(actor, actor.shown), f"{actor.name} passes"
        for actor in self.actors:
            assert not self.is_let_in(actor) or self._may_pass(actor, actor.shown), f"{actor.name} passes at the proxy"
            assert not self.is_browser_let_in(actor) or self.may_browse(actor), f"a browser beside {actor.name} passes"

    def is_let_in(self, actor: Actor) -> bool:
        """Tell whether a proxy is told to let a device in by the certificate that it holds: from memory, where that serves."""
        return self._is_let_in(actor, certificate=hashlib.sha256(actor.held.issued.der).digest())

    def is_browser_let_in(self, actor: Actor) -> bool:
        """Tell whether a proxy is told to let in the browser for which the device vouched last, with every session it has."""
        window = actor.window
        return window is not None and self._is_let_in(actor, cookies={window.app: window.session})

    def may_browse(self, actor: Actor) -> bool:
        """Tell whether it may."""
        window = actor.window
        return (
            window is not None
            and self.door is not None
            and (window.app, window.secret) == (self.door.app, self.secrets)
            and self.house.clock() < window.ends
            and self.may_pass(actor)
        )

    def log_in(self, actor: Actor) -> None:
        """Have the device vouch for a browser, all the way; one that does not count cannot."""
        if self.door is None:
            return
        asked = Question(credential=self.door.token, app=HOST, host=HOST, target="/", address="192.0.2.7")
        account = self.house.account_id
        request = _parameter(self._vouching.begin(asked, "state"), "request")
        challenge = _parameter(self._vouching.challenge(account, request, "browser"), "challenge")
        voucher = actor.member.sign(jws.Kind.VOUCH, Vouch(aud=actor.member.audience, challenge=challenge)).decode()
        back = self._vouching.vouched(account, voucher, "browser")
        assert isinstance(back, Turned) == (actor.revoked or actor.deleted)
        if isinstance(back, Turned):
            return
        done = self._vouching.complete(asked, _parameter(back, "code"), "state")
        assert isinstance(done, Completed)
        actor.window = Window(done.session, done.app_id, self.house.clock() + 10 * MINUTE, self.secrets)

    def _is_let_in(self, actor: Actor, **known_by: Any) -> bool:  # noqa: ANN401 - the fields of a question.
        if self.door is None:
            return False
        question = Question(
            credential=self.door.token, app=HOST, host=HOST, target="/", address="192.0.2.7", **known_by
        )
        self._memory.refresh()
        answer = self._deciding.recall(question) or self._deciding.decide(question)
        assert answer.registration in {None, actor.registration}
        return answer.verdict.allowed

    def passes(self, actor: Actor) -> bool:
        """Tell whether a device has a pass that counts."""
        path = f"/gatepost/results?registration_id={actor.registration}"
        return any(item["counts"] and item["status"] == "pass" for item in self._call("GET", path))

    def may_pass(self, actor: Actor) -> bool:
        """Tell whether it may."""
        return self._may_pass(actor, actor.shown)

    def _may_pass(self, actor: Actor, shown: Shown | None) -> bool:
        if shown is None or actor.revoked or actor.deleted or self.check is None:
            return False
        held, now = shown.held, self.house.clock()
        # What was judged stands while a clock goes back by as much as clocks may be apart.
        began = held.begins <= now or held.begins <= shown.judged_at <= now + CLOCKS_APART
        return (
            held.ours
            and held.name == self.template.replace("${hostname}", actor.name)
            and began
            and now <= held.ends
            and now < shown.measured_at + EXPIRATION
            and held.key not in self.denied
        )

    def _call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON of any kind.
        url = f"/client/v4/accounts/{self.house.account_id}{path}"
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._runner.run(self._client.request(method, url, json=body, headers=headers))
        said = answer.json()
        assert said["success"], said
        return said["result"]

    def _post(self, path: str, document: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
        return self._runner.run(self._client.post(path, content=document, headers=headers or {}))


def _parameter(url: str | Turned, name: str) -> str:
    assert isinstance(url, str)
    return dict(parse_qsl(urlsplit(url).query))[name]


def _place(issued: Issued, signature: bytes) -> PlacedCandidate:
    return PlacedCandidate(
        sha256=hashlib.sha256(issued.der).hexdigest(),
        store=StoreKind.PEM_FILE,
        path=PLACE,
        key=KeyState.PRESENT,
        signature=signature,
    )


def _key_of(issued: Issued) -> str:
    public = issued.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()
