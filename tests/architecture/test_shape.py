"""Files and functions stay small, and are named for what they hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).parents[2]
FUNCTION_LIMIT = 50
MODULE_LIMIT = 400
SILENCED = re.compile(r"# (noqa|type: ignore)")
REASON = re.compile(r"# (noqa: [A-Z0-9, ]+ -|type: ignore\[[\w, -]+\]  #) \S")
EMPTY_WORDS = {"base", "common", "handler", "handlers", "helper", "helpers", "manager", "misc", "util", "utils"}


def _modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def function_lengths(text: str) -> dict[str, int]:
    """Return the number of lines of each function's body, without its docstring, by name and line."""
    lengths = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            last = max((statement.end_lineno or 0 for statement in body), default=0)
            lengths[f"{node.name}:{node.lineno}"] = last - body[0].lineno + 1 if body else 0
    return lengths


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "scripts"])
def test_no_function_is_longer_than_fifty_lines(folder: str) -> None:
    """What does not fit into fifty lines is more than one thing."""
    long = [
        f"{path.relative_to(ROOT)}:{name}: {length}"
        for path in _modules(folder)
        for name, length in function_lengths(path.read_text(encoding="utf-8")).items()
        if length > FUNCTION_LIMIT
    ]
    assert [] == long


@pytest.mark.parametrize("folder", ["src", "bench", "scripts"])
def test_no_module_is_longer_than_four_hundred_lines(folder: str) -> None:
    """A longer module holds more than one room."""
    long = [
        str(path.relative_to(ROOT)) for path in _modules(folder) if path.read_text("utf-8").count("\n") > MODULE_LIMIT
    ]
    assert [] == long


def test_half_of_all_functions_are_under_ten_lines_and_nine_in_ten_under_thirty() -> None:
    """Small functions are the rule, not the exception."""
    lengths = [n for path in _modules("src") for n in function_lengths(path.read_text(encoding="utf-8")).values()]
    assert median(lengths) < 10
    assert quantiles(lengths, n=10)[-1] < 30


def test_no_file_or_folder_has_an_empty_name() -> None:
    """A name says what is inside; "utils" says nothing, and neither does a name that ends so."""
    names = [path.relative_to(ROOT) for path in _modules("src", "tests", "bench", "scripts")]
    last_words = {(str(name), part.rpartition("_")[2]) for name in names for part in name.with_suffix("").parts}
    assert [] == sorted(name for name, word in last_words if word in EMPTY_WORDS)


def test_a_finding_is_silenced_with_its_reason_on_the_same_line() -> None:
    """``noqa`` names the rule and says why, and so does ``type: ignore``."""
    assert [] == [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _modules("src", "tests", "bench", "scripts")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if SILENCED.search(line) and not REASON.search(line)
    ]


@pytest.mark.parametrize(
    ("line", "has_reason"),
    [
        ("import os  @noqa: F401 - read by a child", True),
        ("import os  @noqa: F401", False),
        ("import os  @noqa", False),
        ("a = b()  @type: ignore[no-any-return]  # the library has no types", True),
        ("a = b()  @type: ignore[no-any-return]", False),
    ],
)
def test_a_reason_is_seen_where_there_is_one(line: str, has_reason: bool) -> None:  # noqa: FBT001 - it is the verdict.
    """The measure itself; the sign is put in here, or this file would be measured by its examples."""
    written = line.replace("@", "# ")
    assert SILENCED.search(written)
    assert has_reason == bool(REASON.search(written))


def test_a_length_counts_the_body_without_its_docstring() -> None:
    """The measure itself: decorators, signature and docstring are free."""
    text = '@decorated\ndef one(\n    a,\n):\n    """Say.\n\n    More.\n    """\n    # why\n    a = 1\n\n    return a\n'
    assert {"one:2": 3} == function_lengths(text)
