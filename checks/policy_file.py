"""An organisation's policy: a YAML file of settings by name, and of `levels:` of standards and rules.

    bucket: acme-models
    levels:
      7: advise
      10.order: {level: warn, since: {2027-01-01: enforce}, waivable: false}
    groups:
      acme/vision:
        levels: {10.order: enforce}
        max_waiver_days: 30

What a group gives holds for the projects below it on GitLab, and may only tighten what the organisation gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from checks.dataclass import dataclass, field
from checks.form import Form, PolicyProblem, day, guess, opened, plain
from checks.policy import FIXED, LEVELS, Level, Policy, Setting
from checks.read import yaml

Days = tuple[tuple[date, Level], ...]


@dataclass(slots=True)
class _Draft:
    """A policy in the making."""

    levels: dict[str, Level] = field(default_factory=dict)
    since: dict[str, Days] = field(default_factory=dict)
    waivable: dict[str, bool] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    groups: dict[str, Policy] = field(default_factory=dict)

    def policy(self, origin: str, digest: str) -> Policy:
        return Policy(self.levels, self.settings, origin, digest, self.since, self.waivable, self.groups)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a policy may name: the ids of standards and rules, the settings; and the levels that are built in."""

    ids: Collection[str]
    settings: Mapping[str, Setting[Any]]
    levels: Mapping[str, Level]

    def built_in(self, name: str) -> Level | None:
        """The level of a rule, the mildest of a standard's."""
        own = [level for id, level in self.levels.items() if name in (id, id.partition(".")[0])]
        return min(own, key=LEVELS.index, default=None)


def parse_policy(
    data: bytes, origin: str, rules: Mapping[str, Level], settings: Iterable[Setting[Any]]
) -> tuple[Policy, tuple[PolicyProblem, ...]]:
    """The policy in a file, and everything that is wrong in it, by line; what is right in it holds.

    `rules`: all rules by id, with the levels that are built in; `settings`: all settings that there are.
    """
    form = opened(data, origin)
    if isinstance(form, PolicyProblem):
        return Policy(origin=origin), (form,)
    ids = {*rules, *(rule.partition(".")[0] for rule in rules)}
    known = _Known(ids, {setting.name: setting for setting in settings}, rules)
    draft = _Draft()
    for name, key, value in form.top("a policy"):
        if name == "levels":
            _read_levels(form, value, known, draft)
        elif name == "groups":
            continue
        elif name in known.settings:
            _read_setting(form, key, value, known.settings[name], draft)
        else:
            form.wrong(key, f"there is no setting {name}{guess(name, [*known.settings, 'levels', 'groups'])}")
    for name, _, value in form.top("a policy"):
        if name == "groups":
            _read_groups(form, value, known, draft, origin)
    return draft.policy(origin, hashlib.sha256(data).hexdigest()[:12]), tuple(dict.fromkeys(form.found()))


def _read_setting(form: Form, key: yaml.Scalar, value: yaml.Node, setting: Setting[Any], draft: _Draft) -> None:
    try:
        draft.settings[setting.name] = setting.check(plain(value))
    except ValueError as error:
        form.wrong(key, f"{setting.name} {error}")


# ── levels ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_levels(form: Form, node: yaml.Node, known: _Known, draft: _Draft) -> None:
    for name, key, value in form.entries(node, "levels"):
        if name in FIXED:
            form.wrong(key, f"the level of {name} is fixed")
        elif name not in known.ids:
            form.wrong(key, f"there is no standard or rule {name}{guess(name, known.ids)}")
        else:
            _read_level(form, name, key, value, draft)


def _read_level(form: Form, name: str, key: yaml.Scalar, value: yaml.Node, draft: _Draft) -> None:
    for part, part_key, inner in _level_parts(form, key, value):
        if part == "level" and (level := _level(form, inner)):
            draft.levels[name] = level
        elif part == "since":
            draft.since[name] = _days(form, inner)
        elif part == "waivable" and isinstance(given := plain(inner), bool):
            draft.waivable[name] = given
        elif part == "waivable":
            form.wrong(inner, "waivable must be true or false")
        elif part != "level":
            form.wrong(part_key, f"a level has no {part}{guess(part, ('level', 'since', 'waivable'))}")


def _level_parts(form: Form, key: yaml.Scalar, value: yaml.Node) -> Iterator[tuple[str, yaml.Scalar, yaml.Node]]:
    """`warn` stands for `{level: warn}`."""
    if isinstance(value, yaml.Mapping):
        yield from form.entries(value, key.text)
    else:
        yield "level", key, value


def _level(form: Form, node: yaml.Node) -> Level | None:
    text = node.text if isinstance(node, yaml.Scalar) else ""
    if text in LEVELS:
        return text
    form.wrong(node, f"{text or 'this'} is no level{guess(text, LEVELS) or ': ' + ', '.join(LEVELS)}")
    return None


def _days(form: Form, node: yaml.Node) -> Days:
    days: list[tuple[date, Level]] = []
    for name, key, value in form.entries(node, "since"):
        begin, level = day(name), _level(form, value)
        if begin is None:
            form.wrong(key, f"{name} is no day: write it like 2027-01-31")
        elif level is not None:
            days.append((begin, level))
    return tuple(sorted(days))


# ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_groups(form: Form, node: yaml.Node, known: _Known, whole: _Draft, origin: str) -> None:
    for name, key, value in form.entries(node, "groups"):
        path = name.strip("/").lower()
        if not path:
            form.wrong(key, "a group is named by its path on GitLab")
        else:
            whole.groups[path] = _group(form, value, known, whole).policy(f"{origin}, group {path}", "")


def _group(form: Form, node: yaml.Node, known: _Known, whole: _Draft) -> _Draft:
    draft = _Draft()
    strict = {name: setting for name, setting in known.settings.items() if setting.tighter}
    for name, key, value in form.entries(node, "a group"):
        if name == "levels":
            _read_levels(form, value, known, draft)
            _hold_levels(form, value, draft, whole, known)
        elif name in strict:
            _read_setting(form, key, value, strict[name], draft)
            _hold_setting(form, key, strict[name], draft, whole)
        elif name in known.settings:
            form.wrong(key, f"a group can't set {name}: only levels and {', '.join(sorted(strict))}")
        else:
            form.wrong(key, f"there is no setting {name}{guess(name, [*strict, 'levels'])}")
    return draft


def _hold_levels(form: Form, node: yaml.Node, draft: _Draft, whole: _Draft, known: _Known) -> None:
    """A group may only tighten: what is milder than the organisation's does not count."""
    for name, key, _ in form.entries(node, "levels"):
        given = whole.levels.get(name) or whole.levels.get(name.partition(".")[0]) or known.built_in(name)
        if name in draft.levels and given is not None and LEVELS.index(draft.levels[name]) < LEVELS.index(given):
            form.wrong(key, f"a group may only tighten: the organisation holds {name} at {given}")
            del draft.levels[name]
        if draft.waivable.get(name):
            form.wrong(key, f"a group may only tighten: {name} can be made unwaivable, not waivable")
            del draft.waivable[name]


def _hold_setting(form: Form, key: yaml.Scalar, setting: Setting[Any], draft: _Draft, whole: _Draft) -> None:
    given = whole.settings.get(setting.name, setting.default)
    if setting.name in draft.settings and setting.tightest(given, draft.settings[setting.name]) == given:
        if draft.settings[setting.name] != given:
            form.wrong(key, f"a group may only tighten: the organisation's {setting.name} is {given}")
        del draft.settings[setting.name]
