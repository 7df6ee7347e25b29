"""The pages as a whole: none is lost, none is too long for its reader, and what they promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gatepost.core.reason import Reason
from scripts import check_links

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ADR = DOCS / "adr"
ENTRANCES = [ROOT / "README.md", DOCS / "README.md", ADR / "README.md"]
PAGES = sorted(DOCS.rglob("*.md"))
DECISIONS = sorted(ADR.glob("[0-9]*.md"))
TEST = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_no_link_leads_nowhere() -> None:
    """As `make docs` sees it."""
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *PAGES]
    assert [] == [link for page in pages for link in check_links.dead_links(page)]


def test_the_readme_takes_five_minutes() -> None:
    """A hundred lines at most."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 100


def test_the_readme_counts_the_reasons() -> None:
    """As many as the closed list has."""
    assert f"{len(Reason)} stable reasons" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_each_page_can_be_reached_from_the_index() -> None:
    """The index names it, or the index of decisions does."""
    named = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in ENTRANCES
        for _, line in check_links.prose(page)
        for target in check_links.LINK.findall(line)
    }
    assert [] == [page.relative_to(ROOT).as_posix() for page in PAGES if page not in named and page not in ENTRANCES]


def test_decisions_are_numbered_without_a_gap_and_listed_in_order() -> None:
    """Each has its number in its name, its heading and the index, once."""
    numbers = [page.name[:4] for page in DECISIONS]
    assert numbers == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    assert numbers == [page.read_text(encoding="utf-8")[2:6] for page in DECISIONS]
    assert numbers == re.findall(r"(?m)^\| \[(\d{4})\]", (ADR / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [page.name for page in DECISIONS])
def test_a_decision_says_why_what_and_at_what_cost(page: str) -> None:
    """Three headings, none empty, and it is short."""
    text = (ADR / page).read_text(encoding="utf-8")
    assert ["Context", "Decision", "Consequences"] == re.findall(r"(?m)^## (.*)$", text)
    assert all(part.strip() for part in re.split(r"(?m)^## .*$", text)[1:])
    assert len(text.splitlines()) <= 70


def test_each_test_that_a_page_names_exists() -> None:
    """The threat model is as true as its tests."""
    missing = []
    for page in PAGES:
        for file, name in TEST.findall(page.read_text(encoding="utf-8")):
            path = ROOT / "tests" / file
            if not path.is_file() or not re.search(rf"(?m)^(async )?def {name}\(", path.read_text(encoding="utf-8")):
                missing.append(f"{page.name}: {file}::{name}")
    assert [] == missing
    assert TEST.search((DOCS / "threat-model.md").read_text(encoding="utf-8"))


def test_the_demo_in_the_readme_is_the_demo() -> None:
    """Its lines are those that the command makes: chapters, checks and reasons of its own source."""
    (excerpt,) = re.findall(r"```text\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    source = (ROOT / "src" / "gatepost" / "cli" / "demo.py").read_text(encoding="utf-8")
    titles = re.findall(r"── (.*?) ─+\n", excerpt)
    reasons = re.findall(r"(?m)^FAIL +(?:NSS database|PEM files) +([a-z-]+)$", excerpt)
    assert titles
    assert reasons
    assert [] == [words for words in (*titles, *reasons) if f'"{words}"' not in source]
