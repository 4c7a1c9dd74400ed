"""A note's Markdown as HTML. Of the HTML in it only folded sections and a few harmless tags are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from tests.gitlab.html import Html

KEPT = {"details", "summary", "br", "b", "strong", "em", "i", "code", "kbd", "sub", "sup", "p", "hr", "ins", "del"}
FOLDING = ("summary", "details")
PIECE = re.compile(r"(?s)<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][\w-]*)((?:\s[^<>]*)?)/?>|[^<]+|<")
MENTION = re.compile(r"(?<![\w/@.])@([A-Za-z0-9][\w.-]*\w)")
COMMIT = re.compile(r"(?<![\w/.-])[0-9a-f]{40}(?![\w/.-])")
SHORTCODE = re.compile(r":([a-z0-9_+]+):")
EMOJI = {
    "eyes": "👀",
    "white_check_mark": "✅",
    "x": "❌",
    "warning": "⚠️",
    "tada": "🎉",
    "rocket": "🚀",
    "snail": "🐌",
    "robot": "🤖",
    "sparkles": "✨",
    "bulb": "💡",
    "wrench": "🔧",
    "thumbsup": "👍",
    "thumbsdown": "👎",
    "heart": "❤️",
    "thinking": "🤔",
    "question": "❓",
    "no_entry": "⛔",
    "hourglass": "⌛",
    "information_source": "ℹ️",
    "memo": "📝",
}

Suggest = Callable[[int], Html | None]  # the n-th suggestion block of the note, or None: it is plain code


def render(text: str, suggestion: Suggest = lambda index: None) -> Html:
    """The text as a person sees it; each suggestion block as `suggestion` shows it."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    rules, renderer = _Rules(suggestion), parser.renderer
    assert isinstance(renderer, RendererHTML)
    for name in ("html_block", "html_inline", "fence", "text", "image"):
        renderer.rules[name] = getattr(rules, name)
    return Html(closed(parser.render(text.replace("\r", ""))))


def clean(html: str) -> str:
    """Comments gone, known tags without their attributes (but `open`), everything else as text."""
    return "".join(_piece(found) for found in PIECE.finditer(html))


def _piece(found: re.Match[str]) -> str:
    whole, name = found[0], (found[2] or "").lower()
    if whole.startswith("<!--"):
        return ""
    if name not in KEPT:
        return whole if not whole.startswith("<") and "&" in whole else escape(whole, quote=False)
    attribute = " open" if name == "details" and found[3].strip() == "open" else ""
    return f"<{found[1]}{name}{attribute}>"


def closed(html: str) -> str:
    """A note can't leave a folded section open over the rest of the page, nor close one that is not its own."""
    for name in FOLDING:
        opened, ended = len(re.findall(rf"<{name}[ >]", html)), html.count(f"</{name}>")
        html += f"</{name}>" * (opened - ended)
        html = f"<{name}>" * (ended - opened) + html
    return html


def diff_block(text: str) -> Html:
    """The content of a block of the language `diff`, coloured."""
    kinds = {"+": "new", "-": "old", "@": "hunk"}
    lines = (
        f'<span class="{kinds.get(line[:1], "same")}">{escape(line, quote=False)}</span>' for line in text.split("\n")
    )
    return Html(f'<pre class="diff"><code>{"".join(lines)}</code></pre>')


class _Rules:
    """The renderer's rules that differ from CommonMark's. Counts the suggestions as they come."""

    def __init__(self, suggestion: Suggest) -> None:
        self.suggestion = suggestion
        self.seen = 0

    def html_block(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        return clean(tokens[index].content)

    html_inline = html_block

    def fence(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        token = tokens[index]
        language = re.split(r"[\s:]", token.info.strip())[0]
        if language == "suggestion":
            self.seen += 1
            if (shown := self.suggestion(self.seen - 1)) is not None:
                return shown
        if language == "diff":
            return diff_block(token.content.removesuffix("\n"))
        return f"<pre><code>{escape(token.content, quote=False)}</code></pre>\n"

    def text(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        shown = SHORTCODE.sub(lambda code: EMOJI.get(code[1], code[0]), escape(tokens[index].content, quote=False))
        shown = COMMIT.sub(lambda sha: f'<a href="../commit/{sha[0]}"><code>{sha[0][:8]}</code></a>', shown)
        return MENTION.sub(r'<span class="mention">@\1</span>', shown)

    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        """Nothing is fetched for a note: its pictures are links."""
        token = tokens[index]
        text = RendererHTML().renderInlineAsText(token.children, options, env)
        return f'<a href="{escape(str(token.attrGet("src")))}">🖼 {escape(text)}</a>'
