"""Which stores a check looks into on this device: the one place where the names of the readers meet."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from gatepost.core.check import Locations, OperatingSystem, TrustStore
from gatepost.core.finding import Fault, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.core.token_uri import SCHEME
from gatepost.stores.refused import RefusedPlace

if TYPE_CHECKING:
    from collections.abc import Callable

    from gatepost.stores.allowance import Allowance
    from gatepost.stores.deputy import Deputy
    from gatepost.stores.interface import Store
    from gatepost.stores.pins import RefusedPins
    from gatepost.stores.safe_open import Access

SYSTEM: Final = {"darwin": OperatingSystem.MAC, "win32": OperatingSystem.WINDOWS}.get(
    sys.platform, OperatingSystem.LINUX
)
"""The system that this process runs on."""
SYSTEM_NSSDB: Final = "/etc/pki/nssdb"
SYSTEM_KEYCHAIN: Final = "/Library/Keychains/System.keychain"
CHILD: Final = (sys.executable, "-I", "-m", "gatepost.stores.child")
"""The program that reads as others. ``-I``: nothing of its environment or folder counts."""
TOKEN_CHILD: Final = (sys.executable, "-I", "-m", "gatepost.stores.token_child")
"""The program that loads PKCS#11 modules."""


class PlaceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where this device keeps certificates. What the trust store ``system`` means: ``nssdb`` on Linux, ``keychains`` on macOS."""

    nssdb: tuple[str, ...] = (SYSTEM_NSSDB,)
    keychains: tuple[str, ...] = (SYSTEM_KEYCHAIN,)
    allowed_paths: tuple[str, ...] = ()
    """Folders whose files may be read although a lesser user can write there."""
    key_passwords: dict[str, str] = {}
    """For a PEM file with an encrypted private key, the file that holds its password."""
    pkcs11_modules: tuple[str, ...] = ()
    """PKCS#11 modules; no other is ever loaded."""
    pkcs11_pin_files: dict[str, str] = {}
    """For a token's label or serial number, the file that holds its PIN."""


def find_stores(
    locations: Locations,
    settings: PlaceSettings,
    system: OperatingSystem = SYSTEM,
    refused: RefusedPins | None = None,
    allowance: Allowance | None = None,
) -> tuple[Store, ...]:
    """Return the stores that ``locations`` names on a ``system``, each ready to be read.

    ``refused`` knows which PINs a token has refused; without it, this account's own file of them counts. ``allowance`` has the
    seconds for other users' stores; without it, these stores have one of their own.
    """
    if system is OperatingSystem.WINDOWS:
        from gatepost.cli.windows_places import find_windows_stores

        return find_windows_stores(locations)
    from gatepost.stores.safe_open import Access

    access = Access(allowed_paths=settings.allowed_paths)
    deputize = _deputizer(allowance)
    stores: list[Store] = []
    if TrustStore.SYSTEM in locations.trust_stores:
        stores += _system_stores(settings, access, system, deputize)
    if TrustStore.USER in locations.trust_stores:
        stores.append(_user_store(system, deputize))
    files = tuple(path for path in locations.paths if not path.startswith(SCHEME))
    if files:
        from gatepost.stores.pem_files import PemFiles

        stores.append(PemFiles(files, access, settings.key_passwords, deputize))
    tokens = (path for path in locations.paths if path.startswith(SCHEME))
    stores.extend(_token(uri, settings, refused) for uri in tokens)
    return tuple(stores)


def _token(uri: str, settings: PlaceSettings, refused: RefusedPins | None) -> Store:
    from gatepost.stores.pins import REFUSED_PINS, PinFiles, RefusedPins
    from gatepost.stores.pkcs11 import Pkcs11Token, Reader

    # Modules find their own settings in the environment; ours are none of their business.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    reader = Reader(modules=settings.pkcs11_modules, command=TOKEN_CHILD, environment=environment)
    if refused is None:
        # This account's own, where the XDG base directories have such things.
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        refused = RefusedPins(state / "gatepost" / REFUSED_PINS)
    return Pkcs11Token(uri, reader, PinFiles(settings.pkcs11_pin_files, refused))


def _system_stores(
    settings: PlaceSettings, access: Access, system: OperatingSystem, deputize: Callable[[], Deputy]
) -> list[Store]:
    if system is OperatingSystem.MAC:
        from gatepost.stores.keychain import Keychain

        return [Keychain(path, access) for path in settings.keychains]
    from gatepost.stores.nssdb import NssDatabase

    return [NssDatabase(folder, access, deputize=deputize) for folder in settings.nssdb]


def _user_store(system: OperatingSystem, deputize: Callable[[], Deputy]) -> Store:
    if system is OperatingSystem.MAC:
        return _refuse(StoreKind.KEYCHAIN, "~/Library/Keychains/login.keychain-db", "users' keychains are not read")
    from gatepost.stores.user_nssdbs import UserDatabases

    return UserDatabases(deputize)


def _deputizer(allowance: Allowance | None) -> Callable[[], Deputy]:
    """Return what makes a deputy once a store needs one: few do, and it brings all that starting a process takes."""

    def deputize() -> Deputy:
        from gatepost.stores.deputy import Deputy

        nonlocal allowance
        allowance = allowance or new_allowance()
        return Deputy(CHILD, allowance=allowance)

    return deputize


def new_allowance() -> Allowance:
    """Return the whole time that a cycle has for other users' stores."""
    from gatepost.stores.allowance import Allowance

    return Allowance(time.monotonic)


def _refuse(store: StoreKind, path: str, detail: str) -> RefusedPlace:
    location = Location(store=store, path=path)
    return RefusedPlace(Fault(location=location, reason=Reason.LOCATION_UNSUPPORTED, detail=detail))
