"""What holds for every test: no person's files, no settings from outside, no time limits on generated examples.

That no test reaches another machine is pytest-socket's part (``--allow-hosts`` in pyproject.toml).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests.postgres import Cluster, cluster_of_the_run

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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make test` name the groups, by their markers, of which a run without a single test that passed is a failure."""
    parser.addoption("--expect", action="append", default=[], metavar="MARKER", help="fail when no test of it passed")


def pytest_configure(config: pytest.Config) -> None:
    """Count those groups where the results of all workers come together."""
    if config.getoption("expect") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Expected(config.getoption("expect")))


class _Expected:
    """Which expected groups have not had a test yet that ran and passed."""

    def __init__(self, groups: list[str]) -> None:
        self._missing = set(groups)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Cross off what has one."""
        if report.when == "call" and report.passed:
            self._missing -= report.keywords.keys()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail where a group has none: skipped, or lost from the suite."""
        if self._missing and not session.config.getoption("collectonly"):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which."""
        for group in sorted(self._missing):
            terminalreporter.write_line(f"FAILED: no test of the group {group} ran and passed", red=True)


@pytest.fixture(scope="session")
def maybe_cluster() -> Iterator[Cluster | None]:
    """Give a server of PostgreSQL that is shared by all tests of this worker; None where it is not installed."""
    yield from cluster_of_the_run()


@pytest.fixture(scope="session")
def cluster(maybe_cluster: Cluster | None) -> Cluster:
    """Give that server; skip where there is none."""
    if maybe_cluster is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    return maybe_cluster


@pytest.fixture(scope="session", autouse=True)
def _strange_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the whole run an empty home, and none of the settings that the person running it may have."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("GATEPOST_", "XDG_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield
