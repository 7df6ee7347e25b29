"""``gatepost pki`` as a person or a script calls it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from gatepost.cli.pki import pki as group
from gatepost.errors import ConflictError, GatepostError, InputError, StateError
from tests.pki.peers import new_nss_database, run, text, verify

if TYPE_CHECKING:
    from pathlib import Path

    import click
    from click.testing import Result


def pki(*words: str | Path) -> Result:
    """Run ``gatepost pki`` with these words."""
    return CliRunner().invoke(group, [str(word) for word in words])


def made(*words: str | Path) -> dict[str, Any]:
    """Run a command that must succeed; return its JSON."""
    result = pki(*words, "--format", "json")
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def refused(*words: str | Path) -> GatepostError:
    """Run a command that must be refused with one of our errors, and print no result; return the error."""
    result = pki(*words)
    assert isinstance(result.exception, GatepostError), result
    assert result.stdout == ""
    return result.exception


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """Make a root in ``tmp_path / "ca"``."""
    made("root", "--ca", tmp_path / "ca", "--cn", "Example Root")
    return tmp_path / "ca"


def test_a_story_is_told_when_the_commands_follow_each_other(tmp_path: Path) -> None:
    """Root, client, revocation and list, each judged by openssl, with files where they were asked for."""
    ca, out = tmp_path / "ca", tmp_path / "out"
    root = made("root", "--ca", ca, "--cn", "Root", "--o", "Example", "--ou", "Devices", "--key", "p384")
    laptop = made("issue", "--ca", ca, "--cn", "laptop-1", "--out", out)
    now = datetime.now(UTC)

    assert root["subject"] == "CN=Root,OU=Devices,O=Example"
    assert verify(ca / "ca.pem", out / "laptop-1.pem", "-purpose", "sslclient", at=now) == "OK"
    assert made("revoke", "--ca", ca, "--certificate", out / "laptop-1.pem")["serial"] == laptop["serial"]
    assert made("crl", "--ca", ca)["path"] == str(ca / "ca.crl")
    judged = verify(ca / "ca.pem", out / "laptop-1.pem", "-crl_check", "-CRLfile", ca / "ca.crl", at=now)
    assert "certificate revoked" in judged


def test_the_document_has_its_names_when_json_is_asked_for(ca: Path, tmp_path: Path) -> None:
    """The names that scripts rely on, one document on stdout and nothing else."""
    document = made("issue", "--ca", ca, "--cn", "laptop-1", "--out", tmp_path)

    names = ["certificate", "key", "pkcs12", "subject", "issuer", "serial", "sha256", "not_before", "not_after"]
    assert list(document) == names
    assert document["certificate"] == str(tmp_path / "laptop-1.pem")
    assert document["pkcs12"] is None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["not_after"])


def test_each_field_has_a_line_when_text_is_asked_for(ca: Path, tmp_path: Path) -> None:
    """Text has the same fields; those without a value are left out."""
    result = pki("issue", "--ca", ca, "--cn", "laptop-1", "--out", tmp_path)

    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["subject"] == "CN=laptop-1"
    assert lines["key"] == str(tmp_path / "laptop-1.key")
    assert "pkcs12" not in lines


def test_variables_are_filled_in_when_their_facts_are_given(ca: Path, tmp_path: Path) -> None:
    """In the common name and in the other names; a value that looks like a variable stays text."""
    facts = ["--fact", "serial_number=PF3XK9", "--fact", "hostname=laptop", "--fact", "device_uuid=${hostname}"]
    names = ["--cn", "${serial_number}-${device_uuid}", "--san", "dns:${hostname}.example.com"]
    document = made("issue", "--ca", ca, "--out", tmp_path, "--name", "x", *names, *facts)

    assert document["subject"] == "CN=PF3XK9-${hostname}"
    assert "DNS:laptop.example.com\n" in text(tmp_path / "x.pem")


@pytest.mark.parametrize(
    ("words", "field", "allowed"),
    [
        (["--cn", "${serial}"], "--cn", "${serial_number}, ${hostname}, ${device_uuid}"),
        (["--cn", "${serial_number"], "--cn", "close it"),
        (["--cn", ""], "--cn", ""),
        (["--cn", "${serial_number}"], "--fact", "--fact serial_number=VALUE"),
        (["--cn", "${serial_number}", "--fact", "serial_number="], "--fact", "1 to 253 printable"),
        (["--cn", "${serial_number}", "--fact", "serial_number=Default string"], "--fact", "1 to 253 printable"),
        (["--cn", "x", "--fact", "serialnumber=1"], "--fact", "did you mean serial_number?"),
        (["--cn", "a" * 65], "--cn", "1 to 64"),
        (["--cn", "..."], "--name", "letters, digits"),
        (["--cn", "x", "--name", "../x"], "--name", "letters, digits"),
        (["--cn", "x", "--name", "a/b"], "--name", "letters, digits"),
        (["--cn", "x", "--name", ".x"], "--name", "letters, digits"),
        ([], "--cn", "--san KIND:VALUE"),
        (["--cn", "x", "--san", "laptop"], "--san", "dns:, email:, uri:, ip: or upn:"),
        (["--cn", "x", "--eku", "clientauth"], "--eku", "did you mean clientAuth?"),
        (["--cn", "x", "--policy", "gold"], "--policy", "1.3.6.1.4.1.5.2"),
        (["--cn", "x", "--days", "3", "--not-after", "2027-01-01T00:00:00Z"], "--days", "one of the two"),
        (["--cn", "x", "--not-after", "2001-01-01T00:00:00Z"], "--not-after", "after --not-before"),
        (["--cn", "x", "--not-after", "2027-01-01"], "--not-after", "RFC 3339"),
        (["--cn", "x", "--not-after", "2027-01-01T00:00:00"], "--not-after", "RFC 3339"),
        (["--cn", "x", "--not-before", "2027-02-30T00:00:00Z"], "--not-before", "that exist"),
        (["--cn", "x", "--not-after", "0001-01-01T00:00:00+10:00"], "--not-after", "that exist"),
        (["--cn", "x", "--p12-password-file", "/dev/null"], "--p12-password-file", "both, or none"),
        (["--cn", "x", "--p12", "--p12-password-file", "/dev/null"], "--p12-password-file", "a file with the password"),
        (["--cn", "x", "--p12", "--p12-password-file", "/dev/zero"], "--p12-password-file", "a shorter file"),
        (["--cn", "x", "--csr", "/nowhere/x.csr"], "--csr", "a readable file"),
        (["--cn", "x", "--csr", "/dev/null", "--key", "p256"], "--key", "one of the two"),
        (["--cn", "x", "--csr", "/dev/null"], "--csr", "PKCS#10"),
    ],
)
def test_an_input_is_refused_when_it_is_wrong(
    ca: Path, tmp_path: Path, words: list[str], field: str, allowed: str
) -> None:
    """The refusal names the option and what is right, and nothing is issued or written."""
    error = refused("issue", "--ca", ca, "--out", tmp_path / "out", *words)

    assert isinstance(error, InputError)
    assert error.field == field
    assert allowed in error.allowed
    assert not (tmp_path / "out").exists()
    assert (ca / "issued.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["root", "--cn", "x"], "--ca"),
        (["root", "--ca", "x"], "--cn"),
        (["root", "--ca", "x", "--cn", "x", "--key", "rsa1024"], "rsa2048"),
        (["root", "--ca", "x", "--cn", "x", "--days", "0"], "--days"),
        (["root", "--ca", "x", "--cn", "x", "--path-length", "9"], "--path-length"),
        (["issue", "--ca", "x", "--cn", "x", "--format", "yaml"], "json"),
        (["revoke", "--ca", "x", "--reason", "lost"], "keyCompromise"),
        (["revoke", "--serial", "1"], "--ca"),
        (["isue"], "isue"),
    ],
)
def test_usage_is_explained_when_it_is_wrong(words: list[str], named: str) -> None:
    """Missing options and values outside an enumeration: exit code 2, and what is allowed."""
    result = pki(*words)

    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("text_", "instant"),
    [
        ("2026-07-01T00:00:00Z", "Jul  1 00:00:00 2026 GMT"),
        ("2026-07-01T02:00:00+02:00", "Jul  1 00:00:00 2026 GMT"),
        ("2026-07-01t00:00:00.999z", "Jul  1 00:00:00 2026 GMT"),
        ("2052-01-01T00:00:00Z", "Jan  1 00:00:00 2052 GMT"),
    ],
)
def test_the_end_is_as_said_when_it_is_an_instant_of_rfc_3339(
    ca: Path, tmp_path: Path, text_: str, instant: str
) -> None:
    """Offsets are reckoned in, fractions fall away, and the year 2050 is no border."""
    span = ["--not-before", "2026-06-01T00:00:00Z", "--not-after", text_]
    made("issue", "--ca", ca, "--cn", "x", "--out", tmp_path, *span)

    assert f"Not After : {instant}" in text(tmp_path / "x.pem")


def test_a_certificate_lasts_a_year_when_nothing_is_said(ca: Path, tmp_path: Path) -> None:
    """From five minutes ago to 365 days from now, a root for ten years."""
    document = made("issue", "--ca", ca, "--cn", "x", "--out", tmp_path)

    span = datetime.fromisoformat(document["not_after"]) - datetime.fromisoformat(document["not_before"])
    assert span == timedelta(days=365, minutes=5)


def test_a_remark_is_made_when_a_certificate_ends_after_its_authority(tmp_path: Path) -> None:
    """On stderr, and the certificate is issued all the same: also such ones are wanted to try with."""
    made("root", "--ca", tmp_path / "ca", "--cn", "Root", "--days", "10")
    result = pki("issue", "--ca", tmp_path / "ca", "--cn", "x", "--out", tmp_path, "--days", "11")

    assert result.exit_code == 0
    assert "it ends after its authority" in result.stderr
    assert "it ends after" not in result.stdout


def test_no_remark_is_made_when_all_is_usual(ca: Path, tmp_path: Path) -> None:
    """Neither for a client's certificate nor for a subordinate authority with its usual span."""
    made("root", "--ca", tmp_path / "upper", "--cn", "Root", "--path-length", "1")
    usual = [
        pki("issue", "--ca", ca, "--cn", "x", "--out", tmp_path),
        pki("root", "--ca", tmp_path / "lower", "--cn", "Issuing", "--parent", tmp_path / "upper"),
    ]

    assert [(result.exit_code, result.stderr) for result in usual] == [(0, "")] * 2


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\nnot the password\n"])
def test_nss_takes_the_pkcs12_file_when_its_password_came_from_a_file(ca: Path, tmp_path: Path, ending: bytes) -> None:
    """The first line is the password, however it ends."""
    (tmp_path / "password").write_bytes(b"pa\xc3\x9f word" + ending)
    password = ["--p12", "--p12-password-file", str(tmp_path / "password")]
    made("issue", "--ca", ca, "--cn", "laptop-1", "--out", tmp_path, *password)
    database = new_nss_database(tmp_path / "nss")

    run("pk12util", "-i", tmp_path / "laptop-1.p12", "-d", database, "-W", "paß word", "-K", "")

    assert "laptop-1" in run("certutil", "-K", "-d", database)


def test_a_warning_is_given_when_the_pkcs12_file_has_no_password(ca: Path, tmp_path: Path) -> None:
    """The key in it is as open as the key file beside it."""
    result = pki("issue", "--ca", ca, "--cn", "laptop-1", "--out", tmp_path, "--p12")

    assert (
        result.stderr == f"{tmp_path / 'laptop-1.p12'} has no password: only the file's permissions protect its key\n"
    )


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("--cn=ada@corp.example", "ada@corp.example"),
        ("--cn=Ada's laptop / new", "Ada-s-laptop-new"),
        ("--san=uri:urn:a:b", "urn-a-b"),
        ("--san=ip:::1", "1"),
        (f"--cn={'é' * 3}x", "x"),
    ],
)
def test_the_files_have_the_certificates_name_when_none_is_given(
    ca: Path, tmp_path: Path, name: str, files: str
) -> None:
    """What could be trouble in a file's name becomes a hyphen."""
    document = made("issue", "--ca", ca, name, "--out", tmp_path)

    assert document["certificate"] == str(tmp_path / f"{files}.pem")


def test_an_authority_is_refused_when_there_is_none(tmp_path: Path) -> None:
    """Each command names the option that led nowhere."""
    commands: list[list[str | Path]] = [
        ["issue", "--ca", tmp_path, "--cn", "x"],
        ["revoke", "--ca", tmp_path, "--serial", "1"],
        ["crl", "--ca", tmp_path],
        ["root", "--ca", tmp_path / "new", "--cn", "x", "--parent", tmp_path],
    ]
    for words in commands:
        error = refused(*words)
        assert isinstance(error, InputError)
        assert error.field == ("--parent" if words[0] == "root" else "--ca")


def test_a_damaged_authority_is_no_users_fault_when_it_is_opened(ca: Path) -> None:
    """That is a `StateError`, which says which file."""
    (ca / "ca.key").write_text("damaged")

    error = refused("issue", "--ca", ca, "--cn", "x")

    assert isinstance(error, StateError)
    assert error.path == str(ca / "ca.key")


@pytest.mark.parametrize("words", [[], ["--serial", "1", "--certificate", "x.pem"]])
def test_a_revocation_is_refused_when_it_does_not_say_which(ca: Path, words: list[str]) -> None:
    """The serial number or the certificate, not both and not neither."""
    error = refused("revoke", "--ca", ca, *words)

    assert isinstance(error, InputError)
    assert error.allowed == "one of the two"


def test_a_revocation_is_recorded_when_the_serial_number_is_given(ca: Path, tmp_path: Path) -> None:
    """Once; the second time is a conflict, and stderr reminds of the list the first time."""
    serial = made("issue", "--ca", ca, "--cn", "x", "--out", tmp_path)["serial"]

    first = pki("revoke", "--ca", ca, "--serial", serial.lower(), "--reason", "superseded")

    assert re.fullmatch(rf"serial +{serial}\nreason +superseded\nat +\S+Z\n", first.stdout)
    assert "gatepost pki crl" in first.stderr
    assert isinstance(refused("revoke", "--ca", ca, "--serial", serial), ConflictError)


def test_the_list_is_due_when_the_days_have_passed(ca: Path, tmp_path: Path) -> None:
    """The days are counted from now, and the file is where it was asked for."""
    document = made("crl", "--ca", ca, "--days", "30", "--out", tmp_path / "list.pem")

    span = datetime.fromisoformat(document["next_update"]) - datetime.fromisoformat(document["this_update"])
    assert span == timedelta(days=30)
    assert "verify OK" in run("openssl", "crl", "-in", tmp_path / "list.pem", "-noout", "-CAfile", ca / "ca.pem")


@pytest.mark.parametrize("name", [None, *group.commands])
def test_help_is_given_when_asked_for(name: str | None) -> None:
    """Every command and the group explain themselves, and every option says what it is for."""
    command: click.Command = group if name is None else group.commands[name]
    result = pki(*([] if name is None else [name]), "--help")

    assert result.exit_code == 0
    assert (command.help or "").split(".")[0] in " ".join(result.stdout.split())
    assert [] == [option.name for option in command.params if not getattr(option, "help", None)]
