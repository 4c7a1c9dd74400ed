"""JSON schemas of a policy and of `.snitch.yml`, so that editors complete and check them: made of settings and rules.

They lie beside the standards in the package, as `checks/schemas/policy.schema.json` and `snitch.schema.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from checks.inspection import all_settings
from checks.policy import FIXED, LEVELS, TEXTS, OneOf, Setting, text_list, text_value, whole_number
from checks.standards import all_standards

DRAFT = "http://json-schema.org/draft-07/schema#"
TEXT = {"type": "string"}
DAY = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
LEVEL_OF = {"allOf": [{"$ref": "#/definitions/level"}]}
LEVELS_OF = {"$ref": "#/definitions/levels"}
LEVEL = {"enum": list(LEVELS)}


def policy_schema() -> str:
    """That of an organisation's policy."""
    settings = {setting.name: _setting(setting) for setting in all_settings()}
    strict = {setting.name: settings[setting.name] for setting in all_settings() if setting.tighter}
    group = _closed({"levels": LEVELS_OF, **strict})
    whole = {
        **settings,
        "levels": {"description": "levels of standards and rules, by id", "allOf": [LEVELS_OF]},
        "groups": {
            "description": "what groups of GitLab tighten, by their path",
            "type": "object",
            "additionalProperties": group,
        },
    }
    return _written(
        "The policy of an organisation, for snitch", _closed(whole), {"levels": _levels(), "level": _level()}
    )


def project_schema() -> str:
    """That of a project's `.snitch.yml`."""
    rules = [rule.id for standard in all_standards() if standard.number for rule in standard.rules.values()]
    waiver = _closed(
        {
            "rule": {"description": "the rule to let stand", "enum": rules},
            "until": {"description": "the last day on which it holds", **DAY},
            "reason": {"description": "why, for those who come later", "type": "string", "minLength": 1},
        }
    ) | {"required": ["rule", "until", "reason"]}
    called = [{"type": "string", "pattern": r"^\w[\w.-]*$"}, {"type": "number", "minimum": 0}]
    name = {"description": "what the project is called", "anyOf": called}
    waive = {"description": "rules that are let stand for a while", "type": "array", "items": waiver}
    return _written("What a model project says of itself to snitch", _closed({"name": name, "waive": waive}))


def _written(title: str, schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> str:
    parts = {"$schema": DRAFT, "title": title, **schema, **({"definitions": definitions} if definitions else {})}
    return json.dumps(parts, indent=2, ensure_ascii=False) + "\n"


def _closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": ["object", "null"], "properties": dict(properties), "additionalProperties": False}


def _levels() -> dict[str, Any]:
    """Levels by id of a standard or a rule."""
    texts = {str(standard.number): standard.title for standard in all_standards()}
    texts |= {rule.id: rule.text for standard in all_standards() for rule in standard.rules.values()}
    return _closed({id: {"description": text, **LEVEL_OF} for id, text in texts.items() if id not in FIXED})


def _level() -> dict[str, Any]:
    """A level, or one with the days on which another begins, and whether findings can be waived."""
    since = {"type": "object", "propertyNames": DAY, "additionalProperties": LEVEL}
    whole = {"type": "object", "properties": {"level": LEVEL, "since": since, "waivable": {"type": "boolean"}}}
    return {"anyOf": [LEVEL, {**whole, "additionalProperties": False}]}


def _setting(setting: Setting[Any]) -> dict[str, Any]:
    default = list(setting.default) if isinstance(setting.default, tuple) else setting.default
    known = {"default": default} if isinstance(default, str | int | list) and _plain(default) else {}
    return {"description": setting.text, **known, **_type(setting)}


def _plain(value: Any) -> bool:
    return not isinstance(value, list) or all(isinstance(item, str) for item in value)


def _type(setting: Setting[Any]) -> dict[str, Any]:
    """What the setting's check takes, as far as it is known; anything else."""
    check: Any = setting.check
    if setting.schema is not None:
        return dict(setting.schema)
    if isinstance(check, OneOf):
        return {"enum": list(check.choices)}
    if check is text_value:
        return TEXT
    if check is whole_number:
        return {"type": "integer", "minimum": 0}
    if check is text_list:
        return dict(TEXTS)
    return TEXT if isinstance(setting.default, str) else {}
