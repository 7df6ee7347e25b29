"""Which stores a check looks into on this device: the one place where the names of the readers meet."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.check import Locations, TrustStore
from gatepost.core.finding import Fault, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.refused import RefusedPlace

if TYPE_CHECKING:
    from gatepost.stores.deputy import Deputy
    from gatepost.stores.interface import Store

SYSTEM_NSSDB: Final = "/etc/pki/nssdb"
CHILD: Final = (sys.executable, "-I", "-m", "gatepost.stores.child")
"""The program that reads as others. ``-I``: nothing of its environment or folder counts."""
_PKCS11: Final = "pkcs11:"


class PlaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where this device keeps certificates. ``nssdb`` stands for the trust store ``system``."""

    nssdb: tuple[str, ...] = (SYSTEM_NSSDB,)
    allowed_paths: tuple[str, ...] = ()
    """Folders whose files may be read although a lesser user can write there."""
    key_passwords: dict[str, str] = {}
    """For a PEM file with an encrypted private key, the file that holds its password."""


def find_stores(locations: Locations, settings: PlaceSettings) -> tuple[Store, ...]:
    """Return the stores that ``locations`` names, each ready to be read."""
    from gatepost.stores.safe_open import Access

    access = Access(allowed_paths=settings.allowed_paths)
    stores: list[Store] = []
    if TrustStore.SYSTEM in locations.trust_stores:
        from gatepost.stores.nssdb import NssDatabase

        stores.extend(NssDatabase(folder, access, deputize=_deputize) for folder in settings.nssdb)
    if TrustStore.USER in locations.trust_stores:
        from gatepost.stores.user_nssdbs import UserDatabases

        stores.append(UserDatabases(_deputize))
    files = tuple(path for path in locations.paths if not path.startswith(_PKCS11))
    if files:
        from gatepost.stores.pem_files import PemFiles

        stores.append(PemFiles(files, access, settings.key_passwords))
    tokens = (path for path in locations.paths if path.startswith(_PKCS11))
    stores.extend(_refuse(StoreKind.PKCS11, uri, "PKCS#11 tokens are not read by this release") for uri in tokens)
    return tuple(stores)


def _deputize() -> Deputy:
    """Make a deputy, once a store needs one: hardly any check does, and it brings all that starting a process takes."""
    from gatepost.stores.deputy import Deputy

    return Deputy(CHILD)


def _refuse(store: StoreKind, path: str, detail: str) -> RefusedPlace:
    location = Location(store=store, path=path)
    return RefusedPlace(Fault(location=location, reason=Reason.LOCATION_UNSUPPORTED, detail=detail))
