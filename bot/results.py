"""What sweeps and pushes found, over time: the last verdict of each project, and since when each rule has failed.

A verdict is a row of its project, which a newer one replaces. What outlives it is an *episode*: a rule that began to
fail on a model, with which commit and policy, and when it ended, by whom.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, cast

import sqlalchemy as sa

from bot.brief import brief_of, to_text
from bot.fleet import Fixer, Model, State, Verdict, failing, fixer_of, packed, unpacked
from bot.schema import episodes, fleet, renamed, sweeps, upsert
from bot.store import Store
from checks.render.visible import sayable

DAY: Final = 24 * 3600.0
_AT_ONCE: Final = 200
_RENEWED: Final = ["path", "web", "state", "reason", "commit", "key", "version", "expires", "models", "brief", "at"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a project, without its rules."""

    path: str
    state: State
    commit: str | None
    key: str
    expires: date | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A project's verdict in short. `key`: another one whenever it was judged anew."""

    project_id: int
    path: str
    state: State
    key: str


@dataclass(frozen=True, slots=True)
class Episode:
    """A rule that failed on a model for a time. Times in seconds since 1970; `fixed` is None while it lasts."""

    project_id: int
    folder: str
    rule: str
    since: float
    findings: int
    commit: str | None
    version: str
    fixed: float | None = None
    fixed_commit: str | None = None
    fixed_by: Fixer | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One sweep. `ended` is None while it runs, and for one that was killed; `counts` by what was counted."""

    id: str
    started: float
    ended: float | None
    counts: Mapping[str, Any]


class Results:
    """The results of the fleet in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # ── verdicts ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def known(self, *ids: int) -> dict[int, Known]:
        """What is known of these projects; of all where none is named."""
        columns = (fleet.c.project_id, fleet.c.path, fleet.c.state, fleet.c.commit, fleet.c.key, fleet.c.expires)
        asked = sa.select(*columns)
        with self._store.transaction() as connection:
            rows = connection.execute(asked.where(fleet.c.project_id.in_(ids)) if ids else asked).all()
        return {
            row.project_id: Known(row.path, cast(State, row.state), row.commit, row.key, _date(row.expires))
            for row in rows
        }

    def verdicts(self) -> Iterator[Verdict]:
        """The last verdict of each project, by path; some hundred in memory at a time."""
        after = ""
        while True:
            page = sa.select(fleet).where(_place() > after).order_by(_place()).limit(_AT_ONCE)
            with self._store.transaction() as connection:
                rows = connection.execute(page.add_columns(_place().label("place"))).all()
            yield from map(_verdict, rows)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].place

    def verdict(self, project_id: int) -> Verdict | None:
        """The last verdict of a project; None where there is none."""
        mine = sa.select(fleet).where(fleet.c.project_id == project_id)
        with self._store.transaction() as connection:
            row = connection.execute(mine).one_or_none()
        return _verdict(row) if row else None

    def standings(self) -> list[Standing]:
        """How each project stands, by path, without its rules."""
        columns = (fleet.c.project_id, fleet.c.path, fleet.c.state, fleet.c.key, fleet.c.at)
        with self._store.transaction() as connection:
            rows = connection.execute(sa.select(*columns).order_by(fleet.c.path, fleet.c.project_id)).all()
        return [Standing(row.project_id, row.path, cast(State, row.state), f"{row.key}@{row.at}") for row in rows]

    def put(self, verdict: Verdict, version: str, now: float, messages: Callable[[str, str], Sequence[str]]) -> None:
        """Keeps a verdict, and what it begins and ends.

        One that failed says nothing of the rules: what was known of them stays. `messages`: those of the commits
        between two, which tell who mended something; asked for only where something was.
        """
        before = self.verdict(verdict.project_id)
        known = before.models if before else ()
        if verdict.state == "failed":
            verdict = replace(verdict, commit=before.commit if before else None)
        models = known if verdict.state in ("failed", "gone") else verdict.models
        was, now_failing = failing(known), failing(models)
        ended = [place for place in was if place not in now_failing]
        said: Sequence[str] = ()
        if ended and before and before.commit and verdict.commit and before.commit != verdict.commit:
            said = messages(before.commit, verdict.commit)
        with self._store.transaction() as connection:
            brief = to_text(brief_of(model) for model in models)
            row = _row(verdict, version, now) | {"models": packed(models), "brief": brief, "first": now}
            connection.execute(upsert(connection, fleet, row, _RENEWED))
            for told in _renamed(verdict, known, now):
                connection.execute(upsert(connection, renamed, told, []))
            for folder, rule in ended:
                by = fixer_of(int(rule.partition(".")[0]), said)
                ends = {"fixed": now, "fixed_commit": verdict.commit, "fixed_by": by}
                connection.execute(sa.update(episodes).where(*_lasting(verdict, folder, rule)).values(**ends))
            for (folder, rule), count in now_failing.items():
                if (folder, rule) not in was:
                    begun = Episode(verdict.project_id, folder, rule, now, count, verdict.commit, version)
                    connection.execute(upsert(connection, episodes, _begun(begun), []))
                elif was[folder, rule] != count:
                    grown = sa.update(episodes).where(*_lasting(verdict, folder, rule))
                    connection.execute(grown.values(findings=count))

    def leave(self, ids: Collection[int], reason: str, now: float) -> None:
        """Marks projects that are not to be found any more; looked at again, they are judged anew."""
        values = {"state": "gone", "reason": reason, "key": "", "at": now}
        with self._store.transaction() as connection:
            for project_id in ids:
                connection.execute(sa.update(fleet).where(fleet.c.project_id == project_id).values(**values))

    def episodes(self, project_id: int | None = None) -> list[Episode]:
        """The episodes of a project, or all, the oldest first."""
        asked = sa.select(episodes).order_by(episodes.c.since, episodes.c.folder, episodes.c.rule)
        if project_id is not None:
            asked = asked.where(episodes.c.project_id == project_id)
        with self._store.transaction() as connection:
            return [Episode(**row._mapping) for row in connection.execute(asked)]

    def changed(self, since: float) -> list[Episode]:
        """The episodes that began or ended after a time."""
        asked = sa.select(episodes).where(sa.or_(episodes.c.since > since, episodes.c.fixed > since))
        with self._store.transaction() as connection:
            return [Episode(**row._mapping) for row in connection.execute(asked)]

    def last_end(self) -> float | None:
        """When the last sweep came to its end; None where none has."""
        with self._store.transaction() as connection:
            return cast("float | None", connection.execute(sa.select(sa.func.max(sweeps.c.ended))).scalar())

    def forget(self, days: int, now: float) -> None:
        """Lets go of what ended, and of projects that have been gone, for longer than so many days."""
        limit = now - days * DAY
        away = sa.select(fleet.c.project_id).where(fleet.c.state == "gone", fleet.c.at < limit)
        with self._store.transaction() as connection:
            connection.execute(sa.delete(episodes).where(episodes.c.project_id.in_(away)))
            connection.execute(sa.delete(fleet).where(fleet.c.state == "gone", fleet.c.at < limit))
            connection.execute(sa.delete(episodes).where(episodes.c.fixed < limit))
            connection.execute(sa.delete(sweeps).where(sweeps.c.started < limit))

    # ── sweeps ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, run: str, now: float) -> None:
        """A sweep begins, or goes on where it was killed."""
        values = {"id": run, "started": now, "counts": "{}"}
        with self._store.transaction() as connection:
            connection.execute(upsert(connection, sweeps, values, []))

    def end(self, run: str, now: float, counts: Mapping[str, Any]) -> None:
        """A sweep has come to its end."""
        ended = sa.update(sweeps).where(sweeps.c.id == run).values(ended=now, counts=json.dumps(counts))
        with self._store.transaction() as connection:
            connection.execute(ended)

    def runs(self, most: int = 100, after: int = 0) -> list[Run]:
        """The last sweeps, the newest first; without the first so many."""
        asked = sa.select(sweeps).order_by(sweeps.c.started.desc()).limit(most).offset(after)
        with self._store.transaction() as connection:
            return [_run(row) for row in connection.execute(asked).all()]

    def count_runs(self) -> int:
        """How many sweeps are remembered."""
        with self._store.transaction() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(sweeps)).scalar_one()

    def run(self, name: str) -> Run | None:
        """One sweep; None where there was none of that name."""
        with self._store.transaction() as connection:
            row = connection.execute(sa.select(sweeps).where(sweeps.c.id == name)).one_or_none()
        return _run(row) if row else None


def _run(row: sa.Row[Any]) -> Run:
    return Run(row.id, row.started, row.ended, json.loads(row.counts))


def _place() -> sa.ColumnElement[str]:
    """By path, and the two that have one path (a project was deleted, and another took its place) apart."""
    return fleet.c.path + " " + sa.cast(fleet.c.project_id, sa.Text)


def _lasting(verdict: Verdict, folder: str, rule: str) -> tuple[sa.ColumnElement[bool], ...]:
    mine = (episodes.c.project_id == verdict.project_id, episodes.c.folder == folder, episodes.c.rule == rule)
    return (*mine, episodes.c.fixed.is_(None))


def _begun(episode: Episode) -> dict[str, Any]:
    names = ("project_id", "folder", "rule", "since", "findings", "commit", "version")
    return {name: getattr(episode, name) for name in names}


def _row(verdict: Verdict, version: str, now: float) -> dict[str, Any]:
    return {
        "project_id": verdict.project_id,
        "path": verdict.path,
        "web": verdict.web,
        "state": verdict.state,
        "reason": sayable(verdict.reason),
        "commit": verdict.commit,
        "key": verdict.key,
        "version": version,
        "expires": verdict.expires.isoformat() if verdict.expires else None,
        "at": now,
    }


def _renamed(verdict: Verdict, known: Sequence[Model], now: float) -> Iterator[dict[str, Any]]:
    """The models that are called otherwise than before: where their weights and datasets belong has changed."""
    names = {model.folder: model.name for model in known}
    for model in verdict.models if verdict.state == "judged" else ():
        old = names.get(model.folder, model.name)
        if old != model.name:
            named = {"project_id": verdict.project_id, "folder": sayable(model.folder), "path": verdict.path}
            yield {**named, "old": sayable(old), "new": sayable(model.name), "at": now}


def _verdict(row: sa.Row[Any]) -> Verdict:
    return Verdict(
        project_id=row.project_id,
        path=row.path,
        web=row.web,
        state=cast(State, row.state),
        reason=row.reason,
        commit=row.commit,
        key=row.key,
        expires=_date(row.expires),
        models=unpacked(row.models),
    )


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
