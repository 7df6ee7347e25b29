"""The one tree of exceptions: whole, in one file, and each in both tables of words."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gatepost
from gatepost import errors
from gatepost.errors import GatepostError, InputError
from gatepost.web.errors import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator


def family(kind: type[GatepostError] = GatepostError) -> Iterator[type[GatepostError]]:
    """Yield every subclass."""
    for child in kind.__subclasses__():
        yield child
        yield from family(child)


NAMES = {kind.__name__ for kind in family()} | {"GatepostError"}
SORTED = [kind for _, kind in sorted((kind.__name__, kind) for kind in family())]


def bases(path: Path) -> set[str]:
    """Name the bases of all classes in a file."""
    classes = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef))
    return {ast.unparse(base).rpartition(".")[2] for node in classes for base in node.bases}


def test_the_tree_stands_in_one_file() -> None:
    """No other file adds to it: whatever is raised has its words in both tables."""
    source = Path(gatepost.__file__).parent
    files = [path for path in source.rglob("*.py") if path != source / "errors.py"]
    assert [] == [str(path) for path in files if NAMES & bases(path)]
    assert len(files) > 50
    assert {name for name, kind in vars(errors).items() if inspect.isclass(kind)} == NAMES


@pytest.mark.parametrize("kind", SORTED)
def test_every_error_has_an_answer_of_the_api(kind: type[GatepostError]) -> None:
    """And a name that ends as the house says."""
    assert kind in CODES
    assert kind.__name__.endswith("Error")


@pytest.mark.parametrize("kind", SORTED)
def test_every_error_carries_its_fields(kind: type[GatepostError]) -> None:
    """Each parameter is an attribute, and all are in the arguments, so that an error can be shown and copied."""
    parameters = list(inspect.signature(kind).parameters)
    values = [bytes([number]) if name == "nonce" else number for number, name in enumerate(parameters)]
    error = kind(*values)
    assert values == [getattr(error, name) for name in parameters]
    assert tuple(values) == error.args


def test_an_input_error_reads_as_one_line() -> None:
    """Field, problem, and what is allowed where there is something to say."""
    assert "--cn: is empty; give a text" == str(InputError("--cn", "is empty", "give a text"))
    assert "--cn: is empty" == str(InputError("--cn", "is empty"))
