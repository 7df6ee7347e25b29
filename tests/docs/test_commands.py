"""The page of commands has every command and every option of it, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from gatepost.cli.main import gatepost

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
SECTIONS = re.split(r"(?m)^#{2,3} (gatepost.*)$", PAGE.read_text(encoding="utf-8"))
SAID = dict(zip(SECTIONS[1::2], SECTIONS[2::2], strict=True))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Walk the tree of commands."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from commands(f"{name} {child}", found)


COMMANDS = dict(commands("gatepost", gatepost))


def options(command: click.Command) -> set[str]:
    """Return the long names of a command's options."""
    return {
        name
        for item in command.params
        for name in item.opts
        if isinstance(item, click.Option) and name.startswith("--")
    }


def test_each_command_has_its_heading_and_no_other_has_one() -> None:
    """Groups too, in the order of the help pages or another."""
    assert sorted(COMMANDS) == sorted(SAID)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_stands_under_its_command(name: str) -> None:
    """``--help`` stands at the top for all."""
    assert set() == options(COMMANDS[name]) - set(OPTION.findall(SAID[name])) - {"--help"}


@pytest.mark.parametrize("name", SAID)
def test_no_option_stands_under_a_command_that_does_not_have_it(name: str) -> None:
    """Under a group, those of its commands may stand."""
    below = [options(command) for other, command in COMMANDS.items() if other.startswith(name)]
    assert set() == set(OPTION.findall(SAID[name])) - set().union(*below) - {"--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_variable_that_gives_an_option_is_named(name: str) -> None:
    """Under the command itself or under the group that it belongs to."""
    asked = {item.envvar for item in COMMANDS[name].params if isinstance(item.envvar, str)}
    said = "".join(text for other, text in SAID.items() if name.startswith(other))
    assert [] == [variable for variable in asked if f"`{variable}`" not in said]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_word_of_a_choice_is_named(name: str) -> None:
    """What may stand behind an option, under the command or the group."""
    words = [
        word for item in COMMANDS[name].params if isinstance(item.type, click.Choice) for word in item.type.choices
    ]
    said = "".join(text for other, text in SAID.items() if name.startswith(other))
    assert [] == [word for word in words if not re.search(rf"\b{re.escape(str(word))}\b", said)]
