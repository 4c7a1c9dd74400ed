"""What GitLab would run, and what stays in the note."""

from __future__ import annotations

import pytest

from tests.gitlab.quick_actions import extract


@pytest.mark.parametrize(
    ("text", "left", "commands"),
    [
        ("/close", "", [("close", "")]),
        ("/CLOSE", "", [("close", "")]),
        ("/label ~bug ~later", "", [("label", "~bug ~later")]),
        ("Hello\n/close\nbye", "Hello\nbye", [("close", "")]),
        ("Hello\r\n\r\n/close\r\n", "Hello", [("close", "")]),
        ("/close\n\n/approve  ", "", [("close", ""), ("approve", "")]),
        ("text\n\n/merge\n\n<!-- mark -->", "text\n\n\n<!-- mark -->", [("merge", "")]),
        ("<!-- mark -->\n/close", "<!-- mark -->", [("close", "")]),
        ("<!-- mark -->\n\n/close", "<!-- mark -->", [("close", "")]),
        ("/shrug well", "well ¯\\＿(ツ)＿/¯", []),
    ],
)
def test_known_commands_are_taken_out(text: str, left: str, commands: list[tuple[str, str]]) -> None:
    remaining, found = extract(text)
    assert found == commands
    assert remaining.replace("\n\n\n", "\n\n") == left.replace("\n\n\n", "\n\n")


@pytest.mark.parametrize(
    "text",
    [
        "/snitch fix",
        "/closed",
        "/close-it",
        "please /close",
        "\\/close",
        "`/close`",
        "`a\n/close\nb`",
        "```\n/close\n```",
        "~~~\n/close\n~~~",
        "````\n```\n/close\n```\n````",
        "    /close",
        "> /close",
        "> quote\n/close",
        ">>>\n/close\n>>>",
        "- /close",
        "- item\n\n  /close",
        "<div>\n/close\n</div>",
        "<!--\n/close\n-->",
        "| a |\n|---|\n| b |",
        "# /close",
        "/usr/bin/env",
    ],
)
def test_what_only_looks_like_a_command_stays(text: str) -> None:
    assert extract(text) == (text, [])


def test_carriage_returns_and_trailing_space_go_in_any_case() -> None:
    assert extract("a\r\nb  \r\n\n") == ("a\nb", [])
