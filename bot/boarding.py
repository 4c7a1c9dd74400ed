"""A new model on GitLab, step by step. Each step looks first: what is there is left, what is missing is made.

So an interrupted boarding is simply repeated, and ends where an undisturbed one ends. What is there and is something
else stops it, before anything is written over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from bot import gitlab_hooks
from bot import gitlab_projects as api
from bot.aws import Aws
from bot.connection import Connection, above, install_at
from bot.errors import Forbidden, Gone, Invalid, SnitchError, Stale
from bot.git import Author, Git, Pushed, Remote, push_first
from bot.git import Refused as PushRefused
from bot.gitlab import DEVELOPER, GitLab
from bot.gitlab_instance import own_user
from bot.gitlab_projects import Place
from bot.hooks import Place as HookPlace
from bot.hooks import Wanted, chosen
from bot.manifest import manifest
from bot.origin import MEMORY, remembered
from checks.environments import Environment

BRANCH: Final = "main"
FIRST: Final = "Start from the template"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be there at the end. `path`: of the project on GitLab; `files`: its first commit."""

    group: str
    slug: str
    title: str
    description: str
    topics: tuple[str, ...]
    files: Mapping[str, bytes]
    bucket: str
    environments: tuple[Environment, ...]

    @property
    def path(self) -> str:
        return f"{self.group}/{self.slug}"


@dataclass(slots=True)
class Boarding:
    """A boarding under way. `gitlab` and `token` are the administrator's; `wanted` is the webhook, None for none.

    `project`: what is known of it; None as long as there is none. `aws`: where its data and images lie, None for
    nowhere; `image`: its repository of images there. `fresh`: the project was made by this very run.
    """

    plan: Plan
    gitlab: GitLab
    git: Git
    token: str
    bot: int
    wanted: Wanted | None
    aws: Aws | None = None
    image: str = ""
    project: Place | None = None
    group: api.Group | None = None
    fresh: bool = False

    @property
    def known_group(self) -> api.Group:
        if self.group is None:
            raise Stale("the group is not there any more")
        return self.group

    @property
    def place(self) -> Place:
        if self.project is None:
            raise Stale("the project is not there any more")
        return self.project


@dataclass(frozen=True, slots=True)
class Step:
    """`look`: how it is there already, "" where it is missing; raises Refused where something else is in the way.

    `make` makes it, and says what. `early`: it can be looked at before there is a project. `foresee`: what a dry run
    tells of the making; raises Refused where it would be refused.
    """

    name: str
    look: Callable[[], str]
    make: Callable[[], str]
    early: bool = False
    foresee: Callable[[], str] = str


@dataclass(frozen=True, slots=True)
class Done:
    """How a step ended: `left` as it was, `made`, or `would` be made."""

    step: str
    how: str
    text: str = ""


@dataclass(slots=True)
class Halted(Exception):
    """A step could not be done: which, why, and what was made before it."""

    step: str
    cause: SnitchError
    done: list[Done] = field(default_factory=list)


def board(boarding: Boarding, *, dry_run: bool) -> Iterator[Done]:
    """Goes through the steps. Raises Halted."""
    done: list[Done] = []
    for step in steps(boarding):
        try:
            there = step.look() if step.early or boarding.project is not None else ""
            if there:
                done.append(Done(step.name, "left", there))
            elif dry_run:
                done.append(Done(step.name, "would", step.foresee()))
            else:
                done.append(Done(step.name, "made", step.make()))
        except SnitchError as cause:
            raise Halted(step.name, cause, done) from None
        yield done[-1]


def steps(boarding: Boarding) -> Iterator[Step]:
    """In an order in which each finds what it needs.

    What is there with other content is refused before anything of it is changed; and the branch is protected before it
    is pushed, since GitLab protects a first branch by itself otherwise, some time after the push and in its own way.
    """
    yield Step(
        "project",
        lambda: _find_project(boarding),
        lambda: _make_project(boarding),
        early=True,
        foresee=lambda: _may_make(boarding),
    )
    yield Step("settings", lambda: _find_settings(boarding), lambda: _set(boarding))
    yield Step("protected branch", lambda: _find_protection(boarding), lambda: _protect(boarding))
    yield Step("first commit", lambda: _find_content(boarding), lambda: _push(boarding))
    yield Step("snitch as Developer", lambda: _find_member(boarding), lambda: _add_member(boarding), early=True)
    if boarding.wanted is not None:
        wanted = boarding.wanted
        yield Step("webhook", lambda: _find_hook(boarding, wanted), lambda: _hook(boarding, wanted), early=True)
    if boarding.aws is not None:
        yield from _in_aws(boarding, boarding.aws)
    for one in boarding.plan.environments:
        yield Step(
            f"deployment to {one.name}",
            lambda one=one: _find_entry(boarding, one),  # type: ignore[misc]  # bound to this turn
            lambda one=one: _enter(boarding, one),  # type: ignore[misc]  # as above
            early=True,
            foresee=lambda one=one: _may_enter(boarding, one),  # type: ignore[misc]  # as above
        )


# ── the project ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _find_project(boarding: Boarding) -> str:
    plan = boarding.plan
    try:
        boarding.group = api.group(boarding.gitlab, plan.group)
    except Gone:
        raise Gone(f"there is no group {plan.group} that SNITCH_ADMIN_TOKEN may see") from None
    boarding.project = api.found(boarding.gitlab, plan.path)
    if boarding.project is None:
        return ""
    if boarding.project.path.lower() != plan.path.lower():
        raise Invalid(f"{plan.path} has moved to {boarding.project.path}: choose another name")
    if boarding.project.archived:
        raise Invalid(f"{plan.path} is there, and archived: choose another name, or unarchive it")
    _find_content(boarding)
    return boarding.project.web


def _may_make(boarding: Boarding) -> str:
    """Where the project would be. Raises Forbidden where the token's role in the group is known not to do."""
    group, user = boarding.known_group, own_user(boarding.gitlab)
    if not user.admin and api.level_in(boarding.gitlab, group.id, user.id) < (group.makers or DEVELOPER):
        raise _no_maker(boarding)
    plan = boarding.plan
    name = api.name_of(plan.title) or plan.slug
    if api.is_taken(boarding.gitlab, group.id, name):
        raise _taken(plan, name)
    return plan.path if name == plan.title else f"{plan.path}, named {name}"


def _no_maker(boarding: Boarding) -> Forbidden:
    needs = api.LEVELS.get(boarding.known_group.makers, "Owners").removesuffix("s")
    needs = needs if boarding.known_group.makers else "Maintainer"
    return Forbidden(f"SNITCH_ADMIN_TOKEN may make no projects in {boarding.plan.group}: it needs {needs} there")


def _no_scope() -> Forbidden:
    return Forbidden("SNITCH_ADMIN_TOKEN lacks the scope api")


def _taken(plan: Plan, name: str) -> Invalid:
    return Invalid(f"another project in {plan.group} is named {name}: choose another name")


def _make_project(boarding: Boarding) -> str:
    plan = boarding.plan
    name = api.name_of(plan.title) or plan.slug
    try:
        boarding.project = api.made(
            boarding.gitlab, boarding.known_group.id, plan.slug, name, plan.description, plan.topics
        )
    except (Forbidden, Invalid) as refused:
        said = str(refused)
        if isinstance(refused, Forbidden) or ("namespace" in said and "not valid" in said):
            raise (_no_maker(boarding) if "scope" not in said else _no_scope()) from None
        if "name: has already been taken" in said:
            raise _taken(plan, name) from None
        raise
    boarding.fresh = True
    return boarding.project.web if name == plan.title else f"{boarding.project.web}, named {name}"


def _find_content(boarding: Boarding) -> str:
    """A project that this template made, under this name, is ours, whatever became of it since."""
    place, plan = boarding.place, boarding.plan
    if place.default_branch is None:
        return ""
    there = api.content(boarding.gitlab, place.id, MEMORY, place.default_branch)
    if there is None or _slug_of(there) != plan.slug:
        raise Invalid(f"{plan.path} is there with other content: choose another name, or take that project away")
    return f"{place.default_branch} holds the template's"


def _slug_of(memory: bytes) -> str:
    try:
        return remembered(memory)[1].get("project_slug", "")
    except Invalid:
        return ""


def _push(boarding: Boarding) -> str:
    place, me = boarding.place, boarding.gitlab.me()
    author = Author(
        me.name, me.email or f"{me.name}@noreply.{boarding.gitlab.host}", int(datetime.now(UTC).timestamp())
    )
    remote = Remote(place.url, boarding.token)
    match push_first(boarding.git, remote, BRANCH, boarding.plan.files, FIRST, author):
        case Pushed():
            boarding.project = api.found(boarding.gitlab, boarding.plan.path) or place
            return f"{len(boarding.plan.files)} files on {BRANCH}"
        case PushRefused(sentence):
            raise Forbidden(sentence)
        case _:
            raise Stale(f"somebody pushed to {BRANCH} meanwhile: repeat this")


def _wanted_settings(boarding: Boarding) -> dict[str, object]:
    place = boarding.place
    missing = [one for one in boarding.plan.topics if one not in place.topics]
    wrong: dict[str, object] = {key: value for key, value in api.SETTINGS.items() if place.settings.get(key) != value}
    if missing:
        wrong["topics"] = [*place.topics, *missing]
    return wrong


def _find_settings(boarding: Boarding) -> str:
    """A project that this run made has them; that is told as a part of the making, as a dry run tells it."""
    return "" if boarding.fresh or _wanted_settings(boarding) else "as they must be"


def _set(boarding: Boarding) -> str:
    wanted = _wanted_settings(boarding)
    if wanted:
        api.changed(boarding.gitlab, boarding.place.id, wanted)
    return ", ".join(sorted(wanted)) or "with the project"


def _find_protection(boarding: Boarding) -> str:
    branch = boarding.place.default_branch or BRANCH
    found = api.protection(boarding.gitlab, boarding.place.id, branch)
    return f"{branch}: {found}" if found else ""


def _protect(boarding: Boarding) -> str:
    branch = boarding.place.default_branch or BRANCH
    api.protected(boarding.gitlab, boarding.place.id, branch)
    return f"{branch}: Maintainers push, Developers merge"


def _find_member(boarding: Boarding) -> str:
    """Of the project, or of a group above it."""
    if boarding.project is None:
        level = api.level_in(boarding.gitlab, boarding.known_group.id, boarding.bot)
    else:
        level = boarding.gitlab.access_level(boarding.project.id, boarding.bot)
    return "it is" if level >= DEVELOPER else ""


def _add_member(boarding: Boarding) -> str:
    api.member(boarding.gitlab, boarding.place.id, boarding.bot)
    return "added"


# ── its webhook ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _find_hook(boarding: Boarding, wanted: Wanted) -> str:
    """Of the project, or of a group above it, as far as we may see those."""
    over = above(boarding.gitlab, boarding.plan.path, wanted)
    if over is not None:
        return f"the group {over} has one"
    if boarding.project is None:
        return ""
    place = HookPlace("project", boarding.project.id, boarding.project.path)
    return "in place" if chosen(gitlab_hooks.listed(boarding.gitlab, place), wanted)[0] else ""


def _hook(boarding: Boarding, wanted: Wanted) -> str:
    place = HookPlace("project", boarding.place.id, boarding.place.path)
    told = install_at(Connection.of(boarding.gitlab, wanted, 0, 1), place)
    if told.state == "wrong":
        raise Invalid(told.text)
    return told.text


# ── its data and images ──────────────────────────────────────────────────────────────────────────────────────────────


def _in_aws(boarding: Boarding, aws: Aws) -> Iterator[Step]:
    plan = boarding.plan
    for kind in ("models", "datasets"):
        prefix = f"{plan.slug}/{kind}/"
        yield Step(
            f"S3 prefix of {kind}",
            lambda prefix=prefix: f"s3://{plan.bucket}/{prefix}" if aws.has_prefix(plan.bucket, prefix) else "",  # type: ignore[misc]
            lambda prefix=prefix: aws.make_prefix(plan.bucket, prefix),  # type: ignore[misc]  # bound to this turn
            early=True,
        )
    yield Step(
        "ECR repository",
        lambda: _known_image(boarding, aws.repository(plan.slug)),
        lambda: _known_image(boarding, aws.make_repository(plan.slug)),
        early=True,
    )


def _known_image(boarding: Boarding, address: str | None) -> str:
    boarding.image = address or ""
    return boarding.image


# ── where it will run ────────────────────────────────────────────────────────────────────────────────────────────────


def _entry_branch(boarding: Boarding, one: Environment) -> str:
    return f"board-{boarding.plan.slug}-{one.name}"


def _find_entry(boarding: Boarding, one: Environment) -> str:
    """The file is on the target branch, or on its way there; what people closed stays closed."""
    place, target = _environment(boarding, one)
    path = one.file_of(boarding.plan.slug)
    if api.content(boarding.gitlab, place.id, path, target) is not None:
        return f"{path} is in {one.project}"
    asked = api.asked_from(boarding.gitlab, place.id, _entry_branch(boarding, one), target)
    if asked is None:
        return ""
    web, state = asked
    return f"{web} asks for it" if state == "opened" else f"{web} asked for it, and is {state}: that is left to people"


def _may_enter(boarding: Boarding, one: Environment) -> str:
    """What would be asked for. Raises Forbidden where the token's role is known not to do."""
    place, _ = _environment(boarding, one)
    user = own_user(boarding.gitlab)
    if not user.admin and boarding.gitlab.access_level(place.id, user.id) < DEVELOPER:
        raise Forbidden(f"SNITCH_ADMIN_TOKEN may push nothing to {one.project}: it needs Developer there")
    return f"a merge request in {one.project}"


def _environment(boarding: Boarding, one: Environment) -> tuple[Place, str]:
    place = api.found(boarding.gitlab, one.project)
    if place is None:
        raise Gone(f"the policy's {one.project} is not there, or SNITCH_ADMIN_TOKEN may not see it")
    target = one.branch or place.default_branch
    if target is None:
        raise Invalid(f"{one.project} is empty: it needs a first commit")
    return place, target


def _enter(boarding: Boarding, one: Environment) -> str:
    """A branch with the file, and its merge request; the branch of an interrupted boarding is taken up."""
    place, target = _environment(boarding, one)
    branch, path, slug = _entry_branch(boarding, one), one.file_of(boarding.plan.slug), boarding.plan.slug
    title = f"Deploy {slug} to {one.name}"
    if boarding.gitlab.branch_head(place.id, branch) is None:
        start = boarding.gitlab.branch_head(place.id, target)
        if start is None:
            raise Gone(f"{one.project} has no branch {target}")
        image = f"{boarding.image or boarding.place.image or slug}:{BRANCH}"
        text = manifest(slug, image, one.name)
        api.entered(boarding.gitlab, place.id, branch, start, path, text.encode(), title)
    elif api.content(boarding.gitlab, place.id, path, branch) is None:
        raise Invalid(f"{one.project} has a branch {branch} of other content: take it away")
    said = f"{boarding.plan.title} ({boarding.place.web}) is new. Merging this lets it run in {one.name}."
    return boarding.gitlab.open_merge_request(place.id, branch, target, title, said)
