"""What `snitch doctor` asks GitLab: version, clock, limits, tokens, roles, webhooks, and what holds merges back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Final

from bot import gitlab_instance as api
from bot.connecting import wanted_of
from bot.connection import Connection, carried_out
from bot.diagnosis import Symptom, fail, note, ok, warn
from bot.errors import Forbidden, Refused, SetupError, SnitchError
from bot.fleet import Scope
from bot.gitlab import DEVELOPER, GitLab
from bot.settings import Settings

OLDEST: Final = (16, 0)
TESTED: Final = (17, 0)
NEEDED: Final = frozenset({"api"})
"""It holds what `read_api`, `read_repository` and `write_repository` give (lib/gitlab/auth.rb)."""
NEEDLESS: Final = frozenset({"sudo", "admin_mode"})
SOON: Final = 30
SKEW: Final = 60.0
TOLERATED: Final = 300.0
NAMED: Final = 5
"""Of many projects so many are named."""
_RENEWALS: Final = {
    "SNITCH_GITLAB_TOKEN": "`snitch rotate` does that in the token's file (README, On GitLab, 1). A token that is made "
    "anew may be of a new user, who does not know the old one's threads.",
    "SNITCH_ADMIN_TOKEN": "Rotate it on GitLab, and put the new one in its place.",
}
"""What to do with a token that ends soon."""


def gitlab_symptoms(settings: Settings, now: datetime) -> Iterator[Symptom]:
    """All that GitLab tells; only why, where it tells nothing."""
    gitlab = GitLab(settings.gitlab_url, settings.gitlab_token.reveal)
    try:
        user = api.own_user(gitlab)
    except SnitchError as trouble:
        yield fail("gitlab", f"{settings.gitlab_url}: {api.why(trouble)}", _cure(trouble))
        return
    yield from _guarded("gitlab", lambda: _instance(settings, gitlab, now))
    yield from _guarded("token", lambda: _token("SNITCH_GITLAB_TOKEN", gitlab, now.date()))
    yield from _guarded("token", lambda: _user(user))
    yield from _guarded("role", lambda: _roles(settings, gitlab, user))
    yield from _guarded("graphql", lambda: _graphql(gitlab))
    yield from _guarded("merges", lambda: _merges(settings, gitlab))
    yield from _guarded("webhooks", lambda: _webhooks(settings, now.date()))


def _guarded(about: str, looks: Callable[[], Iterator[Symptom]]) -> Iterator[Symptom]:
    try:
        yield from looks()
    except SnitchError as trouble:
        yield warn(about, f"this can't be looked at: {api.why(trouble)}", "Try again; else look at what GitLab logs.")


def _cure(trouble: SnitchError) -> str:
    if "refuses the token" in str(trouble):
        return "Make a new token for the same bot user, and put it into SNITCH_GITLAB_TOKEN."
    if isinstance(trouble, Forbidden):
        return "The token in SNITCH_GITLAB_TOKEN needs the scope api."
    return "Compare SNITCH_GITLAB_URL with what a browser on this machine opens: scheme, host, port, path."


def _instance(settings: Settings, gitlab: GitLab, now: datetime) -> Iterator[Symptom]:
    found = api.instance(gitlab)
    shown = f"GitLab {found.version or 'of no known version'} at {settings.gitlab_url}"
    if found.release < OLDEST:
        yield fail("gitlab", shown, "snitch needs GitLab 16.0 or later: tell who runs it.")
    elif found.release < TESTED:
        yield warn(
            "gitlab",
            shown,
            "snitch is tested with 17.0 and later. On 16, webhooks have no names and can't be tried: "
            "after a change of SNITCH_PUBLIC_URL, take the old ones away by hand.",
        )
    else:
        yield ok("gitlab", shown)
    if found.now is not None:
        yield from _clock(settings, abs((found.now - now).total_seconds()))
    yield from _limits(settings, found)


def _clock(settings: Settings, skew: float) -> Iterator[Symptom]:
    text = f"{skew:.0f} s between this clock and GitLab's"
    cure = "Let the clock be set by NTP."
    if skew > TOLERATED and settings.signing_tokens:
        yield fail("clock", f"{text}: signed deliveries are refused", cure)
    elif skew > SKEW:
        yield warn("clock", text, cure)
    else:
        yield ok("clock", text)


def _limits(settings: Settings, found: api.Instance) -> Iterator[Symptom]:
    if found.limit is None:
        yield ok("limits", "GitLab names no limit of calls for this user")
    elif found.limit < settings.sweep_calls:
        cure = f"Set SNITCH_SWEEP_CALLS to {max(1, found.limit // 2)}, or have the limit raised for the bot."
        yield warn("limits", f"{found.limit} calls a minute; the sweep may make {settings.sweep_calls}", cure)
    else:
        yield ok("limits", f"{found.limit} calls a minute, {found.remaining} left in this one")


def _token(name: str, gitlab: GitLab, today: date) -> Iterator[Symptom]:
    try:
        token = api.own_token(gitlab)
    except Refused as trouble:
        yield warn("token", f"{name} does not tell what it is: {trouble}", "Use an access token, not one of OAuth.")
        return
    if missing := NEEDED - token.scopes:
        yield fail("token", f"{name} lacks the scope {', '.join(sorted(missing))}", "Make one that has it.")
    if more := NEEDLESS & token.scopes:
        yield warn("token", f"{name} may do more than snitch needs: {', '.join(sorted(more))}", "Make one without.")
    yield _life(name, token.expires, today)


def _life(name: str, expires: date | None, today: date) -> Symptom:
    if expires is None:
        return ok("token", f"{name} does not expire")
    days = (expires - today).days
    text = f"{name} expires on {expires}, in {days} day{'s' * (days != 1)}"
    if days > SOON:
        return ok("token", text)
    return warn("token", text, _RENEWALS.get(name, "Make a new one."))


def _user(user: api.OwnUser) -> Iterator[Symptom]:
    if user.admin:
        yield warn("token", f"@{user.name} administers GitLab", "Let the bot be a user without that.")
    if user.bot:
        yield ok("token", f"@{user.name} is a bot user")
    else:
        cure = "Use a service account, or a group or project access token: people are told apart from snitch by it."
        yield warn("token", f"@{user.name} is a person's user", cure)


def _roles(settings: Settings, gitlab: GitLab, user: api.OwnUser) -> Iterator[Symptom]:
    """Of the projects that the sweep covers a few are asked."""
    for group in settings.groups or (None,):
        where = group or "all that the bot is a member of"
        try:
            projects = api.gates(gitlab, group)
            weak = [one.path for one in projects[:NAMED] if gitlab.access_level(one.id, user.id) < DEVELOPER]
        except Refused as trouble:
            yield fail("role", f"{where}: {trouble}", f"Compare SNITCH_GROUPS; add @{user.name} there as Developer.")
            continue
        if not projects:
            yield warn("role", f"{where}: there is no project", f"Add @{user.name} to model projects, as Developer.")
        elif weak:
            cure = "Add the bot there as Developer, to resolve threads, set statuses and push."
            yield fail("role", f"@{user.name} is less than Developer in {_some(weak)}", cure)
        else:
            yield ok("role", f"@{user.name} is Developer or more in {where}")


def _graphql(gitlab: GitLab) -> Iterator[Symptom]:
    try:
        api.has_graphql(gitlab)
    except Refused as trouble:
        cure = "snitch lists by REST instead: a call more for each project and night."
        yield warn("graphql", f"it is refused: {trouble}", cure)
    else:
        yield ok("graphql", "the sweep lists a hundred projects a call")


def _merges(settings: Settings, gitlab: GitLab) -> Iterator[Symptom]:
    """What is true of GitLab everywhere, and where it matters."""
    seen = [gate for group in settings.groups or (None,) for gate in api.gates(gitlab, group)]
    merged = [one.path for one in seen if one.merged_results]
    text = "a status on the head does not gate merged-results pipelines and merge trains: there, a CI job does"
    yield note("merges", f"{text}. They are on in {_some(merged)}" if merged else text)
    if open_ := [one.path for one in seen if not (one.threads or one.pipelines)]:
        text = f"findings stop no merge in {_some(open_)}"
        yield note("merges", f"{text}: neither all threads must be resolved there, nor must pipelines succeed")


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more


def _webhooks(settings: Settings, today: date) -> Iterator[Symptom]:
    if settings.admin_token is None or settings.public_url is None:
        missing = "SNITCH_PUBLIC_URL" if settings.admin_token else "SNITCH_ADMIN_TOKEN"
        yield note("webhooks", f"they can't be looked at without {missing}")
        return
    gitlab = GitLab(settings.gitlab_url, settings.admin_token.reveal)
    try:
        yield from _token("SNITCH_ADMIN_TOKEN", gitlab, today)
    except SetupError:
        yield fail("token", "GitLab refuses SNITCH_ADMIN_TOKEN", "Make a new one, of an Owner of the group.")
        return
    if not settings.groups:
        yield note("webhooks", "name SNITCH_GROUPS, or ask: snitch hooks check --project P")
        return
    yield from _connected(settings, gitlab)


def _connected(settings: Settings, gitlab: GitLab) -> Iterator[Symptom]:
    connection = Connection.of(gitlab, wanted_of(settings), settings.sweep_calls, max(2, settings.concurrency))
    told = list(carried_out("check", connection, Scope(settings.groups)))
    wrong = [one for one in told if one.state == "wrong"]
    if not wrong:
        yield ok("webhooks", f"all that {_some(settings.groups)} needs are in place")
    for one in wrong[:NAMED]:
        yield fail("webhooks", f"{one.place}: {one.text}", "snitch hooks install")
    if len(wrong) > NAMED:
        yield fail("webhooks", f"{len(wrong) - NAMED} more are wrong", "snitch hooks check")
