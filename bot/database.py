"""Looks at the database as it is, and changes nothing: neither makes it nor brings it to a newer version."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from bot.errors import SetupError, Unreachable
from bot.schema import NEWEST, version


@dataclass(frozen=True, slots=True)
class Condition:
    """`program`: which database answers. `tables`: their version, None where there are none yet; `newest`: ours."""

    program: str
    tables: int | None
    newest: int = NEWEST


def look(url: str) -> Condition:
    """Raises Unreachable where it does not answer, SetupError where it can't be written."""
    address = sa.make_url(url)
    if address.get_backend_name() == "sqlite":
        path = Path(address.database or "")
        _writable(path)
        if not path.is_file() or path.stat().st_size == 0:
            return Condition("SQLite", None)
        address = address.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})
    else:
        address = address.set(drivername="postgresql+psycopg", query={**address.query, "connect_timeout": "10"})
    engine = sa.create_engine(address, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return Condition(_program(connection), _tables(connection))
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()
        raise Unreachable(f"it does not answer: {_without(url, reason[0] if reason else '')}") from None
    finally:
        engine.dispose()


def _writable(path: Path) -> None:
    """A file of SQLite, with its folder: there lie the log and the lock beside it."""
    near = path if path.exists() else path.parent
    while not near.exists() and near != near.parent:
        near = near.parent
    for place in {near, path.parent if path.exists() else near}:
        if not os.access(place, os.W_OK):
            raise SetupError(f"{place} can't be written")


def _program(connection: sa.Connection) -> str:
    if connection.dialect.name == "sqlite":
        return f"SQLite {connection.execute(sa.text('SELECT sqlite_version()')).scalar()}"
    able = connection.execute(sa.text("SELECT has_schema_privilege(current_schema(), 'CREATE')")).scalar()
    if not able:
        raise SetupError("its user may not make tables in it")
    return f"PostgreSQL {connection.execute(sa.text('SHOW server_version')).scalar()}"


def _tables(connection: sa.Connection) -> int | None:
    if not sa.inspect(connection).has_table(version.name):
        return None
    return connection.execute(sa.select(sa.func.max(version.c.version))).scalar()


def _without(url: str, text: str) -> str:
    """A message without the password, should a driver have put it there."""
    password = sa.make_url(url).password
    return text.replace(str(password), "***") if password else text
