"""The page on noticing changes has a row for each kind of store, and says of each on what it was tried."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from gatepost.core.finding import StoreKind
from tests.noticing.page import Noticed, write_page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "noticing.md"
WORDS = {
    StoreKind.PEM_FILE: "PEM files",
    StoreKind.NSSDB: "NSS database",
    StoreKind.PKCS11: "PKCS#11 tokens",
    StoreKind.KEYCHAIN: "macOS keychains",
    StoreKind.WINDOWS: "the stores of Windows",
}


def test_each_kind_of_store_has_its_row() -> None:
    """And each row four cells, none empty: what, how, seconds, real hardware."""
    assert set(StoreKind) == set(WORDS)
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| --- | --- | --- | --- |\n")
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()]
    assert [] == [kind for kind, word in WORDS.items() if not any(word in row[0] for row in rows)]
    assert all(len(row) == 4 and all(row) for row in rows)
    assert all(re.search(r"median [\d.]+|not measured", row[2]) for row in rows)


def test_a_figure_is_shown_as_it_was_measured() -> None:
    """Median, longest and how many."""
    noticed = Noticed(name="PEM files", how="watched", changes=20, median=0.5, longest=1.25)
    page = write_page([noticed], {"cores": "2"}, date(2026, 1, 2))
    assert "| PEM files | watched | median 0.50, longest 1.25, of 20 changes |" in page
