"""``gatepost agent`` as a person or a service manager calls it; its journeys with a real server are elsewhere."""

from __future__ import annotations

import os
import socket
import stat
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from gatepost.agent.status import CheckStatus, LastCycle, StatusFolder
from gatepost.client.identity import LAST_REPORT, EnrolledAs, Progress, StateFolder
from gatepost.core.evaluation import Status
from gatepost.core.reason import Reason
from gatepost.wire import jws
from tests.cli.commands import gatepost, refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = "http://127.0.0.1:9"
"""The address of nobody: the discard port."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Give a path where a state may be."""
    return tmp_path / "state"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Give a settings file in which nothing is set."""
    path = tmp_path / "agent.toml"
    path.write_text("", encoding="utf-8")
    return path


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """Give a file with what may be a token."""
    path = tmp_path / "token"
    path.write_text(f"gpe_{'A' * 43}\n", encoding="ascii")
    return path


def enrolled(state: Path, server: str = HERE) -> StateFolder:
    """Make a state as an enrolment leaves it."""
    folder = StateFolder(state)
    folder.create()
    key = folder.make_key()
    folder.save_progress(Progress())
    registration = EnrolledAs(
        server=server, account_id="0" * 32, registration_id="r", device_id="d", account_key=jws.to_jwk(key.point)
    )
    folder.save_registration(registration)
    return folder


# Enrolment.


@pytest.mark.parametrize(
    "server",
    [
        "",
        "gatepost.example",
        "http://gatepost.example",
        "https://gatepost.example/path",
        "https://u:p@gatepost.example",
    ],
)
def test_enrolment_is_refused_with_a_server_that_is_none(state: Path, token: Path, server: str) -> None:
    """Nothing is made."""
    words = refused("agent", "enroll", "--server", server, "--token-file", token, "--state", state)
    assert "--server" in words
    assert "https://HOST" in words
    assert not state.exists()


def test_enrolment_is_refused_without_a_server(state: Path, token: Path) -> None:
    """There is no usual one."""
    assert "--server" in refused("agent", "enroll", "--token-file", token, "--state", state)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"two words", "schlüssel".encode(), b"\xff", b"x" * 513, b"a\r\nb"])
def test_enrolment_is_refused_with_a_token_that_cannot_be_one(state: Path, token: Path, content: bytes) -> None:
    """It is not repeated; both ways to give one are named."""
    token.write_bytes(content)
    words = refused("agent", "enroll", "--server", HERE, "--token-file", token, "--state", state)
    assert "--token-file gives no token" in words
    assert "GATEPOST_ENROLLMENT_TOKEN" in words
    assert not state.exists()


def test_enrolment_is_refused_without_a_token(state: Path) -> None:
    """Neither a file nor the environment."""
    assert "--token-file" in refused("agent", "enroll", "--server", HERE, "--state", state)


def test_enrolment_is_refused_with_a_token_file_that_cannot_be_read(state: Path, tmp_path: Path) -> None:
    """Missing, a folder, or too large."""
    large = tmp_path / "large"
    large.write_bytes(b"x" * 70_000)
    for path, problem in ((tmp_path / "missing", "No such file"), (tmp_path, "directory"), (large, "larger than")):
        words = refused("agent", "enroll", "--server", HERE, "--token-file", path, "--state", state)
        assert "--token-file" in words
        assert str(path) in words
        assert problem in words


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"\xff", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"]
)
def test_enrolment_is_refused_with_authorities_that_are_none(
    state: Path, token: Path, tmp_path: Path, content: bytes
) -> None:
    """An empty file is not the system's authorities."""
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    words = refused("agent", "enroll", "--server", HERE, "--token-file", token, "--server-ca", path, "--state", state)
    assert "--server-ca" in words
    assert not state.exists()


def test_enrolment_says_when_nobody_is_there_and_keeps_nothing(state: Path, token: Path) -> None:
    """Exit code 3: not the user's fault."""
    outcome = gatepost("agent", "enroll", "--server", HERE, "--token-file", token, "--state", state)
    assert (3, "", True) == (outcome.code, outcome.stdout, "cannot be reached" in outcome.stderr)
    assert not StateFolder(state).enrolled
    assert not (state / "device.key").exists()


def test_enrolment_is_refused_in_a_folder_that_others_may_read(state: Path, token: Path) -> None:
    """Exit code 3, and how to mend it."""
    state.mkdir(mode=0o755)
    state.chmod(0o755)
    outcome = gatepost("agent", "enroll", "--server", HERE, "--token-file", token, "--state", state)
    assert (3, True) == (outcome.code, "chmod 700" in outcome.stderr)


def test_a_device_that_is_enrolled_stays_what_it_is(state: Path, token: Path) -> None:
    """The command that would let go of it is named."""
    before = enrolled(state).load_registration()
    words = refused("agent", "enroll", "--server", HERE, "--token-file", token, "--state", state)
    assert "gatepost agent unenroll" in words
    assert before == StateFolder(state).load_registration()


# Without an enrolment, and with a damaged one.


@pytest.mark.parametrize("command", [("run",), ("run", "--once"), ("unenroll",)])
def test_nothing_is_done_where_no_device_is_enrolled(state: Path, command: tuple[str, ...]) -> None:
    """The command that enrols is named."""
    words = refused("agent", *command, "--state", state)
    assert str(state) in words
    assert "gatepost agent enroll" in words
    assert not state.exists()


@pytest.mark.parametrize("flags", [(), ("--last-report",), ("--format", "json")])
def test_there_is_no_status_before_the_first_cycle(state: Path, flags: tuple[str, ...]) -> None:
    """The command that makes one is named."""
    assert "gatepost agent run --once" in refused("agent", "status", "--state", state, *flags)


@pytest.mark.parametrize("name", ["registration.json", "progress.json", "device.key"])
@pytest.mark.parametrize("content", [b"", b"junk", b"\xff"])
def test_a_damaged_state_is_said_in_words(state: Path, name: str, content: bytes) -> None:
    """With the file's name; exit code 3."""
    enrolled(state).save(name, content)
    outcome = gatepost("agent", "run", "--once", "--state", state)
    assert (3, "") == (outcome.code, outcome.stdout)
    assert str(state / name) in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_damaged_state_can_be_forgotten(state: Path) -> None:
    """Nobody has to remove files by hand."""
    enrolled(state).save("registration.json", b"junk")
    assert 0 == gatepost("agent", "unenroll", "--state", state).code
    assert not StateFolder(state).enrolled


def test_a_state_that_others_may_read_is_refused(state: Path) -> None:
    """Whoever could read it could have taken the key."""
    enrolled(state)
    state.chmod(0o750)
    outcome = gatepost("agent", "run", "--once", "--state", state)
    assert (3, True) == (outcome.code, "chmod 700" in outcome.stderr)


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Be a user without any rights for the length of a test."""
    os.seteuid(65_534)
    yield
    os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("command", [("run", "--once"), ("unenroll",), ("status", "--last-report")])
def test_another_user_is_refused_in_words(
    state: Path, command: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    """Every one of them by name of what cannot be looked at."""
    enrolled(state)
    request.getfixturevalue("as_nobody")
    outcome = gatepost("agent", *command, "--state", state)
    assert (3, "") == (outcome.code, outcome.stdout)
    assert "Permission denied" in outcome.stderr
    assert "error of our own" not in outcome.stderr


def test_two_agents_do_not_share_a_state(state: Path) -> None:
    """Nor is a device forgotten under an agent that runs."""
    folder = enrolled(state)
    with folder.alone():
        for command in (("run", "--once"), ("unenroll",)):
            outcome = gatepost("agent", *command, "--state", state)
            assert (3, True) == (outcome.code, "another agent" in outcome.stderr)
    assert folder.enrolled


# Settings.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('nssdbs = ["/a"]', "did you mean nssdb?"),
        ('nssdb = "/a"', "nssdb"),
        ("[facts]\nshoe_size = '44'", "shoe_size"),
        ("[facts]\nhostname = 1", "facts"),
        ('disclosure = "everything"', "disclosure"),
        ("[[", "is not TOML"),
    ],
)
def test_settings_that_are_wrong_are_refused(state: Path, settings: Path, text: str, words: str) -> None:
    """With the file's name; nothing is read and nothing sent."""
    enrolled(state)
    settings.write_text(text, encoding="utf-8")
    said = refused("agent", "run", "--once", "--state", state, "--config", settings)
    assert str(settings) in said
    assert words in said


def test_settings_that_are_named_must_be_there(state: Path, tmp_path: Path) -> None:
    """Unlike the usual file."""
    enrolled(state)
    missing = tmp_path / "missing.toml"
    assert str(missing) in refused("agent", "run", "--once", "--state", state, "--config", missing)


@pytest.mark.parametrize("mode", [0o660, 0o602, 0o666])
def test_settings_that_others_can_change_are_refused(state: Path, settings: Path, mode: int) -> None:
    """They say which modules are loaded into an agent that runs as root."""
    enrolled(state)
    settings.chmod(mode)
    words = refused("agent", "run", "--once", "--state", state, "--config", settings)
    assert (str(settings) in words, "can be changed by others" in words) == (True, True)
    settings.chmod(0o644)
    assert 3 == gatepost("agent", "run", "--once", "--state", state, "--config", settings).code


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_settings_that_are_somebody_elses_are_refused(state: Path, settings: Path) -> None:
    """Their owner could change them, whatever their mode."""
    enrolled(state)
    os.chown(settings, 65_534, 65_534)
    assert "can be changed by others" in refused("agent", "doctor", "--state", state, "--config", settings)


# Status.


def cycle(*statuses: Status, ends_in: int | None = 60_000) -> LastCycle:
    """Make a last cycle that ends some ms from now."""
    now = time.time_ns() // 1_000_000
    verdicts = tuple(
        CheckStatus(
            id=f"check-{number}",
            name=f"Check {number}",
            status=status,
            reasons=() if status is Status.PASS else (Reason.COMMON_NAME_MISMATCH,),
            evidence=None,
            ends_at=None if ends_in is None else now + ends_in,
            certificates=(),
            faults=(),
        )
        for number, status in enumerate(statuses)
    )
    return LastCycle(acknowledged=7, at=now, next_in=300, verdicts=verdicts)


def put_status(state: Path, last: LastCycle) -> None:
    """Leave a status as a cycle does."""
    StatusFolder(state.with_name("state-status")).save(last)


PASS, FAIL, ERROR = Status.PASS, Status.FAIL, Status.ERROR


@pytest.mark.parametrize(
    ("statuses", "code"),
    [((), 0), ((PASS,), 0), ((PASS, FAIL), 1), ((FAIL, PASS), 1), ((PASS, FAIL, ERROR), 3), ((ERROR, PASS), 3)],
)
def test_the_worst_status_is_the_exit_code(state: Path, statuses: tuple[Status, ...], code: int) -> None:
    """An error is worse than a fail."""
    put_status(state, cycle(*statuses))
    text, document = (
        gatepost("agent", "status", "--state", state),
        gatepost("agent", "status", "--state", state, "--format", "json"),
    )
    assert (code, code) == (text.code, document.code)
    assert [status.value for status in statuses] == [item["status"] for item in document.document["verdicts"]]
    assert all(f"{status.value.upper()}  Check" in text.stdout for status in statuses)


def test_a_result_whose_time_is_over_is_no_answer(state: Path) -> None:
    """An agent that has not reported since says nothing about now: exit code 3, and why."""
    put_status(state, cycle(PASS, ends_in=-1))
    outcome = gatepost("agent", "status", "--state", state)
    assert (3, True) == (outcome.code, "its time is over" in outcome.stdout)
    put_status(state, cycle(FAIL, ends_in=None))
    assert 1 == gatepost("agent", "status", "--state", state).code


def test_a_fail_tells_the_user_what_now(state: Path) -> None:
    """In words, without what would have passed."""
    put_status(state, cycle(FAIL))
    assert "common-name-mismatch" in gatepost("agent", "status", "--state", state).stdout


def test_a_damaged_status_is_said_in_words(state: Path) -> None:
    """Exit code 3."""
    put_status(state, cycle(PASS))
    (state.with_name("state-status") / "status.json").write_bytes(b"junk")
    outcome = gatepost("agent", "status", "--state", state)
    assert (3, "", True) == (outcome.code, outcome.stdout, "is damaged" in outcome.stderr)


def test_the_last_report_is_shown_as_it_was_sent(state: Path) -> None:
    """To the owner, as one JSON document."""
    sent: dict[str, Any] = {"v": 1, "checks": []}
    enrolled(state).save(LAST_REPORT, msgspec.json.encode(sent))
    outcome = gatepost("agent", "status", "--last-report", "--state", state)
    assert (0, sent) == (outcome.code, outcome.document)


# Forgetting.


def test_everything_is_forgotten_when_a_device_leaves(state: Path) -> None:
    """Key, registration, progress, last report and status."""
    enrolled(state).save(LAST_REPORT, b"{}")
    put_status(state, cycle(PASS))
    outcome = gatepost("agent", "unenroll", "--state", state)
    assert (0, f"this device is no longer enrolled with {HERE}\n") == (outcome.code, outcome.stdout)
    assert {"agent.lock"} >= {path.name for path in state.iterdir()}
    assert [] == list(state.with_name("state-status").iterdir())
    assert 0o700 == stat.S_IMODE(state.stat().st_mode)


def test_a_cycle_says_when_its_server_is_not_there(state: Path) -> None:
    """Exit code 3, nothing on stdout, and no status that would look fresh."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    enrolled(state, f"http://127.0.0.1:{port}")
    outcome = gatepost("agent", "run", "--once", "--state", state, "--format", "json")
    assert (3, "", True) == (outcome.code, outcome.stdout, "cannot be reached" in outcome.stderr)
    assert not state.with_name("state-status").exists()
