"""Whether somebody with the right granted a waiver that a merge request adds: who wrote it, or who approves of it.

The policy's `waiver_approvers` names who has it. What a commit says of its author is free text, so that it counts as
somebody's only where GitLab says that this person brought it; and an approval only where it came after the waiver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bot import log
from bot.approvers import may_grant
from bot.errors import Broken, Refused
from bot.git import Mirror
from bot.git.authors import Blame, Written
from bot.gitlab import GitLab
from bot.mr import Approval, MergeRequest, Person, Push
from checks.finding import Waiver
from checks.policy import Policy

logger = log.get(__name__)


@dataclass(slots=True)
class Granting:
    """For one merge request; GitLab is asked only where there is a new waiver.

    `history`: gives the mirror in which the histories of its commits are. `own`: the commits in which snitch itself
    wrote down waivers, for who may grant them.
    """

    gitlab: GitLab
    history: Callable[[], Mirror]
    mr: MergeRequest
    policy: Policy
    own: Callable[[], frozenset[str]] = frozenset
    _mirror: Mirror | None = None
    _may: dict[int, bool] = field(default_factory=dict)
    _pushes: tuple[Push, ...] | None = None
    _blames: dict[str, Blame] = field(default_factory=dict)
    _approvals: tuple[Approval, ...] | None = None
    _versions: tuple[tuple[str, datetime], ...] | None = None
    _contained: dict[tuple[str, str], bool | None] = field(default_factory=dict)

    def __call__(self, waiver: Waiver) -> bool:
        """Whether the waiver counts already. Where it can't be known it does not."""
        try:
            written = self._written(waiver)
            return bool(written) and (all(map(self._is_by_approver, written)) or self._is_approved(written))
        except (Broken, Refused) as error:
            logger.warning("who wrote a waiver can't be known", path=waiver.path, why=str(error))
            return False

    def _written(self, waiver: Waiver) -> tuple[Written, ...]:
        """The commits that the waiver comes from."""
        if self.mr.refs is None:
            return ()
        lines = (waiver.span.line, max(waiver.span.line, waiver.span.end_line - (waiver.span.end_column == 1)))
        if waiver.path not in self._blames:
            self._blames[waiver.path] = self._whole().blame(self.mr.refs.base, self.mr.head, waiver.path)
        found = self._blames[waiver.path].of(*lines)
        # Lines that are counted otherwise (ended by a lone carriage return) would be somebody else's.
        says = waiver.rule in found.text and waiver.until in found.text
        return found.commits if says else ()

    def _whole(self) -> Mirror:
        if self._mirror is None:
            self._mirror = self.history()
        return self._mirror

    # ── who has the right ────────────────────────────────────────────────────────────────────────────────────────────

    def _may_grant(self, person: Person) -> bool:
        if person.id not in self._may:
            self._may[person.id] = may_grant(self.gitlab, self.mr.project, self.policy, person)
        return self._may[person.id]

    # ── who wrote it ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _is_by_approver(self, written: Written) -> bool:
        """Whether who brought the commit to GitLab has the right, and wrote it, as far as the commit says."""
        if written.commit in self.own():
            return True
        brought = list(self._brought(written.commit))
        return bool(brought) and all(self._may_grant(push.person) and _is_own(written, push) for push in brought)

    def _brought(self, commit: str) -> Iterator[Push]:
        """The push that brought the commit first, and earlier ones to the branch that may have: what they brought was
        overwritten since. None where GitLab does not tell any more.
        """
        earlier: list[Push] = []
        for push in reversed(self._known_pushes()):
            found = self._contains(push.commit, commit)
            if found:
                yield from (*earlier, push)
                return
            if found is None and push.branch == self.mr.source_branch:
                earlier.append(push)

    def _known_pushes(self) -> tuple[Push, ...]:
        if self._pushes is None:
            source = self.mr.source_project_id
            self._pushes = () if source is None else self.gitlab.pushes(source)
        return self._pushes

    # ── who approves of it ───────────────────────────────────────────────────────────────────────────────────────────

    def _is_approved(self, written: tuple[Written, ...]) -> bool:
        if self._approvals is None:
            self._approvals = self.gitlab.approvals(self.mr)
        given = [one for one in self._approvals if self._may_grant(one.person)]
        if not any(one.at for one in given):
            return bool(given)
        if self._versions is None:
            self._versions = self.gitlab.versions(self.mr)
        came = [
            min((at for head, at in self._versions if self._contains(head, one.commit)), default=None)
            for one in written
        ]
        return all(at is not None and any(one.at and one.at >= at for one in given) for at in came)

    def _contains(self, tip: str, commit: str) -> bool | None:
        """Whether a commit is in the history of another; None where that one is not here."""
        if (tip, commit) not in self._contained:
            self._contained[tip, commit] = self._whole().contains(tip, commit)
        return self._contained[tip, commit]


def _is_own(written: Written, push: Push) -> bool:
    """Whether a commit is not plainly somebody else's: one that was rebased keeps its author."""
    if written.author_email.casefold() == written.committer_email.casefold():
        return True
    known = {push.full_name.casefold(), push.person.name.casefold(), push.person.email.casefold()} - {""}
    return bool(known & {written.author.casefold(), written.author_email.casefold()})
