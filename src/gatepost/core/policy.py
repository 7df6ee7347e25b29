"""Policies: who may reach which application, as values that are valid by construction. Deciding is another file's.

A rule is a question about one request. Its answer may be unknown: a device that reported nothing, or a rule of a kind that
is not evaluated (`Unevaluated`). Not knowing never lets anybody in: unknown counts as not met in the include and require of
a policy that lets in, and as met in its exclude; in a policy that denies it is the other way round.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

import msgspec

from gatepost.core.check import Evidence
from gatepost.errors import InputError


class Decision(StrEnum):
    """What becomes of a request that a policy matches. Bypass and non-identity are tried first, then allow and deny."""

    ALLOW = "allow"
    DENY = "deny"
    NON_IDENTITY = "non_identity"
    BYPASS = "bypass"


class Mode(StrEnum):
    """Whether a policy's posture rules count, or are only reported and count as met."""

    ENFORCE = "enforce"
    REPORT_ONLY = "report_only"


class Binding(StrEnum):
    """How it is known which device asks: its agent vouches, mutual TLS, or a device's token for programs."""

    AGENT = "agent"
    MUTUAL_TLS = "mutual_tls"
    TOKEN = "token"  # noqa: S105 - a word, no secret.


class Everyone(msgspec.Struct, frozen=True):
    """Everybody, known or not."""


class EmailAddress(msgspec.Struct, frozen=True):
    """The user with this address, in lower case."""

    address: str


class EmailDomain(msgspec.Struct, frozen=True):
    """Users whose address ends so: a host name in its ASCII form and lower case, without ``@``."""

    domain: str


class FromNetwork(msgspec.Struct, frozen=True):
    """Requests from these addresses."""

    network: IPv4Network | IPv6Network


class InGroup(msgspec.Struct, frozen=True):
    """Whoever a group's rules match."""

    group_id: str


class AnyCertificate(msgspec.Struct, frozen=True):
    """Whoever presents a valid client certificate."""


class CommonName(msgspec.Struct, frozen=True):
    """Whoever presents a valid client certificate with exactly this common name."""

    name: str


class OneServiceToken(msgspec.Struct, frozen=True):
    """A program with this service token."""

    token_id: str


class AnyServiceToken(msgspec.Struct, frozen=True):
    """A program with any service token that counts."""


class Posture(msgspec.Struct, frozen=True):
    """A device with an unexpired pass of this check; an unexpired fail is a no, and all else unknown."""

    check_id: str


class Unevaluated(msgspec.Struct, frozen=True):
    """A rule of a kind that is kept and not evaluated: its answer is always unknown."""

    kind: str


Rule: TypeAlias = (
    Everyone
    | EmailAddress
    | EmailDomain
    | FromNetwork
    | InGroup
    | AnyCertificate
    | CommonName
    | OneServiceToken
    | AnyServiceToken
    | Posture
    | Unevaluated
)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Include: at least one is met. Require: all are. Exclude: none is."""

    include: tuple[Rule, ...]
    require: tuple[Rule, ...] = ()
    exclude: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would match nobody, or everybody, by being empty; raises `InputError`."""
        if not self.include:
            raise InputError("include", "is empty", "Empty is invalid: at least one rule, such as everyone")

    @property
    def all(self) -> tuple[Rule, ...]:
        """Every rule, wherever it stands."""
        return (*self.include, *self.require, *self.exclude)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Rules under a name, for policies and other groups to refer to."""

    id: str
    name: str
    rules: Rules


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Rules and what becomes of whom they match. ``maximum_age`` of evidence is in seconds; None of anything: no limit."""

    id: str
    name: str
    decision: Decision
    rules: Rules
    mode: Mode = Mode.ENFORCE
    minimum_evidence: Evidence | None = None
    maximum_age: int | None = None
    bindings: tuple[Binding, ...] | None = None


class Host(msgspec.Struct, frozen=True, order=True):
    """A host of an application: ASCII, in lower case, ``*`` for any characters within a label; and a path, "" for all.

    ``*`` alone as the leftmost label stands for any number of them. A path covers what lies below it.
    """

    name: str
    path: str = ""

    @property
    def text(self) -> str:
        """As it is written, normalised."""
        return self.name + self.path


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What is protected: hosts, and the ids of its policies in the order of their precedence."""

    id: str
    name: str
    audience: str
    hosts: tuple[Host, ...]
    policies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an application that is nowhere; raises `InputError`."""
        if not self.hosts:
            raise InputError("domain", "is missing", "an application has at least one host")
