"""What can't be seen, or does harm where it is printed, as escapes: for names and texts that come from a repository."""

from __future__ import annotations

import unicodedata

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text on one line, with what can't be seen or shown (controls, bidi marks, odd bytes) written as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character == " " or unicodedata.category(character) not in _UNSEEN:
        return character
    if character in _NAMED:
        return _NAMED[character]
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (PEP 383)
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible_line(data: bytes) -> str:
    """A line of a file, made visible; tabs stay columns apart as four blanks."""
    return visible(data.decode("utf-8", "surrogateescape").replace("\t", "    "))


def width(text: str) -> int:
    """How many columns of a terminal the (visible) text takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def sayable(text: str) -> str:
    """Text without lone surrogates, which strict readers of JSON refuse; JSON's own escapes do the rest."""
    return "".join(visible(c) if "\ud800" <= c <= "\udfff" else c for c in text)
