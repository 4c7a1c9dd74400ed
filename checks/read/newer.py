"""Syntax of later Pythons than the one that runs, written as older ones know it: only to tell what would parse.

Strings with fields (PEP 701, 3.12; PEP 750, 3.14), type parameters and `type` (PEP 695, 3.12; PEP 696, 3.13),
`except A, B:` (PEP 758, 3.14), lazy imports (PEP 810, 3.15), unpacking in comprehensions (PEP 798, 3.15).
"""

from __future__ import annotations

import builtins
import re

from checks.dataclass import dataclass, field
from checks.regex import regex

_STRING = regex(r"#[^\n]*|(?P<prefix>(?<!\w)[A-Za-z]{1,2}|)(?P<quote>\"\"\"|'''|\"|')")
_PREFIXES = {"", "b", "br", "f", "fr", "r", "rb", "rf", "rt", "t", "tr", "u"}
_DEEPEST = 20
_BRACKETS = r"\[[^\[\]]*(?:\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\][^\[\]]*)*\]"
_REWRITES = (
    (regex(rf"^([ \t]*)type[ \t]+(\w+[ \t]*)(?:{_BRACKETS})?([ \t]*=(?!=))", re.M), r"\1\2\3"),
    (regex(rf"^([ \t]*(?:class|(?:async[ \t]+)?def)[ \t]+\w+)[ \t]*{_BRACKETS}", re.M), r"\1"),
    (regex(r"^([ \t]*)lazy[ \t]+(?=(?:import|from)\b)", re.M), r"\1"),
    (regex(r"([\[({][ \t]*)\*{1,2}(?=[^\n,{}\[\]*]{0,300}?\sfor\b)"), r"\1"),
)
_EXCEPT = regex(r"^([ \t]*except\b[ \t]*\*?)[ \t]*([^\n:]{1,300}?,[^\n:]{1,300}?)[ \t]*:", re.M)
_BINDING = regex(r"^[ \t]*(?:from|import|class)\b[^\n(]*(?:\([^()]*\))?|^[ \t]*[A-Z]\w*[ \t]*(?::[^\n=]*)?=(?!=)", re.M)


class _Unended(Exception):
    """A string or a field without its end."""


@dataclass(frozen=True, slots=True)
class Older:
    """A text in older syntax, and the expressions of the fields that its strings had."""

    text: str
    fields: tuple[str, ...]


def older(text: str) -> Older | None:
    """The text without newer syntax; None where it has none that is known, or its strings do not end."""
    reader = _Reader(text)
    try:
        plain = reader.code(0, None, 0)[0]
    except _Unended:
        return None
    for pattern, replacement in _REWRITES:
        plain = pattern.sub(replacement, plain)
    plain = _parenthesised(plain)
    return Older(plain, tuple(reader.fields)) if plain != text else None


def _parenthesised(text: str) -> str:
    """`except A, B:` as `except (A, B):`; left as it is where it is Python 2's `except A, name:`."""
    bound = _bound(text) if _EXCEPT.search(text) else set()

    def write(found: re.Match[str]) -> str:
        kinds = found[2]
        target = re.fullmatch(r"(?:[^,()]+|\(.*\)),[ \t]*(\w+|\([\w, \t]*\))", kinds)
        names = re.findall(r"\w+", target[1]) if target and "*" not in found[1] else []
        is_old = bool(names) and not any(name in bound or hasattr(builtins, name) for name in names)
        return found[0] if is_old or re.search(r"\bas\b", kinds) else f"{found[1]} ({kinds}):"

    return _EXCEPT.sub(write, text)


def _bound(text: str) -> set[str]:
    """Names that a file imports or defines, and its constants: they may be classes of errors."""
    return {name for found in _BINDING.finditer(text) for name in re.findall(r"\w+", found[0])}


@dataclass(slots=True)
class _Reader:
    """Goes through a text from string to string. What it gives is the text again, strings without their fields."""

    text: str
    fields: list[str] = field(default_factory=list)

    def code(self, start: int, ends: str | None, depth: int) -> tuple[str, int]:
        """Code up to one of `ends` that no bracket encloses (None: to the end of the text), and where that is."""
        parts: list[str] = []
        begun, nested = start, 0
        while True:
            found = _STRING.search(self.text, start) if ends is None else self._next(start)
            if found is None:
                if ends is not None:
                    raise _Unended
                return "".join([*parts, self.text[begun:]]), len(self.text)
            here, mark = found.start(), found[0]
            if found["quote"] and found["prefix"].lower() in _PREFIXES:
                string, start = self._string(found, depth)
                parts += [self.text[begun:here], string]
                begun = start
                continue
            start = found.end()
            if ends is not None and len(mark) == 1:
                if nested <= 0 and mark in ends and self.text[here : here + 2] != "!=":
                    return "".join([*parts, self.text[begun:here]]), here
                nested += (mark in "([{") - (mark in ")]}")

    def _next(self, start: int) -> re.Match[str] | None:
        return _IN_FIELD.search(self.text, start)

    def _string(self, opening: re.Match[str], depth: int) -> tuple[str, int]:
        """A string, without its fields, and where it ends."""
        prefix, quote = opening["prefix"].lower(), opening["quote"]
        has_fields = bool(set(prefix) & {"f", "t"})
        bare = re.sub("[ft]", "", prefix)
        parts, start = [bare, quote], opening.end()
        pattern = _LITERAL[quote, has_fields]
        while True:
            end = _past(pattern, self.text, start)
            parts.append(self.text[start:end])
            start = end
            if self.text.startswith(quote, start):
                return "".join([*parts, quote]), start + len(quote)
            if not has_fields or not self.text.startswith("{", start):
                raise _Unended
            parts.append(" ")
            start = self._field(start + 1, quote, depth + 1)

    def _field(self, start: int, quote: str, depth: int) -> int:
        """A field, from behind its brace; gives where it ends."""
        if depth > _DEEPEST:
            raise _Unended
        expression, end = self.code(start, "}!:", depth)
        self.fields.append(re.sub(r"(?<![=!<>])=\s*(?:#[^\n]*\s*)*\Z", "", expression))
        if not expression.strip():
            raise _Unended
        if self.text[end] == "!":
            end = _past(_CONVERSION, self.text, end)
        if self.text.startswith(":", end):
            end = self._format(end + 1, quote, depth)
        if not self.text.startswith("}", end):
            raise _Unended
        return end + 1

    def _format(self, start: int, quote: str, depth: int) -> int:
        """A format, up to the brace that ends its field."""
        while True:
            start = _past(_FORMAT, self.text, start)
            if self.text.startswith(quote, start) or start >= len(self.text):
                raise _Unended
            if self.text[start] == "}":
                return start
            start = self._field(start + 1, quote, depth + 1) if self.text[start] == "{" else start + 1


def _past(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Where what a pattern matches ends; where it begins, if it matches nothing."""
    found = pattern.match(text, start)
    return found.end() if found else start


_IN_FIELD = regex(rf"{_STRING.pattern}|[()\[\]{{}}!:]")
_CONVERSION = regex(r"!\s*[ars]\s*")
_FORMAT = regex(r"[^{}'\"]*")


def _literal(quote: str, *, fields: bool) -> re.Pattern[str]:
    """What a string holds up to its end, or to its next field. A backslash shields the quote even in a raw one."""
    mark = quote[0]
    plain = rf"[^\\{mark}{'{}' if fields else ''}{'' if len(quote) == 3 else chr(10)}]++"
    braces = r"\\N\{[^{}\n]*\}|\{\{|\}\}|\\(?=[{}])|" if fields else ""
    inner = rf"|{mark}(?!{mark * 2})" if len(quote) == 3 else ""
    return re.compile(rf"(?:{braces}{plain}|\\{'[^{}]' if fields else '.'}{inner})*", re.S)


_LITERAL = {
    (quote, fields): _literal(quote, fields=fields) for quote in ('"""', "'''", '"', "'") for fields in (True, False)
}
