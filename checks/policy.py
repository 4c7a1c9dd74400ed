"""The policy: at which level each rule stands, and the settings that rules read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, Literal, TypeVar, cast, get_args

T = TypeVar("T")

Level = Literal["off", "shadow", "advise", "warn", "enforce"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the mildest to the strictest."""


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """A value of the policy. `check` turns what YAML gave into the value or raises ValueError (for people)."""

    name: str
    default: T
    text: str
    check: Callable[[Any], T]


@dataclass(frozen=True, slots=True)
class Policy:
    """Levels by rule or standard id, settings by name; what is not given is built in.

    `since`: by id, the days on which another level begins, the earliest first. `origin`: where it was read, for people;
    `digest`: of its content (12 hex digits), so that two places can be seen to agree.
    """

    levels: Mapping[str, Level] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    origin: str = "built-in"
    digest: str = ""
    since: Mapping[str, tuple[tuple[date, Level], ...]] = field(default_factory=dict)

    def level(self, rule: str, built_in: Level, today: date) -> Level:
        """The level of a rule on a day: by its own id, else by its standard's, else as built in."""
        return self._given(rule, today) or self._given(rule.partition(".")[0], today) or built_in

    def _given(self, key: str, today: date) -> Level | None:
        begun = [level for day, level in self.since.get(key, ()) if day <= today]
        return begun[-1] if begun else self.levels.get(key)

    def value(self, setting: Setting[T]) -> T:
        """What the policy gives a setting, else its default."""
        return cast(T, self.settings.get(setting.name, setting.default))

    def fingerprint_of(self, name: str) -> Hashable:
        """Equal for two policies that give a setting the same value."""
        return repr(self.settings[name]) if name in self.settings else None


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


def one_of(*choices: str) -> Callable[[Any], str]:
    """A setting that is one of these texts."""

    def choose(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return cast(str, value)

    return choose


bucket = Setting("bucket", "ml-platform-bucket", "the S3 bucket of weights and datasets", text_value)
mode = Setting(
    "mode",
    "active",
    "`silent`: snitch says nothing on GitLab; `off`: it does nothing there",
    one_of("active", "silent", "off"),
)
threads = Setting("threads", "enforce", "the mildest level whose findings open threads", one_of("enforce", "warn"))
SETTINGS: tuple[Setting[Any], ...] = (bucket, mode, threads)
