"""What a repository says, as Markdown: in code spans and fences, so that it can't break out or mention people."""

from __future__ import annotations

import re

from checks.regex import regex
from checks.render.visible import visible

_PLAIN = regex(r"[(\"'“‘]?[^\W_]+(?:[-’'][^\W_]+)*[)\"'”’]?[.,;:!?]*[)\"']?|[–—-]")
_TOKENS = regex(r"(?:<[^<>]*>|\S)+")
"""What stands between blanks; `<time of training>` is one, with the blanks in it."""
_HEX = regex(r"[0-9a-f]{7,}", re.I)
_TRAILING = ".,;:!?)\"'”’"


def code(text: str) -> str:
    """A code span of any text."""
    shown = visible(text)
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if not shown.strip() or shown[0] in " `" or shown[-1] in " `" else ""
    return f"{ticks}{pad}{shown or ' '}{pad}{ticks}"


def cell(text: str) -> str:
    """A code span within a row of a table, where a bar would end the cell even in code."""
    return code(text.replace("|", "¦"))


def prose(message: str) -> str:
    """A rule's message as Markdown: every token that is not a plain word becomes a code span."""
    return " ".join(_token(token) for token in _TOKENS.findall(message))


def _token(token: str) -> str:
    if _PLAIN.fullmatch(token) and not _HEX.fullmatch(token):
        return token
    body = token.rstrip(_TRAILING)
    # Brackets and quotes that the token opened itself belong to it.
    while len(body) < len(token) and token[len(body)] in ")\"'" and _opened(body, token[len(body)]):
        body = token[: len(body) + 1]
    tail = token[len(body) :]
    return (code(body) + tail) if body else code(token)


def _opened(body: str, closing: str) -> bool:
    opening = {")": "("}.get(closing, closing)
    if opening == closing:
        return body.count(closing) % 2 == 1
    return body.count(opening) > body.count(closing)


def fence(info: str, text: str) -> str:
    """A fenced block. The fence is longer than any run of backticks within."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{ticks}{info}\n{text}{end}{ticks}"
