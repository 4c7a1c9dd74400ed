"""What is read without markdown-it is what markdown-it reads."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.read import markdown, markdown_plain
from checks.standard import MINIMAL
from checks.standards import all_standards
from tests.stories.model_project import PROJECT

PLAIN = """\
# Iris

Tells the **kinds** of iris apart, as `model.py` says: see [the_docs](https://a.b/c?d=e&f=g_h#i), <https://a.b/c>
and **Logs:** s3://bucket/a-b/c. An A & B, "quoted", 50 % of x > y.
## Run it

    make all  # now

    make none

```sh
aws s3 cp s3://a/b \\
  .
```

- Weights: [s3://a/b](https://c.d/e)
- `code`
"""
PIECES = (
    *("\n", "\n\n", " ", "  ", "    ", "\t", "\r\n", "\f", "\u00a0", "\x00", "a", "b c", "é", "—", "1.", "12", "2) "),
    *("# ", "## ", "#", " #", "- ", "* ", "+ ", "\n- ", "\n* ", "> ", "===", "---", "|", "| a | b |\n", "|---|---|\n"),
    *("`", "``", "```", "\n```\n", "\n```sh\n", "~~~", "*", "**", "_", "__", "~~", "~", "\\", "!", ".", ":", '"', "'"),
    *(
        "[",
        "]",
        "](",
        "](u)",
        "[a]: u\n",
        "[a](u)",
        "[a_b](u)",
        "[`c`](u)",
        "[**c**](u)",
        '[a](u "t")',
        "![a](u)",
        "]:",
    ),
    *("<", ">", "<b>", "<!-- x -->", "<https://a.b/c>", "<https://A.b/%20>", "<a@b.c>", "&", "&amp;", "&#35;", "&c"),
    *("**bold**", "**a:** ", "(**a**)", "**a**b", "`code`", "` a `", "x_y", "_x", "x_", "http://a.b/c_d?e=f&g=h"),
)


def told(tokens: list[Any]) -> Iterator[tuple[Any, ...]]:
    """All that is used of tokens; empty texts say nothing."""
    for token in tokens:
        match token.type:
            case "inline":
                yield "inline", token.map, [*told([one for one in token.children if one.type != "text" or one.content])]
            case "text" | "code_inline":
                yield token.type, token.content
            case "link_open":
                yield token.type, dict(token.attrs), token.markup
            case "fence" | "code_block" | "html_block":
                yield token.type, token.content, token.map
            case _:
                yield token.type, token.tag if token.type == "heading_open" else ""


def holds(text: str) -> bool:
    """Whether it was read without markdown-it; fails where it was read otherwise."""
    lines = re.split(r"\r\n|\n|\r", text)
    plain = markdown_plain.tokens(lines)
    if plain is None:
        return False
    references: dict[str, Mapping[str, Any]] = {}
    assert [*told(plain)] == [*told(markdown._parser().parse("\n".join(lines), references))]
    assert not references.get("references")
    return True


@pytest.mark.parametrize("text", [MINIMAL["README.md"], str(PROJECT["README.md"]), PLAIN])
def test_what_many_readmes_are_made_of_is_plain(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "more", ["- a\n* b", "- a\n\n- b", "`a``b`", "[a]: b", "*a*", "a\n===", "1. a", "<b>", "a  \nb"]
)
def test_anything_else_is_left_to_markdown_it(more: str) -> None:
    assert not holds(f"a\n\n{more}\n")


@settings(max_examples=250, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.characters(), max_size=12).map("".join))
def test_any_text_reads_the_same(text: str) -> None:
    holds(text)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_a_plain_text_with_something_put_in_reads_the_same(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(PLAIN)))
    cut = data.draw(st.integers(0, 4))
    holds(PLAIN[:at] + data.draw(st.sampled_from(PIECES)) + PLAIN[at + cut :])


def test_real_texts_read_the_same_whole_and_in_parts() -> None:
    examples = [e.files[p] for s in all_standards() for e in s.examples for p in e.files if p.endswith(".md")]
    texts = [data.decode(errors="replace") for data in examples if data]
    packages = [str(one.metadata.get_payload()) for one in distributions()]
    texts += random.Random(1).sample(packages, min(40, len(packages)))
    parts = [part for text in texts for part in (text[:20_000], *text[:20_000].split("\n\n"))]
    assert sum(holds(part) for part in parts) > len(parts) / 4
