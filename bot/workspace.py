"""For one job: the trees of the head and of the merge base, and what changed between them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from bot.errors import Broken, SnitchError, Stale
from bot.git import GitTree, Mirror, Want
from bot.granting import Granting
from bot.job import ReviewMR
from bot.judging import Case
from bot.mr import ChangedFile, MergeRequest, ProjectInfo, by_new_path
from bot.world import World
from checks.discover import Repository
from checks.inspection import Inspection
from checks.tree import Unavailable

NOTHING: Mapping[str, Hashable] = {}


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a review reads. `base` is None where the two branches share no history."""

    mr: MergeRequest
    mirror: Mirror
    head: GitTree
    base: GitTree | None

    def history(self, world: World) -> Mirror:
        """The mirror that has the histories of the head and of the base too. Raises as `opened` does."""
        whole = world.mirror(self.mr.project)
        _bring(world, whole, self.mr)
        return whole

    def changed(self) -> dict[str, ChangedFile]:
        """The files that the change touches, by their new path; none without a base."""
        base = self.mr.refs.base if self.mr.refs else None
        return by_new_path(list(self.mirror.diff(base, self.mr.head))) if base else {}

    def lengths(self, paths: Iterable[str]) -> dict[str, int]:
        """How many lines these files of the head have, where they can be read. LF alone ends a line, as on GitLab."""
        found = {}
        for path in set(paths):
            with suppress(Unavailable):
                data = self.head.read(path)
                found[path] = data.count(b"\n") + (not data.endswith(b"\n") if data else 0)
        return found

    def inspect(self, world: World, outside: Mapping[str, Hashable] = NOTHING) -> Inspection:
        """Judges the head, and what the change made of it. `outside`: facts that had to be asked for."""

        def own() -> frozenset[str]:
            return frozenset((world.store.recall(self.mr.project.id, self.mr.iid) or {}).get("waivers", ()))

        granted = Granting(world.gitlab, partial(self.history, world), self.mr, world.policy, own)
        repository = repository_of(self.mr.project, outside)
        return world.judge(Case(self.head, world.policy, world.today, repository, self.base, granted))


def repository_of(project: ProjectInfo, outside: Mapping[str, Hashable] = NOTHING) -> Repository:
    """What is known of a project besides its trees."""
    known = {"project_path": project.path, "ci_config_path": project.ci_config_path or "", "topics": project.topics}
    return Repository(project.raw_name, {**known, **outside}, {})


def bring_early(world: World, job: ReviewMR) -> Mirror | None:
    """Asks for the project, and fetches the head that an event told of, before its merge request is known.

    Returns the mirror. What goes wrong goes wrong again when the workspace is opened, and is told then.
    """
    with suppress(SnitchError):
        project = world.gitlab.project(job.project_id)
        if job.head is not None:
            mirror = world.mirror_of_reviews(project)
            mirror.fetch(world.remote(project), _head(job.iid, job.head))
            return mirror
    return None


def _head(iid: int, commit: str) -> Want:
    return Want(commit, (f"refs/merge-requests/{iid}/head",))


@contextmanager
def opened(world: World, mr: MergeRequest, mirror: Mirror | None = None, *, whole: bool = False) -> Iterator[Workspace]:
    """Brings the merge request's commits, with their histories if `whole`, and opens their trees.

    `mirror`: where some were brought. Raises Stale, Gone, Forbidden, Transient.
    """
    if mirror is None:
        mirror = world.mirror(mr.project) if whole else world.mirror_of_reviews(mr.project)
    base = _bring(world, mirror, mr)
    with mirror.reader() as reader, thrown_away_if_damaged(mirror):
        yield Workspace(
            mr=mr,
            mirror=mirror,
            head=GitTree(mirror.snapshot(mr.head), reader),
            base=GitTree(mirror.snapshot(base), reader) if base else None,
        )


def _bring(world: World, mirror: Mirror, mr: MergeRequest) -> str | None:
    """Fetches the head and the base; returns the base."""
    base = mr.refs.base if mr.refs else None
    wants = [_head(mr.iid, mr.head), *([Want(base)] if base else [])]
    try:
        mirror.fetch(world.remote(mr.project), *wants)
    except Stale:  # the head's ref lags behind the push: a fork has it already
        if not mr.from_fork or mr.source_project_id is None:
            raise
        mirror.fetch(world.remote(world.gitlab.project(mr.source_project_id)), wants[0])
        mirror.fetch(world.remote(mr.project), *wants[1:])
    return base


@contextmanager
def thrown_away_if_damaged(mirror: Mirror) -> Iterator[None]:
    """What can't be read from a mirror is fetched anew when the job comes again."""
    try:
        yield
    except Broken:
        mirror.discard()
        raise
