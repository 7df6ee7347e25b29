"""``gatepost server`` as an administrator calls it on the console; what needs a served port is in the journeys."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import stat
from typing import TYPE_CHECKING, Any

import pytest

from gatepost.controlplane.administration.accounts import create_account
from gatepost.controlplane.administration.services import Services
from gatepost.storage.database import open_storage
from tests.certificates import SERVER_AUTH, CertificateAuthority, ip
from tests.cli.commands import gatepost, refused

if TYPE_CHECKING:
    from pathlib import Path

AUTHORITY = CertificateAuthority.create(cn="Server CA")


class Place:
    """A folder with a database that `server init` made."""

    def __init__(self, folder: Path) -> None:
        """Make it."""
        self.folder = folder
        self.file = folder / "gatepost.db"
        self.key = folder / "gatepost.db.master-key"
        self.url = f"sqlite:///{self.file}"
        made = gatepost("server", "init", "--database", self.url, "--format", "json")
        assert (0, "") == (made.code, made.stderr)
        self.account: str = made.document["account_id"]
        self.token: str = made.document["token"]

    def create(self, *words: object) -> Any:  # noqa: ANN401 - JSON of any kind.
        """Make a token, and return its document."""
        made = gatepost("server", "token", "create", *words, "--database", self.url, "--format", "json")
        assert 0 == made.code, made
        return made.document


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give such a place."""
    return Place(tmp_path)


# init.


def test_init_prints_the_account_and_its_token_this_once(place: Place) -> None:
    """The form of the contract; files for the owner alone."""
    assert re.fullmatch(r"[0-9a-f]{32}", place.account)
    assert re.fullmatch(r"gpa_[\w-]{43}", place.token)
    assert [0o600, 0o600] == [stat.S_IMODE(path.stat().st_mode) for path in (place.file, place.key)]
    assert place.token.encode() not in place.file.read_bytes()


def test_init_tells_a_person_the_same(tmp_path: Path) -> None:
    """Account and token on stdout, what to do next where messages are."""
    outcome = gatepost("server", "init", "--database", f"sqlite:///{tmp_path}/x.db")
    assert 0 == outcome.code
    assert re.fullmatch(r"account  [0-9a-f]{32}\ntoken    gpa_[\w-]{43}\n", outcome.stdout)
    assert "gatepost server run" in outcome.stderr


def test_init_is_done_once(place: Place) -> None:
    """A second one is refused, and the first account stays."""
    words = refused("server", "init", "--database", place.url)
    assert "holds an account already" in words
    assert "server token create" in words
    assert 0 == gatepost("server", "token", "create", "enrollment", "--database", place.url).code


def test_init_does_not_take_a_file_that_is_none_of_ours(tmp_path: Path) -> None:
    """It stays as it was."""
    path = tmp_path / "x.db"
    path.write_bytes(b"precious")
    outcome = gatepost("server", "init", "--database", f"sqlite:///{path}")
    assert (3, "") == (outcome.code, outcome.stdout)
    assert b"precious" == path.read_bytes()


@pytest.mark.parametrize(
    "database",
    [
        "",
        "x.db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://host/x.db",
        "mysql://x/y",
        "sqlite:///x?y=1",
    ],
)
@pytest.mark.parametrize("command", [("init",), ("migrate",), ("run",), ("token", "create", "enrollment")])
def test_a_database_that_is_none_is_refused(
    command: tuple[str, ...], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every command, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    key = () if command == ("migrate",) else ("--master-key", tmp_path / "key")
    assert "sqlite:///FILE" in refused("server", *command, "--database", database, *key)
    assert [] == list(tmp_path.iterdir())


def test_migrate_makes_a_database_and_may_be_repeated(tmp_path: Path) -> None:
    """Without an account; init then makes it."""
    url = f"sqlite:///{tmp_path}/x.db"
    for _ in range(2):
        assert 0 == gatepost("server", "migrate", "--database", url).code
    outcome = gatepost("server", "run", "--database", url, "--master-key", _key(tmp_path))
    assert (2, True) == (outcome.code, "gatepost server init" in outcome.stderr)
    assert 0 == gatepost("server", "init", "--database", url).code


def _key(folder: Path) -> Path:
    path = folder / "another-key"
    path.write_bytes(os.urandom(32))
    path.chmod(0o600)
    return path


# The master key.


@pytest.mark.parametrize("command", [("run",), ("token", "create", "enrollment")])
def test_a_lost_master_key_is_said_and_not_made_anew(place: Place, command: tuple[str, ...]) -> None:
    """A new one would open nothing."""
    place.key.unlink()
    outcome = gatepost("server", *command, "--database", place.url)
    assert (3, "") == (outcome.code, outcome.stdout)
    assert f"{place.key} is missing" in outcome.stderr
    assert not place.key.exists()


def test_a_wrong_master_key_is_said_before_serving(place: Place) -> None:
    """Another key, one that others may read, and a file that holds none."""
    other = _key(place.folder)
    words = ("server", "run", "--database", place.url, "--master-key")
    assert (3, True) == _told(gatepost(*words, other), "another master key")
    other.chmod(0o644)
    assert (3, True) == _told(gatepost(*words, other), "others may read")
    other.chmod(0o600)
    other.write_bytes(b"short")
    assert (3, True) == _told(gatepost(*words, other), "32 bytes")


def _told(outcome: Any, words: str) -> tuple[int, bool]:  # noqa: ANN401 - an Outcome.
    assert "Traceback" not in outcome.stderr
    return outcome.code, words in outcome.stderr


def test_a_missing_database_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    """No key either; the command that makes one is named."""
    for command in (("run",), ("token", "create", "enrollment")):
        outcome = gatepost("server", *command, "--database", f"sqlite:///{tmp_path}/x.db")
        assert (3, True) == (outcome.code, "gatepost server init" in outcome.stderr)
    assert [] == list(tmp_path.iterdir())


# run.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--listen", "8640"), "--listen is not HOST:PORT"),
        (("--listen", ":8640"), "--listen is not HOST:PORT"),
        (("--listen", "127.0.0.1:"), "--listen is not HOST:PORT"),
        (("--listen", "127.0.0.1:http"), "--listen is not HOST:PORT"),
        (("--listen", "127.0.0.1:0"), "--listen is not HOST:PORT"),
        (("--listen", "127.0.0.1:65536"), "--listen is not HOST:PORT"),
        (("--listen", "gatepost.example:8640"), "--listen is not an address"),
        (("--listen", "0.0.0.0:8640"), "--listen would serve without TLS on 0.0.0.0"),
        (("--listen", "[::]:8640"), "--listen would serve without TLS on ::"),
        (("--listen", "192.0.2.1:8640"), "--listen would serve without TLS"),
        (("--public-url", "gatepost.example"), "--public-url is not a server's address"),
        (("--public-url", "http://gatepost.example"), "--public-url would send reports without TLS"),
        (("--public-url", "https://gatepost.example/x"), "--public-url is not a server's address"),
        (("--tls-cert", "/nowhere"), "--tls-cert and --tls-key go together"),
        (("--tls-key", "/nowhere"), "--tls-cert and --tls-key go together"),
        (("--tls-cert", "/nowhere", "--tls-key", "/nowhere"), "--tls-cert is not a file: /nowhere"),
        (("--default-expiration", "nevr"), "Did you mean 'never'?"),
        (("--format", "json"), "--format"),
    ],
)
def test_a_wrong_flag_is_named_with_what_is_allowed(place: Place, words: tuple[str, ...], said: str) -> None:
    """Before anything is served."""
    assert said in refused("server", "run", "--database", place.url, *words)


def test_an_address_that_is_taken_or_not_ours_is_refused(place: Place) -> None:
    """The server would share the port, and take every other request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        words = refused("server", "run", "--database", place.url, "--listen", f"127.0.0.1:{port}")
    assert f"--listen cannot be used: 127.0.0.1 port {port}: Address already in use" in words


def tls_files(folder: Path) -> tuple[Path, Path]:
    """Write a certificate and its key."""
    issued = AUTHORITY.issue(cn="127.0.0.1", sans=[ip("127.0.0.1")], eku=(SERVER_AUTH,))
    certificate, key = folder / "server.pem", folder / "server.key"
    certificate.write_bytes(issued.pem)
    key.write_bytes(issued.key_pem())
    return certificate, key


def test_tls_files_that_do_not_fit_are_refused_before_serving(place: Place) -> None:
    """Another key, junk, a key with a password; nobody is asked for one."""
    certificate, key = tls_files(place.folder)
    words = ("server", "run", "--database", place.url, "--tls-cert", certificate, "--tls-key", key)
    issued = AUTHORITY.issue()
    for content in (issued.key_pem(), b"junk", b"", issued.key_pem(b"secret"), issued.pem):
        key.write_bytes(content)
        assert "--tls-cert and --tls-key are no chain" in refused(*words)
    _, key = tls_files(place.folder)
    certificate.write_bytes(b"junk")
    assert "--tls-cert and --tls-key are no chain" in refused(*words)


def test_an_address_for_all_needs_the_one_that_agents_know(place: Place) -> None:
    """With TLS it may listen on every address, but is known by one."""
    certificate, key = tls_files(place.folder)
    tls = ("--tls-cert", certificate, "--tls-key", key, "--listen", "0.0.0.0:8640")
    words = refused("server", "run", "--database", place.url, *tls)
    assert "--public-url is missing" in words
    assert "https://HOST[:PORT]" in words


# Tokens.


def test_a_token_is_printed_this_once(place: Place) -> None:
    """Its text alone for a person; with its id and its ends for a script."""
    outcome = gatepost("server", "token", "create", "enrollment", "--database", place.url)
    assert re.fullmatch(r"gpe_[\w-]{43}\n", outcome.stdout)
    words = ("enrollment", "--uses", "3", "--expires-in", "1h", "--name", "roll-out")
    made = place.create(*words)
    assert ("enrollment", "roll-out", 3) == (made["kind"], made["name"], made["uses_left"])
    assert made["expires_at"] > made["created_at"]
    assert place.create("administrator")["token"].startswith("gpa_")


def test_an_enrolment_token_ends_by_itself_and_an_administrators_does_not(place: Place) -> None:
    """Seven days where nothing is said."""
    assert place.create("enrollment")["expires_at"] is not None
    assert place.create("administrator")["expires_at"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "enrollment|administrator"),
        (("enrolment",), "Did you mean 'enrollment'?"),
        (("enrollment", "--uses", "0"), "--uses"),
        (("enrollment", "--uses", "many"), "--uses"),
        (("enrollment", "--expires-in", "soon"), "--expires-in"),
        (("enrollment", "--expires-in", "-1h"), "--expires-in"),
        (("administrator", "--uses", "1"), "--uses does not go with the kind administrator"),
        (("enrollment", "--name", "x" * 1_001), "--name"),
        (("enrollment", "--account", "f" * 32), "--account names 0 accounts"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused(place: Place, words: tuple[str, ...], said: str) -> None:
    """By the flag, and nothing is stored."""
    assert said in refused("server", "token", "create", *words, "--database", place.url)
    listed = gatepost("server", "token", "list", "--database", place.url, "--format", "json")
    assert ["first administrator"] == [item["name"] for item in listed.document]


def test_the_account_is_asked_for_where_there_are_several(place: Place) -> None:
    """All are named."""
    storage = open_storage(place.url, place.key.read_bytes(), os.urandom)
    services = Services(storage=storage, now=lambda: 1_780_000_000_000, random=os.urandom)
    second = create_account(services)
    storage.close()
    words = refused("server", "token", "create", "enrollment", "--database", place.url)
    assert "--account is needed" in words
    assert place.account in words
    assert second.account_id in words
    assert place.create("enrollment", "--account", second.account_id)["token"]


def test_the_name_of_a_token_does_nothing_to_the_console(place: Place) -> None:
    """Any administrator of the API gives it, and the list is one line for each."""
    name = "\x1b[2J\nroll-out"
    gatepost("server", "token", "create", "enrollment", "--database", place.url, "--name", name)
    listed = gatepost("server", "token", "list", "--database", place.url).stdout
    assert r"\x1b[2J\nroll-out" in listed
    assert all(line.isprintable() for line in listed.splitlines())


def test_tokens_are_listed_without_their_texts_and_revoked_by_their_ids(place: Place) -> None:
    """What `token create` printed is in no list."""
    made = place.create("enrollment", "--name", "roll-out", "--uses", "2")
    assert 0 == gatepost("server", "token", "revoke", made["id"], "--database", place.url).code
    listed = gatepost("server", "token", "list", "--database", place.url, "--format", "json")
    (found,) = (item for item in listed.document if item["id"] == made["id"])
    assert found["revoked_at"] is not None
    assert made["token"] not in listed.stdout
    words = gatepost("server", "token", "list", "--database", place.url).stdout
    assert "roll-out" in words
    assert "first administrator  (" in words
    assert "unknown-id" in refused("server", "token", "revoke", "unknown-id", "--database", place.url)


# admin.


def counts(place: Place, token: str) -> bool:
    """Tell whether an administrator's token is still one."""
    found = gatepost("server", "token", "list", "--database", place.url, "--format", "json").document
    live = {item["id"] for item in found if item["revoked_at"] is None}
    storage = open_storage(place.url, place.key.read_bytes(), os.urandom)
    with storage.reading() as records:
        stored = records.tokens.find(hashlib.sha256(token.encode()).digest())
    storage.close()
    assert stored is not None
    return stored.id in live


def test_a_lost_token_is_replaced_on_the_console(place: Place) -> None:
    """The new one reaches everything; the old one stays, unless it was stolen."""
    made = gatepost("server", "admin", "reset", "--database", place.url, "--format", "json")
    assert (0, "") == (made.code, made.stderr)
    assert place.account == made.document["account_id"]
    assert [True, True] == [counts(place, token) for token in (place.token, made.document["token"])]
    words = ("server", "admin", "reset", "--database", place.url, "--revoke-others", "--email", "owner@example.com")
    outcome = gatepost(*words)
    assert re.fullmatch(r"account  [0-9a-f]{32}\ntoken    gpa_[\w-]{43}\n", outcome.stdout)
    assert "2 other administrators' tokens are revoked" in outcome.stderr
    tokens = (place.token, made.document["token"], outcome.stdout.split()[-1])
    assert [False, False, True] == [counts(place, token) for token in tokens]


@pytest.mark.parametrize("command", [("init",), ("admin", "reset")])
def test_an_address_that_is_none_is_refused(place: Place, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Nobody could present the token beside it."""
    database = place.url if command[0] == "admin" else f"sqlite:///{tmp_path}/other.db"
    words = refused("server", *command, "--database", database, "--email", "foo")
    assert "--email is no e-mail address: 'foo': such as admin@example.com" in words


def test_a_token_of_the_console_has_the_scopes_that_it_is_given(place: Place) -> None:
    """Everything where none is; a word that is none is refused with the nearest one."""
    assert ["*"] == place.create("administrator")["scopes"]
    made = place.create("administrator", "--scope", "checks:read", "--scope", "audit:read")
    assert ["checks:read", "audit:read"] == made["scopes"]
    words = refused("server", "token", "create", "administrator", "--scope", "check:read", "--database", place.url)
    assert "did you mean checks:read" in words
    assert "a@example.com" == place.create("enrollment", "--user-email", "a@example.com")["user_email"]
