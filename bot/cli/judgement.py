"""What the verbs share: the policy, the inspections that are asked for, and how paths are shown."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cache import Cache, cache_beside, is_trusted
from bot.cli import say
from bot.cli.progress import Step, ignore, progress_bar
from bot.cli.target import HINT, Target, looked_at, own_git, targets
from bot.errors import Invalid
from checks.dataclass import dataclass, replace
from checks.policy import Policy
from checks.tree import Tree

if TYPE_CHECKING:
    from checks.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line asks for. `ids`: standards and rules; `since`: a revision.

    `remember`: what was judged before is not judged again; `quiet`: no progress is shown; `fixing`: what fixes need
    from outside is fetched.
    """

    paths: tuple[str, ...]
    name: str | None = None
    ids: tuple[str, ...] = ()
    since: str | None = None
    policy: str | None = None
    remember: bool = True
    quiet: bool = False
    fixing: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What a command line is about: the policy, the day, and where the projects lie."""

    policy: Policy
    today: date
    targets: tuple[Target, ...]

    @property
    def cache(self) -> Cache | None:
        """The user's cache, if it may be used here."""
        return cache_beside(target.root for target in self.targets)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A target and its inspection."""

    target: Target
    inspection: Inspection


def scene_of(asked: Asked) -> Scene:
    """What is asked about. Raises Invalid, SetupError."""
    policy = load_policy(asked.policy, lambda: looked_at(Path.cwd(), asked.paths, asked.name))
    found = targets(Path.cwd(), asked.paths, asked.name, policy)
    return Scene(policy, datetime.now(UTC).date(), tuple(found))


@contextmanager
def judged(asked: Asked, scene: Scene) -> Iterator[tuple[Judgement, ...]]:
    """Inspects what is asked for; a revision's files can be read as long as it lasts. Raises Invalid."""
    cache = scene.cache if asked.remember else None
    with ExitStack() as open_readers:
        with progress_bar(asked.quiet) as step:
            found = []
            for number, target in enumerate(scene.targets):
                step(number, len(scene.targets))
                alone = step if len(scene.targets) == 1 else ignore
                found.append(_judged(target, scene, asked, cache, open_readers, alone))
        yield tuple(found)


def _judged(
    target: Target, scene: Scene, asked: Asked, cache: Cache | None, readers: ExitStack, step: Step
) -> Judgement:
    from bot.memo import FileMemo, known_rules
    from checks.inspection import inspect

    ids = wanted(asked.ids)
    base = None if asked.since is None else _base(target, asked.since, readers)
    memo = None if cache is None else FileMemo.of(cache, os.fspath(target.root))

    rules = known_rules(cache)

    def look(more: Mapping[str, Hashable]) -> Inspection:
        return inspect(
            target.tree,
            scene.policy,
            scene.today,
            replace(target.repository, facts={**target.repository.facts, **more}),
            before=base,
            memo=memo,
            names=target.names,
            only=lambda rule: ids(rule.id),
            step=step,
            rules=rules,
        )

    inspection = look({})
    if asked.fixing and (facts := _facts(inspection)):
        inspection = look(facts)
    if memo is not None:
        memo.save()
    if not inspection.report.projects:
        reasons = "; ".join(skipped.reason for skipped in inspection.report.skipped)
        raise Invalid(f"{reasons}; {HINT}.")
    return Judgement(target, inspection)


def _facts(inspection: Inspection) -> Mapping[str, Hashable]:
    """What the fixes of the findings need from outside."""
    needs = inspection.needs(inspection.report.findings)
    if not needs:
        return {}
    from bot.index import Index
    from bot.settings import surroundings

    return Index(surroundings()).facts(needs, lambda why: say(f"snitch: {why}"))


def _base(target: Target, since: str, readers: ExitStack) -> Tree:
    if not target.in_git:
        raise Invalid(f"--since needs a git repository, and {os.fspath(target.root)!r} is none.")
    from bot.git import GitTree, Reader
    from bot.git.folder import before

    git = own_git()
    files = before(git, target.root, since)
    return GitTree(files, readers.enter_context(Reader(git, target.root)))


# ── policy and ids ───────────────────────────────────────────────────────────────────────────────────────────────────


def load_policy(source: str | None, judged: Callable[[], Iterable[Path]] = lambda: ()) -> Policy:
    """The policy at a source, or the built-in one; says where another one had to serve. Raises SetupError.

    `judged`: the folders that it is for. What one of them holds of an earlier answer is not believed.
    """
    if not source:
        return Policy()
    from bot.policy_source import load
    from bot.settings import PolicyAccess

    access = PolicyAccess.read()
    if access.cache is not None and not is_trusted(access.cache, judged()):
        access = replace(access, cache=None)
    sourced = load(source, access, datetime.now(UTC))
    if sourced.note is not None:
        say(f"snitch: {sourced.note}")
    return sourced.policy


def wanted(ids: Sequence[str]) -> Callable[[str], bool]:
    """Whether a rule is among those asked for (standards and rules, also comma-separated). Raises Invalid."""
    named = {one.strip() for text in ids for one in text.split(",") if one.strip()}
    if not named:
        return lambda rule: True
    from checks.form import guess
    from checks.standards import all_rules

    rules = [rule.id for rule in all_rules()]
    known = {*rules, *(rule.partition(".")[0] for rule in rules)}
    for one in sorted(named - known):
        raise Invalid(f"There is no standard or rule {one}{guess(one, known) or ': snitch standards lists them'}")
    return lambda rule: rule in named or rule.partition(".")[0] in named


# ── how paths are shown ──────────────────────────────────────────────────────────────────────────────────────────────


def for_programs(target: Target, paths: Sequence[str]) -> Callable[[str], str]:
    """Paths relative to the one path that was given, else to the current folder."""
    return _relative(target.root, Path(paths[0]).resolve() if len(paths) == 1 else Path.cwd())


def for_people(target: Target) -> Callable[[str], str]:
    """Paths as they can be typed: relative where the tree is around or below the current folder."""
    here = Path.cwd().resolve()
    if target.root.is_relative_to(here) or here.is_relative_to(target.root):
        return _relative(target.root, here)
    return lambda path: os.path.normpath(target.root / path)


def for_patches(target: Target) -> Callable[[str], str]:
    """Paths for a diff: relative to the current folder where the tree is below it, else to the tree."""
    here = Path.cwd().resolve()
    return _relative(target.root, here if target.root.is_relative_to(here) else target.root)


def _relative(root: Path, base: Path) -> Callable[[str], str]:
    root_path, base_path = os.fspath(root), os.path.realpath(base)
    if root_path == base_path:
        return lambda path: path
    return lambda path: os.path.relpath(os.path.join(root_path, path), base_path).replace(os.sep, "/")
