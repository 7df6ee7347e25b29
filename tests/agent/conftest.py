"""A server and a device in one process. A Windows collects this folder, too, and has neither: they are imported where used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.agent.direct import Laptop
    from tests.controlplane.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a server."""
    from tests.controlplane.house import open_house  # noqa: PLC0415 - not on a Windows

    (tmp_path / "server").mkdir()
    with open_house(tmp_path / "server") as opened:
        yield opened


@pytest.fixture
def laptop(house: House, tmp_path: Path) -> Laptop:
    """Give a device that nobody has enrolled."""
    from tests.agent.direct import Laptop  # noqa: PLC0415 - not on a Windows

    folder = tmp_path / "laptop"
    folder.mkdir(mode=0o700)
    return Laptop(house, folder)


@pytest.fixture
def enrolled(house: House, laptop: Laptop) -> Laptop:
    """Give a device that is enrolled, has the right certificate, and is asked for it."""
    laptop.ask()
    laptop.install(house.authority.issue(cn="laptop-1"))
    laptop.enroll()
    laptop.server.names()
    return laptop
