from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.command import LONGEST_NOTE, MOST, Check, Command, Explain, Fix, Help, Undo, Unknown, Waive, Wrong, parse

UNDERSTOOD: list[tuple[str, list[Command]]] = [
    ("/snitch fix", [Fix()]),
    ("/snitch fix 10 4", [Fix(("10", "4"))]),
    ("/snitch fix 10, 4,6.base-image", [Fix(("10", "4", "6.base-image"))]),
    ("/snitch fix 10 10", [Fix(("10",))]),
    ("/snitch fix `10.patch`", [Fix(("10.patch",))]),
    ("/snitch fix 6.org.label-schema.vcs-url", [Fix(("6.org.label-schema.vcs-url",))]),
    ("/snitch fix --unsafe 3", [Fix(("3",), unsafe=True)]),
    ("/Snitch FIX 10.Patch", [Fix(("10.patch",))]),
    ("/snitch fix serve.py", [Fix(path="serve.py")]),
    ("/snitch fix .", [Fix()]),
    ("/snitch fix 10 4 ./models/Iris/", [Fix(("10", "4"), path="models/Iris")]),
    ("/snitch fix --unsafe 4.predict serve.py", [Fix(("4.predict",), unsafe=True, path="serve.py")]),
    ("/snitch fix ./", [Fix()]),
    ("/snitch undo", [Undo()]),
    (
        "/snitch waive 10.patch until 2027-01-31 the agent comes in January",
        [Waive("10.patch", "2027-01-31", "the agent comes in January")],
    ),
    ("/snitch WAIVE 10.Patch Until 2027-01-31 - Later", [Waive("10.patch", "2027-01-31", "Later")]),
    ("/snitch wrong 10.patch: it is no server", [Wrong("10.patch", "it is no server")]),
    ("/snitch wrong 10.patch It is Patched", [Wrong("10.patch", "It is Patched")]),
    ("/snitch check", [Check()]),
    ("/snitch check please", [Check()]),
    ("/snitch explain 10.patch", [Explain("10.patch")]),
    ("/snitch explain 10", [Explain("10")]),
    ("/snitch help", [Help()]),
    ("/snitch", [Help()]),
    ("Thanks!\r\n/snitch check\r\n/snitch help\r\n", [Check(), Help()]),
    ("   /snitch help", [Help()]),
    ("text\n      /snitch help", [Help()]),
    ("text  \n/snitch help", [Help()]),
    ("- a list\n  /snitch help", [Help()]),
    ("> a quote\n\n/snitch help", [Help()]),
    ("```\ncode\n```\n/snitch help", [Help()]),
    (">>>\na quote\n>>>\n/snitch help", [Help()]),
    ("/snitch help\n---", [Help()]),
    ("/snitch check\n/snitch check", [Check()]),
]
NOT_UNDERSTOOD = [
    ("/snitch fxi 3", Unknown("fxi 3", "fix")),
    ("/snitch fix this please", Unknown("fix this please", "fix")),
    ("/snitch fix 10 /snitch check", Unknown("fix 10 /snitch check", "fix")),
    ("/snitch explain", Unknown("explain", "explain")),
    ("/snitch explain the world", Unknown("explain the world", "explain")),
    ("/snitch fix serve.py 10", Unknown("fix serve.py 10", "fix")),
    ("/snitch fix --force", Unknown("fix --force", "fix")),
    ("/snitch fix /etc/passwd", Unknown("fix /etc/passwd", "fix")),
    ("/snitch undo that", Unknown("undo that", "undo")),
    ("/snitch waive 3.large", Unknown("waive 3.large", "waive")),
    ("/snitch waive 3.large until 2030-01-01", Unknown("waive 3.large until 2030-01-01", "waive")),
    ("/snitch waive 3.large until 2030-01-01 -", Unknown("waive 3.large until 2030-01-01 -", "waive")),
    ("/snitch waive the weights until 2030-01-01 x", Unknown("waive the weights until 2030-01-01 x", "waive")),
    ("/snitch wrong 10.patch", Unknown("wrong 10.patch", "wrong")),
    ("/snitch wrong this is wrong", Unknown("wrong this is wrong", "wrong")),
    ("/snitch wiave 10.patch", Unknown("wiave 10.patch", "waive")),
    ("/snitch Chekc", Unknown("Chekc", "check")),
    ("/snitch " + "x" * 500, Unknown("x" * 100, "help")),
]
NO_COMMAND = {
    "behind text": "please /snitch fix",
    "another word": "/snitchy fix",
    "indented code": "    /snitch fix",
    "code by a tab": "\t/snitch fix",
    "code in a list": "- a\n\n      /snitch fix",
    "fence": "```\n/snitch fix\n```",
    "fence of tildes": "~~~ yaml\n/snitch fix\n~~~",
    "fence without an end": "```\n/snitch fix",
    "longer fence": "````\n```\n/snitch fix\n````",
    "fence in a list": "- ```\n  /snitch fix\n  ```",
    "inline code": "`/snitch fix`",
    "inline code of two lines": "`a\n/snitch fix`",
    "quote": "> /snitch fix",
    "quote in a quote": "> > /snitch fix",
    "quote without its mark on the next line": "> a\n/snitch fix",
    "quote in a list": "- > /snitch fix",
    "quote of many lines": ">>>\n/snitch fix\n>>>",
    "quote of many lines without an end": ">>>\n\n/snitch fix",
    "quote of many lines after text": "a\n>>>\n\n/snitch fix\n\n>>>",
    "HTML block": "<div>\n/snitch fix\n</div>",
    "HTML comment": "<!--\n\n/snitch fix\n-->",
    "attribute of an HTML tag": "a <b title='\n/snitch fix'>",
    "target of a link": "[a](<b> '\n/snitch fix')",
    "reference": "[a]: b\n'\n/snitch fix\n'",
    "list item": "- /snitch fix",
    "heading": "# /snitch fix",
    "emphasis": "a\n**/snitch fix**",
    "backslash": "\\/snitch fix",
    "backslash on a later line": "a\n\\/snitch fix",
    "character reference": "a\n&#47;snitch fix",
    "table": "a|b\n-|-\n/snitch fix|c",
    "longer than a note may be": "/snitch fix\n" + "a" * LONGEST_NOTE,
}


@pytest.mark.parametrize(("note", "commands"), UNDERSTOOD)
def test_a_line_that_starts_with_snitch_is_a_command(note: str, commands: list[Command]) -> None:
    assert parse(note) == commands


@pytest.mark.parametrize(("note", "unknown"), NOT_UNDERSTOOD)
def test_what_is_not_understood_says_so_and_what_may_be_meant(note: str, unknown: Unknown) -> None:
    assert parse(note) == [unknown]


@pytest.mark.parametrize("where", NO_COMMAND)
def test_what_is_only_shown_is_not_obeyed(where: str) -> None:
    assert parse(NO_COMMAND[where]) == []


def test_a_note_holds_at_most_ten_commands() -> None:
    note = "\n".join(f"/snitch explain {number}" for number in range(1, 50))
    assert parse(note) == [Explain(str(number)) for number in range(1, MOST + 1)]


MARKS = ["\n", "\n\n", "> ", ">>>", "```", "~~~", "`", "    ", "- ", "1. ", "<!--", "-->", "<div>", "[a](", ")", "|"]
PIECES = st.sampled_from(
    ["/snitch fix", "/snitch", *MARKS, "\\", "&#47;", "a", " ", "\r", "\0", "\ud800", "*", "# ", "---"]
)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text())
def test_no_note_makes_the_parser_fail(note: str) -> None:
    parse(note)


@given(st.lists(PIECES, max_size=20).map("".join))
def test_quoting_a_note_takes_its_commands_away(note: str) -> None:
    lines = note.replace("\r", "\n").split("\n")
    assert parse("\n".join(f"> {line}" for line in lines)) == []


@pytest.mark.parametrize(
    "piece", ["[", "![[", "`", "`a``b", "> ", "- a\n", "*a ", "<!--", "<a ", "[a](b", "a\n", ">>>\n"]
)
def test_hostile_text_takes_less_than_a_second(piece: str) -> None:
    note = (piece * LONGEST_NOTE)[: LONGEST_NOTE - 20] + "\n/snitch fix"
    start = time.thread_time()
    parse(note)
    assert time.thread_time() - start < 1
