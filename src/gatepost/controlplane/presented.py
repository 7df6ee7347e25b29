"""The certificates that reports show: carried in full the first time, and afterwards named by their digest.

A report may name what its own registration showed before, and nothing else: whoever knows a digest, but not the certificate,
gets nothing from it. What was shown is kept in the newest claims; a process remembers what it saw, within a bound of bytes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from gatepost.controlplane.evidence import certificates_in
from gatepost.core.certificate import Certificate, Malformed, parse_certificate, public_key_in
from gatepost.core.signature import load_public_key
from gatepost.errors import CertificateNotShownError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gatepost.controlplane.ports import Records
    from gatepost.core.signature import LoadedKey

_BUDGET: Final = 64 * 1024 * 1024
"""Bytes of certificates that a process remembers: those of some 50,000 devices."""
_BESIDE: Final = 512
"""Bytes that a certificate takes beside its own, with its name and its loaded key; and a registration beside those."""


class Shown:
    """One certificate, by its DER; its key is loaded once."""

    __slots__ = ("_key", "_loaded", "der")

    def __init__(self, der: bytes) -> None:
        self.der = der
        self._key: LoadedKey | None = None
        self._loaded = False

    def load_key(self) -> LoadedKey | None:
        """Return its key; None for what has none that a check accepts."""
        if not self._loaded:
            key = public_key_in(self.der)
            self._key = load_public_key(key) if key is not None else None
            self._loaded = True
        return self._key


class Presented:
    """The certificates of one report, by the hexadecimal SHA-256 of their DER; parsed when somebody asks."""

    def __init__(self, carried: Mapping[str, bytes], before: Mapping[str, Shown]) -> None:
        """Take those that it carries, and those shown before; raises `InputError` where a digest is not its name."""
        self._shown: dict[str, Shown] = {}
        for name, content in carried.items():
            known = before.get(name)
            if known is not None and known.der == content:
                self._shown[name] = known
            elif hashlib.sha256(content).hexdigest() == name:
                self._shown[name] = Shown(content)
            else:
                raise InputError(f"/certificates/{name}", "is another certificate's digest")
        self._parsed: dict[str, Certificate | Malformed] = {}

    def supply(self, named: Iterable[str], before: Mapping[str, Shown]) -> bool:
        """Add what is named and was shown before; tell whether nothing is missing."""
        complete = True
        for name in named:
            if name not in self._shown:
                known = before.get(name)
                if known is None:
                    complete = False
                else:
                    self._shown[name] = known
        return complete

    def find(self, name: str) -> Shown:
        """Return the certificate of this name; raises `CertificateNotShownError`."""
        known = self._shown.get(name)
        if known is None:
            raise CertificateNotShownError(f"{name} is not in the report, and was in none before; send it")
        return known

    def contents(self) -> list[bytes]:
        """Return all of them."""
        return [item.der for item in self._shown.values()]

    def parsed(self) -> dict[str, Certificate | Malformed]:
        """Return all of them as facts."""
        if not self._parsed:
            self._parsed = {name: parse_certificate(item.der) for name, item in self._shown.items()}
        return self._parsed

    def all(self) -> dict[str, Shown]:
        """Return all of them by name."""
        return self._shown


class Memory:
    """What registrations showed in their newest reports, as far as there is room; used by one thread at a time."""

    def __init__(self, budget: int = _BUDGET) -> None:
        """Take the bytes that it may hold."""
        self._budget = budget
        self._spent = 0
        self._kept: OrderedDict[tuple[int, int], dict[str, Shown]] = OrderedDict()

    def of(self, account: int, registration: int) -> Mapping[str, Shown]:
        """Return what a registration is known to have shown."""
        return self._kept.get((account, registration)) or {}

    def keep(self, account: int, registration: int, shown: dict[str, Shown]) -> None:
        """Remember what a registration shows now instead of what it showed before."""
        pair = account, registration
        before = self._kept.pop(pair, None)
        self._spent += _size(shown) - (0 if before is None else _size(before))
        self._kept[pair] = shown
        while self._spent > self._budget:
            self._spent -= _size(self._kept.popitem(last=False)[1])


def read_shown(records: Records, account: int, registrations: Iterable[int]) -> dict[int, dict[str, Shown]]:
    """Read what the newest reports of these registrations showed; empty for one that showed nothing."""
    found: dict[int, dict[str, Shown]] = {}
    for registration, claim in records.evidence.claims(account, registrations):
        known = found.setdefault(registration, {})
        known.update((hashlib.sha256(item).hexdigest(), Shown(item)) for item in certificates_in(claim))
    return found


def _size(shown: Mapping[str, Shown]) -> int:
    return _BESIDE + sum(len(item.der) + _BESIDE for item in shown.values())
