"""Imports openapi-spec-validator without what it would read settings and fetch references with.

Its settings come from the environment by pydantic-settings, and references are fetched by requests. The checks know
neither environment nor network, and importing these two takes longer than all the rest: the settings are what they are
by default, and requests, where nothing else has imported it, is as if it were not installed.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any

_PACKAGES = ("openapi_spec_validator", "openapi_schema_validator", "jsonschema_path")
_FETCHING = "requests"


@cache
def shortcuts() -> Any:
    """The module `openapi_spec_validator.shortcuts`; with it the whole validator is imported."""
    name = "openapi_spec_validator.shortcuts"
    if any(package in sys.modules for package in _PACKAGES):
        return import_module(name)
    absent: Any = None  # what Python takes for a module that can't be imported
    hidden = sys.modules.setdefault(_FETCHING, absent) is None
    sys.modules.update({module.__name__: module for module in _settings()})
    try:
        return import_module(name)
    except ImportError:  # another version wants more of its settings: it is imported as it is
        for one in [one for one in sys.modules if one.partition(".")[0] in _PACKAGES]:
            del sys.modules[one]
        return import_module(name)
    finally:
        if hidden:
            del sys.modules[_FETCHING]


def _settings() -> tuple[ModuleType, ModuleType]:
    of_documents = ModuleType("openapi_spec_validator.settings")
    values = {"resolved_cache_maxsize": 128, "schema_validator_backend": "jsonschema"}
    vars(of_documents).update(
        OpenAPISpecValidatorSettings=lambda: SimpleNamespace(**values),
        get_schema_validator_backend=lambda: values["schema_validator_backend"],
    )
    of_schemas = ModuleType("openapi_schema_validator.settings")
    vars(of_schemas).update(get_settings=lambda: SimpleNamespace(compiled_validator_cache_max_size=128))
    return of_documents, of_schemas
