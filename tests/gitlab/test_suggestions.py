"""Suggestions are read and applied as GitLab's documentation and source say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gitlab import suggestions
from tests.gitlab.suggestions import Suggested, apply, contents, parse


@pytest.mark.parametrize(
    ("info", "above", "below"),
    [
        ("suggestion", 0, 0),
        ("suggestion:-0+0", 0, 0),
        ("suggestion:-2+1", 2, 1),
        ("suggestion:-3", 3, 0),
        ("suggestion:+4", 0, 4),
        ("suggestion:-500+101", 100, 100),
        ("suggestion:+1-2", 0, 0),
        ("suggestion:-a+b", 0, 0),
        ("suggestion:-1+1 more", 0, 0),
        ("suggestion -1+1", 0, 0),
    ],
)
def test_the_range_stands_in_the_info_string(info: str, above: int, below: int) -> None:
    assert parse(f"Text\n\n```{info}\nx = 1\n```\n") == [Suggested(above, below, "x = 1")]


@pytest.mark.parametrize(
    "text",
    [
        "```python\nx\n```",
        "    ```suggestion\n    x\n    ```",
        "<div>\n```suggestion\nx\n```\n</div>",
        "<!--\n```suggestion\nx\n```\n-->",
        "````\n```suggestion\nx\n```\n````",
        "``` Suggestion\nx\n```",
    ],
)
def test_other_blocks_are_no_suggestions(text: str) -> None:
    assert parse(text) == []


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert parse("````suggestion:-0+0\n```\ncode\n```\n````") == [Suggested(0, 0, "```\ncode\n```")]


def test_a_shorter_fence_is_ended_by_the_first_inner_one() -> None:
    assert parse("```suggestion\n```\ncode\n```\n")[0] == Suggested(0, 0, "")


def test_tildes_quotes_and_lists_hold_suggestions_too() -> None:
    assert parse("~~~suggestion\na\n~~~\n\n> ```suggestion\n> b\n> ```\n\n- ```suggestion\n  c\n  ```\n") == [
        Suggested(0, 0, "a"),
        Suggested(0, 0, "b"),
        Suggested(0, 0, "c"),
    ]


@pytest.mark.parametrize(
    ("blob", "line", "suggested", "after"),
    [
        (b"a\nb\nc\n", 2, Suggested(0, 0, "B"), b"a\nB\nc\n"),
        (b"a\nb\nc\n", 2, Suggested(1, 1, "X\nY"), b"X\nY\n"),
        (b"a\nb\nc\n", 2, Suggested(0, 0, ""), b"a\nc\n"),
        (b"a\nb\nc\n", 2, Suggested(0, 0, "  "), b"a\nc\n"),
        (b"a\nb", 2, Suggested(0, 0, "B"), b"a\nB"),
        (b"a\nb", 1, Suggested(0, 0, "A"), b"A\nb"),
        (b"a\nb\n", 2, Suggested(0, 9, "B"), b"a\nB\n"),
        (b"a\nb\n", 1, Suggested(9, 0, "A"), b"A\nb\n"),
        (b"a\r\nb\r\n", 1, Suggested(0, 0, "A"), b"A\r\nb\r\n"),
        (b"a\r\nb\r\n", 1, Suggested(0, 0, "A\nB"), b"A\nB\r\nb\r\n"),
        (b"\xff\nb\n", 2, Suggested(0, 0, "é"), b"\xff\n\xc3\xa9\n"),
        (b"a\nb\n", 2, Suggested(0, 0, "\n"), b"a\n"),
    ],
)
def test_a_suggestion_replaces_whole_lines(blob: bytes, line: int, suggested: Suggested, after: bytes) -> None:
    assert apply(blob, line, suggested) == after


def test_contents_include_the_terminators() -> None:
    assert contents(b"a\r\nb\r\n", 2, Suggested(1, 0, "c")) == ("a\r\nb\r\n", "c\r\n")


def test_several_are_applied_to_the_file_as_it_was() -> None:
    pairs = [(4, Suggested(0, 0, "D\nD")), (1, Suggested(0, 1, "")), (3, Suggested(0, 0, "C"))]
    assert suggestions.apply_all(b"a\nb\nc\nd\n", pairs) == b"C\nD\nD\n"


def test_lines_overlap_only_in_one_file() -> None:
    assert suggestions.overlap([("a", 3, Suggested(2, 0, "")), ("a", 1, Suggested(0, 0, ""))])
    assert not suggestions.overlap([("a", 3, Suggested(1, 0, "")), ("a", 1, Suggested(0, 0, ""))])
    assert not suggestions.overlap([("a", 3, Suggested(2, 0, "")), ("b", 1, Suggested(0, 0, ""))])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"applied": True}, "Can't apply this suggestion."),
        ({"state": "merged"}, "This merge request was merged."),
        ({"state": "closed"}, "This merge request is closed."),
        ({"branch_exists": False}, "Can't apply as the source branch was deleted."),
        ({"active": False}, "Can't apply as this line was changed in a more recent version."),
        ({"now": "other\n"}, "Can't apply as this line was changed in a more recent version."),
        ({"now": None}, "Can't apply as this line was changed in a more recent version."),
        ({"to_content": "a\n"}, "This suggestion already matches its content."),
        ({"path": "x.ipynb"}, "Can't apply this suggestion."),
    ],
)
def test_what_makes_a_suggestion_inapplicable(change: dict[str, object], reason: str | None) -> None:
    facts: dict[str, object] = {
        "path": "a.py",
        "now": "a\n",
        "from_content": "a\n",
        "to_content": "b\n",
        "active": True,
    }
    found = suggestions.why_not(**(facts | change))  # type: ignore[arg-type]  # facts of several types
    assert (found or "").startswith(reason or "")
    assert suggestions.appliable(**(facts | change)) == (reason is None)


def test_the_message_follows_the_template() -> None:
    values = {"suggestions_count": 2, "files_count": 1, "username": "anne"}
    assert suggestions.commit_message("", values) == "Apply 2 suggestion(s) to 1 file(s)"
    assert suggestions.commit_message("%{username}: %{nothing}", values) == "anne: %{nothing}"


@given(st.lists(st.text("ab", max_size=3).map(lambda t: t + "\r" * (len(t) % 2)), max_size=6), st.data())
def test_what_lies_outside_the_range_is_untouched(lines: list[str], data: st.DataObject) -> None:
    before = [line.encode() + b"\n" for line in lines]
    line = data.draw(st.integers(1, len(lines) + 1))
    suggested = Suggested(data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2)), "new")
    after = apply(b"".join(before), line, suggested)
    head, tail = b"".join(before[: suggested.first(line) - 1]), b"".join(before[suggested.last(line) :])
    assert after.startswith(head)
    assert after.endswith(tail)
    assert after[len(head) : len(after) - len(tail)].strip() == b"new"
