"""Which certificates' keys were proved by which registrations, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.controlplane.ports import KeyHolder
from gatepost.storage.bounds import page
from gatepost.storage.endings import ignore
from gatepost.storage.locks import hold_keys
from gatepost.storage.many import SelectMany, UpdateMany
from gatepost.storage.states import COUNTS
from gatepost.storage.tables import devices, proved_keys, registrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from gatepost.storage.tables import AnyRow

_KEY: Final = ("account", "key_digest", "registration_number")


def _prove(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """Return the one statement that each dialect spells by itself: a new proof puts the end off, and never back."""
    later = case(
        (insert.excluded.ends_at > proved_keys.c.ends_at, insert.excluded.ends_at), else_=proved_keys.c.ends_at
    )
    return insert.on_conflict_do_update(index_elements=_KEY, set_={"ends_at": later})


STATEMENTS: Final = {"sqlite": _prove(sqlite.insert(proved_keys)), "postgresql": _prove(postgresql.insert(proved_keys))}
"""How a proof is noted, by dialect."""

_ACCOUNT = proved_keys.c.account == bindparam("account")
_LIVE = proved_keys.c.ends_at > bindparam("now")
_HOLDERS = (
    select(
        proved_keys.c.key_digest,
        proved_keys.c.registration_number,
        registrations.c.public_id,
        devices.c.name,
        proved_keys.c.ends_at,
        proved_keys.c.owner,
    )
    .join(registrations, registrations.c.number == proved_keys.c.registration_number)
    .join(devices, devices.c.number == registrations.c.device_number)
    .where(_ACCOUNT, _LIVE, registrations.c.state == COUNTS)
)
_OF_KEYS = SelectMany(
    select(
        proved_keys.c.key_digest,
        proved_keys.c.registration_number,
        registrations.c.public_id,
        devices.c.name,
        proved_keys.c.ends_at,
        proved_keys.c.owner,
    )
    .join(registrations, registrations.c.number == proved_keys.c.registration_number)
    .join(devices, devices.c.number == registrations.c.device_number),
    proved_keys,
    ("account",),
    "key_digest",
    rest=f" AND registrations.state = {COUNTS}",
)
_EXTEND_MANY = UpdateMany(proved_keys, _KEY, ("ends_at",))
_OF_KEY = _HOLDERS.where(proved_keys.c.key_digest == bindparam("key_digest")).order_by(
    proved_keys.c.registration_number
)
_SEVERAL = (
    select(proved_keys.c.key_digest)
    .join(registrations, registrations.c.number == proved_keys.c.registration_number)
    .where(_ACCOUNT, _LIVE, registrations.c.state == COUNTS)
    .group_by(proved_keys.c.key_digest)
    .having(func.count() > 1)
)
_SHARED = (
    _HOLDERS.where(proved_keys.c.key_digest.in_(_SEVERAL))
    .order_by(proved_keys.c.key_digest, proved_keys.c.registration_number)
    .limit(bindparam("limit"))
)
_MOST: Final = 1_000
"""Registrations of one key, and keys of one registration: more are one incident."""
_EVER = (
    select(proved_keys.c.registration_number)
    .where(_ACCOUNT, proved_keys.c.key_digest == bindparam("key_digest"))
    .order_by(proved_keys.c.registration_number)
    .limit(_MOST)
)
_OF = (
    select(proved_keys.c.key_digest)
    .where(_ACCOUNT, proved_keys.c.registration_number == bindparam("registration"))
    .limit(_MOST)
)
_CHANGED = (proved_keys.c.account == bindparam("of_account"), proved_keys.c.key_digest == bindparam("of_key"))
_NOBODY = update(proved_keys).where(*_CHANGED).values(owner=False)
_OWNER = (
    update(proved_keys)
    .where(*_CHANGED, proved_keys.c.registration_number == bindparam("of_registration"))
    .values(owner=True)
)


def _holder(row: AnyRow) -> KeyHolder:
    return KeyHolder(
        key_digest=row[0],
        registration=row[1],
        registration_id=row[2],
        device_name=row[3],
        ends_at=row[4],
        owner=bool(row[5]),
    )


class SqlProvedKeys:
    """`ports.ProvedKeys` within one transaction."""

    def __init__(self, connection: Connection, ended: Callable[[int], None] = ignore) -> None:
        """Take what is called with the account where a key may have another holder than before."""
        self._connection = connection
        self._ended = ended
        self._prove = STATEMENTS[connection.dialect.name]
        self._expected: dict[tuple[int, bytes], dict[int, KeyHolder]] = {}
        self._extended: dict[tuple[int, bytes, int], int] = {}

    def hold(self, keys: Iterable[tuple[int, bytes]]) -> None:
        """Keep other processes from proving these keys, each of an account, until the transaction ends."""
        hold_keys(self._connection, keys)

    def expect(self, account: int, keys: Iterable[bytes]) -> None:
        """Read the holders of these keys at once; what a proof changes of their ends is put off."""
        wanted = [key for key in keys if (account, key) not in self._expected]
        self._expected.update(((account, key), {}) for key in wanted)
        for row in _OF_KEYS.run(self._connection, (account,), wanted):
            self._expected[account, row[0]][row[1]] = _holder(row)

    def forget_expected(self) -> None:
        """Read holders anew from now on: which registrations count has changed."""
        self.write_late()
        self._expected.clear()

    def write_late(self) -> None:
        """Write the ends that were put off."""
        rows = [(ends_at, *key) for key, ends_at in self._extended.items()]
        self._extended.clear()
        _EXTEND_MANY.run(self._connection, rows)

    def prove(self, account: int, key_digest: bytes, registration: int, ends_at: int) -> None:
        """Note that a registration proved a key, until ``ends_at`` (ms)."""
        expected = self._expected.get((account, key_digest))
        known = expected.get(registration) if expected else None
        if expected and known is not None:
            if len(expected) > 1:
                # Another's proof may have ended before: then this certificate was its alone, and is so no longer.
                self._ended(account)
            if ends_at > known.ends_at:
                expected[registration] = msgspec.structs.replace(known, ends_at=ends_at)
                self._extended[account, key_digest, registration] = ends_at
            return
        self._expected.pop((account, key_digest), None)
        self._ended(account)
        values = {"account": account, "key_digest": key_digest, "registration_number": registration}
        self._connection.execute(self._prove, {**values, "ends_at": ends_at, "owner": False})

    def holders(self, account: int, key_digest: bytes, now: int) -> tuple[KeyHolder, ...]:
        """Return the live registrations whose proof of this key has not ended, in the order of their numbers."""
        expected = self._expected.get((account, key_digest))
        if expected is not None:
            return tuple(expected[number] for number in sorted(expected) if expected[number].ends_at > now)
        self.write_late()
        rows = self._connection.execute(_OF_KEY, {"account": account, "key_digest": key_digest, "now": now})
        return tuple(map(_holder, rows))

    def ever(self, account: int, key_digest: bytes) -> tuple[int, ...]:
        """Return the numbers of all registrations that ever proved this key."""
        return tuple(self._connection.scalars(_EVER, {"account": account, "key_digest": key_digest}))

    def of(self, account: int, registration: int) -> tuple[bytes, ...]:
        """Return the keys that a registration ever proved."""
        return tuple(self._connection.scalars(_OF, {"account": account, "registration": registration}))

    def shared(self, account: int, now: int, limit: int) -> tuple[KeyHolder, ...]:
        """Return the holders of every key that more than one live registration proves, ordered by key."""
        self.write_late()
        rows = self._connection.execute(_SHARED, {"account": account, "now": now, "limit": page(limit)})
        return tuple(map(_holder, rows))

    def name_owner(self, account: int, key_digest: bytes, registration: int | None) -> bool:
        """Make one registration the key's owner, or nobody (None); False when that registration never proved the key."""
        self.forget_expected()
        self._ended(account)
        changed = {"of_account": account, "of_key": key_digest}
        self._connection.execute(_NOBODY, changed)
        if registration is None:
            return True
        return self._connection.execute(_OWNER, {**changed, "of_registration": registration}).rowcount == 1
