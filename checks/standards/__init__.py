"""The standards, one a file: `sNN_name.py` with a module-level `standard`. They are found by walking this package.

With them come those of an organisation's own packages (`checks.plugins`), with the same rights.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from checks.discover import SETTINGS as DISCOVERY
from checks.finding import Finding, Fix
from checks.plugins import PluginProblem, load, plugins
from checks.policy import SETTINGS
from checks.project import Project
from checks.standard import Rule, Standard


@cache
def all_standards() -> tuple[Standard, ...]:
    """Every standard, by number. Raises PluginProblem."""
    own = [_load(name) for name in _names()]
    return tuple(sorted((*own, *_foreign(own)), key=lambda standard: standard.number))


def _foreign(own: list[Standard]) -> Iterator[Standard]:
    """The standards of packages. Numbers and settings belong to one standard each."""
    numbers = {standard.number: "snitch itself" for standard in own}
    settings = {setting.name: (setting, "snitch itself") for setting in (*SETTINGS, *DISCOVERY)}
    for standard in own:
        settings |= {name: (setting, "snitch itself") for name, setting in standard.settings.items()}
    for plugin in plugins():
        standard = load(plugin)
        if standard.number in numbers:
            raise PluginProblem(f"Standard {standard.number} comes from {numbers[standard.number]} and from {plugin}")
        for name, setting in standard.settings.items():
            there, owner = settings.setdefault(name, (setting, str(plugin)))
            if there is not setting:
                raise PluginProblem(f"The setting {name} is declared by {owner} and by {plugin}")
        numbers[standard.number] = str(plugin)
        yield standard


def _names() -> list[str]:
    files = (name.partition(".") for name in os.listdir(__path__[0]))
    return sorted({stem for stem, _, ending in files if stem[0] == "s" and ending in ("py", "pyc")})


def _load(name: str) -> Standard:
    """By the name of a file here; or, after a colon, by the module of a package's."""
    if name.startswith(":"):
        return next(load(plugin) for plugin in plugins() if plugin.module == name[1:])
    standard: Standard = importlib.import_module(f"{__name__}.{name}").standard
    return standard


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of every standard, in order."""
    return tuple(rule for standard in all_standards() for rule in standard.rules.values())


# ── without importing them ───────────────────────────────────────────────────────────────────────────────────────────


def written() -> list[list[Any]]:
    """All that is known of each rule without running it, in values that JSON knows: `read` makes rules of it again."""
    modules = {standard.number: _module(standard) for standard in all_standards()}
    return [
        [modules[int(rule.id.partition(".")[0])], rule.id, rule.text, rule.level, rule.waivable, _fix(rule)]
        for rule in all_rules()
    ]


def read(rows: Iterable[Iterable[Any]]) -> tuple[Rule, ...]:
    """The rules that were written down; the module of one is imported when it is run."""
    return tuple(_later(*row) for row in rows)


def _module(standard: Standard) -> str:
    names = (*_names(), *(f":{plugin.module}" for plugin in plugins()))
    return next(name for name in names if _load(name) is standard)


def _fix(rule: Rule) -> bool | None:
    """Whether its fix is safe; None where it has none."""
    return None if rule.fixer is None else rule.fix_is_safe


def _later(module: str, id: str, text: str, level: Any, waivable: bool, fix: bool | None) -> Rule:
    def rule() -> Rule:
        return _load(module).rules[id.partition(".")[2]]

    def check(project: Project) -> Iterator[Finding]:
        return rule().check(project)

    def fixer(project: Project, finding: Finding) -> Fix | None:
        own = rule().fixer
        return own and own(project, finding)

    return Rule(id, check, text, level, waivable, None if fix is None else fixer, bool(fix))
