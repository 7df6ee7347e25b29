"""An authority to issue with, in a folder of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from gatepost.pki.authority import Authority, create_authority, open_authority
from gatepost.pki.request import AuthorityRequest, Subject, Validity
from tests.pki.peers import NOW, fixed_randomness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def randomness() -> Callable[[int], bytes]:
    """Give bytes that are the same in each run and different at each call."""
    return fixed_randomness()


@pytest.fixture
def authority(tmp_path: Path, randomness: Callable[[int], bytes]) -> Authority:
    """Make a root, valid for ten years, in ``tmp_path / "ca"``."""
    request = AuthorityRequest(
        subject=Subject(cn="Example Root", organization="Example, Inc.", unit="Devices"),
        validity=Validity(not_before=NOW, not_after=NOW + timedelta(days=3650)),
    )
    create_authority(tmp_path / "ca", request, None, NOW, randomness)
    return open_authority(tmp_path / "ca", "--ca")
