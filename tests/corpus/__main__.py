"""``make corpus``: hold our verdicts against OpenSSL's command and GnuTLS's, and print the tables of ``docs/differences.md``.

It also opens the PKCS#12 files of the corpus, which takes half a minute, to see that they hold no other certificates.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from tests.corpus.files import files, protected, subjects
from tests.corpus.judges import Desk, ask_gnutls, ask_openssl
from tests.corpus.odd import odd_pairs
from tests.corpus.pairs import pairs, parsed
from tests.corpus.tally import Tally, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.corpus.pairs import Pair

PAIRS: dict[str, Callable[[], tuple[Pair, ...]]] = {"the corpus": pairs, "odd forms": odd_pairs}


def main() -> int:
    """Print; the status is 1 where a difference is of no kind that is listed."""
    found = {(judge, asked): _ask(judge, asked) for judge, asked in product(("OpenSSL", "GnuTLS"), PAIRS)}
    certificates = {item.sha256 for item in subjects() if hasattr(parsed(item), "issuer")}
    hidden = {sha256(encoded).digest() for encoded in protected()} - {item.sha256 for item in subjects()}
    _write(f"{len(files())} files, {len(certificates)} certificates; in PKCS#12 alone: {len(hidden)}")
    for command in ("openssl version", "certtool --version"):
        _write(subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout.splitlines()[0])
    _write("")
    _table(("judge", "pairs", "verdicts", "both accept", "both refuse", "we alone refuse", "we alone accept"))
    for (judge, asked), tally in found.items():
        alone = (tally.stricter.total(), tally.laxer.total())
        pairs_asked = tally.verdicts + tally.without_verdict
        _row((f"{judge}, {asked}", pairs_asked, tally.verdicts, tally.both_accept, tally.both_refuse, *alone))
    for heading in ("stricter", "laxer", "unread"):
        _write("")
        _table((heading, *(f"{judge}, {asked}" for judge, asked in found)))
        counts = [getattr(tally, heading) for tally in found.values()]
        for kind in sorted({kind for count in counts for kind in count}):
            _row((kind, *(count[kind] for count in counts)))
    unlisted = [line for tally in found.values() for line in tally.unlisted]
    for line in unlisted:
        _write(line)
    return int(bool(unlisted or hidden))


def _ask(judge: str, asked: str) -> Tally:
    ask = ask_openssl if judge == "OpenSSL" else ask_gnutls
    with tempfile.TemporaryDirectory(prefix="gatepost-corpus-") as folder:
        return compare(ask(PAIRS[asked](), Desk(Path(folder))), gnutls=ask is ask_gnutls)


def _table(head: tuple[str, ...]) -> None:
    _row(head)
    _row(["---"] * len(head))


def _row(cells: Iterable[object]) -> None:
    _write(f"| {' | '.join(map(str, cells))} |")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
