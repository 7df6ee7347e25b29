"""What holds for every test: no person's files, no settings from outside, no time limits on generated examples.

That no test reaches another machine is pytest-socket's part (``--allow-hosts`` in pyproject.toml).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("gatepost", deadline=None, print_blob=True)
hypothesis.settings.load_profile("gatepost")


# Longer values are signatures, certificates and the like: they differ from run to run.
_READABLE = 40


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test's long parameter by its argument: workers must agree on the names of tests, and people read them."""
    return argname if isinstance(val, bytes | str) and len(val) > _READABLE else None


@pytest.fixture(scope="session", autouse=True)
def _strange_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the whole run an empty home, and none of the settings that the person running it may have."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("GATEPOST_", "XDG_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield
