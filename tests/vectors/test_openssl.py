"""Another OpenSSL, by its command, agrees with every vector, but for what ``docs/differences.md`` lists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.certificates import pem_block
from tests.vectors.generate import DATA
from tests.vectors.reading import answer, read_instant, to_check
from tests.vectors.vector import Vector

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"
STEP = {"issued by", "valid now"}
VECTORS = [msgspec.json.decode(path.read_bytes(), type=Vector) for path in sorted(DATA.rglob("*.json"))]
SINGLE = [vector for vector in VECTORS if vector.expected.status is not None and len(vector.found) == 1]


def accepted_by_openssl(vector: Vector, folder: Path) -> bool:
    """Ask ``openssl verify`` for one step from the certificate to any of the uploaded ones, at the vector's instant."""
    (folder / "leaf.pem").write_text(vector.found[0].certificate)
    instant = str(int(read_instant(vector.now).timestamp()))
    return any(_verify(folder, authority.der, instant) for authority in to_check(vector).authorities)


def _verify(folder: Path, authority: bytes, instant: str) -> bool:
    (folder / "root.pem").write_bytes(pem_block("CERTIFICATE", authority))
    alone = ["-partial_chain", "-no-CApath", "-no-CAfile", "-no-CAstore", "-attime", instant]
    command = ["openssl", "verify", *alone, "-trusted", "root.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip().endswith(": OK")


def accepted_by_us(vector: Vector) -> bool:
    """Tell whether the one step held, whatever the other criteria say."""
    rows = [item for row in answer(vector).certificates for item in row.judgements if item.criterion in STEP]
    return bool(rows) and all(item.reason is None for item in rows)


@pytest.fixture(scope="module")
def differing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Hold every vector of one certificate against OpenSSL; return those that differ, and whether we accept them."""
    folder = tmp_path_factory.mktemp("openssl")
    answers = {vector.id: (accepted_by_us(vector), accepted_by_openssl(vector, folder)) for vector in SINGLE}
    return {name: ours for name, (ours, theirs) in answers.items() if ours != theirs}


def _rows(heading: str) -> list[set[str]]:
    """Return the vectors that each row of the page's table under this heading names."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    return [set(re.findall(r"`([a-z-]+/[a-z0-9-]+)`", row)) for row in rows if not row.startswith("| ---")]


def test_the_page_lists_every_difference_and_no_other(differing: dict[str, bool]) -> None:
    """By the vectors that show it, and in a dozen kinds at most."""
    rows = _rows("From OpenSSL")
    assert set(differing) == set().union(*rows)
    assert all(rows)
    assert len(rows) <= 12


def test_only_the_last_second_is_accepted_by_us_alone(differing: dict[str, bool]) -> None:
    """RFC 5280, 4.1.2.5 includes it, OpenSSL does not; in all else we are the stricter."""
    last = {"dates/last-second", "dates/last-second-of-the-signing-certificate"}
    assert last == {name for name, ours in differing.items() if ours}


def test_the_page_shows_a_vector_for_every_difference_from_the_reference() -> None:
    """Each of which there is."""
    rows = _rows("From the commercial reference")
    assert all(rows)
    assert set().union(*rows) <= {vector.id for vector in VECTORS}
