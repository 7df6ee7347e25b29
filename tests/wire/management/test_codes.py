"""The numbers are closed, documented and explained."""

from __future__ import annotations

import re
from pathlib import Path

from gatepost.wire.management.codes import MEANINGS, Code

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "errors.md"


def test_each_number_has_a_heading_in_the_documentation_with_its_meaning() -> None:
    """And no heading is without its number."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^### (\d+)(?: \(\d+\))?\n\n(.+)$", text, re.MULTILINE)
    assert {str(code.value): MEANINGS[code] for code in Code} == dict(found)


def test_each_number_is_one_that_clients_take() -> None:
    """The reference's clients take whole numbers from 1000 on."""
    assert all(code.value >= 1000 for code in Code)
    assert set(MEANINGS) == set(Code)
