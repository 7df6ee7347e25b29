"""A real Chromium, the system's own, driven through its debugging protocol; its home is a folder of the test's."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import Browser, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_QUIET: Final = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path() -> str:
    """Find Chromium; without it the test says so and is skipped."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed (Debian's package chromium)")
    return found


@contextmanager
def chromium(home: Path, *words: str, program: str = "") -> Iterator[Browser]:
    """Start it; every name is this machine, as the tests have no name server."""
    home.mkdir(exist_ok=True)
    path = program or chromium_path()
    environment = {**os.environ, "HOME": str(home)}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            headless=True,
            chromium_sandbox=False,
            env=dict(environment),
            args=[*_QUIET, "--host-resolver-rules=MAP *.example.com 127.0.0.1", *words],
        )
        try:
            yield browser
        finally:
            browser.close()
