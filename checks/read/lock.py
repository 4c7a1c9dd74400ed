"""The versions that a lock file holds: uv.lock, poetry.lock, pdm.lock, Pipfile.lock.

Sources: uv's, Poetry's and PDM's `[[package]]` tables, and Pipenv's `default` section. Only what comes from an index
counts: a package from a path, an address or version control has no version to pin to. Hashes are those of a package's
files; Poetry (before 1.3) and PDM (before 2.8) kept them in a table of their own.
"""

from __future__ import annotations

import json
from typing import Any

from checks.read import Unparsable
from checks.read.requirements import Pin, normalized
from checks.regex import regex

Versions = dict[str, tuple[Pin, ...]]
"""By normalized name; several where the lock file holds several versions, for several platforms."""

_HASH = regex(r"sha(?:256|384|512):[0-9a-f]+")
_ELSEWHERE = {"git", "url", "path", "directory", "editable", "virtual", "file", "hg", "svn"}


def packages(data: bytes) -> Versions:
    """Of a uv.lock, poetry.lock or pdm.lock. Raises Unparsable."""
    import tomllib

    try:
        document = tomllib.loads(data.decode().replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Unparsable(f"is no valid TOML: {error}") from None
    aside = _table(_table(document, "metadata"), "files")
    found: dict[str, dict[str, set[str]]] = {}
    listed = document.get("package")
    for package in listed if isinstance(listed, list) else ():
        if isinstance(package, dict) and _is_of_an_index(package):
            name, version = package.get("name"), package.get("version")
            if isinstance(name, str) and isinstance(version, str):
                versions = found.setdefault(normalized(name), {})
                versions.setdefault(version, set()).update(
                    _hashes(package, aside.get(name, aside.get(f"{name} {version}")))
                )
    return {name: tuple(Pin(v, tuple(sorted(h))) for v, h in sorted(pins.items())) for name, pins in found.items()}


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
            hashes = package.get("hashes")
            found[normalized(name)] = (Pin(version.removeprefix("==").strip(), _texts(hashes)),)
    return found


def _is_of_an_index(package: dict[str, Any]) -> bool:
    source = package.get("source")
    kinds = set(source) if isinstance(source, dict) else set()
    if "type" in kinds and isinstance(source, dict):  # Poetry's
        return bool(source["type"] == "legacy")
    return not (kinds | set(package)) & _ELSEWHERE


def _hashes(package: dict[str, Any], aside: Any) -> set[str]:
    """Of a package's files: uv's `sdist` and `wheels`, Poetry's and PDM's `files`."""
    files = [package.get("sdist"), *_items(package.get("wheels")), *_items(package.get("files")), *_items(aside)]
    return {hash for file in files if isinstance(file, dict) for hash in _texts([file.get("hash")])}


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(sorted(one for one in _items(values) if isinstance(one, str) and _HASH.fullmatch(one)))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(given: dict[str, Any], key: str) -> dict[str, Any]:
    value = given.get(key)
    return value if isinstance(value, dict) else {}
