"""The page of settings has every key of the device's file, every setting of the server and every variable."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from gatepost.cli.server_config import ServerFile
from gatepost.cli.server_settings import ServerSettings
from gatepost.cli.settings import AgentSettings
from gatepost.web.limits import LimitSettings, Rate

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
FILE = PAGE[PAGE.index("## The device's own file") : PAGE.index("## The server's file")]
SERVER = PAGE[PAGE.index("## The server's file") : PAGE.index("## Limits of attempts")]
LIMITS = PAGE[PAGE.index("## Limits of attempts") : PAGE.index("## Environment variables")]


def test_each_key_of_the_device_s_file_has_its_heading_and_no_other_has_one() -> None:
    """In the order in which they are read."""
    known = [field.encode_name for field in msgspec.structs.fields(AgentSettings)]
    assert sorted(known) == sorted(re.findall(r"(?m)^### `(\w+)`$", FILE))


def test_the_example_of_the_device_s_file_is_one() -> None:
    """Every key of it is taken, and it shows every key."""
    example = tomllib.loads(re.findall(r"(?s)```toml\n(.*?)```", FILE)[0])
    assert sorted(example) == sorted(field.encode_name for field in msgspec.structs.fields(AgentSettings))
    msgspec.convert(example, AgentSettings)


def test_each_key_of_the_server_s_file_has_its_heading_and_no_other_has_one() -> None:
    """In the order in which they are read."""
    assert list(ServerFile.__struct_fields__) == re.findall(r"(?m)^### `(\w+)`$", SERVER)


def test_the_example_of_the_server_s_file_is_one() -> None:
    """Every key of it is taken, and it shows every key but the one that another stands for."""
    example = tomllib.loads(re.findall(r"(?s)```toml\n(.*?)```", SERVER)[0])
    assert {*ServerFile.__struct_fields__} - {"database_file"} == set(example)
    msgspec.convert(example, ServerFile)


def test_the_figures_of_the_limits_are_those_that_count() -> None:
    """Bursts and rates, as they stand in the code."""
    limits = LimitSettings()
    rates = [
        (limits.enrollments, "100 at once, then 2 a second"),
        (limits.all_enrollments, "500 at once, then 20 a second"),
        (limits.refusals, "20 at once, then 1 in 2 s"),
        (limits.all_refusals, "500 at once, then 50 a second"),
    ]
    said = [(rate, words) for rate, words in rates if words in LIMITS]
    assert [Rate(100, 2), Rate(500, 20), Rate(20, 0.5), Rate(500, 50)] == [rate for rate, _ in said]


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(ServerSettings)])
def test_each_setting_of_the_server_is_named(field: str) -> None:
    """With the option that gives it."""
    assert f"`{field}`" in SERVER


def test_each_variable_that_is_read_is_named_and_no_other() -> None:
    """As they stand in the command line's own files."""
    files = (ROOT / "src" / "gatepost" / "cli").glob("*.py")
    used = {name for file in files for name in re.findall(r"\"(GATEPOST_[A-Z_]+)\"", file.read_text(encoding="utf-8"))}
    assert used == set(re.findall(r"(?m)^\| `(GATEPOST_[A-Z_]+)`", PAGE))
