"""The standards, one a file: `sNN_name.py` with a module-level `standard`. They are found by walking this package."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from checks.standard import Rule, Standard


@cache
def all_standards() -> tuple[Standard, ...]:
    """Every standard, by number."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name[0] == "s")
    found = [importlib.import_module(f"{__name__}.{name}").standard for name in names]
    return tuple(sorted(found, key=lambda standard: standard.number))


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule of every standard, in order."""
    return tuple(rule for standard in all_standards() for rule in standard.rules.values())
