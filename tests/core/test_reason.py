"""The list of reasons is closed, and its words are stable."""

from __future__ import annotations

import re

from gatepost.core.reason import Reason


def test_every_reason_is_one_word_of_the_wire() -> None:
    """Lower case with hyphens, and the same as the name in the code."""
    for reason in Reason:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.value), reason
        assert reason.name.lower().replace("_", "-") == reason.value


def test_the_list_has_the_length_that_the_documentation_counts() -> None:
    """A reason that is added or taken away is a change of the wire, and does not happen in passing."""
    assert len(Reason) == 59
