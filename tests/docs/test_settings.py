"""The page of settings has every key of the device's file, every setting of the server and every variable."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from gatepost.cli.serving import ServerSettings
from gatepost.cli.settings import AgentSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
FILE = PAGE[PAGE.index("## The device's own file") : PAGE.index("## Environment variables")]
SERVER = PAGE[PAGE.index("## The server") : PAGE.index("## Bounds that cannot be set")]


def test_each_key_of_the_device_s_file_has_its_heading_and_no_other_has_one() -> None:
    """In the order in which they are read."""
    known = [field.encode_name for field in msgspec.structs.fields(AgentSettings)]
    assert sorted(known) == sorted(re.findall(r"(?m)^### `(\w+)`$", FILE))


def test_the_example_of_the_device_s_file_is_one() -> None:
    """Every key of it is taken, and it shows every key."""
    example = tomllib.loads(re.findall(r"(?s)```toml\n(.*?)```", FILE)[0])
    assert sorted(example) == sorted(field.encode_name for field in msgspec.structs.fields(AgentSettings))
    msgspec.convert(example, AgentSettings)


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(ServerSettings)])
def test_each_setting_of_the_server_is_named(field: str) -> None:
    """With the option that gives it."""
    assert f"`{field}`" in SERVER


def test_each_variable_that_is_read_is_named_and_no_other() -> None:
    """As they stand in the command line's own files."""
    files = (ROOT / "src" / "gatepost" / "cli").glob("*.py")
    used = {name for file in files for name in re.findall(r"\"(GATEPOST_[A-Z_]+)\"", file.read_text(encoding="utf-8"))}
    assert used == set(re.findall(r"(?m)^\| `(GATEPOST_[A-Z_]+)`", PAGE))
