"""Limits before any credential is looked at: how often one address, and all together, may try.

Token buckets: each address has so many attempts at once, and gets them back at so many a second; all addresses together share a
larger bucket. A credential that counted a while ago is looked at whatever others at its address do, so that who shares an
address with somebody who guesses is not locked out. Memory is bounded: of all addresses, only those seen last are remembered.
What this process counts can be handed to others (`take_counted`), and what they counted taken in (`learn`), so that several
processes give nobody more attempts than one. Only the event loop may call this.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, OrderedDict
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gatepost.controlplane.counters import UNCOUNTED
from gatepost.controlplane.ports import AttemptKind, Attempts
from gatepost.errors import TooManyAttemptsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, MutableMapping

    from gatepost.controlplane.counters import Counters

    Scope = MutableMapping[str, Any]
    Address = IPv4Address | IPv6Address

_REMEMBERED: Final = 10_000
"""Addresses, each some hundred bytes; beyond these the one that was longest silent begins anew."""
_CREDENTIALS: Final = 1_000
"""Credentials that counted, as digests."""
_TRUSTED_FOR: Final = 3_600.0
"""Seconds for which a credential that counted passes by the limits; then it has to count again."""
_TOLD_EVERY: Final = 60.0
"""Seconds for which nothing is noted again of a credential that counted, and no other process told of it again."""
_HOPS: Final = 16
"""As many entries of X-Forwarded-For as are looked at, from the right."""
_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
_SUBSCRIBER: Final = 64
"""Bits of an IPv6 address that one subscriber does not choose."""


class Rate(msgspec.Struct, frozen=True):
    """``burst`` attempts at once, then ``per_second``."""

    burst: int
    per_second: float


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts to enrol; credentials that did not count; and the proxies whose word on a client's address is taken."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks, such as 10.0.0.0/8 or 192.0.2.7."""
    enrollments: Rate = Rate(100, 2)
    all_enrollments: Rate = Rate(500, 20)
    refusals: Rate = Rate(20, 0.5)
    all_refusals: Rate = Rate(500, 50)


class _Bucket:
    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = float(rate.burst)
        self._at = now

    def wait(self, now: float) -> int:
        """Return how many whole seconds it takes until there is an attempt left; 0: now."""
        self._fill(now)
        return 0 if self._left >= 1 else math.ceil((1 - self._left) / self._rate.per_second)

    def take(self, now: float, count: int) -> None:
        """Take so many, or as many as there are."""
        self._fill(now)
        self._left = max(0.0, self._left - count)

    def _fill(self, now: float) -> None:
        self._left = min(self._rate.burst, self._left + (now - self._at) * self._rate.per_second)
        self._at = now


class Limit:
    """One kind of attempt: a bucket for each address, and one for all."""

    def __init__(self, rates: tuple[Rate, Rate], clock: Callable[[], float], tell: Callable[[], None]) -> None:
        """Take the rate of one address and that of all, a clock in seconds, and whom to tell when somebody is turned away."""
        self._each = rates[0]
        self._clock = clock
        self._tell = tell
        self._together = _Bucket(rates[1], clock())
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()

    def check(self, address: str) -> None:
        """Raise `TooManyAttemptsError` where there is no attempt left."""
        now = self._clock()
        wait = max(self._of(address, now).wait(now), self._together.wait(now))
        if wait:
            self._tell()
            raise TooManyAttemptsError(wait)

    def spend(self, address: str, count: int = 1) -> None:
        """Take attempts; more than there are cost nothing more."""
        now = self._clock()
        self._of(address, now).take(now, count)
        self._together.take(now, count)

    def _of(self, address: str, now: float) -> _Bucket:
        bucket = self._addresses.pop(address, None) or _Bucket(self._each, now)
        self._addresses[address] = bucket
        if len(self._addresses) > _REMEMBERED:
            self._addresses.popitem(last=False)
        return bucket


class Limits:
    """The limits of one process. They begin anew with it."""

    # What was counted and not handed on yet: bounded by the rates where it is fetched, and by this where it is not.
    _MOST_COUNTED: Final = 2_000

    def __init__(self, settings: LimitSettings, clock: Callable[[], float], counters: Counters = UNCOUNTED) -> None:
        self._proxies = tuple(map(parse_network, settings.trusted_proxies))
        self._clock = clock
        self._good: OrderedDict[str, float] = OrderedDict()
        self._counted: Counter[tuple[AttemptKind, str]] = Counter()
        self._enrollments = Limit(
            (settings.enrollments, settings.all_enrollments), clock, lambda: counters.limited("enrollment")
        )
        self._refusals = Limit(
            (settings.refusals, settings.all_refusals), clock, lambda: counters.limited("credential")
        )

    def enroll(self, scope: Scope) -> None:
        """Take an attempt to enrol; raises `TooManyAttemptsError`."""
        address = self.address(scope)
        self._enrollments.check(address)
        self._enrollments.spend(address)
        self._count(AttemptKind.ENROLLMENT, address)

    def admit(self, scope: Scope, credential: str) -> None:
        """Insist that a credential may be looked at now; raises `TooManyAttemptsError`."""
        seen = self._good.get(_digest(credential))
        if seen is None or self._clock() - seen > _TRUSTED_FOR:
            self._refusals.check(self.address(scope))

    def counted(self, credential: str) -> None:
        """Remember that a credential counted."""
        digest = _digest(credential)
        known = self._good.get(digest)
        if known is None or self._clock() - known > _TOLD_EVERY:
            self._count(AttemptKind.CREDENTIAL, digest)
            self._trust(digest)

    def refused(self, scope: Scope, credential: str) -> None:
        """Take an attempt: the credential did not count."""
        self._good.pop(_digest(credential), None)
        address = self.address(scope)
        self._refusals.spend(address)
        self._count(AttemptKind.REFUSAL, address)

    def take_counted(self) -> tuple[Attempts, ...]:
        """Return what was counted since the last call."""
        counted, self._counted = self._counted, Counter()
        return tuple(Attempts(kind, subject, count) for (kind, subject), count in counted.items())

    def learn(self, counted: Iterable[Attempts]) -> None:
        """Take in what other processes counted."""
        for item in counted:
            match item.kind:
                case AttemptKind.ENROLLMENT:
                    self._enrollments.spend(item.subject, item.count)
                case AttemptKind.REFUSAL:
                    self._refusals.spend(item.subject, item.count)
                case AttemptKind.CREDENTIAL:
                    self._trust(item.subject)

    def _trust(self, digest: str) -> None:
        self._good.pop(digest, None)
        self._good[digest] = self._clock()
        if len(self._good) > _CREDENTIALS:
            self._good.popitem(last=False)

    def _count(self, kind: AttemptKind, subject: str) -> None:
        if len(self._counted) < self._MOST_COUNTED:
            self._counted[kind, subject] += 1

    def address(self, scope: Scope) -> str:
        """Return the client's address, of IPv6 its network: the peer's own, or what trusted proxies say."""
        peer = _parse((scope.get("client") or ("", 0))[0])
        if peer is None:
            return ""
        client = self._forwarded(scope, peer) if self._proxies else peer
        if isinstance(client, IPv6Address):
            return str(IPv6Network((client, _SUBSCRIBER), strict=False))
        return str(client)

    def _forwarded(self, scope: Scope, peer: Address) -> Address:
        """Follow X-Forwarded-For from the right for as long as proxies of ours wrote it; what is no address ends it."""
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
        client = peer
        for text in reversed(",".join(lines).rsplit(",", _HOPS)[-_HOPS:]):
            if not self._is_trusted(client):
                break
            hop = _parse_hop(text.strip())
            if hop is None:
                break
            client = hop
        return client

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


def parse_network(text: str) -> IPv4Network | IPv6Network:
    """Read a network, or one address; raises ValueError."""
    return ip_network(text)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A listener for both families shows IPv4 so.
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _parse_hop(text: str) -> Address | None:
    """Read an address as proxies write it: some put the port behind it, and then IPv6 between brackets."""
    with_port = _WITH_PORT.fullmatch(text)
    return _parse(text if with_port is None else with_port[1] or with_port[2])


def _digest(credential: str) -> str:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()
