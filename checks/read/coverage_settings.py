"""What coverage.py and pytest are told in a project's settings files: `fail_under`, and the options of pytest.

Sources: coverage's configuration reference (where it looks, and that the first file with settings of its own wins) and
pytest's (rootdir and configfile). pytest-cov's `--cov-fail-under` goes before coverage's own `fail_under`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from checks.dataclass import dataclass
from checks.finding import Span
from checks.read import Unparsable
from checks.regex import regex

_OPTION = "--cov-fail-under"
_CONFIG = "--cov-config"
_WORD = regex(r"--cov-fail-under(?:=|[ \t]+)(?P<value>\"[^\"\n]*\"|'[^'\n]*'|[^\s\"',\]]+)")


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it is written, and its line."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Ini:
    """An INI file: options by section, names of options in small letters, and its lines."""

    sections: dict[str, dict[str, str]]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Toml:
    """The tables `tool.coverage` and `tool.pytest` of a pyproject.toml, `pytest` of a pytest.toml (`own`); lines."""

    coverage: dict[str, Any]
    pytest: dict[str, Any]
    own: dict[str, Any]
    lines: tuple[str, ...]


class Files(Protocol):
    """What a project answers about its files; a settings file that can't be parsed raises Unparsable."""

    def at(self, path: str) -> str: ...

    def exists(self, path: str) -> bool: ...

    def parse(self, parser: Callable[[bytes], Any], path: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Gate:
    """The least coverage that is asked for: where, and as it is written."""

    path: str
    value: Written


def gate(files: Files) -> Gate | None:
    """What holds where pytest is run without further options; None where nothing is set. Raises Unparsable."""
    options = _pytest_options(files)
    if options is not None:
        path, words, lines = options
        given = _last(words, _OPTION)
        if given is not None:
            return Gate(path, Written(given, _line_with(lines, _OPTION)))
    config = _last(options[1], _CONFIG) if options else None
    return _of_coverage(files, config or ".coveragerc")


def in_command(text: str) -> Iterator[tuple[str, int]]:
    """Each `--cov-fail-under` of a script, and in which of its lines (from 0) it stands; comments are left out."""
    for number, line in enumerate(text.split("\n")):
        if line.lstrip().startswith("#"):
            continue
        for found in _WORD.finditer(line):
            yield found["value"].strip("\"'"), number


def ini(data: bytes) -> Ini:
    """Raises Unparsable."""
    import configparser

    parser = configparser.RawConfigParser(strict=False)
    try:
        text = data.decode("utf-8-sig")
        parser.read_string(text)
    except (configparser.Error, UnicodeDecodeError, ValueError) as error:
        raise Unparsable(str(error).partition("\n")[0]) from None
    sections = {name: {key: value or "" for key, value in parser.items(name)} for name in parser.sections()}
    return Ini(sections, _lines(text))


def toml(data: bytes) -> Toml:
    """Raises Unparsable."""
    import tomllib

    try:
        text = data.decode("utf-8-sig")
        whole = tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Unparsable(str(error)) from None
    tool = _table(whole, "tool")
    pytest = _table(tool, "pytest")
    settings = _table(pytest, "ini_options") or pytest
    return Toml(_table(tool, "coverage"), settings, _table(whole, "pytest"), _lines(text))


def pytest_patterns(files: Files, name: str) -> tuple[str, ...]:
    """The words of one of pytest's settings (`python_files`, say); none where it is not set."""
    found = _pytest_settings(files)
    return tuple(_words(found[1].get(name, ""))) if found else ()


# ── coverage ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _of_coverage(files: Files, own: str) -> Gate | None:
    """Of the first file that has settings of coverage's; its own file counts even when it is empty."""
    for name, prefixes in ((own, ("", "coverage:")), ("setup.cfg", ("coverage:",)), ("tox.ini", ("coverage:",))):
        path = files.at(name)
        if not files.exists(path):
            continue
        if name.endswith(".toml"):
            break
        settings: Ini = files.parse(ini, path)
        if name == own or any(key.startswith("coverage:") and given for key, given in settings.sections.items()):
            return _ini_gate(path, settings, prefixes)
    path = files.at(own if own.endswith(".toml") else "pyproject.toml")
    return _toml_gate(path, files.parse(toml, path)) if files.exists(path) else None


def _ini_gate(path: str, settings: Ini, prefixes: Sequence[str]) -> Gate | None:
    for prefix in prefixes:
        section = f"{prefix}report"
        text = settings.sections.get(section, {}).get("fail_under")
        if text is not None:
            return Gate(path, Written(text.strip(), _line_in(settings.lines, f"[{section}]", "fail_under")))
    return None


def _toml_gate(path: str, settings: Toml) -> Gate | None:
    value = _table(settings.coverage, "report").get("fail_under")
    if value is None:
        return None
    return Gate(path, Written(str(value), _line_in(settings.lines, "[tool.coverage.report]", "fail_under")))


# ── pytest ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pytest_options(files: Files) -> tuple[str, list[str], tuple[str, ...]] | None:
    """The words of `addopts`, with path and lines of the file."""
    found = _pytest_settings(files)
    if found is None:
        return None
    path, settings, lines = found
    return path, _words(settings.get("addopts", "")), lines


def _pytest_settings(files: Files) -> tuple[str, dict[str, Any], tuple[str, ...]] | None:
    """Of the first file that configures pytest; one of its own does so even when it is empty."""
    for name in ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        path = files.at(name)
        if not files.exists(path):
            continue
        if name.endswith(".toml"):
            table: Toml = files.parse(toml, path)
            if name != "pyproject.toml":
                return path, table.own, table.lines
            if table.pytest:
                return path, table.pytest, table.lines
            continue
        settings: Ini = files.parse(ini, path)
        section = "tool:pytest" if name == "setup.cfg" else "pytest"
        if section in settings.sections or name.endswith("pytest.ini"):
            return path, settings.sections.get(section, {}), settings.lines
    return None


def _words(value: object) -> list[str]:
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    import shlex

    try:
        return shlex.split(value) if isinstance(value, str) else []
    except ValueError:  # a quote without its end
        return str(value).split()


def _last(words: Sequence[str], option: str) -> str | None:
    """The value of an option, of the last one where there are several."""
    found = None
    for index, word in enumerate(words):
        if word == option and index + 1 < len(words):
            found = words[index + 1]
        elif word.startswith(f"{option}="):
            found = word.partition("=")[2]
    return found


# ── places ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _table(given: dict[str, Any], key: str) -> dict[str, Any]:
    value = given.get(key)
    return value if isinstance(value, dict) else {}


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.rstrip("\r") for line in text.split("\n"))


def _line_with(lines: Sequence[str], word: str) -> Span:
    """The last line that holds a word, else the first line."""
    number = next((n for n in range(len(lines), 0, -1) if word in lines[n - 1]), 1)
    return Span.of_line(number, lines[number - 1])


def _line_in(lines: Sequence[str], section: str, key: str) -> Span:
    """The line that begins with a key, in its section if it is written there."""
    inside = False
    candidates: list[int] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("["):
            inside = text.partition("]")[0].replace(" ", "") + "]" == section
        elif text.startswith((key, f"report.{key}", f"coverage.report.{key}")):
            if inside:
                return Span.of_line(number, line)
            candidates.append(number)
    number = candidates[0] if candidates else 1
    return Span.of_line(number, lines[number - 1])
