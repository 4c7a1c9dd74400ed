"""The versions that a lock file holds: uv.lock, poetry.lock, pdm.lock, Pipfile.lock.

Sources: uv's, Poetry's and PDM's `[[package]]` tables, and Pipenv's `default` section. Only what comes from an index
counts: a package from a path, an address or version control has no version to pin to.
"""

from __future__ import annotations

import json
import tomllib
from typing import Any

from checks.read import Unparsable
from checks.read.requirements import normalized

Versions = dict[str, frozenset[str]]
"""By normalized name; several where the lock file holds several, for several platforms."""

_ELSEWHERE = {"git", "url", "path", "directory", "editable", "virtual", "file", "hg", "svn"}


def packages(data: bytes) -> Versions:
    """Of a uv.lock, poetry.lock or pdm.lock. Raises Unparsable."""
    try:
        document = tomllib.loads(data.decode().replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Unparsable(f"is no valid TOML: {error}") from None
    found: dict[str, set[str]] = {}
    listed = document.get("package")
    for package in listed if isinstance(listed, list) else ():
        if isinstance(package, dict) and _is_of_an_index(package):
            name, version = package.get("name"), package.get("version")
            if isinstance(name, str) and isinstance(version, str):
                found.setdefault(normalized(name), set()).add(version)
    return {name: frozenset(versions) for name, versions in found.items()}


def pipfile(data: bytes) -> Versions:
    """Of a Pipfile.lock, without its `develop` section. Raises Unparsable."""
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise Unparsable(f"is no valid JSON: {error}") from None
    default = document.get("default") if isinstance(document, dict) else None
    found: Versions = {}
    for name, package in default.items() if isinstance(default, dict) else ():
        version = package.get("version") if isinstance(package, dict) else None
        if isinstance(version, str) and version.startswith("=="):
            found[normalized(name)] = frozenset({version.removeprefix("==").strip()})
    return found


def _is_of_an_index(package: dict[str, Any]) -> bool:
    source = package.get("source")
    kinds = set(source) if isinstance(source, dict) else set()
    if "type" in kinds and isinstance(source, dict):  # Poetry's
        return bool(source["type"] == "legacy")
    return not (kinds | set(package)) & _ELSEWHERE
