"""The tables of the service, and the steps that brought each database to them. SQLite, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.errors import SetupError

tables: Final = sa.MetaData()
version: Final = sa.Table("snitch_version", tables, sa.Column("version", sa.Integer, primary_key=True))
wishes: Final = sa.Table(
    "snitch_wish",
    tables,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("payload", sa.Text),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("taken", sa.Text),
    sa.Column("taken_epoch", sa.Integer),
    sa.Column("taken_attempt", sa.Integer),
)
reviewed: Final = sa.Table(
    "snitch_reviewed",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("iid", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.Text, nullable=False),
)
handled: Final = sa.Table(
    "snitch_handled",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("note_id", sa.BigInteger, primary_key=True, autoincrement=False),
)
given_up: Final = sa.Table(
    "snitch_given_up",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
executors: Final = sa.Table(
    "snitch_executor",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("place", sa.Text, nullable=False),
    sa.Column("beats", sa.BigInteger, nullable=False),
)
rescued: Final = sa.Table(
    "snitch_rescued",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("times", sa.Integer, nullable=False),
)
marks: Final = sa.Table(
    "snitch_mark",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)
fleet: Final = sa.Table(
    "snitch_fleet",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("web", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("commit", sa.Text),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("expires", sa.Text),
    sa.Column("models", sa.LargeBinary, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("first", sa.Float),
    sa.Column("brief", sa.Text),
    sa.Index("snitch_fleet_changed", "at", "project_id"),
)
episodes: Final = sa.Table(
    "snitch_episode",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("folder", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("since", sa.Float, primary_key=True),
    sa.Column("findings", sa.Integer, nullable=False),
    sa.Column("commit", sa.Text),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("fixed", sa.Float),
    sa.Column("fixed_commit", sa.Text),
    sa.Column("fixed_by", sa.Text),
)
sweeps: Final = sa.Table(
    "snitch_sweep",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("started", sa.Float, nullable=False),
    sa.Column("ended", sa.Float),
    sa.Column("counts", sa.Text, nullable=False),
)
kept: Final = sa.Table(
    "snitch_kept",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("iid", sa.BigInteger),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("night", sa.Text, index=True),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("head", sa.Text),
    sa.Column("at", sa.Float, nullable=False),
)
turns: Final = sa.Table(
    "snitch_turn",
    tables,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
)
renamed: Final = sa.Table(
    "snitch_renamed",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("folder", sa.Text, primary_key=True),
    sa.Column("at", sa.Float, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("old", sa.Text, nullable=False),
    sa.Column("new", sa.Text, nullable=False),
    sa.Column("told", sa.Float),
)
digests: Final = sa.Table(
    "snitch_digest",
    tables,
    sa.Column("night", sa.Text, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
commands: Final = sa.Table(
    "snitch_command",
    tables,
    sa.Column("note_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("author_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("refused", sa.Boolean, nullable=False),
)
called_wrong: Final = sa.Table(
    "snitch_called_wrong",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("entry", sa.Text, primary_key=True),
    sa.Column("blob", sa.Text, primary_key=True),
    sa.Column("rule", sa.Text, nullable=False, index=True),
    sa.Column("iid", sa.BigInteger, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("line", sa.Integer),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("author_id", sa.BigInteger, nullable=False),
    sa.Column("folded", sa.Boolean, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
unproven: Final = sa.Table(
    "snitch_unproven",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("rule", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
sessions: Final = sa.Table(
    "snitch_session",
    tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.BigInteger, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("admin", sa.Boolean, nullable=False),
    sa.Column("everything", sa.Boolean, nullable=False),
    sa.Column("sees", sa.LargeBinary, nullable=False),
    sa.Column("token", sa.LargeBinary, nullable=False),
    sa.Column("ends", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
    sa.Column("asked", sa.Float, nullable=False),
)

greeted: Final = sa.Table(
    "snitch_greeted",
    tables,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("iid", sa.BigInteger, nullable=False),
)


secrets: Final = sa.Table(
    "snitch_secret",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
holders: Final = sa.Table(
    "snitch_holder",
    tables,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
)


def upsert(connection: sa.Connection, table: sa.Table, values: dict[str, Any], renewed: list[str]) -> Any:
    """A row put in; where its key is there already, `renewed` columns take the new values (none: nothing changes)."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table).values(**values)
    if not renewed:
        return insert.on_conflict_do_nothing()
    changes = {name: insert.excluded[name] for name in renewed}
    return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changes)


def migrate(connection: sa.Connection) -> None:
    """Brings the tables to the newest version, one step after another; each step is kept for ever."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(7205759403792793)"))
    version.create(connection, checkfirst=True)
    found = connection.execute(sa.select(sa.func.max(version.c.version))).scalar() or 0
    if found > len(_STEPS):
        raise SetupError(f"The database is of version {found}, and this snitch knows {len(_STEPS)}: take a newer one.")
    for step in _STEPS[found:]:
        step(connection)
    if found < len(_STEPS):
        connection.execute(sa.delete(version))
        connection.execute(sa.insert(version).values(version=len(_STEPS)))


def _first_tables(connection: sa.Connection) -> None:
    for table in (wishes, reviewed, handled, given_up):
        table.create(connection, checkfirst=True)


def _tables_of_executors(connection: sa.Connection) -> None:
    for table in (executors, rescued):
        table.create(connection, checkfirst=True)


def _tables_of_the_fleet(connection: sa.Connection) -> None:
    for table in (fleet, episodes, sweeps):
        table.create(connection, checkfirst=True)


def _tables_of_commands(connection: sa.Connection) -> None:
    for table in (commands, called_wrong, unproven):
        table.create(connection, checkfirst=True)


def _table_of_marks(connection: sa.Connection) -> None:
    marks.create(connection, checkfirst=True)


def _table_of_sessions(connection: sa.Connection) -> None:
    sessions.create(connection, checkfirst=True)


def _briefs_of_the_fleet(connection: sa.Connection) -> None:
    _add(connection, fleet, "first", "brief")
    connection.execute(sa.update(fleet).where(fleet.c.first.is_(None)).values(first=fleet.c.at))
    for index in fleet.indexes:
        index.create(connection, checkfirst=True)


def _add(connection: sa.Connection, table: sa.Table, *names: str) -> None:
    """Columns that a table has got since it was first made; a new database has them from the start."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    for column in (table.c[name] for name in names if name not in there):
        kind = column.type.compile(connection.dialect)
        connection.execute(sa.text(f'ALTER TABLE {table.name} ADD COLUMN "{column.name}" {kind}'))


def _tables_of_the_upkeep(connection: sa.Connection) -> None:
    for table in (kept, turns, renamed, digests):
        table.create(connection, checkfirst=True)


def _table_of_greetings(connection: sa.Connection) -> None:
    greeted.create(connection, checkfirst=True)


def _table_of_secrets(connection: sa.Connection) -> None:
    secrets.create(connection, checkfirst=True)


def _table_of_holders(connection: sa.Connection) -> None:
    holders.create(connection, checkfirst=True)


_STEPS: Final[tuple[Callable[[sa.Connection], None], ...]] = (
    _first_tables,
    _tables_of_executors,
    _tables_of_the_fleet,
    _tables_of_commands,
    _table_of_marks,
    _table_of_sessions,
    _briefs_of_the_fleet,
    _tables_of_the_upkeep,
    _table_of_greetings,
    _table_of_secrets,
    _table_of_holders,
)

NEWEST: Final = len(_STEPS)
"""The version of the tables as they are now."""
