"""The kinds of database that what is generic runs on: parameters of a fixture, and an empty database of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.postgres import Cluster

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]


def new_database(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database of the kind that is the fixture's parameter: a file that is not there, or an empty one."""
    if request.param == "sqlite":
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        return f"sqlite:///{factory.mktemp('sqlite') / 'gatepost.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.create()
