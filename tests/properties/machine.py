"""Everything that may happen, in any order: a state machine over `tests.properties.world`."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.properties.world import MINUTE, Intent, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.properties.world import Actor

_ACTORS = st.integers(0, 2)
_MANY = 3
_STEPS = st.sampled_from(
    [1_000, 2 * MINUTE, 4 * MINUTE, 6 * MINUTE, 11 * MINUTE, 16 * MINUTE, 60 * MINUTE, -1_000, -20 * MINUTE]
)


class Ending(StrEnum):
    """What must end a pass: something that happens, or what the device reports next."""

    DENIED = "its key is denied"
    REVOKED = "the device is revoked"
    RESTORED = "a backup is restored"
    OTHER_CHECK = "the check asks for another name"
    CERTIFICATE = "its certificate ends"
    LATE = "a proof with an old nonce"
    REPLAYED = "an earlier report comes again"
    FORGED = Intent.FORGED.value
    PASTED = Intent.PASTED.value
    INVENTED = Intent.INVENTED.value
    STOLEN = Intent.STOLEN.value


class NoPassWithoutProof(RuleBasedStateMachine):
    """No sequence of events gives a pass without an unexpired proof, nor lets in at a proxy."""

    new_database: ClassVar[Callable[[], str] | None] = None

    def __init__(self) -> None:
        """Make a server."""
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="gatepost-property-")
        self.world = World(Path(self._folder.name), type(self).new_database)

    def teardown(self) -> None:
        """End it."""
        self.world.close()
        self._folder.cleanup()

    def _actor(self, number: int) -> Actor:
        return self.world.actors[number % len(self.world.actors)]

    @initialize()
    def begin(self) -> None:
        """Ask for certificates, and enrol a device."""
        self.world.ask()
        self.world.enroll()

    @precondition(lambda self: len(self.world.actors) < _MANY)
    @rule()
    def enroll(self) -> None:
        """Another device comes."""
        self.world.enroll()

    @precondition(lambda self: self.world.actors)
    @rule(number=_ACTORS, times=st.integers(1, 2))
    def report_honestly(self, number: int, times: int) -> None:
        """Have a device report what is right: it passes, or nothing here would ever be tried."""
        actor = self._actor(number)
        for _ in range(times):
            if self.world.report(actor, Intent.HONEST):
                assert self.world.passes(actor) == self.world.may_pass(actor), f"{actor.name} should pass"
                assert self.world.is_let_in(actor) == self.world.may_pass(actor), (
                    f"{actor.name} should pass at the proxy"
                )

    @precondition(lambda self: self.world.actors)
    @rule(number=_ACTORS)
    def log_in(self, number: int) -> None:
        """Have a device vouch for a browser, which is let in where the device is."""
        actor = self._actor(number)
        self.world.log_in(actor)
        assert self.world.is_browser_let_in(actor) == self.world.may_browse(actor), f"{actor.name} should let browse"

    @precondition(lambda self: self.world.actors)
    @rule(number=_ACTORS, intent=st.sampled_from(list(Intent)))
    def report(self, number: int, intent: Intent) -> None:
        """Have a device say whatever it likes."""
        self.world.report(self._actor(number), intent)

    @precondition(lambda self: self.world.actors)
    @rule(number=_ACTORS, which=st.integers(0, 20))
    def replay(self, number: int, which: int) -> None:
        """Somebody sends a report once more."""
        self.world.replay(self._actor(number), which)

    @rule(ms=_STEPS)
    def pass_time(self, ms: int) -> None:
        """Time goes on, or jumps back."""
        self.world.pass_time(ms)

    @precondition(lambda self: self.world.actors)
    @rule(number=_ACTORS, minutes=st.sampled_from([1, 3, 30, 24 * 60]))
    def renew(self, number: int, minutes: int) -> None:
        """Give a device another certificate."""
        self.world.renew(self._actor(number), minutes)

    @precondition(lambda self: self.world.actors)
    @rule(number=_ACTORS, event=st.sampled_from(list(Ending)))
    def happen_to_a_pass(self, number: int, event: Ending) -> None:
        """Have happen what must end a pass, right after there was one: by chance alone it would seldom be."""
        actor = self._actor(number)
        # It may end before its results would.
        self.world.renew(actor, 3 if event is Ending.CERTIFICATE else 24 * 60)
        actor.nonces.clear()
        actor.sent.clear()
        for _ in range(3):
            self.world.report(actor, Intent.HONEST)
        match event:
            case Ending.DENIED:
                self.world.deny(actor)
            case Ending.REVOKED:
                self.world.revoke(actor, deny=False)
            case Ending.RESTORED:
                self.world.back_up()
                self.world.restore()
                # Whatever the restore ended by its time has not ended a second before.
                self.world.pass_time(-1_000)
            case Ending.OTHER_CHECK:
                self.world.ask_otherwise("another-${hostname}")
            case _:
                self._let_a_pass_end(actor, event)

    def _let_a_pass_end(self, actor: Actor, event: Ending) -> None:
        match event:
            case Ending.CERTIFICATE:
                self.world.pass_time(4 * MINUTE)
                self.world.inspect()
                self.world.report(actor, Intent.HONEST)
            case Ending.LATE:
                # The nonce is too old, and a result of its age would still stand.
                self.world.pass_time(10 * MINUTE + MINUTE // 2)
                self.world.report(actor, Intent.LATE)
            case Ending.REPLAYED:
                self.world.report(actor, Intent.BARE)
                self.world.replay(actor, 0)
            case _:
                self.world.report(actor, Intent(event.value))

    @precondition(lambda self: self.world.actors)
    @rule(number=_ACTORS, act=st.sampled_from(["revoke", "revoke and deny", "unrevoke", "deny", "lift", "delete"]))
    def administer_a_device(self, number: int, act: str) -> None:
        """Revoke a device, let it back, deny its key, or delete it."""
        actor = self._actor(number)
        match act:
            case "unrevoke":
                self.world.unrevoke(actor)
            case "deny":
                self.world.deny(actor)
            case "lift":
                self.world.lift()
            case "delete":
                self.world.delete(actor)
            case _:
                self.world.revoke(actor, deny=act.endswith("deny"))

    @rule(template=st.sampled_from(["${hostname}", "not-${hostname}", ""]))
    def administer_the_check(self, template: str) -> None:
        """Have the check ask for another name; or take it away, and make another one."""
        if template:
            self.world.ask_otherwise(template)
        else:
            self.world.forget()
            self.world.inspect()
            self.world.ask()

    @rule(event=st.sampled_from(["restart", "keep house", "back up", "restore"]))
    def happen_to_the_server(self, event: str) -> None:
        """End the process without a word and begin another; do what is due; make a backup, or have it become the database."""
        match event:
            case "restart":
                self.world.restart()
            case "keep house":
                self.world.keep_house()
            case "back up":
                self.world.back_up()
            case _:
                self.world.restore()

    @invariant()
    def no_pass_without_an_unexpired_proof(self) -> None:
        """At every moment."""
        self.world.inspect()
