"""Who the people of a machine are: those of its list, those that are signed in, nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatepost.stores.accounts import Person, list_people

ANNA = "anna:x:1000:1000:Anna,,,:/home/anna:/bin/bash"


def people(tmp_path: Path, *lines: str, signed_in: tuple[str, ...] = ()) -> tuple[Person, ...]:
    """List the people of a machine with these lines."""
    (tmp_path / "passwd").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    folder = tmp_path / "user"
    folder.mkdir()
    for name in signed_in:
        (folder / name).mkdir()
    return list_people(str(tmp_path / "passwd"), str(folder))


def test_people_are_the_accounts_from_1000_on(tmp_path: Path) -> None:
    """Not root, no service, not nobody."""
    found = people(
        tmp_path,
        "root:x:0:0:root:/root:/bin/bash",
        "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
        "sshd:x:999:65534::/run/sshd:/usr/sbin/nologin",
        ANNA,
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
        "bob:x:70000:100::/srv/homes/bob/:/bin/sh",
    )
    assert (Person("anna", 1000, 1000, "/home/anna"), Person("bob", 70_000, 100, "/srv/homes/bob")) == found


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# a comment",
        "+::::::",
        "anna:x:1000:1000:/home/anna:/bin/bash",
        "anna:x:-1:1000::/home/anna:/bin/bash",
        "anna:x:1000:many::/home/anna:/bin/bash",
        "anna:x:1000:1000:::/bin/bash",
        "anna:x:1000:1000::home/anna:/bin/bash",
        "anna:x:1000:1000::/:/bin/bash",
        "anna:x:1000:1000::/home/../etc:/bin/bash",
        "anna:x:1000:1000::/home/./anna:/bin/bash",
        "anna:x:1000:1000::/home//anna:/bin/bash",
        "anna:x:1000:1000::/home/\x1b[2J:/bin/bash",
    ],
)
def test_what_is_no_account_with_a_home_is_passed_over(tmp_path: Path, line: str) -> None:
    """Comments, accounts that come from elsewhere, homes that are none."""
    assert () == people(tmp_path, line)


def test_an_account_counts_once(tmp_path: Path) -> None:
    """Two names for one number are one person; the first is its name."""
    second = ANNA.replace("anna:", "admin:", 1)
    assert ["anna"] == [person.name for person in people(tmp_path, ANNA, second)]


def test_a_name_that_does_not_print_is_escaped(tmp_path: Path) -> None:
    """It is shown to people."""
    assert ["an\\x1bna"] == [person.name for person in people(tmp_path, ANNA.replace("anna:", "an\x1bna:", 1))]


def test_those_that_are_signed_in_come_first_and_are_asked_for_by_number(tmp_path: Path) -> None:
    """So accounts of a directory are found, which stand in no list; root and unknown numbers are none."""
    me = os.geteuid()
    found = people(tmp_path, ANNA, signed_in=(str(me), "4242424242", "bus", "-1", "99999999999999999999"))
    assert [1000] == [person.uid for person in found if person.uid != me]


def test_without_the_list_nobody_is_known(tmp_path: Path) -> None:
    """That is an error, and not an empty machine; no folder of signed-in users is none."""
    with pytest.raises(FileNotFoundError):
        list_people(str(tmp_path / "none"))
    (tmp_path / "passwd").write_text(ANNA)
    assert 1 == len(list_people(str(tmp_path / "passwd"), str(tmp_path / "none")))


def test_this_machine_has_a_list() -> None:
    """The real one can be read."""
    assert all(person.uid >= 1_000 for person in list_people())
    assert Path("/etc/passwd").exists()
