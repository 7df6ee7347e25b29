"""The page of attacks has every attack that the tests try, each with what it came to at four proxies."""

from __future__ import annotations

import re
from pathlib import Path

from tests.enforcement.attacks import ATTACKS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "attacks.md"


def test_every_attack_is_on_the_page_and_none_was_let_in() -> None:
    """In their order; a status of success is on no line."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    assert [attack.name for attack in ATTACKS] == [row[0] for row in cells]
    assert all(len(row) == 5 for row in cells)
    assert all(re.fullmatch("—|[45][0-9][0-9]", cell) for row in cells for cell in row[1:])
