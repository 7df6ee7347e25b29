"""Policies are valid by construction."""

from __future__ import annotations

import pytest

from gatepost.core.policy import Application, Everyone, Host, InGroup, Posture, Rules
from gatepost.errors import InputError


def test_rules_that_include_nobody_cannot_be_made() -> None:
    """Empty is invalid, however much is required and excluded."""
    with pytest.raises(InputError) as refused:
        Rules(include=(), require=(Everyone(),), exclude=(Everyone(),))
    assert ("include", "is empty") == (refused.value.field, refused.value.problem)


def test_all_rules_are_those_of_the_three_lists() -> None:
    """In the order include, require, exclude."""
    rules = Rules(include=(Everyone(),), require=(Posture("c"),), exclude=(InGroup("g"),))
    assert (Everyone(), Posture("c"), InGroup("g")) == rules.all


def test_an_application_that_is_nowhere_cannot_be_made() -> None:
    """It would protect nothing."""
    with pytest.raises(InputError):
        Application(id="a", name="", audience="", hosts=())


def test_a_host_is_written_with_its_path() -> None:
    """As people write it."""
    assert "example.com/admin" == Host("example.com", "/admin").text
