"""Fixes as suggestions, applied by the rules of GitLab."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.suggest import replacement, unified
from bot.words import suggestion
from checks.finding import Edit, Fix
from tests.gitlab.suggestions import apply, parse

LINE = st.sampled_from(
    ["import os", "", "  x = 1", "```python", "~~~", "\tpass", "`````", "é ü", " ", "> quoted", "/close"]
)


@given(
    st.lists(LINE, max_size=12),
    st.lists(LINE, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_a_suggestion_that_is_offered_makes_exactly_the_fix(
    old: list[str], new: list[str], ending: str, ended: bool, ended_after: bool
) -> None:
    before, after = _text(old, ending, ended), _text(new, ending, ended_after)
    change = replacement(Fix((Edit("serve.py", before, after),)))
    if change is None:
        return
    for line in {change.first, change.last}:
        body = "Some words.\n\n" + suggestion(line - change.first, change.last - line, change.text) + "\n\nMore."
        blocks = parse(body)
        assert len(blocks) == 1
        assert apply(before, line, blocks[0]) == after


def _text(lines: list[str], ending: str, ended: bool) -> bytes:
    joined = ending.join(lines)
    return (joined + ending if ended and lines else joined).encode()


@pytest.mark.parametrize(
    ("before", "after", "first", "last", "text"),
    [
        (b"a\nb\n", b"x\na\nb\n", 1, 1, "x\na"),
        (b"a\nb\n", b"a\nb\nx\n", 2, 2, "b\nx"),
        (b"a\nb\n", b"b\n", 1, 1, ""),
        (b"a\nb", b"a\nx\nb", 2, 2, "x\nb"),
        (b"a\r\nb\r\n", b"x\r\nb\r\n", 1, 1, "x"),
        (b"a\nb\n\n\n", b"a\nb\nx\n\n\n", 2, 2, "b\nx"),
        (b"a\n\n\n", b"a\n\nx\n\n", 1, 2, "a\n\nx"),
        ("\ufeffa\nb\n".encode(), "\ufeffa\nx\nb\n".encode(), 2, 2, "x\nb"),
    ],
)
def test_the_lines_that_are_replaced(before: bytes, after: bytes, first: int, last: int, text: str) -> None:
    change = replacement(Fix((Edit("f", before, after),)))
    assert change is not None
    assert (change.first, change.last, change.text) == (first, last, text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\r\nb\r\n", b"x\r\na\r\nb\r\n"),  # a note carries no CR: the new line would end in LF alone
        (b"a\nb", b"a\nb\n"),  # nor a change of the final newline
        (b"caf\xe9\n", b"x\ncaf\xe9\n"),
        ("\ufeffa\n".encode(), "\ufeffx\na\n".encode()),
        ("\ufeffa\nb\n".encode(), "\ufeffa\n\ufeffb\n".encode()),
        (None, b"new\n"),
        (b"old\n", None),
        (b"", b"x\n"),
    ],
)
def test_what_gitlab_can_not_express_is_not_offered(before: bytes | None, after: bytes | None) -> None:
    assert replacement(Fix((Edit("f", before, after),))) is None


def test_a_fix_of_two_files_is_no_suggestion_but_a_diff() -> None:
    fix = Fix((Edit("a", b"1\n", b"2\n"), Edit("b", None, b"3\n")))
    assert replacement(fix) is None
    assert unified(fix).splitlines() == [
        "--- a/a", "+++ b/a", "@@ -1 +1 @@", "-1", "+2",
        "--- /dev/null", "+++ b/b", "@@ -0,0 +1 @@", "+3",
    ]  # fmt: skip
