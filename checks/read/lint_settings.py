"""Which lint codes a repository's ruff or flake8 settings select."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any, Protocol

from checks.dataclass import dataclass
from checks.read import Unparsable

_RUFF = (".ruff.toml", "ruff.toml", "pyproject.toml")  # in ruff's own order of preference
_FLAKE8 = (".flake8", "setup.cfg", "tox.ini")
# Of the codes that fixes ask about none is on by default since ruff 0.16, which took E402 out: it must be selected.
_RUFF_DEFAULT: tuple[str, ...] = ()
_FLAKE8_DEFAULT = ("E", "F", "W", "C90")


@dataclass(frozen=True, slots=True)
class LintSettings:
    """Prefixes of codes that are on and off; off by pattern of a path."""

    select: tuple[str, ...]
    ignore: tuple[str, ...]
    per_file: tuple[tuple[str, tuple[str, ...]], ...]

    def selects(self, code: str, path: str) -> bool:
        """Whether the code is reported for the file; the longer prefix decides, as in both linters."""
        if any(_longest(codes, code) for pattern, codes in self.per_file if _matches(pattern, path)):
            return False
        return _longest(self.select, code) > _longest(self.ignore, code)


class Files(Protocol):
    """What a project answers about its files."""

    @property
    def folder(self) -> str: ...

    def at(self, path: str) -> str: ...

    def exists(self, path: str) -> bool: ...

    def parse(self, parser: Callable[[bytes], LintSettings | None], path: str) -> LintSettings | None: ...


def selects(files: Files, code: str, path: str) -> bool:
    """Whether ruff's or flake8's nearest settings select a code for a file. Without settings: no."""
    for names in (_RUFF, _FLAKE8):
        found = (_read(files, place) for name in names for place in (files.at(name),))
        roots = (_read(files, name) for name in names if files.folder != ".")
        settings = next((one for one in (*found, *roots) if one), None)
        if settings and settings.selects(code, path):
            return True
    return False


def _read(files: Files, path: str) -> LintSettings | None:
    parser = {".cfg": flake8, ".ini": flake8, "ake8": flake8}.get(path[-4:], pyproject)
    if path.endswith("ruff.toml"):
        parser = ruff
    try:
        return files.parse(parser, path) if files.exists(path) else None
    except Unparsable:
        return None


def pyproject(data: bytes) -> LintSettings | None:
    """`[tool.ruff]` of a pyproject.toml. Raises Unparsable."""
    tool = _table(_toml(data), "tool")
    return _ruff(_table(tool, "ruff")) if "ruff" in tool else None


def ruff(data: bytes) -> LintSettings | None:
    """A ruff.toml. Raises Unparsable."""
    return _ruff(_toml(data))


def flake8(data: bytes) -> LintSettings | None:
    """`[flake8]` of an INI file. Raises Unparsable."""
    import configparser

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(data.decode())
    except (configparser.Error, UnicodeDecodeError, ValueError) as error:
        raise Unparsable(str(error).partition("\n")[0]) from None
    if not parser.has_section("flake8"):
        return None
    given = {key.replace("-", "_"): value or "" for key, value in parser.items("flake8")}
    select = _codes(given["select"]) if "select" in given else _FLAKE8_DEFAULT
    ignored = _codes(given.get("ignore", "")) + _codes(given.get("extend_ignore", ""))
    return LintSettings(
        select + _codes(given.get("extend_select", "")),
        ignored,
        tuple(_flake8_files(given.get("per_file_ignores", ""))),
    )


def _flake8_files(text: str) -> Iterable[tuple[str, tuple[str, ...]]]:
    # `a.py,b.py: E402,F401`, several of them on lines of their own or side by side.
    patterns: list[str] = []
    for word in text.replace(",", " ").replace(":", " : ").split():
        if word == ":":
            continue
        if word[:1].isupper() and word[1:].isalnum() and any(c.isdigit() for c in word) and "." not in word:
            yield from ((pattern, (word,)) for pattern in patterns)
            continue
        patterns = [word]
    return


def _codes(text: str) -> tuple[str, ...]:
    lines = (line.partition("#")[0] for line in text.splitlines())
    return tuple(word for line in lines for word in line.replace(",", " ").split())


def _ruff(given: dict[str, Any]) -> LintSettings:
    lint = {**given, **_table(given, "lint")}
    select = _texts(lint["select"]) if "select" in lint else _RUFF_DEFAULT
    per_file = {**_table(lint, "per-file-ignores"), **_table(lint, "extend-per-file-ignores")}
    return LintSettings(
        select + _texts(lint.get("extend-select")),
        _texts(lint.get("ignore")) + _texts(lint.get("extend-ignore")),
        tuple((str(pattern), _texts(codes)) for pattern, codes in per_file.items()),
    )


def _toml(data: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(data.decode().replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unparsable(str(error)) from None


def _table(given: dict[str, Any], key: str) -> dict[str, Any]:
    value = given.get(key)
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _longest(prefixes: Iterable[str], code: str) -> int:
    """The length of the longest prefix of a code (`ALL` is the shortest of all), 0 for none."""
    return max(
        (1 if p == "ALL" else len(p) + 1 for p in prefixes if p == "ALL" or (p and code.startswith(p))), default=0
    )


def _matches(pattern: str, path: str) -> bool:
    bare = pattern.removeprefix("./").removeprefix("**/")
    return fnmatchcase(path, bare) or fnmatchcase(path.rpartition("/")[2], bare)
