"""Connects groups and projects of GitLab with snitch: their webhooks made, mended, checked, taken away.

A group has one webhook where its licence knows such; else each of its projects has one. Each place is looked at first
and brought to the same end, so that an interrupted run is simply repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

from bot import gitlab_hooks as api
from bot.errors import Forbidden, Gone, Refused, SetupError, SnitchError
from bot.fleet import Scope
from bot.gitlab import GitLab
from bot.hooks import Hook, Place, Wanted, chosen, faults
from bot.pace import Pace

What = Literal["install", "check", "remove", "wake"]
State = Literal["fine", "changed", "wrong"]
CALLS_AT_A_PLACE: Final = 3
_NONE: Final = "no webhook of snitch"
_ELSEWHERE: Final = "the group above has one for it"
LOCAL: Final = " (where snitch listens on a private network, an administrator must allow webhooks to it)"


@dataclass(frozen=True, slots=True)
class Told:
    """How it stands at one place (or at what was named as one), or what was done there."""

    place: str
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Connection:
    """What connecting needs. `gitlab` speaks with the administrator's token."""

    gitlab: GitLab
    wanted: Wanted
    pace: Pace

    @classmethod
    def of(cls, gitlab: GitLab, wanted: Wanted, calls: int, width: int) -> Connection:
        """`calls`: a minute, 0 for no limit; `width`: places at once."""
        return cls(gitlab, wanted, Pace(calls // CALLS_AT_A_PLACE, width))


def carried_out(what: What, connection: Connection, scope: Scope) -> Iterator[Told]:
    """Does `what` at each place of a scope; trouble with one does not keep the others from their turn.

    Raises SetupError where the token is refused.
    """
    at = {"install": _installed, "check": _checked, "remove": _removed, "wake": _woken}[what]
    for path in dict.fromkeys(scope.projects):
        yield from _named(path, lambda path=path: iter([_at_project(connection, path, at)]))  # type: ignore[misc]  # bound
    for path in _outermost(scope.groups):
        yield from _named(path, lambda path=path: _in_group(connection, path, at))  # type: ignore[misc]  # bound


Act = Callable[[Connection, Place, bool], Told]
"""The last: whether a webhook of ours belongs there."""


def _outermost(groups: Sequence[str]) -> list[str]:
    """Without those that lie in another one: its webhook, or its projects' own, serves them too."""
    known = list(dict.fromkeys(one.strip("/") for one in groups))
    return [one for one in known if not any(one.startswith(f"{other}/") for other in known)]


def above(gitlab: GitLab, path: str, wanted: Wanted) -> str | None:
    """The nearest group above a group or project that has a webhook of ours, as far as we may see."""
    parts = path.strip("/").split("/")[:-1]
    for depth in range(len(parts), 0, -1):
        try:
            group = api.group(gitlab, "/".join(parts[:depth]))
            if chosen(api.listed(gitlab, group), wanted)[0]:
                return group.path
        except (Forbidden, Gone):
            continue
    return None


def _at_project(connection: Connection, path: str, at: Act) -> Told:
    def look() -> tuple[Place, bool]:
        place = api.project(connection.gitlab, path)
        return place, above(connection.gitlab, place.path, connection.wanted) is None

    place, belongs = connection.pace.ask(look)
    return _at(connection, place, at, belongs)


def _named(path: str, acts: Callable[[], Iterator[Told]]) -> Iterator[Told]:
    try:
        yield from acts()
    except SetupError:
        raise
    except SnitchError as trouble:
        yield Told(path, "wrong", str(trouble))


def _in_group(connection: Connection, path: str, at: Act) -> Iterator[Told]:
    """The group's own webhook, and then none at its projects; or theirs, where it can have none."""
    group = connection.pace.ask(lambda: api.group(connection.gitlab, path))
    over = connection.pace.ask(lambda: above(connection.gitlab, group.path, connection.wanted))
    why = None if over else _no_hooks(connection, group)
    if why is None:
        yield _at(connection, group, at, belongs=over is None)
    else:
        yield Told(group.told, "fine", f"each project has its own webhook, since {why}")

    def act(place: Place) -> Told:
        return _at(connection, place, at, belongs=why is not None)

    with ThreadPoolExecutor(connection.pace.most, "hooks") as threads:
        places = connection.pace.ask(lambda: list(api.projects(connection.gitlab, group)))
        for told in threads.map(act, places):
            if why is not None or told.state != "fine":
                yield told


def _no_hooks(connection: Connection, group: Place) -> str | None:
    """Why a group can have no webhook: its licence, or the token's role (Owner is needed)."""
    try:
        connection.pace.ask(lambda: api.listed(connection.gitlab, group))
    except Gone:
        return "this GitLab has no webhooks of groups"
    except Forbidden:
        return "its licence has no webhooks of groups, or SNITCH_ADMIN_TOKEN is not of an Owner"
    return None


def _at(connection: Connection, place: Place, at: Act, belongs: bool = True) -> Told:
    """The whole of a place is begun again where GitLab had no answer: what was done is found, and not done twice."""
    try:
        return connection.pace.ask(lambda: at(connection, place, belongs))
    except SetupError:
        raise
    except SnitchError as trouble:
        return Told(place.told, "wrong", f"{trouble}{LOCAL if 'Invalid url' in str(trouble) else ''}")


def install_at(connection: Connection, place: Place) -> Told:
    """The webhook of one project."""
    return _at(connection, place, _installed)


def _checked(connection: Connection, place: Place, belongs: bool) -> Told:
    keep, surplus = chosen(api.listed(connection.gitlab, place), connection.wanted)
    found = [_too_many(len(surplus) + (keep is not None and not belongs), belongs)]
    if belongs:
        found += faults(keep, connection.wanted) if keep else ["there is no webhook of snitch"]
    return _judged(place, [one for one in found if one], _remark(keep, connection.wanted) if belongs else _ELSEWHERE)


def _too_many(count: int, belongs: bool) -> str:
    if not count:
        return ""
    return f"{count} webhook{'s' * (count > 1)} too many" + ("" if belongs else ": the group has one")


def _judged(place: Place, wrong: list[str], fine: str) -> Told:
    return Told(place.told, "wrong", "; ".join(wrong)) if wrong else Told(place.told, "fine", fine)


def _remark(hook: Hook | None, wanted: Wanted | None = None) -> str:
    """What is told of a webhook that is as it must be."""
    if hook is None:
        return _NONE
    more = [f"it also sends {', '.join(hook.headers)}, which is left as it is"] if hook.headers else []
    if wanted is not None and wanted.signing_token is not None and hook.is_signed is None:
        more.append("GitLab knows no signing tokens before 19.0: the secret alone proves deliveries")
    return f"in place ({'; '.join(more)})" if more else "in place"


def _installed(connection: Connection, place: Place, belongs: bool) -> Told:
    """Makes or mends the one that belongs there, and takes the others of ours away.

    One that looks right is written too: a wrong secret does not show.
    """
    gitlab, wanted = connection.gitlab, connection.wanted
    keep, surplus = chosen(api.listed(gitlab, place), wanted)
    if not belongs:
        ours = [one for one in (keep, *surplus) if one]
        return _cleared(connection, place, ours, "taken away: the group has one", _ELSEWHERE)
    before = faults(keep, wanted) if keep else ()
    hook = api.mended(gitlab, place, keep, wanted) if keep else api.made(gitlab, place, wanted)
    for one in surplus:
        api.removed(gitlab, place, one)
    trouble = ""
    if hook.state != "executable":
        hook, trouble = _awake(connection, place, hook)
    left = faults(hook, wanted)
    if left:
        return Told(place.told, "wrong", "; ".join(_why_left(one) for one in left) + trouble)
    done = [] if keep else ["made"]
    done += [f"mended: {'; '.join(before)}"] if before else []
    done += [f"{_too_many(len(surplus), True)}, taken away"] if surplus else []
    fine = _remark(hook, wanted)
    return Told(place.told, "changed", "; ".join([*done, *_aside(fine)])) if done else Told(place.told, "fine", fine)


def _aside(remark: str) -> list[str]:
    """What a remark says besides that the webhook is there."""
    return [remark.removeprefix("in place (").removesuffix(")")] if "(" in remark else []


def _why_left(fault: str) -> str:
    """A fault that GitLab did not let be mended."""
    if fault == "it has no signing token":
        return f"{fault}: GitLab knows them since 19.0. Set SNITCH_WEBHOOK_SECRET instead, or beside it"
    return f"{fault}, and GitLab has left it so"


def _awake(connection: Connection, place: Place, hook: Hook) -> tuple[Hook, str]:
    try:
        return api.woken(connection.gitlab, place, hook), ""
    except Refused as refused:
        return hook, f". A test delivery failed: {refused}. Once it does not, install again, or press Test on GitLab"


def _woken(connection: Connection, place: Place, belongs: bool) -> Told:
    """Switches on again what GitLab has switched off because deliveries failed, and changes nothing else."""
    keep, _ = chosen(api.listed(connection.gitlab, place), connection.wanted)
    if keep is None or not belongs or keep.state == "executable":
        return Told(place.told, "fine", _remark(keep))
    hook, trouble = _awake(connection, place, keep)
    if hook.state == "executable":
        return Told(place.told, "changed", f"GitLab had switched it off ({keep.state}); it works again")
    return Told(place.told, "wrong", f"GitLab has switched it off ({hook.state}){trouble}")


def _removed(connection: Connection, place: Place, belongs: bool) -> Told:
    keep, surplus = chosen(api.listed(connection.gitlab, place), connection.wanted)
    return _cleared(connection, place, [one for one in (keep, *surplus) if one], "taken away")


def _cleared(connection: Connection, place: Place, hooks: list[Hook], text: str, none: str = _NONE) -> Told:
    for one in hooks:
        api.removed(connection.gitlab, place, one)
    return Told(place.told, "changed", text) if hooks else Told(place.told, "fine", none)
