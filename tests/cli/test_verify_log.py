"""``gatepost server export`` and ``gatepost verify-log``: an auditor's way, from the server's console to the verdict."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import msgspec
import pytest

from gatepost.controlplane.log_keeping import make_checkpoint
from tests.cli.commands import gatepost
from tests.controlplane.house import MINUTE, open_house
from tests.services import MASTER_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.commands import Outcome


class Files:
    """A log with passes and fails, exported with its checkpoints."""

    def __init__(self, folder: Path) -> None:
        """Make a server's database, and export."""
        key = folder / "master-key"
        key.write_bytes(MASTER_KEY)
        key.chmod(0o600)
        with open_house(folder) as house:
            house.ask(cn="${hostname}")
            member = house.admit()
            for name in ("laptop-1", "another", "laptop-1"):
                house.clock.time += MINUTE
                member.prove(house.authority.issue(cn=name))
                with house.services.storage.reading() as records:
                    (account,) = records.accounts.all()
                with house.services.storage.writing() as records:
                    make_checkpoint(records, account, house.clock())
            self.url = house.database
        self.key = key
        self.log, self.checkpoints = folder / "log.jsonl", folder / "checkpoints.jsonl"
        outcome = self.export(self.log, "--checkpoints", self.checkpoints)
        assert (0, f"{self.log} holds ") == (outcome.code, outcome.stdout[: len(f"{self.log} holds ")])
        assert "Keep checkpoints where nobody" in outcome.stderr

    def export(self, *words: object) -> Outcome:
        """Export once more."""
        return gatepost("server", "export", *words, "--database", self.url, "--master-key", self.key)

    @property
    def lines(self) -> list[bytes]:
        """The lines of the file."""
        return self.log.read_bytes().splitlines(keepends=True)

    def position(self, at: int) -> int:
        """Return the position of the line that is at ``at`` in the file."""
        found: int = msgspec.json.decode(self.lines[at])["position"]
        return found

    def verify(self, lines: list[bytes] | None = None, *words: object) -> Outcome:
        """Verify the log, or one with these lines, against the checkpoints."""
        file = self.log
        if lines is not None:
            file = self.log.with_name("changed.jsonl")
            file.write_bytes(b"".join(lines))
        return gatepost("verify-log", file, "--checkpoints", self.checkpoints, *words)


def said(outcome: Outcome) -> str:
    """Return in which words a command refused, which wrote nothing else and no traceback."""
    assert (2, "") == (outcome.code, outcome.stdout)
    assert "Traceback" not in outcome.stderr
    return outcome.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Give one for all: none of the tests changes it."""
    return Files(tmp_path_factory.mktemp("log"))


def test_a_whole_log_is_said_to_be_whole(files: Files) -> None:
    """With what was verified: lines, proofs, checkpoints."""
    assert 0o600 == stat.S_IMODE(files.log.stat().st_mode)
    outcome = files.verify()
    assert (0, "") == (outcome.code, outcome.stderr)
    assert "3 posture" in outcome.stdout
    assert "2 verified, 0 refuted, 0 without their certificate, 1 lines have none" in outcome.stdout
    assert "3 of these lines" in outcome.stdout
    assert outcome.stdout.endswith("The log is whole.\n")


def test_the_key_that_is_known_from_elsewhere_is_compared(files: Files) -> None:
    """A file says of itself whose key it is; who knows it better says so."""
    key = files.verify(None, "--format", "json").document["key"]
    assert "as the file says" not in files.verify(None, "--key", key).stdout
    assert "is not the key of this file" in said(files.verify(None, "--key", "another"))


def test_a_script_gets_the_report_as_json(files: Files) -> None:
    """Alone on stdout, with the exit code."""
    report = files.verify(files.lines[:-1], "--format", "json")
    assert (1, False) == (report.code, report.document["whole"])
    assert ["cut"] == [item["kind"] for item in report.document["flaws"]]


def test_what_was_done_to_a_line_is_named(files: Files) -> None:
    """Changed, missing, moved, cut off: the position of each."""
    lines = files.lines
    last = files.position(-1)
    changed = [*lines[:-1], lines[-1].replace(b'\\"device_status\\":\\"pass\\"', b'\\"device_status\\":\\"fail\\"')]
    assert changed != lines
    posture = [number for number, line in enumerate(lines) if b'"log":"posture"' in line]
    first = files.position(posture[0])
    cases: list[tuple[list[bytes], str]] = [
        (changed, f"line {last} was changed"),
        ([line for number, line in enumerate(lines) if number != posture[0]], f"line {first} is missing"),
        ([*lines[:-1], lines[posture[0]], lines[-1]], f"line {first} stands where a later one belongs"),
        (lines[:-1], f"line {last} is cut off at the end: a checkpoint is of line {last}"),
    ]
    for content, words in cases:
        outcome = files.verify(content)
        assert (1, True) == (outcome.code, words in outcome.stdout), outcome.stdout
        assert outcome.stdout.endswith("The log is not whole.\n")


def test_a_pass_that_was_made_up_is_refuted(files: Files) -> None:
    """Where somebody wrote the whole chain anew around it, the signatures and the checkpoints still say so."""
    outcome = files.verify(_forged(files, lambda line: line.replace(b'"status":"pass"', b'"status":"fail"')))
    assert (1, True) == (outcome.code, "not what the checkpoint of line" in outcome.stdout)
    outcome = files.verify(_forged(files, _with_another_nonce))
    assert (1, True) == (outcome.code, "says that a key was proved, and the signatures do not hold" in outcome.stdout)


def _with_another_nonce(line: bytes) -> bytes:
    document = msgspec.json.decode(line)
    return msgspec.json.encode({**document, "nonce": "A" * 54}) if "nonce" in document else line


def _forged(files: Files, change: Callable[[bytes], bytes]) -> list[bytes]:
    """Change each line, and make digests and heads that fit."""
    from gatepost.core.chain import Place, digest_line, extend  # noqa: PLC0415 - what a forger would use.

    place, forged = Place(), []
    for content in files.lines:
        document = msgspec.json.decode(content)
        if "digest" in document:
            line = change(msgspec.json.encode(document["line"]))
            digest = digest_line(document["log"], line)
            place = extend(place, digest)
            changed = {**document, "line": msgspec.Raw(line), "digest": digest.hex(), "head": place.head.hex()}
            forged.append(msgspec.json.encode(changed) + b"\n")
        else:
            forged.append(content)
    return forged


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1"),
        (b"nonsense\n", "line 1"),
        (b'{"gatepost_log":2}\n', "line 1"),
        (b"[" * 100_000 + b"\n", "line 1"),
    ],
)
def test_what_is_no_exported_log_is_refused_in_words(files: Files, content: bytes, words: str) -> None:
    """And no traceback."""
    assert words in said(files.verify([content]))


def test_a_line_that_cannot_be_read_is_named(files: Files) -> None:
    """By its number in the file."""
    for broken in (b"nonsense\n", b'{"position":-1}\n', files.lines[-1][:-5], b"{" + b" " * 5_000_000 + b"}\n"):
        assert f"line {len(files.lines)}" in said(files.verify([*files.lines[:-1], broken]))


def test_checkpoints_that_another_key_signed_are_refused(files: Files, tmp_path: Path) -> None:
    """They would confirm whatever their maker wants."""
    other = Files(tmp_path)
    assert "is not signed by the account's key" in said(
        gatepost("verify-log", files.log, "--checkpoints", other.checkpoints)
    )


def test_without_checkpoints_the_end_is_open(files: Files) -> None:
    """It is said."""
    outcome = gatepost("verify-log", files.log)
    assert (0, True) == (outcome.code, "lines may be cut off at the end" in outcome.stdout)


def test_an_export_writes_over_nothing(files: Files) -> None:
    """Neither the log nor the checkpoints."""
    assert "cannot be made" in said(files.export(files.log))
    fresh = files.log.with_name("fresh.jsonl")
    assert "cannot be made" in said(files.export(fresh, "--checkpoints", files.checkpoints))


def test_the_lines_of_one_log_are_exported_alone(files: Files) -> None:
    """Of the others the digests: the chain has no hole."""
    alone = files.log.with_name("alone.jsonl")
    assert 0 == files.export(alone, "--log", "posture").code
    assert all(b'"line"' not in line for line in alone.read_bytes().splitlines() if b'"log":"audit"' in line)
    outcome = gatepost("verify-log", alone, "--checkpoints", files.checkpoints)
    assert (0, True) == (outcome.code, outcome.stdout.endswith("The log is whole.\n"))
