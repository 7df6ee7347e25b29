"""The hostile afternoon in short; ``make hostile`` is the long one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.afternoon import send_generated, send_uploads, uploads
from tests.running import Running, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Give a server for the afternoon."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


def test_malformed_certificates_break_no_upload(server: Running) -> None:
    """Each twelfth of the corpus, in six forms: some are taken, most are refused, none breaks anything."""
    statuses = send_uploads(server, uploads(12))
    assert {200, 400} == set(statuses)


def test_generated_requests_break_no_route(server: Running) -> None:
    """A few to each third operation, other ones in each run."""
    assert send_generated(server, 3, every=3)
