"""The tests of the certificate stores of Windows: they run on a Windows Python alone (``make test-windows``)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.windows.staging import Stage

if sys.platform != "win32":
    # What they stage cannot even be imported elsewhere; make test-windows fails when none of them ran.
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Give the test a stage, and clear it afterwards."""
    from tests.windows.staging import Stage  # noqa: PLC0415 - it loads libraries of Windows

    staged = Stage()
    yield staged
    staged.clear()
