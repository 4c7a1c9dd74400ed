"""Databases to test on: each test that asks for `database` runs on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_numbers = itertools.count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path, postgresql: Callable[[], Any]) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'snitch.db'}"
    name = f"snitch_{next(_numbers)}"
    postgresql().psql(f"CREATE DATABASE {name};")
    return str(postgresql().get_uri(database=name))
