"""What holds for a standard or a rule in a project, and which layer of the policy set it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from checks.finding import Waiver
from checks.policy import Policy, Setting
from checks.render.visible import visible
from checks.standard import Rule, Standard
from checks.standards import all_standards


def layers_of(id: str, policy: Policy, today: date, waivers: Iterable[Waiver] = ()) -> str:
    """Level, whether it can be waived, settings and waivers, each with its layer; nothing where there is no such id.

    `policy`: that of the project (`Policy.within`). `waivers`: the project's own.
    """
    found = [(s, r) for s in all_standards() for r in s.rules.values() if id in (str(s.number), r.id)]
    if not found:
        return ""
    asked = {rule.id for _, rule in found}
    said = [visible(f"{policy.origin} {policy.digest}".rstrip())]
    said += [visible(layer.origin) for layer in policy.layers]
    lines = [f"Policy: {', then '.join(said)}", *(_rule(rule, policy, today) for _, rule in found)]
    lines += _settings(found[0][0], policy)
    lines += [_waiver(waiver) for waiver in waivers if waiver.rule in asked]
    return "".join(f"{line}\n" for line in lines)


def _rule(rule: Rule, policy: Policy, today: date) -> str:
    level, by = policy.level_by(rule.id, rule.level, today)
    can, said = policy.can_waive(rule.id, rule.waivable)
    return f"  {rule.id}: {level} ({visible(by)}), {'can be waived' if can else 'can not be waived'} ({visible(said)})"


def _settings(standard: Standard, policy: Policy) -> Iterator[str]:
    for setting in standard.settings.values():
        value, by = policy.value_by(setting)
        yield f"  {setting.name}: {_shown(setting, value)} ({visible(by)})"


def _shown(setting: Setting[Any], value: Any) -> str:
    try:
        return visible(json.dumps(value, ensure_ascii=False))
    except TypeError:
        return visible(str(value))


def _waiver(waiver: Waiver) -> str:
    place = f"{waiver.path}:{waiver.span.line}"
    if not waiver.until or not waiver.reason:
        return visible(f"  a waiver that is not whole, see 0.waiver ({place})")
    return visible(f"  waived until {waiver.until} ({place}): {waiver.reason}")
