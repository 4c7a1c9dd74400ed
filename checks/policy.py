"""The policy: at which level each rule stands, and the settings that rules read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
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

    `origin`: where it was read, for people; `digest`: of its content, so that two places can be seen to agree.
    """

    levels: Mapping[str, Level] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    origin: str = "built-in"
    digest: str = ""

    def level(self, rule: str, built_in: Level) -> Level:
        """The level of a rule: by its own id, else by its standard's, else as built in."""
        return self.levels.get(rule) or self.levels.get(rule.partition(".")[0]) or built_in

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


bucket = Setting("bucket", "ml-platform-bucket", "the S3 bucket of weights and datasets", text_value)
