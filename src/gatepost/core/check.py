"""A check: the question that an administrator asks of every device, in a form that is valid by construction.

What the API stores as it was sent becomes this; a check without a signing certificate cannot be made, and what a system
cannot reach is refused here. Source: ``docs/reference/semantics.md``, sections 1, 3, 5, 6.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from gatepost.core.certificate import Certificate
from gatepost.core.device import Template, parse_template
from gatepost.core.extensions import NameKind
from gatepost.errors import InputError

MAXIMUM_PATHS: Final = 16
"""As many file paths as one check may name; together they are one place."""
MAXIMUM_NAME_TEMPLATES: Final = 64
"""As many subject alternative names as one check may ask for."""
MAXIMUM_CANDIDATES: Final = 1_000
"""As many candidates as are judged; more is ``too-many-candidates``: no device holds so many honestly."""
MAXIMUM_REPORTED: Final = 16
"""As many candidates as are reported and sign: the passing ones, then the nearest."""


class Evidence(StrEnum):
    """How sure a result is, weakest first (section 5)."""

    REPORTED = "reported"
    KEY_PRESENT = "key_present"
    POSSESSION = "possession"
    HARDWARE = "hardware"

    @property
    def rank(self) -> int:
        """Its place in the order, 0 for the weakest."""
        return _RANKS[self]


_RANKS: Final = {level: rank for rank, level in enumerate(Evidence)}


class Purpose(StrEnum):
    """The extended key usages that a check can ask for; ``oid`` is the dotted identifier (RFC 5280, 4.2.1.12)."""

    CLIENT_AUTH = "clientAuth"
    EMAIL_PROTECTION = "emailProtection"

    @property
    def oid(self) -> str:
        """The purpose's dotted object identifier."""
        return "1.3.6.1.5.5.7.3.2" if self is Purpose.CLIENT_AUTH else "1.3.6.1.5.5.7.3.4"


class OperatingSystem(StrEnum):
    """The systems that have an agent."""

    WINDOWS = "windows"
    MAC = "mac"
    LINUX = "linux"


class TrustStore(StrEnum):
    """The stores that a check names by a word."""

    SYSTEM = "system"
    USER = "user"


class NameTemplate(msgspec.Struct, frozen=True):
    """A name asked for: its ``kind`` (None: DNS, email, URI or IP) and its template without the prefix."""

    kind: NameKind | None
    template: Template


class Locations(msgspec.Struct, frozen=True):
    """Where to look: stores by word, and absolute paths of PEM files, which together are one place."""

    trust_stores: tuple[TrustStore, ...] = (TrustStore.SYSTEM,)
    paths: tuple[str, ...] = ()


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check, valid by construction. Durations are whole seconds; without ``expiration`` results do not end by it."""

    id: str
    version: int = 1
    authorities: tuple[Certificate, ...]
    common_name: Template | None = None
    alternative_names: tuple[NameTemplate, ...] = ()
    purposes: tuple[Purpose, ...] = ()
    asks_key: bool = False
    evidence: Evidence = Evidence.REPORTED
    hardware_policies: tuple[str, ...] = ()
    operating_system: OperatingSystem = OperatingSystem.LINUX
    locations: Locations = Locations()
    schedule: int = 300
    expiration: int | None = 660
    enabled: bool = True

    def __post_init__(self) -> None:
        """Refuse what can never be meant; raises `InputError`."""
        if not self.authorities:
            raise InputError("certificate_id", "names no signing certificate", "upload the certificate authority first")
        if len(self.alternative_names) > MAXIMUM_NAME_TEMPLATES:
            problem = f"has {len(self.alternative_names)} names"
            raise InputError("subject_alternative_names", problem, f"at most {MAXIMUM_NAME_TEMPLATES}")
        self._refuse_places()
        self._refuse_evidence()

    def _refuse_places(self) -> None:
        if len(self.locations.paths) > MAXIMUM_PATHS:
            raise InputError("locations.paths", f"has {len(self.locations.paths)} paths", f"at most {MAXIMUM_PATHS}")
        if not self.locations.trust_stores and not self.locations.paths:
            raise InputError("locations", "names no place", "give trust_stores, paths, or leave locations out")

    def _refuse_evidence(self) -> None:
        if self.evidence is not Evidence.REPORTED and not self.asks_key:
            raise InputError("evidence", f"{self.evidence} needs the private key", "set check_private_key")
        if self.operating_system is OperatingSystem.MAC and self.evidence.rank > Evidence.KEY_PRESENT.rank:
            problem = f"{self.evidence} cannot be reached on mac yet"
            raise InputError("evidence", problem, "allowed are reported, key_present")
        if self.evidence is Evidence.HARDWARE and not self.hardware_policies:
            raise InputError("evidence", "hardware can be reached by no certificate", "list hardware_policies")

    @property
    def signs(self) -> bool:
        """Whether the check asks for a signature of the certificate's key."""
        return self.evidence.rank >= Evidence.POSSESSION.rank


def default_evidence(operating_system: OperatingSystem, *, asks_key: bool) -> Evidence:
    """Return the level asked for when none is set: possession where it can be had (section 5)."""
    if not asks_key:
        return Evidence.REPORTED
    return Evidence.KEY_PRESENT if operating_system is OperatingSystem.MAC else Evidence.POSSESSION


def parse_name_template(text: str, field: str) -> NameTemplate:
    """Parse a name asked for; ``dns: email: uri: ip: upn:`` in front fix its kind. Raises `InputError`."""
    prefix, colon, rest = text.partition(":")
    if colon and prefix in set(NameKind):
        return NameTemplate(NameKind(prefix), parse_template(rest, field))
    return NameTemplate(None, parse_template(text, field))
