"""A word of a Dockerfile, expanded as Docker expands it: quotes, escapes and variables, of which some can't be known.

The rules are those of BuildKit's shell lexer (frontend/dockerfile/shell/lex.go): `'…'` is literal, `"…"` and bare text
know the escape character and `$name`, `${name}`, `${name-word}`, `+`, `?` (each also after a colon), `#`, `##`, `%`,
`%%`, `/pattern/word` and `//pattern/word`. Nothing is split into several words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Literal

from checks.dataclass import dataclass
from checks.read import Unparsable
from checks.regex import regex

_DEEPEST = 50
_LONGEST = 10_000
_DEAREST = 200_000
"""Steps that matching a pattern may take; what would take more is not known."""
_SPECIAL = frozenset("@*#?-$!0")
_LETTERS = regex(r"[A-Za-z_][A-Za-z_0-9]*")  # of a name; there are others


@dataclass(frozen=True, slots=True)
class Value:
    """What a text is known to be.

    `text` is None where it can't be known; then `filled` says whether it surely is more than blanks. `names` are the
    variables on which it hangs that can't be known, or that are not set.
    """

    text: str | None
    filled: bool = False
    names: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool | None:
        """Whether nothing stands there, as the shell asks it; None where that can't be known."""
        if self.text is not None:
            return self.text == ""
        return False if self.filled else None

    @property
    def blank(self) -> bool | None:
        """Whether there is nothing but blanks; None where that can't be known."""
        if self.filled:
            return False
        return None if self.text is None else True


Lookup = Callable[[str], "Value | None"]
"""The value of a variable; None where it is not set."""

NOTHING = Value("")


def known(text: str) -> Value:
    """A text that is known."""
    return Value(text, bool(text.strip()))


def unknown(*names: str, filled: bool = False) -> Value:
    """A text that hangs on variables that can't be known."""
    return Value(None, filled, frozenset(names))


def joined(values: Sequence[Value]) -> Value:
    """Texts one after the other; what gets longer than any label is not followed, since variables may double it."""
    if len(values) == 1 and len(values[0].text or "") <= _LONGEST:
        return values[0]
    filled = any(value.filled for value in values)
    names = frozenset[str]().union(*(value.names for value in values))
    texts = [value.text for value in values if value.text is not None]
    certain = len(texts) == len(values) and sum(map(len, texts)) <= _LONGEST
    return Value("".join(texts) if certain else None, filled, names)


def expand(word: str, lookup: Lookup, escape: str = "\\") -> Value:
    """A word as the image gets it. Raises Unparsable where Docker does: for an open quote or a bad substitution.

    `${V:?why}` of a variable that is empty stops Docker's build; here it is nothing.
    """
    if len(word) <= _LONGEST and not ("$" in word or escape in word or "'" in word or '"' in word):
        return known(word)
    return _Lexer(word, lookup, escape).until("", raw=False, depth=0)


@cache
def _plain(special: str) -> re.Pattern[str]:
    """Characters that stand for themselves."""
    return re.compile(rf"[^$'\"{re.escape(special)}]+")


@dataclass(slots=True)
class _Lexer:
    text: str
    lookup: Lookup
    escape: str
    at: int = 0

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def next(self) -> str:
        char = self.peek()
        self.at += 1
        return char

    def until(self, stop: str, *, raw: bool, depth: int) -> Value:
        """Up to the character `stop` (taken too), or to the end. `raw`: escapes stay, for patterns."""
        if depth > _DEEPEST:
            raise Unparsable("substitutions are nested too deeply")
        found: list[Value] = []
        plain = _plain(self.escape + stop)
        while char := self.peek():
            if run := plain.match(self.text, self.at):
                self.at = run.end()
                found.append(known(run[0]))
                continue
            if char == stop:
                self.at += 1
                return joined(found)
            found.append(self.piece(char, raw, depth))
        if stop:
            raise Unparsable(f"a closing {stop} is missing")
        return joined(found)

    def piece(self, char: str, raw: bool, depth: int) -> Value:
        match char:
            case "$":
                return self.dollar(depth)
            case "'":
                return self.single_quoted()
            case '"':
                return self.double_quoted(raw, depth)
        self.at += 1
        if char != self.escape:
            return known(char)
        return known((char if raw else "") + self.next())

    def single_quoted(self) -> Value:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise Unparsable("a closing ' is missing")
        text = self.text[self.at + 1 : end]
        self.at = end + 1
        return known(text)

    def double_quoted(self, raw: bool, depth: int) -> Value:
        self.at += 1
        found: list[Value] = []
        plain = _plain(self.escape)
        while (char := self.peek()) != '"':
            if run := plain.match(self.text, self.at):
                self.at = run.end()
                found.append(known(run[0]))
                continue
            if not char:
                raise Unparsable('a closing " is missing')
            if char == "$":
                found.append(self.dollar(depth))
                continue
            self.at += 1
            kept = char if raw and char == self.escape else ""
            if char == self.escape and self.peek() in ('"', "$", self.escape):
                char = self.next()
            found.append(known(kept + char))
        self.at += 1
        return joined(found)

    def dollar(self, depth: int) -> Value:
        self.at += 1
        if self.peek() != "{":
            name = self.name()
            return self.content(name) if name else known("$")
        self.at += 1
        if self.peek() in ("", "{", "}", ":"):
            raise Unparsable("a bad substitution: ${ without a name")
        name = self.name()
        operator = self.next()
        if operator == "}":
            return self.content(name)
        if operator == "/":
            return self.replaced(self.content(name), depth)
        colon = operator == ":"
        if colon:
            operator = self.next()
        if operator not in ("+", "-", "?", "#", "%") or (colon and operator in "#%"):
            raise Unparsable(f"${{{name}{':' * colon}{operator}…}} is no substitution that Docker knows")
        word = self.until("}", raw=operator in "#%", depth=depth + 1)
        if operator in "#%":
            return _trimmed(self.content(name), word, operator)
        return _chosen(self.variable(name), word, operator, colon)

    def name(self) -> str:
        """A variable's name: digits, one special character, or letters, digits and `_`."""
        start = self.at
        if letters := _LETTERS.match(self.text, start):
            self.at = letters.end()
        first = self.peek()
        if letters is None and first.isdecimal():
            while self.peek().isdecimal():
                self.at += 1
        elif letters is None and first and first in _SPECIAL:
            self.at += 1
        else:
            while (char := self.peek()) and (char.isalpha() or char.isdecimal() or char == "_"):
                self.at += 1
        return self.text[start : self.at]

    def variable(self, name: str) -> Value | None:
        """Positional and special parameters, and the empty name, are never set."""
        return None if name[:1].isdecimal() or name in _SPECIAL or not name else self.lookup(name)

    def content(self, name: str) -> Value:
        return self.variable(name) or Value("", names=frozenset([name]))

    def replaced(self, value: Value, depth: int) -> Value:
        every = self.peek() == "/"
        self.at += every
        pattern = self.until("/", raw=True, depth=depth + 1)
        word = self.until("}", raw=True, depth=depth + 1)
        if value.text is None or pattern.text is None or word.text is None:
            return _perhaps(value, pattern, word)
        tokens = _tokens(pattern.text)
        if len(value.text) ** 2 * (len(tokens) + 1) > _DEAREST:
            return unknown()
        return known(_substituted(value.text, tokens, word.text, every))


def _perhaps(*values: Value) -> Value:
    return unknown(*frozenset[str]().union(*(value.names for value in values)))


def _chosen(value: Value | None, word: Value, operator: str, colon: bool) -> Value:
    """`${name-word}`, `+` and `?`; with a colon, what is empty counts as not set."""
    lacking: bool | None = True
    if value is not None:
        # A variable that can't be known may well not be set.
        lacking = value.empty if colon or value.text is None else False
    match operator, lacking:
        case ("-", True):
            return word
        case ("+", True) | ("?", True):
            return NOTHING
        case ("-", None):
            return Value(None, colon and word.filled, (value or NOTHING).names | word.names)
        case ("+", None):
            return NOTHING if word.text == "" else _perhaps(value or NOTHING, word)
        case ("+", False):
            return word
    return value or NOTHING


Token = str | Literal[0, 1]
"""A character of a pattern, or `*` as 0 and `?` as 1."""


def _tokens(pattern: str) -> list[Token]:
    """Raises Unparsable for an escape that Docker refuses."""
    found: list[Token] = []
    at = 0
    while at < len(pattern):
        char, after = pattern[at], pattern[at + 1 : at + 2]
        if char == "\\" and after not in ("}", "/"):
            if after not in ("*", "?", "\\") or not after:
                raise Unparsable(f"\\{after} is no escape that a pattern may hold")
            found.append(after)
            at += 2
            continue
        if char != "\\":
            found.append({"*": 0, "?": 1}.get(char, char))  # type: ignore[arg-type]
        at += 1
    return found


def _ends(tokens: Sequence[Token], text: str) -> list[int]:
    """Ends of the matches that begin where the text does. All states advance at once: patterns are hostile."""
    states = _closure({0}, tokens)
    found = [0] if len(tokens) in states else []
    for count, char in enumerate(text, 1):
        moved = {at if tokens[at] == 0 else at + 1 for at in states if at < len(tokens) and tokens[at] in (0, 1, char)}
        states = _closure(moved, tokens)
        if not states:
            break
        if len(tokens) in states:
            found.append(count)
    return found


def _closure(states: set[int], tokens: Sequence[Token]) -> set[int]:
    found = set(states)
    for at in states:
        while at < len(tokens) and tokens[at] == 0:
            at += 1
            found.add(at)
    return found


def _trimmed(value: Value, pattern: Value, operator: str) -> Value:
    """`${name#pattern}` and `%`; doubled, the longest match goes."""
    if value.text is None or pattern.text is None:
        return _perhaps(value, pattern)
    longest = pattern.text.startswith(operator)
    tokens = _tokens(pattern.text[longest:])
    if len(value.text) * (len(tokens) + 1) > _DEAREST:
        return unknown()
    text = value.text if operator == "#" else value.text[::-1]
    ends = _ends(tokens if operator == "#" else tokens[::-1], text)
    rest = text[(max(ends) if longest else min(ends)) :] if ends else text
    return known(rest if operator == "#" else rest[::-1])


def _substituted(text: str, tokens: Sequence[Token], word: str, every: bool) -> str:
    """The leftmost and longest matches replaced; an empty one right behind another does not count (as in Go)."""
    done: list[str] = []
    at, last = 0, -1
    while at <= len(text):
        ends = _ends(tokens, text[at:])
        end = at + max(ends) if ends else -1
        if end > at or (end == at and at != last):
            done.append(word)
            last = end
            if not every:
                return "".join(done) + text[end:]
        if end > at:
            at = end
            continue
        done.append(text[at : at + 1])
        at += 1
    return "".join(done)
