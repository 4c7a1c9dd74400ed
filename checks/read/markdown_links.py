"""The addresses that stand in a block of Markdown: in its text, its commands or its HTML.

Bare addresses are found here: linkify-it takes quadratic time on a long word of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal

from checks.dataclass import dataclass, replace
from checks.regex import regex

if TYPE_CHECKING:
    from markdown_it.token import Token

Kind = Literal["link", "code", "command"]

_BARE = regex(r"(?<![A-Za-z0-9])(?:(?:https?|s3)://|www\.)[^\s<>\"'`|]+", re.IGNORECASE)
_ANCHOR = regex(r"<a\s(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HREF = regex(r"\shref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_TAG = regex(r"<[^<>]*>")
_MARKUP = regex(r"<[/A-Za-z!][^<>]*>")
_HIDDEN = regex(r"<(pre|code|script|style)\b", re.IGNORECASE)
_HEADING = regex(r"<h([1-6])\b[^<>]*>", re.IGNORECASE)
_NAME = regex(r"<[\w .-]+>")
_FRAME = regex(r"</?(?:br|center|div|h1|hr|p|span)\b[^<>]*>", re.IGNORECASE)
_OPENERS = {"](": ("](", "](<", "]( "), "<": ("<",), "href=": ('href="', "href='", "href="), "": ("",)}
_CLOSERS = ("", ")", ">", '"', "'", " ", "\t")
_NEARBY = 50  # tokens that are looked through for what belongs to a link
_REGISTRY = regex(
    r"(?<![\w.-])[\w<>{}\[\]$-]{1,64}\.dkr\.ecr(?:-fips)?\.[^\s/\"'`]{1,64}\.amazonaws\.com(?:\.cn)?/[^\s\"'`)|,]+"
)
_S3_COMMAND = regex(r"\baws\b[^\n;|&]{0,200}?\bs3\s+(?:cp|sync|ls)\b(?P<rest>[^\n;|&]*)")
_IMAGE_COMMAND = regex(r"\b(?:docker|podman)\s+(?:image\s+)?(?:pull|run)\b(?P<rest>[^\n;|&]*)")
_ELEMENT = regex(
    r"</|<!|<(?:a|abbr|b|big|blockquote|br|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark|ol|p"
    r"|pre|q|s|samp|small|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|wbr)\b",
    re.IGNORECASE,
)
"""A tag that is meant as HTML; any other behind an address is a placeholder's name."""
_S3_WORD = regex(r"s3://[^\s\"'`]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """`line`: what is said in the same line of the source; `offset`: its number in the block, from 0, or one before it.

    `opener`: what stands before the address: `](`, `<`, `href=`, or nothing.
    """

    url: str
    text: str
    kind: Kind
    line: str
    offset: int
    opener: str = ""


def in_line(children: list[Token]) -> Iterator[Found]:
    """The links of a paragraph, heading or cell."""
    lines = _lines_of(children)
    at = depth = 0
    for index, token in enumerate(children):
        at += token.type in ("softbreak", "hardbreak")
        match token.type:
            case "link_open":
                depth += 1
                text = text_of(_until(children, index, lambda one: one.type == "link_close"))
                opener = "<" if token.markup == "autolink" else "]("
                yield Found(str(token.attrs.get("href", "")), text, "link", lines[at], at, opener)
            case "link_close":
                depth -= 1
            case "html_inline" if _ANCHOR.match(token.content) and _HREF.search(token.content):
                text = text_of(_until(children, index, lambda one: one.content[:3].lower() == "</a"))
                yield Found(_href(token.content), text, "link", lines[at], at, "href=")
            case "code_inline":
                yield from (Found(url[0], url[0], "code", lines[at], at) for url in _REGISTRY.finditer(token.content))
            case "text" if not depth:
                for url, kind in _in_text(token.content, _tag_behind(children, index)):
                    yield Found(url, url, kind, lines[at], at)


def _in_text(text: str, tag: str) -> Iterator[tuple[str, Kind]]:
    """Bare addresses, and references to images. `tag`: what stands right behind the text."""
    for found in _BARE.finditer(text):
        # In `https://example.com/<name>` the placeholder belongs to it.
        yield found[0] + tag if tag and found.end() == len(text) else _trimmed(found[0]), "link"
    for found in _REGISTRY.finditer(_BARE.sub(" ", text)):
        yield found[0], "code"


def _trimmed(url: str) -> str:
    """Without what ends a sentence, and without brackets that were opened before it."""
    for _ in range(_NEARBY):
        shorter = url.rstrip(".,:;!?*_~")
        if shorter.endswith((")", "]")):
            close = shorter[-1]
            if shorter.count(close) > shorter.count("(" if close == ")" else "["):
                shorter = shorter[:-1]
        if shorter == url:
            break
        url = shorter
    return url


def in_commands(code: str, offset: int) -> Iterator[Found]:
    """What the commands of a code block name; `offset`: of its first line."""
    ahead, start = "", offset
    for number, line in enumerate(code.split("\n"), offset):
        start = start if ahead else number
        if line.endswith("\\") and len(ahead) < 2000:
            ahead += line[:-1] + " "
            continue
        if not (ahead + line).lstrip().startswith("#"):
            yield from _in_command(ahead + line, start)
        ahead = ""


def _in_command(line: str, number: int) -> Iterator[Found]:
    for pattern, word in ((_S3_COMMAND, _S3_WORD), (_IMAGE_COMMAND, _REGISTRY)):
        for command in pattern.finditer(line):
            yield from (Found(url[0], "", "command", line, number) for url in word.finditer(command["rest"]))


def in_html(content: str) -> Iterator[Found]:
    """The links of a block of HTML without comments, and the addresses in its text."""
    number = last = 0
    for at, end, found in sorted((*_anchors(content), *_bare_in_html(content)), key=lambda one: one[:2]):
        number += content.count("\n", last, at)
        last = at
        before = content[max(0, at - 200) : at].rpartition("\n")[2]
        line = f"{_TAG.sub(' ', before)} {_TAG.sub(' ', content[at:end])}"
        yield replace(found, line=" ".join(line.split()), offset=number)


def _anchors(content: str) -> Iterator[tuple[int, int, Found]]:
    for found in _ANCHOR.finditer(content):
        if not _HREF.search(found[0]):
            continue  # it names a place
        end = content.find("</", found.end(), found.end() + 500)
        end = end if end >= 0 else found.end()
        inner = " ".join(_TAG.sub(" ", content[found.end() : end]).split())
        yield found.start(), end, Found(_href(found[0]), inner, "link", "", 0, "href=")


def _bare_in_html(content: str) -> Iterator[tuple[int, int, Found]]:
    """What GitLab makes links of: addresses in the text, outside of code. References to images stand in code too."""
    for found in _REGISTRY.finditer(_MARKUP.sub(_blank, _without_code(content, "pre", "script", "style"))):
        yield found.start(), found.end(), Found(found[0], found[0], "code", "", 0)
    text = _MARKUP.sub(_blank, _without_code(content, "pre", "code", "script", "style"))
    for found in _BARE.finditer(text):
        name = _NAME.match(text, found.end())
        url = found[0] + name[0] if name else _trimmed(found[0])
        yield found.start(), found.end(), Found(url, url, "link", "", 0)


def _without_code(content: str, *names: str) -> str:
    """A block of HTML with blanks for these elements: what is shown as it is, or not at all."""
    low, kept, at = content.lower(), [], 0
    closed = {name: low.rfind(f"</{name}") for name in names}
    for found in _HIDDEN.finditer(content):
        name = found[1].lower()
        if found.start() < at or closed.get(name, -1) < found.end():
            continue
        end = low.find(f"</{name}", found.end())
        kept += [content[at : found.start()], re.sub(r"[^\n]", " ", content[found.start() : end])]
        at = end
    return "".join([*kept, content[at:]])


def _blank(tag: re.Match[str]) -> str:
    """Blanks for all but its line breaks; not for a placeholder's name."""
    is_name = _NAME.fullmatch(tag[0]) and not _ELEMENT.match(tag[0])
    return tag[0] if is_name else re.sub(r"[^\n]", " ", tag[0])


def headings_in(content: str) -> Iterator[tuple[int, str]]:
    """Level and text of the headings in a block of HTML."""
    for found in _HEADING.finditer(content):
        end = content.find("</", found.end(), found.end() + 500)
        yield int(found[1]), _TAG.sub(" ", content[found.end() : end]) if end >= 0 else ""


def shows(content: str, *, titled: bool) -> bool:
    """Whether there is something to see in a block of HTML; its first h1 is the page's title, if it has none yet."""
    title = None if titled else next((one for one in _HEADING.finditer(content) if one[1] == "1"), None)
    end = content.lower().find("</h1", title.end()) if title else -1
    said = content[: title.start()] + content[end:] if title and end >= 0 else content
    return bool(_FRAME.sub("", said).strip())


def column_of(found: Found, row: str, begin: int) -> int | None:
    """Where an address stands in a line of the source, from a column on."""
    for opener in _OPENERS[found.opener]:
        at = begin
        while opener and (at := row.find(opener + found.url, at)) >= 0:
            start = at + len(opener)
            if row[start + len(found.url) :][:1] in _CLOSERS:
                return start
            at = start
    column = row.find(found.url, begin) if found.url and found.opener != "](" else -1
    return column if column >= 0 else None


def without_comments(html: str) -> str:
    """A block of HTML without its comments, their line breaks kept; one without an end goes on to the end."""
    kept: list[str] = []
    at = 0
    while (start := html.find("<!--", at)) >= 0:
        kept.append(html[at:start])
        end = html.find("-->", start + 4)
        if end < 0:
            return "".join(kept)
        kept.append("\n" * html.count("\n", start, end))
        at = end + 3
    return "".join([*kept, html[at:]])


def _href(tag: str) -> str:
    from html import unescape

    found = _HREF.search(tag)
    href = next((part for part in found.groups() if part is not None), "") if found else ""
    return unescape(href).strip()


def _tag_behind(children: list[Token], index: int) -> str:
    after = children[index + 1] if index + 1 < len(children) else None
    return after.content if after and after.type == "html_inline" and not _ELEMENT.match(after.content) else ""


def _until(children: list[Token], index: int, ends: Callable[[Token], bool]) -> list[Token]:
    """The tokens between one and the one that ends it, a few at most."""
    near = children[index + 1 : index + 1 + _NEARBY]
    return near[: next((number for number, token in enumerate(near) if ends(token)), len(near))]


def text_of(children: Iterable[Token]) -> str:
    parts: list[str] = []
    for token in children:
        match token.type:
            case "text" | "code_inline" | "image":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append(" ")
    return "".join(parts)


def _lines_of(children: list[Token]) -> list[str]:
    """What each line of a paragraph says."""
    lines: list[list[Token]] = [[]]
    for token in children:
        if token.type in ("softbreak", "hardbreak"):
            lines.append([])
        lines[-1].append(token)
    return [text_of(line) for line in lines]


def registry_references(text: str) -> tuple[str, ...]:
    """The references to images in ECR that a text holds: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/name:tag`."""
    return tuple(found[0] for found in _REGISTRY.finditer(text))
