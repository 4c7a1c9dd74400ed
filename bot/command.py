"""The commands in a note: `/snitch fix 10 serve.py`, `/snitch undo`, `/snitch waive 10.patch until 2027-01-31 …`.

A command is the first text of a line. Nothing is one in code, quotes, HTML or tables, or behind a backslash: a note is
read as CommonMark, with GitLab's `>>>` quotes and tables besides, so that a quoted or shown command is never obeyed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from checks.regex import regex

MOST: Final = 10
LONGEST_NOTE: Final = 20_000
VERBS: Final = ("fix", "undo", "check", "explain", "waive", "wrong", "help")
LONGEST_REASON: Final = 300
_ID: Final = regex(r"[0-9]{1,3}(?:\.[a-z0-9][a-z0-9_.-]{0,60})?")
_COMMAND: Final = regex(r"/snitch(?![^\s])", re.IGNORECASE)
_QUOTE_FENCE: Final = regex(r"(>{3,})\s*\Z")


@dataclass(frozen=True, slots=True)
class Fix:
    """Make the fixes of these standards (`10`) and rules (`10.patch`), of all where none is named.

    `path`: only those in this file, or below this folder.
    """

    ids: tuple[str, ...] = ()
    unsafe: bool = False
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Undo:
    """Revert the commit of snitch's that the branch ends with."""


@dataclass(frozen=True, slots=True)
class Check:
    """Review again, and say why where nothing was said."""


@dataclass(frozen=True, slots=True)
class Explain:
    """Say what a standard or rule asks for, and why."""

    id: str


@dataclass(frozen=True, slots=True)
class Waive:
    """Write down in `.snitch.yml` that a rule is waived. `until` is as it was written."""

    rule: str
    until: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A finding of this rule is false, and why."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Help:
    """Say which commands there are."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Not understood. `text` is what follows `/snitch`, cut short; `nearest` the verb that is or may be meant."""

    text: str
    nearest: str


Command = Fix | Undo | Check | Explain | Waive | Wrong | Help | Unknown


def parse(note: str) -> list[Command]:
    """The commands of a note in their order, each once, at most ten. Notes of more than 20,000 characters have
    none: the time that CommonMark takes grows with the square of hostile text (0.2 s there)."""
    if len(note) > LONGEST_NOTE or "/snitch" not in note.lower():
        return []
    lines = (words for words in _texts(note) if words)
    return list(dict.fromkeys(_command(line) for line in lines))[:MOST]


def _command(line: str) -> Command:
    words = line.split()[1:]
    match [word.lower() for word in words]:
        case [] | ["help", *_]:
            return Help()
        case ["check", *_]:
            return Check()
        case ["explain", name] if _ID.fullmatch(name):
            return Explain(name)
        case ["fix", *_] if (found := _fix(words[1:])) is not None:
            return found
        case ["undo"]:
            return Undo()
        case ["waive", rule, "until", until, _, *_] if _ID.fullmatch(rule) and (why := _reason(words[4:])):
            return Waive(rule, until, why)
        case ["wrong", rule, _, *_] if _ID.fullmatch(rule.rstrip(":")) and (why := _reason(words[2:])):
            return Wrong(rule.rstrip(":"), why)
        case _:
            return Unknown(" ".join(words)[:100], _nearest(words[0]))


def _fix(words: list[str]) -> Fix | None:
    """Ids, and at most one path behind them; None for what is neither."""
    names = [name for word in words for name in word.split(",") if name]
    unsafe = any(name.lower() == "--unsafe" for name in names)
    rest = [name for name in names if name.lower() != "--unsafe"]
    ids = list(dict.fromkeys(name.lower() for name in rest if _ID.fullmatch(name.lower())))
    paths = [name for name in rest if not _ID.fullmatch(name.lower())]
    if len(paths) > 1 or (paths and (paths[0] != rest[-1] or paths[0].startswith(("-", "/")))):
        return None
    return Fix(tuple(ids), unsafe, _path(paths[0]) if paths else None)


def _path(word: str) -> str | None:
    """A path as findings name it; None for the root."""
    return None if word == "." else word.removeprefix("./").rstrip("/")[:400] or None


def _reason(words: list[str]) -> str:
    """The reason behind a command, without the dash or colon that leads to it."""
    return re.sub(r"^(?:[-–—:]+\s*)", "", " ".join(words))[:LONGEST_REASON].strip()


def _nearest(verb: str) -> str:
    return next(iter(difflib.get_close_matches(verb[:20].lower(), VERBS, n=1)), "help")


def _texts(note: str) -> Iterator[str]:
    """Each line that starts with `/snitch`, as its reader sees it."""
    tokens = _reader().parse(note)
    source = re.split(r"\r\n?|\n", note)
    quotes = 0
    for token in tokens:
        quotes += {"blockquote_open": 1, "blockquote_close": -1, "table_open": 1, "table_close": -1}.get(token.type, 0)
        if token.type == "inline" and token.map and not quotes:
            bare = source[token.map[0]].lstrip(" \t").lower().startswith("/snitch")
            yield from _lines(token.children or [], bare)


def _lines(children: list[Token], at_start: bool) -> Iterator[str]:
    """The lines of a paragraph. The first counts only where no list mark or `#` stands before it: `at_start`."""
    line = ""
    for child in children:
        if child.type in ("softbreak", "hardbreak"):
            if line:
                yield line
            line, at_start = "", True
        elif line and child.type in ("text", "code_inline"):
            line += child.content
        elif at_start and child.type == "text" and _COMMAND.match(child.content):
            line, at_start = child.content, False
        else:
            at_start = at_start and child.type == "text" and not child.content
    if line:
        yield line


@cache
def _reader() -> MarkdownIt:
    reader = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").disable("text_join")
    terminated = ["paragraph", "reference", "blockquote", "list", "table"]
    reader.block.ruler.before("blockquote", "quote_fence", _quote_fence, {"alt": terminated})
    return reader


def _quote_fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """GitLab's quote of many lines, between lines of `>>>`; without a second one it reaches to the end."""
    fence = _QUOTE_FENCE.match(_line(state, start))
    if fence is None or state.is_code_block(start):
        return False
    if silent:
        return True
    closing = (line for line in range(start + 1, end) if _line(state, line).rstrip() == fence[1])
    last = next(closing, end - 1)
    state.push("quote_fence", "", 0).map = [start, last + 1]
    state.line = last + 1
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
