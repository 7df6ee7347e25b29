"""Durations: the forms that are read, the bounds, and how they are written."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from gatepost.errors import InputError
from gatepost.wire.management.durations import MAXIMUM_DURATION, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("90s", 90), ("8760h", 31_536_000)]
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    """Hours, minutes and seconds, in that order."""
    assert seconds == parse_duration(text, "/schedule")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "5 m",
        "m",
        "-5m",
        "+5m",
        "5M",
        "0.5h",
        "30m1h",
        "5m5m",
        "1d",
        "1e3s",
        "\uff15m",
        "5m\n",
        "9" * 40 + "h",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(InputError) as caught:
        parse_duration(text, "/schedule")
    assert "/schedule" == caught.value.field


@pytest.mark.parametrize("text", ["0m", "30s", "59s", "8761h"])
def test_too_short_and_too_long_are_refused_with_the_bounds(text: str) -> None:
    """The message says what is allowed."""
    with pytest.raises(InputError) as caught:
        parse_duration(text, "/schedule")
    assert "at least 1m and at most 8760h" == caught.value.allowed


@given(strategies.integers(min_value=60, max_value=MAXIMUM_DURATION))
def test_what_is_written_is_read_as_the_same(seconds: int) -> None:
    """Writing and reading are each other's inverse."""
    assert seconds == parse_duration(format_duration(seconds), "/schedule")


def test_no_time_at_all_is_written_too() -> None:
    """Nothing is ``0s``."""
    assert "0s" == format_duration(0)
