"""Two other judges: the command of the system's OpenSSL, and GnuTLS's certtool at an instant that faketime gives it."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from tests.certificates import pem_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from tests.corpus.files import Subject
    from tests.corpus.pairs import Pair

_AT_ONCE: Final = 2
"""Processes at a time; a machine for tests has two cores."""
_ALONE: Final = ("-partial_chain", "-no-CApath", "-no-CAfile", "-no-CAstore")
_ERROR: Final = re.compile(r"^error (\d+) at (\d) depth lookup", re.MULTILINE)
_END: Final = re.compile(r"^error (\S+?): verification failed$", re.MULTILINE)
_FINE: Final = re.compile(r"^(\S+): OK$", re.MULTILINE)
_CHAIN: Final = re.compile(r"^Chain verification output: (.*)$", re.MULTILINE)

Verdicts = dict["Pair", str | None]
"""By pair: empty where the judge accepts it, its words where it does not, None where it gives no verdict."""


class Desk:
    """A folder in which each subject lies once as PEM."""

    def __init__(self, folder: Path) -> None:
        """Take an empty folder."""
        self.folder = folder
        self._names: dict[bytes, str] = {}

    def name(self, item: Subject) -> str:
        """Return the name of a subject's file there."""
        name = self._names.get(item.sha256)
        if name is None:
            name = self._names[item.sha256] = f"{len(self._names)}.pem"
            (self.folder / name).write_bytes(pem_block("CERTIFICATE", item.der))
        return name

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder."""
        zone = {**os.environ, "TZ": "UTC", "LC_ALL": "C"}
        return subprocess.run(
            command, cwd=self.folder, env=zone, capture_output=True, text=True, errors="replace", check=False
        )


def ask_openssl(pairs: Iterable[Pair], desk: Desk) -> Verdicts:
    """Ask ``openssl verify -partial_chain`` for one step; its words are the numbers of its errors."""
    groups: dict[tuple[Subject, datetime], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[pair.authority, pair.instant].append(pair)
        desk.name(pair.authority)
        desk.name(pair.candidate)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda group: _verify(group, desk), groups.values())
        return {pair: words for answer in answers for pair, words in answer.items()}


def _verify(group: list[Pair], desk: Desk) -> Verdicts:
    """Verify all candidates of one CA at one instant by one process."""
    first = group[0]
    names = {pair: desk.name(pair.candidate) for pair in group}
    instant = ("-attime", str(int(first.instant.timestamp())))
    done = desk.run(("openssl", "verify", *_ALONE, *instant, "-trusted", desk.name(first.authority), *names.values()))
    fine = set(_FINE.findall(done.stdout))
    refused: dict[str, str] = {}
    start = 0
    for end in _END.finditer(done.stderr):
        numbers = [number for number, _ in _ERROR.findall(done.stderr[start : end.start()])]
        # A key that it cannot read is an internal error to it, which has no number.
        refused[end.group(1)] = " ".join(numbers) or "internal error"
        start = end.end()
    return {pair: "" if name in fine else refused.get(name) for pair, name in names.items()}


def ask_gnutls(pairs: Iterable[Pair], desk: Desk) -> Verdicts:
    """Ask ``certtool --verify`` for a chain from the candidate to the CA; its words are those that it prints."""
    asked = list(pairs)
    for pair in asked:
        desk.name(pair.authority)
        desk.name(pair.candidate)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(asked, pool.map(lambda pair: _certtool(pair, desk), asked), strict=True))


def _certtool(pair: Pair, desk: Desk) -> str | None:
    clock = ("faketime", "-f", f"@{pair.instant:%Y-%m-%d %H:%M:%S}")
    files = ("--load-ca-certificate", desk.name(pair.authority), "--infile", desk.name(pair.candidate))
    done = desk.run((*clock, "certtool", "--verify", *files))
    found = _CHAIN.search(done.stdout)
    if found is None:
        return None
    return "" if done.returncode == 0 and found.group(1).startswith("Verified.") else found.group(1)
