"""The policy: at which level each rule stands, and the settings that rules read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, Final, Generic, Literal, TypeVar, cast, get_args

from checks.dataclass import dataclass, field, replace

T = TypeVar("T")

Level = Literal["off", "shadow", "advise", "warn", "enforce"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the mildest to the strictest."""

FIXED: Final = frozenset({"0", "0.policy"})
"""Ids whose level no policy changes."""


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value of the policy. `check` turns what YAML gave into the value or raises ValueError (for people)."""

    name: str
    default: T
    text: str
    check: Callable[[Any], T]
    tighter: Literal["less", "more"] | None = None
    """Which values are stricter: a group may set only what can be tightened."""
    schema: Mapping[str, Any] | None = None
    """What `check` takes, as a JSON schema, where its name does not tell."""

    def tightest(self, one: Any, other: Any) -> Any:
        """The stricter of two values."""
        return min(one, other) if self.tighter == "less" else max(one, other)


@dataclass(frozen=True, slots=True)
class Policy:
    """Levels by rule or standard id, settings by name; what is not given is built in.

    `since`: by id, the days on which another level begins, the earliest first. `origin`: where it was read, for people;
    `digest`: of its content (12 hex digits), so that two places can be seen to agree. `waivable`: by id, whether
    findings can be waived. `groups`: what groups of GitLab tighten, by their path in small letters; `layers`: those
    of them that hold for the project at hand, the outermost first.
    """

    levels: Mapping[str, Level] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    origin: str = "built-in"
    digest: str = ""
    since: Mapping[str, tuple[tuple[date, Level], ...]] = field(default_factory=dict)
    waivable: Mapping[str, bool] = field(default_factory=dict)
    groups: Mapping[str, Policy] = field(default_factory=dict)
    layers: tuple[Policy, ...] = ()

    def level(self, rule: str, built_in: Level, today: date) -> Level:
        """The level of a rule on a day: by its own id, else by its standard's, else built in; groups may tighten it."""
        return self.level_by(rule, built_in, today)[0]

    def level_by(self, rule: str, built_in: Level, today: date) -> tuple[Level, str]:
        """The level of a rule, and the layer that set it: an origin, or `built-in`."""
        if rule in FIXED or not (self.levels or self.since or self.layers):
            return built_in, "built-in"
        own = self._of_rule(rule, today)
        level, by = (own, self.origin) if own is not None else (built_in, "built-in")
        for layer in self.layers:
            given = layer._of_rule(rule, today)
            if given is not None and LEVELS.index(given) > LEVELS.index(level):
                level, by = given, layer.origin
        return level, by

    def can_waive(self, rule: str, built_in: bool) -> tuple[bool, str]:
        """Whether findings of a rule can be waived, and the layer that decides it."""
        for layer in self.layers:
            if layer._waivable(rule) is False:
                return False, layer.origin
        own = self._waivable(rule)
        return (built_in, "built-in") if own is None else (own, self.origin)

    def within(self, project_path: str) -> Policy:
        """The policy for a project on GitLab, by its path: what its groups tighten is in it."""
        path = project_path.lower()
        inside = sorted(group for group in self.groups if path.startswith(group + "/"))
        return replace(self, layers=tuple(self.groups[group] for group in inside))

    def value_by(self, setting: Setting[Any]) -> tuple[Any, str]:
        """What holds for a setting, and the layer that set it."""
        given = setting.name in self.settings
        value, by = (self.settings[setting.name], self.origin) if given else (setting.default, "built-in")
        for layer in self.layers:
            if setting.name in layer.settings and setting.tightest(value, layer.settings[setting.name]) != value:
                value, by = layer.settings[setting.name], layer.origin
        return value, by

    def _of_rule(self, rule: str, today: date) -> Level | None:
        return self._given(rule, today) or self._given(rule.partition(".")[0], today)

    def _given(self, key: str, today: date) -> Level | None:
        begun = [level for day, level in self.since.get(key, ()) if day <= today]
        return begun[-1] if begun else self.levels.get(key)

    def _waivable(self, rule: str) -> bool | None:
        return self.waivable.get(rule, self.waivable.get(rule.partition(".")[0]))

    def value(self, setting: Setting[T]) -> T:
        """What the policy gives a setting, else its default."""
        return cast(T, self.value_by(setting)[0])

    def fingerprint_of(self, name: str) -> Hashable:
        """Equal for two policies that give a setting the same value."""
        if not self.layers:
            return repr(self.settings[name]) if name in self.settings else None
        return repr([layer.settings.get(name) for layer in (self, *self.layers)])


def text_value(value: Any) -> str:
    """A setting that is a text."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    return value


def whole_number(value: Any) -> int:
    """A setting that is a whole number, 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def text_list(value: Any) -> tuple[str, ...]:
    """A setting that is a list of texts (a single text stands for a list of one)."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise ValueError("must be a list of texts")
    return tuple(items)


TEXTS: Final[Mapping[str, Any]] = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
"""The JSON schema of a list of texts, or a single one."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A setting that is one of these texts."""

    choices: tuple[str, ...]

    def __call__(self, value: Any) -> str:
        if value not in self.choices:
            raise ValueError(f"must be one of: {', '.join(self.choices)}")
        return cast(str, value)


def one_of(*choices: str) -> OneOf:
    """A setting that is one of these texts."""
    return OneOf(choices)


@dataclass(frozen=True, slots=True)
class ByPath:
    """A setting that is one of these texts, or one of them for each of some patterns of projects' paths."""

    choices: tuple[str, ...]

    def __call__(self, value: Any) -> str | Mapping[str, str]:
        if not isinstance(value, dict):
            return self._checked("", value)
        return {pattern.strip("/").lower(): self._checked(f"of {pattern} ", one) for pattern, one in value.items()}

    @property
    def schema(self) -> Mapping[str, Any]:
        """What it takes, as a JSON schema."""
        one = {"enum": list(self.choices)}
        return {"anyOf": [one, {"type": "object", "additionalProperties": one}]}

    def _checked(self, of: str, value: Any) -> str:
        if value in self.choices:
            return cast(str, value)
        import difflib

        near = difflib.get_close_matches(value, self.choices, 1) if isinstance(value, str) else []
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"{of}must be one of: {', '.join(self.choices)}{meant}")


def by_path(given: str | Mapping[str, str], project_path: str, default: str) -> str:
    """What such a setting gives a project on GitLab: of the patterns that fit its path the longest decides."""
    if isinstance(given, str):
        return given
    fits = [pattern for pattern in given if fnmatchcase(project_path.lower(), pattern)]
    return str(given[max(fits, key=len)] if fits else default)


def mode_of(policy: Policy, project_path: str) -> str:
    """The mode for a project on GitLab, `active` where nothing is said of it."""
    return by_path(policy.value(mode), project_path, "active")


def sweep_of(policy: Policy, project_path: str) -> str:
    """What the sweep does to a project on GitLab, `report` where nothing is said of it."""
    return by_path(policy.value(sweep), project_path, "report")


MODES: Final = ByPath(("active", "silent", "off"))
DEEDS: Final = ByPath(("report", "issue", "merge_request"))
bucket = Setting("bucket", "ml-platform-bucket", "the S3 bucket of weights and datasets", text_value)
mode: Setting[Any] = Setting(
    "mode",
    "active",
    "`silent`: snitch says nothing on GitLab; `off`: it does nothing there; or one of them by paths of projects, like "
    "`acme/vision/*: silent`",
    MODES,
    schema=MODES.schema,
)
threads = Setting("threads", "enforce", "the mildest level whose findings open threads", one_of("enforce", "warn"))
max_waiver_days = Setting(
    "max_waiver_days", 90, "how many days ahead a waiver may end at most", whole_number, tighter="less"
)
waiver_approvers: Setting[tuple[str, ...]] = Setting(
    "waiver_approvers",
    ("Maintainers",),
    "who may add a waiver that counts before the merge: `Maintainers`, `Owners`, or names of users",
    text_list,
)
sweep: Setting[Any] = Setting(
    "sweep",
    "report",
    "what the nightly sweep does to a project besides its report: nothing (`report`), one `issue`, or one "
    "`merge_request` with the safe fixes; or one of them by paths of projects, like `acme/vision/*: issue`",
    DEEDS,
    schema=DEEDS.schema,
)
sweep_issues = Setting("sweep_issues", 10, "how many new issues the sweep opens in a night at most", whole_number)
sweep_merge_requests = Setting(
    "sweep_merge_requests", 10, "how many new merge requests the sweep opens in a night at most", whole_number
)
sweep_labels: Setting[tuple[str, ...]] = Setting(
    "sweep_labels", (), "labels of the issues and merge requests that the sweep opens", text_list
)
sweep_image_days = Setting(
    "sweep_image_days",
    0,
    "after so many days the sweep asks for a project's newest image again although nothing was committed; 0: never",
    whole_number,
)
SETTINGS: tuple[Setting[Any], ...] = (
    bucket,
    mode,
    threads,
    max_waiver_days,
    waiver_approvers,
    sweep,
    sweep_issues,
    sweep_merge_requests,
    sweep_labels,
    sweep_image_days,
)
