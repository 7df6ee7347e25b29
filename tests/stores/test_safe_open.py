"""Opening a path: what is trusted is read, everything else is refused in words, and nothing waits."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.core.reason import Reason
from gatepost.stores.safe_open import Access, Obstacle, OpenFile, find_owner, open_file, read_file, shown
from tests.stores.strangers import as_stranger, belongs_to_stranger, meanwhile, needs_root

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 1_000
NOTHING_ALLOWED = Access()


def read(path: Path | str, *allowed: Path) -> bytes | Obstacle:
    """Read a path with these allowed paths; no descriptor may stay open."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough.
    answer = read_file(str(path), Access(allowed_paths=tuple(map(str, allowed))), LIMIT)
    assert before == len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough.
    return answer


def refusal(answer: bytes | OpenFile | Obstacle) -> tuple[Reason, str]:
    """Return the reason and the detail of an answer that must be an obstacle."""
    assert isinstance(answer, Obstacle)
    return answer.reason, answer.detail


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Make a file that is ours, in a folder that is ours."""
    path = tmp_path / "file.pem"
    path.write_bytes(b"content")
    return path


# --- What is trusted --------------------------------------------------------------------------------------------------


def test_a_file_is_read_when_everything_on_its_way_is_ours(file: Path) -> None:
    """Nothing needs to be allowed, and a sticky folder such as /tmp on the way does no harm."""
    assert b"content" == read(file)


def test_a_path_may_have_empty_and_single_dot_components(file: Path) -> None:
    """They name the same file."""
    assert b"content" == read(f"//{file.parent}/.///./{file.name}")


@pytest.mark.parametrize(
    ("mode", "who"), [(0o666, "everybody"), (0o620, "its group"), (0o1666, "everybody"), (0o660, "its group")]
)
def test_a_file_is_refused_when_others_can_write_it(file: Path, mode: int, who: str) -> None:
    """The detail names the file and who can."""
    file.chmod(mode)
    reason, detail = refusal(read(file))
    assert reason is Reason.PATH_REFUSED
    assert detail.startswith(f"{file} can be written by {who}")


def test_a_file_is_refused_when_others_can_write_a_folder_on_its_way(file: Path) -> None:
    """The detail names that folder, not the file."""
    file.parent.chmod(0o777)
    reason, detail = refusal(read(file))
    assert reason is Reason.PATH_REFUSED
    assert detail.startswith(f"{file.parent} can be written by everybody")
    assert str(file) in detail


def test_a_file_is_read_when_the_folder_that_others_can_write_is_sticky(file: Path) -> None:
    """Nobody else can take it away or put another in its place."""
    file.parent.chmod(0o1777)
    assert b"content" == read(file)


@needs_root
@pytest.mark.parametrize("whose", ["the file", "its folder"])
def test_a_file_is_refused_when_it_or_its_folder_belongs_to_another_user(file: Path, whose: str) -> None:
    """Whoever owns it can change it, whatever its mode."""
    belongs_to_stranger(file if whose == "the file" else file.parent)
    reason, detail = refusal(read(file))
    assert reason is Reason.PATH_REFUSED
    assert "belongs to uid 65534" in detail


@needs_root
def test_a_file_of_root_is_read_when_we_are_somebody_else(tmp_path: Path) -> None:
    """Root is trusted by everybody; what root alone may read says so."""
    ours = Path("/etc/debian_version").read_bytes()
    answers = as_stranger(lambda: f"{read('/etc/debian_version', tmp_path)!r} {refusal(read('/etc/shadow'))[0]}")
    assert f"{ours!r} permission-denied" == answers


@needs_root
def test_a_folder_that_we_may_not_enter_gives_permission_denied(file: Path) -> None:
    """Not "missing": the administrator can mend it."""
    file.parent.chmod(0o700)
    assert Reason.PERMISSION_DENIED == as_stranger(lambda: refusal(read(file))[0])


# --- What is allowed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allow", [lambda file: file, lambda file: file.parent, lambda _: Path("/")])
def test_a_file_that_others_can_write_is_read_when_the_settings_allow_it(
    file: Path, allow: Callable[[Path], Path]
) -> None:
    """The file itself, its folder, or any folder above may be allowed."""
    file.chmod(0o666)
    file.parent.chmod(0o777)
    assert b"content" == read(file, allow(file))


def test_an_allowed_folder_ends_where_its_name_ends(tmp_path: Path) -> None:
    """``/srv/certs-of-others`` does not lie under ``/srv/certs``, nor does anything under an empty or relative path."""
    folder = tmp_path / "certs-of-others"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "file").write_bytes(b"content")
    answer = read_file(str(folder / "file"), Access(allowed_paths=(str(tmp_path / "certs"), "", "tmp")), LIMIT)
    assert Reason.PATH_REFUSED is refusal(answer)[0]


@pytest.mark.parametrize("where", ["file", "folder"])
def test_no_link_is_followed_below_a_folder_that_others_can_write(tmp_path: Path, where: str) -> None:
    """An allowed folder is allowed for what lies in it, not for what its links name."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").write_bytes(b"secret")
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    allowed.chmod(0o777)
    (allowed / "file").symlink_to(secret / "file")
    (allowed / "folder").symlink_to(secret)
    reason, detail = refusal(read(allowed / ("file" if where == "file" else "folder/file"), allowed))
    assert reason is Reason.PATH_REFUSED
    assert detail == f"{allowed / where} is a link that another user may have laid"


def test_a_file_with_two_names_is_refused_when_others_can_write_its_folder(file: Path, tmp_path: Path) -> None:
    """A hard link is a link too."""
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    allowed.chmod(0o777)
    (allowed / "file").hardlink_to(file)
    assert Reason.PATH_REFUSED is refusal(read(allowed / "file", allowed))[0]
    assert b"content" == read(file)


# --- Links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["{folder}/file.pem", "file.pem", "../{name}/file.pem", "./x/../file.pem"])
def test_a_link_is_followed_when_nobody_else_can_have_laid_it(file: Path, target: str) -> None:
    """Absolute or relative, through folders and back."""
    (file.parent / "x").mkdir()
    link = file.parent / "link"
    link.symlink_to(target.format(folder=file.parent, name=file.parent.name))
    assert b"content" == read(link)


def test_links_in_the_middle_of_a_path_are_followed_and_the_real_path_is_named(file: Path, tmp_path: Path) -> None:
    """What opens the file by its path later gets the path without links."""
    (tmp_path / "folder").symlink_to(".")
    with open_file(str(tmp_path / "folder" / file.name), NOTHING_ALLOWED, LIMIT) as opened:
        assert isinstance(opened, OpenFile)
        assert (str(file.resolve()), True, True) == (opened.path, opened.trusted, opened.private)


def test_a_link_above_the_root_folder_stays_there(tmp_path: Path) -> None:
    """As the system has it."""
    link = tmp_path / "link"
    link.symlink_to("../" * 40 + "etc/passwd")
    assert read_file("/etc/passwd", NOTHING_ALLOWED, 1 << 20) == read_file(str(link), NOTHING_ALLOWED, 1 << 20)


def test_the_target_of_a_link_is_judged_anew(file: Path, tmp_path: Path) -> None:
    """A link from a trusted folder makes nothing trusted, and its target must be allowed under its own name."""
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    file.rename(open_folder / "file")
    open_folder.chmod(0o777)
    link = tmp_path / "link"
    link.symlink_to(open_folder / "file")
    assert Reason.PATH_REFUSED is refusal(read(link, link))[0]
    assert b"content" == read(link, open_folder)


def test_a_link_with_dots_through_an_open_folder_is_refused_even_when_that_folder_is_allowed(tmp_path: Path) -> None:
    """Where ``..`` leads from there is another user's choice."""
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    (tmp_path / "file").write_bytes(b"content")
    link = tmp_path / "link"
    link.symlink_to("open/../file")
    assert Reason.PATH_REFUSED is refusal(read(link, tmp_path))[0]


def test_a_link_is_refused_when_it_lies_in_a_sticky_folder(file: Path, tmp_path: Path) -> None:
    """Another user can have given a link of ours a second name there."""
    sticky = tmp_path / "sticky"
    sticky.mkdir()
    sticky.chmod(0o1777)
    (sticky / "link").symlink_to(file)
    assert f"{sticky / 'link'} is a link that another user may have laid" == refusal(read(sticky / "link"))[1]


@needs_root
def test_a_link_of_another_user_is_refused_wherever_it_lies(file: Path) -> None:
    """Its owner may have chosen its target."""
    link = file.parent / "link"
    link.symlink_to(file)
    os.lchown(link, 65534, 65534)
    assert Reason.PATH_REFUSED is refusal(read(link))[0]


def test_a_chain_of_links_is_followed_up_to_sixteen(file: Path) -> None:
    """And no further."""
    for number in range(17):
        (file.parent / f"{number}").symlink_to(f"{number - 1}" if number else file.name)
    assert b"content" == read(file.parent / "15")
    assert "more than 16 links" in refusal(read(file.parent / "16"))[1]


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    """After sixteen."""
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    reason, detail = refusal(read(tmp_path / "one"))
    assert reason is Reason.PATH_REFUSED
    assert "more than 16 links" in detail


def test_a_path_of_very_many_components_ends(tmp_path: Path) -> None:
    """A link can name 2,000 components in its 4,096 bytes."""
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("d/../" * 600 + "d")
    reason, detail = refusal(read(tmp_path / "link"))
    assert reason is Reason.PATH_REFUSED
    assert "more than 256 components" in detail


# --- What is there ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["missing", "missing/deeper", "file.pem/deeper", "${hostname}", "a\nb"])
def test_a_path_that_leads_nowhere_gives_store_missing(file: Path, name: str) -> None:
    """The detail names the first component that is not there; nothing in a path is ever filled in."""
    reason, detail = refusal(read(file.parent / name))
    assert reason is Reason.STORE_MISSING
    assert detail.startswith(str(file.parent))
    assert detail.isprintable()


@pytest.mark.parametrize(
    "path", ["", "relative/path", "/etc/../etc/passwd", "/etc/pass\0wd", "/etc/\ud800", "/" + "x" * 300]
)
def test_a_path_that_can_be_none_is_refused(path: str) -> None:
    """Relative, with ``..``, with NUL, with half a character, or with a name that no file can have."""
    reason, detail = refusal(read(path))
    assert reason is Reason.PATH_REFUSED
    assert detail.isprintable()


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(
    ("make", "kind"),
    [(_fifo, "a FIFO"), (_socket, "a socket"), (Path.mkdir, "a folder")],
    ids=["fifo", "socket", "dir"],
)
def test_what_is_no_regular_file_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], None], kind: str
) -> None:
    """A FIFO without a writer would otherwise hold us for ever."""
    make(tmp_path / "odd")
    assert (Reason.PATH_REFUSED, f"{tmp_path / 'odd'} is {kind}, not a regular file") == refusal(read(tmp_path / "odd"))


@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_devices_and_the_root_folder_are_refused(path: str) -> None:
    """Neither has an end."""
    assert Reason.PATH_REFUSED is refusal(read(path))[0]


def test_a_file_of_proc_is_not_read() -> None:
    """It calls itself empty; reading some of them changes the system."""
    assert b"" == read("/proc/self/environ")


def test_a_file_is_refused_by_its_size_before_it_is_read(tmp_path: Path) -> None:
    """A sparse file of 10 GB, and one of a single byte too many."""
    for size in (LIMIT + 1, 10 << 30):
        path = tmp_path / f"{size}"
        with path.open("wb") as sparse:
            sparse.truncate(size)
        reason, detail = refusal(read(path))
        assert reason is Reason.STORE_UNREADABLE
        assert f"has {size} bytes; at most {LIMIT}" in detail


def test_a_file_of_exactly_the_limit_is_read_whole(tmp_path: Path) -> None:
    """The limit itself is inside."""
    (tmp_path / "file").write_bytes(b"x" * LIMIT)
    assert b"x" * LIMIT == read(tmp_path / "file")


def test_a_device_that_cannot_be_read_gives_store_unreadable() -> None:
    """The loopback interface has no speed: reading it is an error of the system's."""
    reason, detail = refusal(read_file("/sys/class/net/lo/speed", NOTHING_ALLOWED, 1 << 20))
    assert reason is Reason.STORE_UNREADABLE
    assert "Invalid argument" in detail


def test_part_of_a_file_can_be_read_from_anywhere(file: Path) -> None:
    """A reader of headers and trailers needs no more."""
    with open_file(str(file), NOTHING_ALLOWED, LIMIT) as opened:
        assert isinstance(opened, OpenFile)
        assert (b"con", b"ent", b"") == (opened.read(3), opened.read(9, 4), opened.read(3, 99))


def test_a_file_in_a_sticky_folder_is_not_private(file: Path) -> None:
    """It is ours, but strangers can lay files beside it."""
    file.parent.chmod(0o1777)
    with open_file(str(file), NOTHING_ALLOWED, LIMIT) as opened:
        assert isinstance(opened, OpenFile)
        assert (True, False) == (opened.trusted, opened.private)


@needs_root
def test_a_file_in_another_users_folder_is_not_private(file: Path) -> None:
    """Its owner can lay files beside it, whatever the folder's mode; nor may it have two names there."""
    belongs_to_stranger(file.parent)
    with open_file(str(file), Access(allowed_paths=("/",)), LIMIT) as opened:
        assert isinstance(opened, OpenFile)
        assert (False, False) == (opened.trusted, opened.private)
    (file.parent / "second").hardlink_to(file)
    assert Reason.PATH_REFUSED is refusal(read(file, file))[0]


# --- Owners -----------------------------------------------------------------------------------------------------------


@needs_root
def test_the_owner_of_what_is_not_trusted_is_found_where_it_is_allowed(file: Path) -> None:
    """A file's, or a folder's; nothing is opened."""
    belongs_to_stranger(file)
    allowed = Access(allowed_paths=(str(file.parent),))
    assert 65_534 == find_owner(str(file), allowed)
    assert Reason.PATH_REFUSED is refusal(_insisted(find_owner(str(file), NOTHING_ALLOWED)))[0]
    belongs_to_stranger(file.parent)
    assert 65_534 == find_owner(str(file.parent), allowed)
    assert Reason.STORE_MISSING is refusal(_insisted(find_owner(f"{file}-none", allowed)))[0]


@needs_root
def test_what_root_owns_among_others_things_has_no_owner_to_become(file: Path) -> None:
    """Nobody lesser may read it for whoever could have put it there."""
    file.parent.chmod(0o777)
    owner = find_owner(str(file), Access(allowed_paths=("/",)))
    assert (Reason.PATH_REFUSED, f"{file} belongs to root, but others decide what lies there") == refusal(
        _insisted(owner)
    )


def test_whoever_reads_as_the_owner_is_allowed_nothing(file: Path) -> None:
    """Trust is all that counts then, and it is the owner's."""
    access = Access(allowed_paths=("/",), as_owner=True)
    assert b"content" == read_file(str(file), access, LIMIT)
    file.parent.chmod(0o777)
    reason, detail = refusal(read_file(str(file), access, LIMIT))
    assert Reason.PATH_REFUSED is reason
    assert f"{file.parent} can be written by everybody, so that others than its owner decide on {file}" == detail


def _insisted(owner: int | Obstacle) -> Obstacle:
    assert isinstance(owner, Obstacle)
    return owner


# --- What changes meanwhile -------------------------------------------------------------------------------------------


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have something done just between pinning the last component and opening it."""

    def arrange(*actions: Callable[[], object]) -> None:
        genuine = os.open

        def interrupted(name: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if not flags & os.O_PATH:
                for action in actions:
                    action()
            return genuine(name, flags, mode, dir_fd=dir_fd)

        monkeypatch.setattr(os, "open", interrupted)

    return arrange


def test_a_file_exchanged_for_a_link_is_not_opened(file: Path, between: Callable[..., None]) -> None:
    """However late the link comes."""
    between(file.unlink, lambda: file.symlink_to("/etc/passwd"))
    assert Reason.PATH_REFUSED is refusal(read(file))[0]


def test_a_file_exchanged_for_a_fifo_is_refused_without_waiting(file: Path, between: Callable[..., None]) -> None:
    """What was opened is judged, not what was seen before."""
    between(file.unlink, lambda: os.mkfifo(file))
    assert (Reason.PATH_REFUSED, f"{file} is a FIFO, not a regular file") == refusal(read(file))


def test_a_file_exchanged_for_one_that_others_can_write_is_refused(file: Path, between: Callable[..., None]) -> None:
    """It is no longer trusted."""
    between(lambda: file.chmod(0o666))
    reason, detail = refusal(read(file))
    assert reason is Reason.PATH_REFUSED
    assert "was exchanged, and now can be written by everybody" in detail


def test_a_file_renewed_by_its_owner_is_read_as_it_is_now(file: Path, between: Callable[..., None]) -> None:
    """Certificates are renewed while agents run."""
    newer = file.with_name("newer")
    newer.write_bytes(b"renewed")
    between(lambda: newer.rename(file) if newer.exists() else None)
    assert b"renewed" == read(file)


def test_a_link_that_goes_before_it_is_followed_is_missing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who may decide what is read can take it away, and then there is nothing to read."""
    link = file.with_name("link")
    link.symlink_to(file)
    genuine = os.readlink

    def late(path: str, *, dir_fd: int | None = None) -> str:
        link.unlink()
        return genuine(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "readlink", late)
    assert (Reason.STORE_MISSING, f"{link}: No such file or directory") == refusal(read(link))


def test_a_file_that_grows_while_it_is_read_is_refused_at_the_limit(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fitted when it was opened no longer fits."""
    genuine = os.pread

    def growing(descriptor: int, count: int, offset: int) -> bytes:
        file.write_bytes(b"x" * 9 * LIMIT)
        return genuine(descriptor, min(count, 300), offset)

    monkeypatch.setattr(os, "pread", growing)
    reason, detail = refusal(read(file))
    assert reason is Reason.STORE_UNREADABLE
    assert f"at most {LIMIT} are read" in detail


@needs_root
def test_a_secret_never_comes_out_when_another_user_swaps_links_without_end(tmp_path: Path) -> None:
    """2,000 reads of a file and of a file in a folder, each now genuine, now a link to the secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"secret")
    (tmp_path / "secret" / "file").chmod(0o600)
    allowed = tmp_path / "allowed"
    (allowed / "genuine").mkdir(parents=True)
    (allowed / "genuine" / "file").write_bytes(b"genuine")
    belongs_to_stranger(allowed)

    def swap() -> None:
        for target, name in ((tmp_path / "secret" / "file", "file"), (tmp_path / "secret", "folder")):
            (allowed / "link").symlink_to(target)
            (allowed / "link").rename(allowed / name)
            (allowed / name).unlink()
        (allowed / "copy").write_bytes(b"genuine")
        (allowed / "copy").rename(allowed / "file")
        (allowed / "genuine").rename(allowed / "folder")
        (allowed / "folder").rename(allowed / "genuine")

    with meanwhile(swap):
        answers = [read(allowed / name, allowed) for _ in range(1_000) for name in ("file", "folder/file")]
    read_bytes = {answer for answer in answers if isinstance(answer, bytes)}
    reasons = {answer.reason for answer in answers if isinstance(answer, Obstacle)}
    assert read_bytes <= {b"genuine"}
    assert reasons <= {Reason.PATH_REFUSED, Reason.STORE_MISSING}


@given(st.text())
def test_what_is_shown_of_a_path_can_always_be_printed(text: str) -> None:
    """And two different paths never look the same."""
    assert shown(text).isprintable()
    assert text == shown(text).encode("ascii", "backslashreplace").decode("unicode_escape")
