"""What judging makes: an account's checks ready to use, a judgement for each, and what a report says of its device."""

from __future__ import annotations

from typing import Final

import msgspec

from gatepost.controlplane.evidence import Held
from gatepost.controlplane.keys import AccountKeys
from gatepost.controlplane.ports import Registration, StoredCheck
from gatepost.core.check import Check
from gatepost.core.device import DeviceFacts
from gatepost.core.finding import Proof
from gatepost.core.log import PostureEntry
from gatepost.core.result import Result
from gatepost.wire.management.enrollment import FactRule


class LiveCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A stored check, compiled: what evaluation uses, and its name."""

    stored: StoredCheck
    check: Check
    name: str
    deny_shared: bool = False
    basis: bytes = b""
    """The SHA-256 of each of its signing certificates, in order: what is judged under others is judged otherwise."""


class SystemChecks(msgspec.Struct, frozen=True):
    """The checks that concern the devices of one operating system, and those of them that count."""

    all: tuple[LiveCheck, ...] = ()
    counting: tuple[LiveCheck, ...] = ()


_NONE: Final = SystemChecks()


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """What judging needs of an account, valid for one version of its checks."""

    number: int
    public_id: str
    keys: AccountKeys
    version: int
    checks: tuple[LiveCheck, ...]
    accept_facts: FactRule = FactRule.ADMINISTRATOR

    identifier: bytes = b""
    """The 16 bytes of its public id."""
    audiences: tuple[str, ...] = ()
    """Under which this server accepts documents for it."""
    by_system: dict[str, SystemChecks] = {}
    """The same checks, as `sort_checks` sorts them."""

    def checks_for(self, registration: Registration) -> tuple[LiveCheck, ...]:
        """Return the checks that concern this device: those for its operating system."""
        return self.by_system.get(device_type(registration), _NONE).all

    def counting_for(self, registration: Registration) -> tuple[LiveCheck, ...]:
        """Return those of them that count: a draft that devices answer too changes nothing else."""
        return self.by_system.get(device_type(registration), _NONE).counting


def sort_checks(checks: tuple[LiveCheck, ...]) -> dict[str, SystemChecks]:
    """Return checks by the operating system that they are for."""
    sorted_out: dict[str, SystemChecks] = {}
    for system in dict.fromkeys(item.check.operating_system for item in checks):
        of_it = tuple(item for item in checks if item.check.operating_system == system)
        sorted_out[system] = SystemChecks(of_it, tuple(item for item in of_it if not item.stored.trial))
    return sorted_out


class Ground(msgspec.Struct, frozen=True):
    """What a passing result rests on: the digest of its certificate's key, and that of its issuer and number."""

    key: bytes
    certificate: bytes


class FactChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a report says of its device: ``said`` is all that is recorded with what is new, ``named`` what certificates name."""

    said: DeviceFacts
    named: DeviceFacts


class Appraised(msgspec.Struct, frozen=True, gc=False):
    """When a judgement was made, until when (ms) the same report comes to the same, and when its certificates have ended."""

    at: int
    until: int
    valid_until: int | None


class Judgement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The result of one check with what the log shows of it."""

    live: LiveCheck
    result: Result
    entry: PostureEntry
    held: Held | None
    """What the report held for the check, proved: what a changed check is asked of; None: what is kept already."""
    digest: bytes
    """Of what the report held: the same digest, the same claim."""
    proofs: tuple[Proof, ...]
    """What became of each candidate's possession signature."""
    appraised: Appraised | None
    """How long the judgement holds; None where it must not be taken over, since something else decided it."""
    key_digest: bytes | None = None
    """The key that was proved, where one was."""
    rests_on: bytes | None = None
    """The DER of the certificate that a pass rests on; None for everything else."""
    vouched_by: bytes | None = None
    """The DER of the signing certificate behind it, where the judgement is new."""
    meanwhile: dict[str, object] | None = None
    """What the device says of the time before, in which it could not report: for the log alone."""


class Judged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A report that may be recorded: whose it is, its sequence and digest, and a judgement for each check it answered."""

    registration: Registration
    view: AccountView
    sequence: int
    digest: bytes
    measured_at: int
    """When the nonce that it answers was issued, in ms."""
    judgements: tuple[Judgement, ...]
    facts: FactChange
    client_version: str = ""


def device_type(registration: Registration) -> str:
    """Return the operating system that the device enrolled with."""
    return registration.device.device_type
