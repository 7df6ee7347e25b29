"""Which stores a check looks into on a Windows; `gatepost.cli.places` asks here.

The store ``user`` is that of the account that asks. Only the service, which runs as SYSTEM and has no certificates of its
own, looks into the stores of whoever has signed in, by a helper in each one's session.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from gatepost.core.check import Locations, TrustStore
from gatepost.core.finding import Fault, Location, StoreKind
from gatepost.core.reason import Reason
from gatepost.stores.refused import RefusedPlace
from gatepost.stores.windows import WindowsStore
from gatepost.stores.windows_answers import SessionStore
from gatepost.stores.windows_session import Helper, Session, SessionApi
from gatepost.stores.windows_users import SignedInUsers

if TYPE_CHECKING:
    from gatepost.stores.interface import Store

HELPER: Final = (sys.executable, "-I", "-m", "gatepost.stores.windows_user")
"""The program that reads in a user's session. ``-I``: nothing of its environment or folder counts."""
_SYSTEM_ACCOUNT: Final = "S-1-5-18"


def find_windows_stores(locations: Locations, sessions: SessionApi | None = None) -> tuple[Store, ...]:
    """Return the stores that ``locations`` names, each ready to be read. Raises OSError on another system."""
    stores = [_store(scope, sessions or SessionApi()) for scope in locations.trust_stores]
    return (*stores, *(_refuse(path) for path in locations.paths))


def _store(scope: TrustStore, sessions: SessionApi) -> Store:
    if scope is TrustStore.USER and sessions.own_account() == _SYSTEM_ACCOUNT:
        return SignedInUsers(sessions.sessions, partial(_open_session, sessions))
    return WindowsStore(scope)


def _open_session(sessions: SessionApi, session: Session) -> Store:
    helper = Helper(partial(sessions.token, session.identifier), HELPER, os.urandom)
    return SessionStore(session.user, helper, os.urandom)


def _refuse(path: str) -> RefusedPlace:
    location = Location(store=StoreKind.PEM_FILE, path=path)
    detail = "files and tokens are not read on Windows by this release"
    return RefusedPlace(Fault(location=location, reason=Reason.LOCATION_UNSUPPORTED, detail=detail))
