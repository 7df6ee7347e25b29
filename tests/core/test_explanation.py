"""Every reason has its words, for the user, for the administrator, and on the page that documents it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gatepost.core.device import VARIABLES
from gatepost.core.explanation import cure, fact, for_administrator, for_user
from gatepost.core.reason import Reason

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "reasons.md"
SECTIONS = ["What it means", "See it by hand", "Mend it"]


@pytest.mark.parametrize("reason", Reason)
def test_a_user_is_told_what_is_the_matter_and_what_to_do(reason: Reason) -> None:
    """At least two plain sentences, with nothing in them that could be a name, a number or a value."""
    words = for_user(reason)
    assert re.fullmatch(r"[A-Z][A-Za-z ,;'.-]+\.", words), words
    assert words.count(". ") >= 1
    assert re.search(r"\b(Please|There is nothing to do|please)\b", words), words
    assert len(words) < 220


@pytest.mark.parametrize("reason", Reason)
def test_an_administrator_is_told_what_was_expected_and_found(reason: Reason) -> None:
    """The meaning first, then both values, then the cure."""
    words = for_administrator(reason, "this", "that")
    meaning, _, rest = words.partition(" Expected: this. Found: that. ")
    assert meaning.endswith(".")
    assert rest == cure(reason)
    assert rest.endswith(".")
    assert not re.search(r"[{}]|%[sd]", words)


def test_a_value_is_left_out_when_it_is_empty() -> None:
    """No empty brackets, no doubled spaces."""
    for expected, found in (("", ""), ("this", ""), ("", "that")):
        words = for_administrator(Reason.COMMON_NAME_MISMATCH, expected, found)
        assert ("Expected: this." in words, "Found: that." in words) == (bool(expected), bool(found))
        assert "  " not in words


def test_values_stand_as_they_are_when_they_look_like_placeholders() -> None:
    """Nothing in a certificate is an instruction."""
    assert "Expected: {found}. Found: %s{expected}." in for_administrator(
        Reason.COMMON_NAME_MISMATCH, "{found}", "%s{expected}"
    )


def test_every_fact_has_a_name_in_words() -> None:
    """A variable that is unknown is named as it is."""
    assert [fact(variable) for variable in VARIABLES] == ["serial number", "host name", "hardware UUID"]
    assert fact("other") == "other"


def _headings() -> dict[str, str]:
    """Return the text under each heading that names a reason."""
    parts = re.split(r"^### `([a-z-]+)`$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_page_has_a_heading_for_each_reason_and_no_other() -> None:
    """In the order of the list, each once."""
    text = PAGE.read_text(encoding="utf-8")
    assert [reason.value for reason in Reason] == re.findall(r"^### `([a-z-]+)`$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("reason", Reason)
def test_the_page_says_what_a_reason_means_how_to_see_it_and_how_to_mend_it(reason: Reason) -> None:
    """Under its heading stand these three, with a command to see it by."""
    text = _headings()[reason.value]
    assert SECTIONS == re.findall(r"^\*\*(.+?)\.\*\*", text, flags=re.MULTILINE)
    seen = text.split("**See it by hand.**")[1].split("**Mend it.**")[0]
    assert "`" in seen


def _given() -> set[str]:
    """Return the names of the reasons that any code gives."""
    sources = Path(__file__).parents[2] / "src" / "gatepost"
    own = {"reason.py", "explanation.py"}
    texts = [path.read_text(encoding="utf-8") for path in sources.rglob("*.py") if path.name not in own]
    return {name for text in texts for name in re.findall(r"\bReason\.([A-Z_]+)\b", text)}


@pytest.mark.parametrize("reason", Reason)
def test_the_page_marks_a_reason_as_reserved_when_nothing_gives_it_yet(reason: Reason) -> None:
    """The mark goes with the first code that gives the reason."""
    assert (reason.name not in _given()) == ("*Reserved.*" in _headings()[reason.value])
