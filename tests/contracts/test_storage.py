"""What the use cases may rely on, whatever database stands behind `ports.Storage`.

All of these tests run on each kind.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.core.check import Evidence
from gatepost.core.device import DeviceFacts
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.core.result import Result
from gatepost.errors import ConflictError, InputError, NotFoundError, StorageError
from gatepost.storage.database import SqlStorage, open_storage
from gatepost.storage.migration import migrate
from tests.kinds import KINDS, new_database
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ODD_TEXTS = [
    pytest.param("", id="empty"),
    pytest.param("🦊 ﬀ ß \u202e", id="emoji"),
    pytest.param("x" * 10_000, id="long"),
    pytest.param("'; DROP TABLE tokens; --", id="sql"),
    pytest.param('%s ? :name \\ " ,', id="placeholders"),
]


class Database:
    """One empty database; each `open` is what another process would have. Random bytes come from a counted hash."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: list[SqlStorage] = []
        self._drawn = 0
        migrate(url)

    def open(self) -> SqlStorage:
        """Open the database once more."""
        self._opened.append(open_storage(self._url, samples.MASTER_KEY, self._random))
        return self._opened[-1]

    def close(self) -> None:
        """Close all that was opened."""
        for storage in self._opened:
            storage.close()

    def _random(self, length: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_128(self._drawn.to_bytes(8, "big")).digest(length)


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give an empty database."""
    made = Database(new_database(request))
    yield made
    made.close()


@pytest.fixture
def storage(database: Database) -> SqlStorage:
    """Give storage with one account, number 1."""
    opened = database.open()
    with opened.writing() as records:
        assert samples.store_account(records).number == 1
    return opened


def _race(*acts: Callable[[], bool]) -> list[bool]:
    """Run all at once, and return what each came to."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], bool]) -> bool:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


# --- Accounts ---------------------------------------------------------------------------------------------------------


def test_accounts_are_found_by_public_id_and_listed_oldest_first(storage: SqlStorage) -> None:
    """An account comes back as it was made."""
    with storage.writing() as records:
        second = samples.store_account(records, 0xF)
    with storage.reading() as records:
        first = records.accounts.find(f"{1:032x}")
        assert first is not None
        assert (first, second) == records.accounts.all()
        assert records.accounts.find("f" * 32) is None


def test_an_account_is_refused_when_its_public_id_is_taken(storage: SqlStorage) -> None:
    """No two accounts can be meant by one id."""
    with pytest.raises(StorageError), storage.writing() as records:
        samples.store_account(records)


# --- Tokens -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_a_token_comes_back_whole_whatever_its_name(storage: SqlStorage, name: str) -> None:
    """Every field of a token survives, and odd names are only text."""
    stored = samples.token(1, name=name, revoked_at=samples.NOW)
    with storage.writing() as records:
        records.tokens.add(stored)
    with storage.reading() as records:
        assert stored == records.tokens.find(stored.digest)


def test_a_token_comes_back_bare_when_it_has_nothing_optional(storage: SqlStorage) -> None:
    """What is None stays None."""
    stored = samples.token(1, scopes=(), expires_at=None, uses_left=None, user_email=None)
    with storage.writing() as records:
        records.tokens.add(stored)
    with storage.reading() as records:
        assert stored == records.tokens.find(stored.digest)
        assert records.tokens.find(b"\xff" * 32) is None


def test_tokens_are_listed_by_account_and_kind_oldest_first(storage: SqlStorage) -> None:
    """A list holds neither another account's tokens nor another kind's."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        wanted = [samples.token(1, 9), samples.token(1, 2)]
        others = [samples.token(1, 3, kind="administrator"), samples.token(2, 4)]
        for token in (wanted[0], *others, wanted[1]):
            records.tokens.add(token)
        assert tuple(wanted) == records.tokens.all(1, "enrollment")


def test_a_counted_token_is_spent_until_none_is_left(storage: SqlStorage) -> None:
    """As many uses as were given, and no more; what the caller holds in memory does not count."""
    token = samples.token(1, uses_left=2)
    with storage.writing() as records:
        records.tokens.add(token)
        assert [True, True, False] == [records.tokens.spend(token) for _ in range(3)]
        left = records.tokens.find(token.digest)
        assert left is not None
        assert left.uses_left == 0


def test_an_uncounted_token_is_never_spent(storage: SqlStorage) -> None:
    """None means any number of uses."""
    token = samples.token(1, uses_left=None)
    with storage.writing() as records:
        records.tokens.add(token)
        assert records.tokens.spend(token)
        assert token == records.tokens.find(token.digest)


def test_the_last_use_of_a_token_is_given_once_when_two_processes_ask(storage: SqlStorage, database: Database) -> None:
    """Uniqueness lies in the database, not in a process."""
    token = samples.token(1, uses_left=1)
    with storage.writing() as records:
        records.tokens.add(token)

    def spend(through: SqlStorage) -> bool:
        with through.writing() as records:
            return records.tokens.spend(token)

    other = database.open()
    assert [False, True] == sorted(_race(lambda: spend(storage), lambda: spend(other)))


def test_a_revoked_token_has_no_uses_and_keeps_its_first_time(storage: SqlStorage) -> None:
    """Revoking twice changes nothing, and revoking nothing says so."""
    token = samples.token(1)
    with storage.writing() as records:
        samples.store_account(records, 2)
        records.tokens.add(token)
        assert records.tokens.revoke(1, token.id, 5)
        assert records.tokens.revoke(1, token.id, 6)
        assert not records.tokens.revoke(2, token.id, 7)
        assert not records.tokens.spend(token)
        assert msgspec.structs.replace(token, revoked_at=5) == records.tokens.find(token.digest)


# --- Certificates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ODD_TEXTS, pytest.param(None, id="none")])
def test_an_upload_comes_back_whole_whatever_its_name(storage: SqlStorage, name: str | None) -> None:
    """The PEM text is the one that was sent."""
    stored = samples.certificate(1, name=name, ca=False)
    with storage.writing() as records:
        records.certificates.add(stored)
    with storage.reading() as records:
        assert stored == records.certificates.find(1, stored.id)


def test_uploads_are_their_accounts_alone(storage: SqlStorage) -> None:
    """Another account neither sees nor removes an upload."""
    mine, yours = samples.certificate(1, 1), samples.certificate(2, 2)
    with storage.writing() as records:
        samples.store_account(records, 2)
        records.certificates.add(mine)
        records.certificates.add(yours)
        records.certificates.remove(2, mine.id)
        assert (mine,) == records.certificates.all(1)
        assert records.certificates.find(2, mine.id) is None
        records.certificates.remove(1, mine.id)
        assert () == records.certificates.all(1)
        assert (yours,) == records.certificates.all(2)


def test_an_upload_stays_while_a_check_names_it(storage: SqlStorage) -> None:
    """The database itself refuses, and the transaction goes on."""
    upload = samples.certificate(1)
    with storage.writing() as records:
        records.certificates.add(upload)
        check = records.checks.add(samples.check(1, certificate_id=upload.id))
        with pytest.raises(ConflictError):
            records.certificates.remove(1, upload.id)
        records.checks.remove(1, check.number)
        records.certificates.remove(1, upload.id)
        assert records.certificates.find(1, upload.id) is None


# --- Checks -----------------------------------------------------------------------------------------------------------


def test_a_check_comes_back_whole_with_its_number(storage: SqlStorage) -> None:
    """Document and options are the very bytes that were given."""
    upload = samples.certificate(1)
    with storage.writing() as records:
        records.certificates.add(upload)
        stored = records.checks.add(
            samples.check(1, number=1, certificate_id=upload.id, document=b'{ "name":"\\u00e9"}')
        )
    assert stored.number > 0
    with storage.reading() as records:
        assert stored == records.checks.find(1, stored.id)
        assert records.checks.find(2, stored.id) is None
        assert (stored,) == records.checks.all(1)


def test_checks_are_listed_oldest_first(storage: SqlStorage) -> None:
    """The order is the order of making, not of ids."""
    with storage.writing() as records:
        stored = tuple(records.checks.add(samples.check(1, number)) for number in (3, 1, 2))
        assert stored == records.checks.all(1)


@pytest.mark.parametrize("certificate_id", [samples.public_id(202), samples.public_id(299)], ids=["others", "none"])
def test_a_check_is_refused_when_it_names_an_upload_that_the_account_has_not(
    storage: SqlStorage, certificate_id: str
) -> None:
    """Neither another account's upload nor none at all can be named, at first or later."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        records.certificates.add(samples.certificate(2, 2))
        stored = records.checks.add(samples.check(1))
        with pytest.raises(NotFoundError):
            records.checks.add(samples.check(1, 2, certificate_id=certificate_id))
        with pytest.raises(NotFoundError):
            records.checks.replace(msgspec.structs.replace(stored, certificate_id=certificate_id))
        assert (stored,) == records.checks.all(1)


def test_a_check_is_replaced_in_all_that_may_change(storage: SqlStorage) -> None:
    """Identity, number and the time of making stay."""
    upload = samples.certificate(1)
    with storage.writing() as records:
        records.certificates.add(upload)
        stored = records.checks.add(samples.check(1))
        changed = msgspec.structs.replace(
            stored,
            type="client_certificate",
            document=b'{"name": "new"}',
            options=b"{}",
            version=99,
            updated_at=samples.NOW + 99,
            certificate_id=upload.id,
        )
        records.checks.replace(msgspec.structs.replace(changed, created_at=0))
        assert changed == records.checks.find(1, stored.id)


def test_replacing_an_unknown_check_is_refused(storage: SqlStorage) -> None:
    """Nothing is written in silence to nowhere."""
    with storage.writing() as records:
        stored = records.checks.add(samples.check(1))
        with pytest.raises(NotFoundError):
            records.checks.replace(msgspec.structs.replace(stored, number=stored.number + 1))
        with pytest.raises(NotFoundError):
            records.checks.replace(msgspec.structs.replace(stored, account=2))


def test_a_removed_check_takes_its_results_and_leaves_its_lines(storage: SqlStorage) -> None:
    """The log keeps its lines; the results of other checks stay."""
    with storage.writing() as records:
        registration = samples.store_registration(records, 1)
        gone, stays = (records.checks.add(samples.check(1, number)) for number in (1, 2))
        for check in (gone, stays):
            records.results.put(1, samples.stored_result(registration, check))
            records.posture_log.append(1, registration.number, check.number, samples.entry())
        records.checks.remove(2, gone.number)
        assert len(records.results.find(1, registration.number)) == 2
        records.checks.remove(1, gone.number)
        assert (samples.stored_result(registration, stays),) == records.results.find(1, registration.number)
        assert [stays.id, gone.id] == [line.check_id for line in records.posture_log.read(1, None, 10)]


def test_the_number_of_a_removed_check_is_never_used_again(storage: SqlStorage) -> None:
    """A result that is on its way can never be taken for another check's."""
    with storage.writing() as records:
        first = records.checks.add(samples.check(1))
        records.checks.remove(1, first.number)
        assert records.checks.add(samples.check(1)).number > first.number


def test_the_version_rises_with_every_change_of_checks_and_uploads(storage: SqlStorage) -> None:
    """Each change gives a higher number, in its own account alone."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        versions = [records.checks.version(1)]
        upload = samples.certificate(1)
        records.certificates.add(upload)
        versions.append(records.checks.version(1))
        check = records.checks.add(samples.check(1))
        versions.append(records.checks.version(1))
        records.checks.replace(check)
        versions.append(records.checks.version(1))
        records.checks.remove(1, check.number)
        versions.append(records.checks.version(1))
        records.certificates.remove(1, upload.id)
        versions.append(records.checks.version(1))
        records.checks.touch(1)
        versions.append(records.checks.version(1))
        assert versions[0] == 0
        assert sorted(set(versions)) == versions
        assert records.checks.version(2) == 0


# --- Devices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_a_registration_comes_back_whole_with_its_device(storage: SqlStorage, name: str) -> None:
    """Every field of both survives, found by id and by key."""
    with storage.writing() as records:
        device = records.devices.add(samples.device(1, name=name, facts=DeviceFacts(hostname=name)))
        stored = records.devices.register(samples.registration(device, revoked_at=samples.NOW, user_email=name))
    with storage.reading() as records:
        assert stored == records.devices.find(1, stored.id)
        assert stored == records.devices.by_thumbprint(stored.thumbprint)
        assert records.devices.find(2, stored.id) is None
        assert records.devices.by_thumbprint(b"\xff" * 32) is None


def test_many_registrations_are_found_at_once_and_strangers_left_out(storage: SqlStorage) -> None:
    """More ids than fit into one statement, among them unknown ones and another account's."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        mine = [samples.store_registration(records, 1, number) for number in range(3)]
        yours = samples.store_registration(records, 2, 3)
    unknown = [samples.public_id(10_000 + number) for number in range(1_500)]
    asked = (*unknown[:700], *(item.id for item in mine), yours.id, *unknown[700:])
    with storage.reading() as records:
        assert {item.id: item for item in mine} == records.devices.find_many(1, asked)
        assert {} == records.devices.find_many(1, ())


def test_a_known_key_is_refused_whatever_the_account(storage: SqlStorage) -> None:
    """One key is one registration; the transaction goes on."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        samples.store_registration(records, 1)
        device = records.devices.add(samples.device(2, 2))
        with pytest.raises(ConflictError):
            records.devices.register(samples.registration(device, 1, id=samples.public_id(600)))
        assert records.devices.register(samples.registration(device, 2)).number > 0


def test_a_registration_of_a_device_that_is_not_stored_is_refused(storage: SqlStorage) -> None:
    """Neither an unknown device nor another account's can be registered."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        device = records.devices.add(samples.device(2))
        for stranger in (msgspec.structs.replace(device, account=1), samples.device(1)):
            with pytest.raises(NotFoundError):
                records.devices.register(samples.registration(stranger))


def test_registrations_are_listed_page_by_page(storage: SqlStorage) -> None:
    """Pages follow each other without a gap, within one account."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        stored = [samples.store_registration(records, 1 + number % 2, number) for number in range(6)]
    mine = [item for item in stored if item.account == 1]
    with storage.reading() as records:
        first = records.devices.all(1, 0, 2)
        assert mine == [*first, *records.devices.all(1, first[-1].number, 2)]
        assert () == records.devices.all(1, mine[-1].number, 2)
        assert () == records.devices.all(1, 0, 0)


def test_a_sequence_is_taken_once_and_only_upwards(storage: SqlStorage) -> None:
    """A taken sequence leaves its digest and the time; one that is not newer leaves nothing."""
    with storage.writing() as records:
        stored = samples.store_registration(records, 1)
        assert not records.devices.advance(1, stored.number, stored.last_sequence, b"same", 1)
        assert not records.devices.advance(2, stored.number, 99, b"stranger", 1)
        assert records.devices.advance(1, stored.number, 12, b"newer", 2)
        assert not records.devices.advance(1, stored.number, 11, b"older", 3)
        expected = msgspec.structs.replace(stored, last_sequence=12, last_digest=b"newer", last_seen_at=2)
        assert expected == records.devices.find(1, stored.id)


def test_a_sequence_is_taken_once_when_two_processes_take_it(storage: SqlStorage, database: Database) -> None:
    """Of two reports with one sequence, one counts."""
    with storage.writing() as records:
        stored = samples.store_registration(records, 1)

    def advance(through: SqlStorage) -> bool:
        with through.writing() as records:
            return records.devices.advance(1, stored.number, 11, b"d", 1)

    other = database.open()
    assert [False, True] == sorted(_race(lambda: advance(storage), lambda: advance(other)))


def test_a_revoked_registration_takes_no_sequence_and_keeps_its_first_time(storage: SqlStorage) -> None:
    """A report that was judged before the revocation does not count after it."""
    with storage.writing() as records:
        stored = samples.store_registration(records, 1)
        records.devices.revoke(2, stored.number, 4)
        records.devices.revoke(1, stored.number, 5)
        records.devices.revoke(1, stored.number, 6)
        assert not records.devices.advance(1, stored.number, 99, b"d", 7)
        assert msgspec.structs.replace(stored, revoked_at=5) == records.devices.find(1, stored.id)


# --- Results ----------------------------------------------------------------------------------------------------------


def test_the_newest_result_of_a_pair_replaces_the_one_before(storage: SqlStorage) -> None:
    """One row for each registration and check, every field of it new."""
    with storage.writing() as records:
        registration = samples.store_registration(records, 1)
        check = records.checks.add(samples.check(1))
        first = samples.stored_result(registration, check)
        records.results.put(1, first)
        assert (first,) == records.results.find(1, registration.number)
        bare = Result(
            status=Status.PASS,
            reasons=(),
            evidence=None,
            check_version=0,
            certificate=None,
            measured_at=0,
            judged_at=0,
            ends_at=None,
        )
        second = msgspec.structs.replace(first, result=bare, expected="", received="\x01", logged_at=1, repeats=0)
        records.results.put(1, second)
        assert (second,) == records.results.find(1, registration.number)
        assert () == records.results.find(2, registration.number)


def test_a_result_is_refused_when_its_pair_is_not_the_accounts(storage: SqlStorage) -> None:
    """A check removed meanwhile, or another account's, is said; the transaction goes on."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        registration = samples.store_registration(records, 1)
        mine, yours = records.checks.add(samples.check(1)), records.checks.add(samples.check(2, 2))
        for stranger in (yours, msgspec.structs.replace(mine, number=999)):
            with pytest.raises(NotFoundError):
                records.results.put(1, samples.stored_result(registration, stranger))
        records.results.put(1, samples.stored_result(registration, mine))
        assert len(records.results.find(1, registration.number)) == 1


def test_results_are_listed_page_by_page_in_order(storage: SqlStorage) -> None:
    """Pages follow each other across registrations, without a gap."""
    with storage.writing() as records:
        checks = [records.checks.add(samples.check(1, number)) for number in range(3)]
        registrations = [samples.store_registration(records, 1, number) for number in range(3)]
        stored = [samples.stored_result(one, check) for one in registrations for check in checks]
        for item in reversed(stored):
            records.results.put(1, item)
    with storage.reading() as records:
        seen = list(records.results.all(1, (0, 0), 4))
        while page := records.results.all(1, (seen[-1].registration, seen[-1].check), 4):
            seen.extend(page)
    assert stored == seen


_MS = st.integers(-(2**63), 2**63 - 1)
_RESULTS = st.builds(
    Result,
    status=st.sampled_from(Status),
    reasons=st.lists(st.sampled_from(Reason), max_size=len(Reason)).map(tuple),
    evidence=st.none() | st.sampled_from(Evidence),
    check_version=_MS,
    certificate=st.none() | st.binary(max_size=32),
    measured_at=_MS,
    judged_at=_MS,
    ends_at=st.none() | _MS,
)


@pytest.fixture(scope="module", params=KINDS)
def generated(request: pytest.FixtureRequest) -> Iterator[SqlStorage]:
    """Give one database for all generated examples: none looks at another's rows."""
    made = Database(new_database(request))
    opened = made.open()
    with opened.writing() as records:
        samples.store_account(records)
        samples.store_registration(records, 1)
        records.checks.add(samples.check(1))
    yield opened
    made.close()


# No text has a NUL in it: PostgreSQL holds none, and what comes from outside is refused where it has one.
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


@given(result=_RESULTS, expected=_TEXTS, signature=st.none() | st.binary())
@settings(max_examples=60)
def test_whatever_a_result_says_comes_back(
    generated: SqlStorage, result: Result, expected: str, signature: bytes | None
) -> None:
    """Any combination of status, reasons, evidence, times and text, in results and in the log."""
    with generated.writing() as records:
        registration = records.devices.all(1, 0, 1)[0]
        check = records.checks.all(1)[0]
        stored = samples.stored_result(registration, check, result=result, expected=expected)
        entry = samples.entry(result=result, received=expected, signature=signature)
        records.results.put(1, stored)
        records.posture_log.append(1, registration.number, check.number, entry)
    with generated.reading() as records:
        assert (stored,) == records.results.find(1, registration.number)
        assert entry == records.posture_log.read(1, None, 1)[0].entry


# --- Posture log ------------------------------------------------------------------------------------------------------


def test_a_line_says_what_device_and_check_were_when_it_was_written(storage: SqlStorage) -> None:
    """A check that is renamed or removed later does not change its lines."""
    with storage.writing() as records:
        registration = samples.store_registration(records, 1)
        check = records.checks.add(samples.check(1, 7))
        records.posture_log.append(1, registration.number, check.number, samples.entry())
        records.checks.replace(msgspec.structs.replace(check, document=b'{"name": "Renamed"}', type="other"))
        records.posture_log.append(1, registration.number, check.number, samples.entry(signature=None))
        records.checks.remove(1, check.number)
    with storage.reading() as records:
        newer, older = records.posture_log.read(1, None, 10)
    device = registration.device
    assert (registration.id, device.id, device.name) == (older.registration_id, older.device_id, older.device_name)
    assert (device.details, device.facts) == (older.device_details, older.facts)
    assert (registration.user_email, check.id) == (older.user_email, older.check_id)
    assert ("Check 7", "client_certificate_v2", samples.entry()) == (older.check_name, older.check_type, older.entry)
    assert ("Renamed", "other", None) == (newer.check_name, newer.check_type, newer.entry.signature)


@pytest.mark.parametrize("document", [b"{}", b"no json", b'{"name": 7}', b"[]"])
def test_a_line_has_an_empty_name_when_the_check_has_none(storage: SqlStorage, document: bytes) -> None:
    """An odd document costs its name, never the line."""
    with storage.writing() as records:
        registration = samples.store_registration(records, 1)
        check = records.checks.add(samples.check(1, document=document))
        records.posture_log.append(1, registration.number, check.number, samples.entry())
        assert [""] == [line.check_name for line in records.posture_log.read(1, None, 10)]


def test_a_line_is_never_lost_in_silence(storage: SqlStorage) -> None:
    """An unknown or another account's registration or check is said."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        registration = samples.store_registration(records, 1)
        mine, yours = records.checks.add(samples.check(1)), records.checks.add(samples.check(2, 2))
        for account, one, check in ((1, 999, mine.number), (1, registration.number, yours.number), (2, 1, mine.number)):
            with pytest.raises(NotFoundError):
                records.posture_log.append(account, one, check, samples.entry())
        assert () == records.posture_log.read(1, None, 10)


def test_the_log_is_read_newest_first_page_by_page(storage: SqlStorage) -> None:
    """Pages follow each other without a gap, within one account."""
    with storage.writing() as records:
        samples.store_account(records, 2)
        pairs = []
        for account in (1, 2):
            registration = samples.store_registration(records, account, account)
            pairs.append((account, registration.number, records.checks.add(samples.check(account, account)).number))
        for reports in range(6):
            records.posture_log.append(*pairs[reports % 2], samples.entry(reports=reports))
    with storage.reading() as records:
        first = records.posture_log.read(1, None, 2)
        rest = records.posture_log.read(1, first[-1].number, 2)
    assert [4, 2, 0] == [line.entry.reports for line in (*first, *rest)]


# --- Secrets ----------------------------------------------------------------------------------------------------------


def test_a_secret_comes_back_for_its_account_and_name_alone(storage: SqlStorage) -> None:
    """Each account, and the server as a whole (0), has its own."""
    with storage.writing() as records:
        for account in (0, 1):
            records.secrets.put(account, "nonce-secret", b"\x00secret %d" % account, samples.NOW)
        assert b"\x00secret 0" == records.secrets.get(0, "nonce-secret")
        assert b"\x00secret 1" == records.secrets.get(1, "nonce-secret")
        assert records.secrets.get(1, "other") is None
        assert records.secrets.get(2, "nonce-secret") is None


def test_the_first_secret_stands_when_another_is_put(storage: SqlStorage) -> None:
    """Two processes that start together agree on one; the transaction goes on."""
    with storage.writing() as records:
        records.secrets.put(1, "nonce-secret", b"first", samples.NOW)
        with pytest.raises(ConflictError):
            records.secrets.put(1, "nonce-secret", b"second", samples.NOW)
        assert b"first" == records.secrets.get(1, "nonce-secret")


# --- Transactions -----------------------------------------------------------------------------------------------------


def test_an_exception_undoes_everything_in_the_block(storage: SqlStorage) -> None:
    """Nothing half-written stays, and the next transaction goes on."""

    def fail() -> None:
        with storage.writing() as records:
            samples.store_account(records, 2)
            records.checks.touch(1)
            raise RuntimeError("odd")

    with pytest.raises(RuntimeError, match="odd"):
        fail()
    with storage.writing() as records:
        assert records.checks.version(1) == 0
        assert len(records.accounts.all()) == 1


def test_what_was_written_is_there_when_the_database_is_opened_anew(storage: SqlStorage, database: Database) -> None:
    """A block that ended is durable."""
    with storage.writing() as records:
        records.tokens.add(samples.token(1))
    storage.close()
    with database.open().reading() as records:
        assert (samples.token(1),) == records.tokens.all(1, "enrollment")


def test_a_reader_sees_one_state_while_another_writes(storage: SqlStorage) -> None:
    """A reading transaction neither waits for a writer nor sees half of what it writes."""
    with storage.reading() as before:
        assert before.checks.version(1) == 0
        with storage.writing() as writer:
            writer.checks.touch(1)
            with storage.reading() as during:
                assert during.checks.version(1) == 0
        assert before.checks.version(1) == 0
    with storage.reading() as after:
        assert after.checks.version(1) == 1


def test_a_write_is_refused_in_a_reading_transaction(storage: SqlStorage) -> None:
    """Who only reads cannot write by mistake."""
    with pytest.raises(StorageError), storage.reading() as records:
        records.checks.touch(1)


def test_writers_take_turns(storage: SqlStorage, database: Database) -> None:
    """No increment of many threads in two processes is lost."""
    both = [storage, database.open()]

    def touch(number: int) -> None:
        with both[number % 2].writing() as records:
            version = records.checks.version(1)
            records.checks.touch(1)
            assert records.checks.version(1) == version + 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(touch, range(64)))
    with storage.reading() as records:
        assert records.checks.version(1) == 64


def test_a_thread_that_waits_too_long_for_its_turn_is_told(
    storage: SqlStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that never ends stops the others with a word, not for ever."""
    monkeypatch.setattr("gatepost.storage.database.PATIENCE", 0.01)
    started, done = Event(), Event()

    def write() -> None:
        with storage.writing():
            started.set()
            done.wait()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write)
        started.wait()
        try:
            with pytest.raises(StorageError, match="another thread"), storage.writing():
                pytest.fail("two write at once")
        finally:
            done.set()
    with storage.writing() as records:
        records.checks.touch(1)


@pytest.mark.parametrize("limit", [-1, 10_001])
def test_a_page_has_a_bound(storage: SqlStorage, limit: int) -> None:
    """Nobody reads a whole fleet at once."""
    with storage.reading() as records:
        for ask in (
            lambda: records.devices.all(1, 0, limit),
            lambda: records.results.all(1, (0, 0), limit),
            lambda: records.posture_log.read(1, None, limit),
        ):
            with pytest.raises(InputError):
                ask()


@pytest.mark.parametrize("name", ["\ud800", "ok\udfff"])
def test_text_that_is_no_unicode_is_refused_in_words(storage: SqlStorage, name: str) -> None:
    """A lone surrogate is no text that a database holds."""
    with pytest.raises(StorageError, match="cannot hold"), storage.writing() as records:
        records.tokens.add(samples.token(1, name=name))


@pytest.mark.parametrize("sequence", [2**63, -(2**63) - 1])
def test_a_number_beyond_64_bits_is_refused_in_words(storage: SqlStorage, sequence: int) -> None:
    """A report's sequence comes from outside."""
    with storage.writing() as records:
        stored = samples.store_registration(records, 1)
    with pytest.raises(StorageError, match="cannot hold"), storage.writing() as records:
        records.devices.advance(1, stored.number, sequence, b"", 0)
