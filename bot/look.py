"""Looks at one project's default branch: what the sweep does to each that changed, and a push to the one it came to."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import checks
from bot import log
from bot.errors import Broken, Refused, SnitchError, Stale, Transient
from bot.facts import informed
from bot.fleet import FIX_TITLE, REQUESTED_BY, Listed, Verdict, failed, key_of, verdict_of
from bot.git import GitTree, Want
from bot.gitlab_listing import NO_BRANCH, messages_between
from bot.gitlab_members import maintainers
from bot.images import Asking, Silences
from bot.judging import Case
from bot.pace import Pace
from bot.results import Known, Results
from bot.workspace import repository_of, thrown_away_if_damaged
from bot.world import World
from checks.inspection import Inspection
from checks.owners import MOST, Owner
from checks.plugins import stamp
from checks.policy import Policy, sweep_image_days
from checks.published import Unread
from checks.regex import regex

logger = log.get(__name__)

UNREAD_DAYS: Final = 7
"""After so many days an image that could not be read is asked for again, where nothing was committed meanwhile."""

SLOW_FETCH: Final = 60.0
"""Seconds: a large repository takes long without anybody being to blame."""
TRIES_OF_FETCH: Final = 3
"""What one repository has is rarely GitLab's trouble (Gitaly answers 500 for a damaged one), and all wait for it."""

SHAPE: Final = b"owner, template"
"""What a verdict says of a model besides its rules: where that is more, all are looked at anew."""


def version_of(policy: Policy) -> str:
    """By what is judged: the policy's digest, and a digest of the rules themselves."""
    return f"{policy.digest or 'built-in'}+{_rules()}"


@cache
def _rules() -> str:
    """Of the sources, and what is kept of a model: a release number would not tell two states of a checkout apart."""
    folder = Path(checks.__file__).parent
    digest = sha256(SHAPE)
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    digest.update(stamp().encode())
    return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Looker:
    """What looking needs. With `keep` false nothing is remembered: what is seen is only told."""

    world: World
    results: Results
    pace: Pace
    version: str
    keep: bool = True
    silences: Silences = field(default_factory=Silences)

    @classmethod
    def of(cls, world: World, pace: Pace, *, keep: bool = True) -> Looker:
        """One that judges by the world's policy."""
        return cls(world, Results(world.store), pace, version_of(world.policy), keep)

    def is_known(self, listed: Listed, known: Known | None) -> bool:
        """Whether this state of a project was judged, and no day has come since that changes the verdict."""
        if known is None or listed.head is None or known.state == "gone":
            return False
        today = known.expires is None or self.world.today < known.expires
        return today and known.key == key_of(listed, self.version)

    def look(self, listed: Listed, known: Known | None, *, patient: bool = True) -> Verdict | None:
        """Judges a project as it is now, and keeps the verdict; None where it turns out to be known.

        What fails is a verdict too, to be tried again. Where not `patient`, raises Transient: who asked comes again.
        """
        with log.bound(project=listed.project.path):
            try:
                verdict = self._look(listed, known)
            except SnitchError as trouble:
                if isinstance(trouble, Transient) and not patient:
                    raise
                verdict = failed(listed, "", str(trouble))
            except Exception as fault:  # one project's fault must not end the sweep
                logger.error("sweep.fault", exc_info=fault)
                verdict = failed(listed, "", f"a fault of snitch: {type(fault).__name__}")
            if verdict is not None and verdict.state == "failed":
                logger.warning("sweep.failed", reason=verdict.reason)
            if self.keep and verdict is not None:
                verdict = self._kept(listed, verdict)
        return verdict

    def _kept(self, listed: Listed, verdict: Verdict) -> Verdict:
        """The verdict that the database took; of one that it does not take, that it failed."""
        now = self.world.clock().timestamp()
        try:
            self.results.put(verdict, self.version, now, lambda old, new: self._messages(listed, old, new))
        except (ValueError, TypeError) as fault:  # what a stranger wrote is no text, or no number, to the database
            logger.error("sweep.fault", exc_info=fault)
            verdict = failed(listed, "", f"a fault of snitch: {type(fault).__name__}")
            self.results.put(verdict, self.version, now, lambda old, new: ())
        return verdict

    def _look(self, listed: Listed, known: Known | None) -> Verdict | None:
        if listed.trouble:
            raise Refused(listed.trouble)
        if listed.head is None:
            listed = self._with_head(listed)
            if self.is_known(listed, known):
                return None
        try:
            return self._judged(listed, known)
        except Stale:  # the branch was rewritten since it was listed
            return self._judged(self._with_head(listed), known)

    def _with_head(self, listed: Listed) -> Listed:
        branch = listed.project.default_branch
        if not branch:
            raise Refused(NO_BRANCH)
        head = self.pace.ask(lambda: self.world.gitlab.branch_head(listed.project.id, branch))
        if head is None:
            raise Refused(f"its default branch {branch} is missing, or not visible to snitch")
        return replace(listed, head=head)

    def _judged(self, listed: Listed, known: Known | None) -> Verdict:
        project, head, today = listed.project, listed.head or "", self.world.today
        mirror = self.world.mirror_of_head(project)
        refs = (f"refs/heads/{project.default_branch}",) if project.default_branch else ()
        self.pace.ask(lambda: mirror.fetch(self.world.remote(project), Want(head, refs)), SLOW_FETCH, TRIES_OF_FETCH)
        with mirror.reader() as reader, thrown_away_if_damaged(mirror):
            tree = GitTree(mirror.snapshot(head), reader)
            known_outside: dict[str, Hashable] = {}

            def judged(outside: Mapping[str, Hashable]) -> Inspection:
                known_outside.update(outside)
                return self.world.judge(Case(tree, self.world.policy, today, repository_of(project, outside)))

            inspection = informed(self.world, project, judged, judged({}), Asking(self.pace, self.silences))
            verdict = self._owned(verdict_of(listed, key_of(listed, self.version), inspection, today, tree))
            verdict = replace(verdict, expires=self._expires(verdict, known_outside))
        if known is not None and known.commit not in (None, head):
            with suppress(Broken):
                mirror.maintain({head})
        return verdict

    def _owned(self, verdict: Verdict) -> Verdict:
        """A model in which something is to be mended and whose repository names no owner has its Maintainers.

        GitLab answers some hundred such questions a minute: a sweep does not wait for them.
        """
        orphans = [one for one in verdict.models if not one.owner.names and any(r.findings for r in one.told)]
        if not orphans or not self.world.gitlab.brake.has_room("members"):
            return verdict
        try:
            names = maintainers(self.world.gitlab, verdict.project_id, self.pace.ask)
        except SnitchError as trouble:
            logger.info("its maintainers are not known", why=str(trouble))
            return verdict
        me = f"@{self.world.me.name}"
        owner = Owner(tuple(name for name in names if name != me)[:MOST], "Maintainers")
        models = tuple(replace(one, owner=owner) if one in orphans else one for one in verdict.models)
        return replace(verdict, models=models)

    def _expires(self, verdict: Verdict, outside: Mapping[str, Hashable]) -> date | None:
        """The day on which it is judged anew, also for an image that may have been pushed without a commit."""
        if not outside:
            return verdict.expires
        days = self.world.policy.value(sweep_image_days)
        unread = any(isinstance(fact, Unread) for fact in outside.values())
        again = days or (UNREAD_DAYS if unread else 0)
        return min(
            filter(None, (verdict.expires, self.world.today + timedelta(days=again) if again else None)), default=None
        )

    def _messages(self, listed: Listed, old: str, new: str) -> Sequence[str]:
        """Of the commits between two, and of those that snitch made for somebody and that were squashed into them."""
        project = listed.project
        try:
            told = self.pace.ask(lambda: messages_between(self.world.gitlab, project.id, old, new))
        except SnitchError:
            return ()
        states = (self.world.store.recall(project.id, iid) for iid in merged_by(told, project.path))
        return [*told, *(message for state in states if state for message in squashed(state))]


def merged_by(messages: Iterable[str], path: str) -> list[int]:
    """The merge requests of a project that GitLab's messages of merge commits name."""
    found = regex(rf"(?m)^See merge request {re.escape(path)}!(\d{{1,9}})$")
    return sorted({int(match[1]) for message in messages for match in found.finditer(message)})


def squashed(state: Mapping[str, Any]) -> list[str]:
    """Messages of the commits that `/snitch fix` made on a merge request, by what was answered: a squash drops them."""
    answers = (str(said) for _, said in dict(state.get("mends", {})).values())
    standards = (sorted(set(regex(r"(?m)^- `(\d+)\.").findall(said)), key=int) for said in answers)
    return [f"{FIX_TITLE}standards {', '.join(found)}\n\n{REQUESTED_BY}" for found in standards if found]
