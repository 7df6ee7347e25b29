r"""The certificate stores of Windows, ``LocalMachine\My`` and ``CurrentUser\My``, through its own functions (crypt32).

Stores are opened for reading and are never made, keys are opened without asking anybody, and every handle is released.
``CurrentUser`` is the account that this process runs as: what lies in the store of whoever has signed in, a service learns
from a process in their session (`gatepost.stores.windows_answers`). Source: ``docs/reference/semantics.md``, section 6.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, closing
from itertools import islice
from typing import TYPE_CHECKING, Final

from gatepost.core.certificate import Certificate, Malformed, parse_certificate
from gatepost.core.check import TrustStore
from gatepost.core.finding import Candidate, Fault, Findings, KeyState, Location, StoreKind
from gatepost.core.name import parse_name
from gatepost.core.reason import Reason
from gatepost.stores.interface import Unsigned
from gatepost.stores.windows_api import CURRENT_USER, LOCAL_MACHINE, Refused, StoreApi, bytes_at, load_library
from gatepost.stores.windows_key import Named, sign_with_key, try_key
from gatepost.stores.windows_key_api import KeyApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gatepost.stores.interface import Query
    from gatepost.stores.windows_api import ContextPointer, Library

MACHINE_PATH: Final = r"Cert:\LocalMachine\My"
USER_PATH: Final = r"Cert:\CurrentUser\My"

_PERSONAL: Final = "MY"
_UNTRUSTED: Final = "Disallowed"
"""The store of certificates that are not to be trusted, whatever else lies where."""
_MAXIMUM_CERTIFICATES: Final = 100_000
"""Certificates looked at in one store; a device has a few, and these take a second."""
_MAXIMUM_CERTIFICATE: Final = 64 * 1024
"""Bytes of a certificate; what is larger fits into no report."""
_MAXIMUM_NAME: Final = 4_096
"""Bytes of an issuer's name that is compared at all."""

_REASONS: Final = {
    0x00000002: Reason.STORE_MISSING,  # ERROR_FILE_NOT_FOUND
    0x80070002: Reason.STORE_MISSING,  # the same as HRESULT
    0x80092004: Reason.STORE_MISSING,  # CRYPT_E_NOT_FOUND
    0x00000005: Reason.PERMISSION_DENIED,  # ERROR_ACCESS_DENIED
    0x80070005: Reason.PERMISSION_DENIED,  # E_ACCESSDENIED
}


class WindowsStore:
    """The personal store of the machine (``system``) or of the account that this process runs as (``user``)."""

    watched: tuple[str, ...] = ()
    """The stores lie in the registry, and users' in files whose layout is nobody's promise."""

    def __init__(self, scope: TrustStore, load: Callable[[str], Library] = load_library) -> None:
        """Take whose store it is. Raises OSError on another system than Windows."""
        self._api = StoreApi(load)
        self._keys = KeyApi(load)
        self._owner = LOCAL_MACHINE if scope is TrustStore.SYSTEM else CURRENT_USER
        self._path = MACHINE_PATH if scope is TrustStore.SYSTEM else USER_PATH

    def read(self, query: Query) -> Findings:
        """Find the candidates; each key that is asked for signs once, so that it is known to be there and the right one."""
        with ExitStack() as stack:
            store = stack.enter_context(self._api.open_store(self._owner, _PERSONAL))
            untrusted = stack.enter_context(self._api.open_store(self._owner, _UNTRUSTED))
            if isinstance(store, Refused):
                return Findings(faults=(self._fault(store),))
            search = _Search(
                self._api, self._keys, self._path, query, None if isinstance(untrusted, Refused) else untrusted
            )
            contexts = stack.enter_context(closing(self._api.certificates(store)))
            faults = (*self._search(search, contexts), *self._unless_missing(untrusted))
            return search.end(faults)

    def _search(self, search: _Search, contexts: Iterator[ContextPointer | Refused]) -> tuple[Fault, ...]:
        for context in islice(contexts, _MAXIMUM_CERTIFICATES):
            if isinstance(context, Refused):
                return (self._fault(context),)
            if not search.take(context):
                return ()
        return () if next(contexts, None) is None else (self._excess(),)

    def _unless_missing(self, untrusted: int | Refused) -> tuple[Fault, ...]:
        """Say so when the store of what is not to be trusted could not be read; that it is not there is no fault."""
        fault = (
            self._fault(untrusted, "the store of untrusted certificates") if isinstance(untrusted, Refused) else None
        )
        return () if fault is None or fault.reason is Reason.STORE_MISSING else (fault,)

    def sign(self, candidate: Candidate, statement: bytes) -> bytes | Unsigned:
        """Sign ``statement`` with the key of ``candidate``, which is looked up anew."""
        certificate = candidate.certificate
        if isinstance(certificate, Malformed):
            return Unsigned("what cannot be read as a certificate has no key", KeyState.MISSING)
        with self._api.open_store(self._owner, _PERSONAL) as store:
            if isinstance(store, Refused):
                return Unsigned(f"{self._path} could not be opened ({store})")
            outcome: bytes | Unsigned = Unsigned(f"it is no longer in {self._path}", KeyState.MISSING)
            with closing(self._api.certificates(store)) as contexts:
                for context in islice(contexts, _MAXIMUM_CERTIFICATES):
                    if isinstance(context, Refused) or _encoded(context) != certificate.der:
                        continue
                    named = Named(context, self._api.key_provider(context))
                    outcome = sign_with_key(self._keys, named, certificate.public_key, statement)
                    if isinstance(outcome, bytes):
                        break
            return outcome

    def command(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the PowerShell by which a person sees this candidate."""
        return ("powershell", "-NoProfile", "-Command", inspection(self._path, candidate))

    def _fault(self, refused: Refused, what: str = "") -> Fault:
        reason = _REASONS.get(refused.code, Reason.STORE_UNREADABLE)
        detail = f"{what or self._path} could not be read ({refused})"
        return Fault(location=self._location(), reason=reason, detail=detail)

    def _excess(self) -> Fault:
        detail = f"{self._path} has more than {_MAXIMUM_CERTIFICATES} certificates"
        return Fault(location=self._location(), reason=Reason.STORE_UNREADABLE, detail=detail)

    def _location(self) -> Location:
        return Location(store=StoreKind.WINDOWS, path=self._path)


class _Search:
    """One reading of a store: what was found up to now."""

    def __init__(self, api: StoreApi, keys: KeyApi, path: str, query: Query, untrusted: int | None) -> None:
        self._api = api
        self._keys = keys
        self._path = path
        self._query = query
        self._untrusted = untrusted
        self._matches: dict[bytes, bool] = {}
        self._found: dict[bytes, Candidate] = {}
        self._others = 0
        self._too_many = False

    def take(self, context: ContextPointer) -> bool:
        """Look at one certificate; False when there are too many candidates to go on."""
        if not self._is_wanted(context):
            self._others += 1
            return True
        certificate = _parse(context)
        before = self._found.get(certificate.sha256)
        if before is None and len(self._found) == self._query.limit:
            self._too_many = True
            return False
        # One store is made of several places, and may show a certificate twice: then the one with the key counts.
        if before is None or before.key is not KeyState.PRESENT:
            self._found[certificate.sha256] = self._candidate(context, certificate)
        return True

    def end(self, faults: tuple[Fault, ...]) -> Findings:
        """Return what was found."""
        candidates = tuple(self._found.values())
        return Findings(candidates=candidates, others=self._others, faults=faults, too_many=self._too_many)

    def _is_wanted(self, context: ContextPointer) -> bool:
        issuer = context.contents.information.contents.issuer
        name = bytes_at(issuer.address, min(issuer.count, _MAXIMUM_NAME + 1))
        known = self._matches.get(name)
        if known is None:
            known = self._matches[name] = _canonical(name) in self._query.issuers
        return known

    def _candidate(self, context: ContextPointer, certificate: Certificate | Malformed) -> Candidate:
        state, detail = KeyState.NOT_ASKED, ""
        if self._query.asks_key and isinstance(certificate, Certificate):
            state, detail = try_key(self._keys, Named(context, self._api.key_provider(context)), certificate)
        return Candidate(
            certificate=certificate,
            location=Location(store=StoreKind.WINDOWS, path=self._path, label=self._api.friendly_name(context)),
            key=state,
            key_detail=detail,
            distrusted=self._untrusted is not None and self._api.contains(self._untrusted, context),
        )


def inspection(path: str, candidate: Candidate) -> str:
    """Return the PowerShell that shows a candidate in a store, by the SHA-1 that Windows names certificates by."""
    thumbprint = hashlib.sha1(candidate.certificate.der, usedforsecurity=False).hexdigest().upper()
    return rf"Get-Item {path}\{thumbprint} | Format-List Subject, Issuer, NotAfter, FriendlyName, HasPrivateKey"


def _canonical(name: bytes) -> bytes | None:
    """Return the canonical form of an issuer's name; None for what is no name, which is then another issuer's."""
    if len(name) > _MAXIMUM_NAME:
        return None
    try:
        return parse_name(name).canonical
    except (ValueError, OverflowError):
        return None


def _encoded(context: ContextPointer) -> bytes:
    return bytes_at(context.contents.encoded, context.contents.length)


def _parse(context: ContextPointer) -> Certificate | Malformed:
    length = context.contents.length
    if length <= _MAXIMUM_CERTIFICATE:
        return parse_certificate(_encoded(context))
    encoded = bytes_at(context.contents.encoded, _MAXIMUM_CERTIFICATE)
    detail = f"it has {length} bytes; at most {_MAXIMUM_CERTIFICATE} are read"
    return Malformed(encoded, hashlib.sha256(encoded).digest(), detail)
