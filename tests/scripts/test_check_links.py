"""``make docs`` finds the links that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts import check_links

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "# Title\n\n## What it is, and isn't\n\n## Twice\n\n## Twice\n"


@pytest.mark.parametrize(
    "target",
    ["other.md", "other.md#what-it-is-and-isnt", "other.md#twice-1", "#here", "https://example.org/x", "."],
)
def test_a_link_passes_when_it_leads_somewhere(target: str, tmp_path: Path) -> None:
    """Files, folders, headings and other hosts are fine."""
    (tmp_path / "other.md").write_text(OTHER)
    (tmp_path / "page.md").write_text(f"# Here\n\nSee [it]({target}).\n")
    assert check_links.main([str(tmp_path)]) == 0


@pytest.mark.parametrize("target", ["gone.md", "other.md#gone", "other.md#twice-2", "#gone"])
def test_a_link_is_printed_with_its_line_when_it_leads_nowhere(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing file or heading ends the check with status 1."""
    (tmp_path / "other.md").write_text(OTHER)
    (tmp_path / "page.md").write_text(f"# Here\n\nSee [it]({target}).\n")
    assert check_links.main([str(tmp_path)]) == 1
    assert f"page.md:3: {target}" in capsys.readouterr().out


def test_a_link_is_not_followed_when_it_is_code(tmp_path: Path) -> None:
    """Fenced blocks and code spans show links, and are none."""
    (tmp_path / "page.md").write_text("```\n[it](gone.md)\n```\n\n`[it](gone.md)`\n")
    assert check_links.main([str(tmp_path)]) == 0


def test_the_check_fails_when_a_named_page_is_missing(tmp_path: Path) -> None:
    """A page that the caller names must be there."""
    assert check_links.main([str(tmp_path / "README.md")]) == 1
