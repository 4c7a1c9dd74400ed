"""Reads Markdown that is so plain that nothing about it is in doubt: then markdown-it need not be imported.

That takes as long as to judge three projects. What is known here: headings, paragraphs, lists of one level whose items
are of one line, blocks of code; in them code, bold words, links in brackets and in angles. Anything else is for
markdown-it, so that no README reads differently: a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from checks.dataclass import dataclass, field
from checks.regex import regex

_ODD = regex(r"[^\S \n]|[\x00-\x09\x0b-\x1f\x7f]")
_HEADING = regex(r"(#{1,6}) ([^#\s](?:.*[^#\s])?)")
_START = regex(r"[^\W\d_]|\d+(?![\d.)])|\*\*[^\W_]|`(?!`)|[\[\"'(]|<http")
"""How a line begins that is nothing but a part of a paragraph."""

_INLINE = regex(
    r"`(?P<code>[^`\n ](?:[^`\n]*[^`\n ])?)`"
    r"|(?<!!)\[(?P<text>[^\[\]\n]+)\]\((?P<url>[^\s()<>\\\"'`\[\]]+)\)"
    r"|<(?P<auto>https?://[a-z0-9.-]+(?:/[A-Za-z0-9._~/-]*)?)>"
    r"|(?<![^\s(])\*\*(?P<bold>[^\W_](?:[^*\n]*[^\W_]|[^*\n]*[^\W_][:.])?)\*\*(?![^\s.,:;)])"
    r"|(?P<end>\n)"
)
_MARKUP = regex(r"[\\`*\[\]<]|~~|&#?\w+;|(?<![A-Za-z0-9_])_|_(?![A-Za-z0-9_])")
"""What may be more than the text that it is written as."""

_ENTITY = regex(r"&#?\w+;")


@dataclass(slots=True)
class Piece:
    """What is used of a token of markdown-it."""

    type: str
    content: str = ""
    map: list[int] | None = None
    children: list[Piece] | None = None
    tag: str = ""
    markup: str = ""
    attrs: dict[str, str] = field(default_factory=dict)


class _Doubt(Exception):
    """There is something that only markdown-it can tell."""


def tokens(lines: Sequence[str]) -> list[Piece] | None:
    """The tokens of a file, given its lines without their ends; None where it is more than plain."""
    try:
        return [*_blocks(lines)]
    except _Doubt:
        return None


def _blocks(lines: Sequence[str]) -> Iterator[Piece]:
    at, in_list = 0, False
    while at < len(lines):
        line = lines[at]
        if not line:
            at += 1
        elif line[0] == " " and not in_list:
            end = _end_of_code(lines, at)
            yield Piece("code_block", "".join(f"{one[4:]}\n" for one in lines[at:end]), [at, end])
            at = end
        elif line.startswith("```"):
            end = _end_of_fence(lines, at)
            yield Piece("fence", "".join(f"{one}\n" for one in lines[at + 1 : end]), [at, end + 1])
            at, in_list = end + 1, False
        elif heading := _HEADING.fullmatch(line):
            yield Piece("heading_open", tag=f"h{len(heading[1])}")
            yield _inline(heading[2], at, at + 1)
            yield Piece("heading_close")
            at, in_list = at + 1, False
        elif _is_item(line) and not in_list:
            end = _end_of_list(lines, at)
            yield from _items(lines, at, end)
            at, in_list = end, True
        else:
            end = _end_of_paragraph(lines, at)
            yield Piece("paragraph_open")
            yield _inline("\n".join(lines[at:end]), at, end)
            yield Piece("paragraph_close")
            at, in_list = end, False


def _end_of_code(lines: Sequence[str], at: int) -> int:
    """The line after it; blank ones at its end are none of it."""
    end = at
    for number in range(at, len(lines)):
        line = lines[number]
        if line.startswith("    ") and not line.isspace():
            end = number + 1
        elif line:
            break
    _sure(end > at and not _ODD.search("\n".join(lines[at:end])))
    return end


def _end_of_fence(lines: Sequence[str], at: int) -> int:
    """The line that closes it."""
    _sure(lines[at].strip("`").isascii() and lines[at].count("`") == 3)
    for end in range(at + 1, len(lines)):
        if lines[end].lstrip().startswith("```"):
            _sure(lines[end] == "```")
            _sure(not _ODD.search("\n".join(lines[at:end])))
            return end
    raise _Doubt


def _is_item(line: str) -> bool:
    return line.startswith(("- ", "* "))


def _end_of_list(lines: Sequence[str], at: int) -> int:
    end = at
    while end < len(lines) and lines[end]:
        _sure(lines[end].startswith(lines[at][:2]) and _START.match(lines[end], 2) is not None)
        end += 1
    return end


def _items(lines: Sequence[str], at: int, end: int) -> Iterator[Piece]:
    yield Piece("bullet_list_open")
    for number in range(at, end):
        yield Piece("list_item_open")
        yield Piece("paragraph_open")
        yield _inline(lines[number][2:], number, number + 1)
        yield Piece("paragraph_close")
        yield Piece("list_item_close")
    yield Piece("bullet_list_close")


def _end_of_paragraph(lines: Sequence[str], at: int) -> int:
    end = at
    while end < len(lines) and (line := lines[end]):
        if end > at and (_is_item(line) or line.startswith("```") or _HEADING.fullmatch(line)):
            break
        _sure(_START.match(line) is not None)
        end += 1
    return end


def _inline(content: str, first: int, end: int) -> Piece:
    _sure(not any(doubtful in f"{content}\n" for doubtful in (" \n", "]:", "``")) and not _ODD.search(content))
    return Piece("inline", content, [first, end], [*_children(content)])


def _children(content: str) -> Iterator[Piece]:
    at = 0
    for found in _INLINE.finditer(content):
        yield from _text(content[at : found.start()])
        at = found.end()
        match found.lastgroup:
            case "code":
                yield Piece("code_inline", found["code"])
            case "url":
                yield from _link(found["url"], found["text"], "")
            case "auto":
                yield from _link(found["auto"], found["auto"], "autolink")
            case "bold":
                yield Piece("strong_open")
                yield from _text(found["bold"])
                yield Piece("strong_close")
            case _:
                yield Piece("softbreak")
    yield from _text(content[at:])


def _link(url: str, text: str, markup: str) -> Iterator[Piece]:
    _sure(not _ENTITY.search(url))
    yield Piece("link_open", markup=markup, attrs={"href": url})
    yield from [Piece("text", text)] if markup else _text(text)
    yield Piece("link_close")


def _text(text: str) -> Iterator[Piece]:
    _sure(not _MARKUP.search(text))
    if text:
        yield Piece("text", text)


def _sure(condition: bool) -> None:
    if not condition:
        raise _Doubt
