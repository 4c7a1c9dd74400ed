"""Links of Markdown: which count as such, where they stand, and what is said around them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import Unparsable
from checks.read.markdown import MAX_BYTES, Link, parse
from checks.read.markdown_links import registry_references, without_comments

IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/iris"


def links(text: str) -> list[Link]:
    return list(parse(text.encode()).links)


def urls(text: str) -> list[str]:
    return [link.url for link in links(text)]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("[a](https://a.b/c)", "https://a.b/c"),
        ("[a]: https://a.b/c\n\n[text][a]", "https://a.b/c"),
        ("<https://a.b/c>", "https://a.b/c"),
        ("see https://a.b/c.", "https://a.b/c"),
        ("(https://a.b/c)", "https://a.b/c"),
        ("(https://a.b/c_(d))", "https://a.b/c_(d)"),
        ("**https://a.b/c**", "https://a.b/c"),
        ("s3://a/b c", "s3://a/b"),
        ("[a](<s3://a/b c>)", "s3://a/b c"),
        ("| a |\n|-|\n| https://a.b/c |", "https://a.b/c"),
        ("<p><a class='x' href='https://a.b/c'>d</a></p>", "https://a.b/c"),
        ("a <A HREF=https://a.b/c>d</A>", "https://a.b/c"),
        ("> - 1. https://a.b/c", "https://a.b/c"),
        ("# https://a.b/c", "https://a.b/c"),
        ("[a]()", ""),
        ("[a](https://a/{b})", "https://a/{b}"),
        ("https://a/<name>", "https://a/<name>"),
        ("https://a/b<br>c", "https://a/b"),
        (f"`{IMAGE}`", IMAGE),
        (f"{IMAGE}:1.0", f"{IMAGE}:1.0"),
        ("```\naws --profile x s3 cp s3://a/b .\n```", "s3://a/b"),
        ("```\naws s3 sync \\\n  s3://a/b .\n```", "s3://a/b"),
        (f"```\n$ docker run -p 1:1 {IMAGE}\n```", IMAGE),
        (f"    podman pull {IMAGE}", IMAGE),
    ],
)
def test_a_link_is_found_in_every_form(text: str, url: str) -> None:
    assert urls(f"{text}\n") == [url]


@pytest.mark.parametrize(
    "text",
    [
        "![a](https://a.b/c.png)",
        "`https://a.b/c`",
        "<!-- https://a.b/c -->",
        "a <!-- [b](https://a.b/c) --> d",
        "```\nhttps://a.b/c\n```",
        "```\n# aws s3 ls s3://a/b\n```",
        "```\ncurl s3://a/b; echo\n```",
        "[a]: https://a.b/c",
        "\\[a\\](b)",
        "README.md",
        "file.s3://",
    ],
)
def test_what_is_shown_as_no_link_is_none(text: str) -> None:
    assert urls(f"{text}\n") == []


def test_a_link_knows_its_list_its_row_and_its_headings() -> None:
    text = """# Title

## Deployments

Live ones:

- here
  - [x](https://a)

### Old

| Stage | Address |
|-------|---------|
| dev   | https://b |

## More
https://c in a line
and https://d in another
"""
    found = {link.url: (link.around or link.line, link.headings) for link in links(text)}
    assert found == {
        "https://a": (("x Live ones:", "here Live ones:"), ("Deployments",)),
        "https://b": (("dev https://b Stage Address ",), ("Old", "Deployments")),
        "https://c": ("https://c in a line", ("More",)),
        "https://d": (" and https://d in another", ("More",)),
    }


def test_a_link_stands_where_its_address_stands() -> None:
    text = "# é\r\n\r\na\r\nbé [c](https://d) e\r\n\r\n```\r\naws s3 ls s3://f\r\n```\r\n<p>\r\n<a href='https://g'>h</a>\r\n"
    assert [(link.span.line, link.span.column, link.span.end_column) for link in links(text)] == [
        (4, 8, 17),
        (7, 11, 17),
        (10, 10, 19),
    ]


def test_headings_know_their_sections() -> None:
    page = parse(b"A\n=\n\ntext\n\n## B *c*\n\n### D\n")
    assert [(h.text, h.level, h.line, h.end) for h in page.headings] == [
        ("A", 1, 1, 6),
        ("B c", 2, 6, 8),
        ("D", 3, 8, 10),
    ]


@pytest.mark.parametrize(
    ("text", "shown"), [("# a\n", False), ("# a\n<!-- b -->\n", False), ("# a\nb", True), ("", False)]
)
def test_a_title_alone_shows_nothing(text: str, shown: bool) -> None:
    assert parse(text.encode()).shown is shown


@pytest.mark.parametrize("data", ["# é\r\n".encode(), b"\xef\xbb\xbf# a", "é\n".encode("utf-16"), b"a\r\nb\nc\rd"])
def test_a_text_is_encoded_as_it_was(data: bytes) -> None:
    page = parse(data)
    assert page.encode(page.text) == data


def test_a_text_that_is_not_utf_8_is_read_and_never_written() -> None:
    page = parse("[é](https://a.b)".encode("latin-1"))
    assert [link.url for link in page.links] == ["https://a.b"]
    assert page.encode(page.text) is None


def test_comments_without_an_end_go_on_to_the_end() -> None:
    assert without_comments("a<!-- b -->c<!-- d") == "ac"


def test_references_to_images_are_found_in_any_text() -> None:
    assert registry_references(f"image: '{IMAGE}@sha256:1' # {IMAGE}") == (f"{IMAGE}@sha256:1", IMAGE)


@settings(deadline=None)
@given(st.binary(max_size=80) | st.text(alphabet="[]()<>!-#*_`|: \n\thttps:/a=\"'{}", max_size=120).map(str.encode))
def test_any_bytes_are_read_and_every_link_stands_in_the_file(data: bytes) -> None:
    page = parse(data)
    lines = page.text.split("\n")
    for link in page.links:
        assert 1 <= link.span.line <= len(lines)
        assert link.span.end_column <= len(lines[link.span.end_line - 1]) + 1


def test_what_is_too_large_is_not_parsed() -> None:
    with pytest.raises(Unparsable, match="256 KiB"):
        parse(b"a" * (MAX_BYTES + 1))


HOSTILE = (
    *("# a\n", "- https://a\n", "https://a))))", "[a](b) ", "<a href=b>", "<p><a href=b>", "<!--", "![a", "aws s3 "),
    *(
        "|a",
        "* a\n  ",
        "a.dkr.ecr.",
        "[a](b)\n",
        "```\naws s3 ls \\\n",
        "> ",
        ": \n\n- a\n\n",
        "https://a",
        "<a href='",
    ),
)


@pytest.mark.parametrize("pattern", HOSTILE)
def test_hostile_text_takes_time_in_proportion_to_its_length(pattern: str) -> None:
    started = time.process_time()
    parse((pattern * 40_000)[:40_000].encode())
    assert time.process_time() - started < 5
