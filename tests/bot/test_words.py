"""What people read: hostile text stays text, and marks are read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot import words
from bot.words import ReplyMark, SummaryMark, ThreadMark, cell, code, fence, mark_of, marked, prose, visible
from tests.gitlab.quick_actions import extract

MARKDOWN = MarkdownIt("gfm-like")


def spans(markdown: str) -> tuple[str, list[str]]:
    """The plain text of a paragraph, and its code spans; fails on any other construct."""
    tokens = MARKDOWN.parse(markdown)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"], markdown
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "code_inline", "softbreak"}, markdown
    plain = "".join(child.content for child in children if child.type == "text")
    return plain, [child.content for child in children if child.type == "code_inline"]


@pytest.mark.parametrize(
    "hostile",
    [
        "@all",
        "!12",
        "#3",
        "~bug",
        "%v1",
        "$5",
        "&2",
        "<b>",
        "<!-- x -->",
        "/close",
        "**x**",
        "[a](http://b)",
        "deadbeef1",
        "`",
        "``",
        "|",
    ],
)
def test_hostile_words_stand_in_code(hostile: str) -> None:
    plain, _ = spans("see " + prose(f"the name {hostile} is wrong."))
    assert hostile not in plain


@given(st.text(min_size=1, max_size=60))
def test_a_message_is_one_harmless_paragraph(text: str) -> None:
    said = "Well, " + prose(text)
    plain, _ = spans(said)
    assert not set("@#!~%&<>[]*_`|\\$") & set(plain)
    rest, commands = extract(said)
    assert commands == []
    assert rest == said.rstrip()


@given(st.text(max_size=60))
def test_a_code_span_holds_any_text(text: str) -> None:
    _, codes = spans("x " + code(text) + " y")
    assert len(codes) == 1


@given(st.text(alphabet="ab`~\n <>/@", max_size=80), st.sampled_from(["diff", "suggestion:-0+0", ""]))
def test_a_fence_can_not_be_broken_out_of(text: str, info: str) -> None:
    tokens = MARKDOWN.parse("before\n\n" + fence(info, text) + "\n\nafter")
    fences = [token for token in tokens if token.type == "fence"]
    assert [token.type for token in tokens].count("paragraph_open") == 2
    assert len(fences) == 1
    assert fences[0].content.removesuffix("\n") == text.removesuffix("\n")


def test_what_can_not_be_seen_is_shown() -> None:
    assert visible("a\u202eb\u200bc\n\udc80\x1b") == "a\\u202eb\\u200bc\\n\\x80\\u001b"
    assert "|" not in cell("a|b")


@pytest.mark.parametrize(
    "mark",
    [ThreadMark(("10.patch:ab12",), ("10.patch:ab12",), "d1"), SummaryMark("d2"), ReplyMark(7, "0"), ThreadMark(())],
)
def test_a_mark_is_read_back(mark: words.Mark) -> None:
    assert mark_of(marked("text", mark)) == mark
    assert mark_of(marked("text", mark).rstrip() + "\n\n") == mark


@given(st.text(max_size=200))
def test_anything_else_has_no_mark_or_a_whole_one(text: str) -> None:
    mark_of(text)
    assert mark_of('<!-- snitch:thread {"findings": 3} -->') is None
    assert mark_of("<!-- snitch:other {} -->") is None


def test_a_mark_in_the_middle_does_not_count() -> None:
    assert mark_of(marked("x", SummaryMark("d")) + "\nmore") is None


def test_a_placeholder_with_blanks_is_one_code_span() -> None:
    said = prose("write s3://b/iris/models/<time of training, like 2026-03-01T12:00Z>, then commit")
    assert said == "write `s3://b/iris/models/<time of training, like 2026-03-01T12:00Z>`, then commit"
