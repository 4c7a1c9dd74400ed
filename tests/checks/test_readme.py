"""Standard 7 on a whole README: what is judged is the text, whatever its line ends; its fix changes nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.discover import Repository
from checks.finding import Outcome, Span
from checks.inspection import Inspection, inspect
from checks.policy import Policy
from checks.standard import MINIMAL
from checks.tree import MemoryTree

README = """\
# iris

Tells *kinds* apart, see [here][w].

## Deployments

| Stage | Address |
|-------|---------|
| dev   | <https://dev.example.com> |

## Links

* [Logs](#), [Logs](https://app.datadoghq.com/logs) and [APM](#)
* [Document]()

```sh
aws s3 cp \\
  s3://b/iris/datasets/1 datasets/
```

[w]: https://path.to/weights 'Weights'
"""


def look(data: bytes) -> Inspection:
    repository = Repository("iris", {"project_path": "models/iris"}, {".": None})
    tree = MemoryTree({**{path: text.encode() for path, text in MINIMAL.items()}, "README.md": data})
    return inspect(tree, Policy(), date(2026, 6, 1), repository)


def of_seven(inspection: Inspection) -> dict[str, Outcome]:
    outcomes = [one.outcome for project in inspection.report.projects for one in project.rules]
    return {one.rule: one for one in outcomes if one.rule.startswith("7.")}


def verdicts(inspection: Inspection) -> dict[str, tuple[object, ...]]:
    found = of_seven(inspection)
    return {rule: (o.result, [(f.message, f.fingerprint) for f in o.findings]) for rule, o in found.items()}


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "mixed": lambda text: text.replace("\n", "\r\n", 7).encode(),
    "BOM": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "lines above": lambda text: text.replace("Tells", "One more line.\n\nTells").encode(),
    "no line end": lambda text: text.rstrip("\n").encode(),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_verdict_is_the_same_in_every_encoding_and_with_every_line_end(name: str) -> None:
    plain = look(README.encode())
    assert verdicts(look(ENCODINGS[name](README))) == verdicts(plain)
    assert {rule for rule, one in of_seven(plain).items() if one.result == "pass"} == {
        "7.file",
        "7.datasets",
        "7.deployments",
        "7.logs",
    }


def test_a_placeholder_is_shown_where_it_stands_among_its_like() -> None:
    found = of_seven(look(README.encode()))
    places = {rule: one.findings[0].span for rule, one in found.items() if one.findings}
    rows = README.split("\n")
    shown = {rule: rows[s.line - 1][s.column - 1 : s.end_column - 1] for rule, s in places.items() if s}
    assert shown["7.apm"] == "#"
    assert places["7.apm"] and places["7.apm"].column == rows[12].rindex("#") + 1
    assert shown["7.confluence"] == "* [Document]()"
    assert shown["7.jira"] == "## Links"


def test_columns_count_from_the_last_line_feed_where_a_carriage_return_ends_lines_too() -> None:
    data = b"# iris\rTells kinds apart.\n[APM](#)\r[Jira](#)"
    found = of_seven(look(data))
    assert [found[rule].findings[0].span for rule in ("7.apm", "7.jira")] == [
        Span(2, 7, 2, 8),
        Span(2, 17, 2, 18),
    ]


pieces = st.lists(
    st.sampled_from(
        (
            *("# iris", "## Links", "Links\n-----", "- a", "* b", "  c", "1. d", "> e", "```", "~~~", "<!--", "-->"),
            *(
                "<pre>",
                "[w]: s3://b/models/1",
                "| a |\n|-|",
                "    code",
                "",
                "",
                "<div>",
                "\t",
                "text  ",
                "***",
                "## T",
            ),
        )
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=150)
@given(pieces, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_the_fix_adds_lines_to_any_readme_and_takes_nothing_away(lines: list[str], newline: str, ends: bool) -> None:
    text = newline.join("\n".join(lines).split("\n")) + (newline if ends else "")
    before = look(text.encode())
    wanted = [f for one in of_seven(before).values() for f in one.findings if f.rule in ("7.weights", "7.datasets")]
    combined = before.combine(wanted, unsafe=True)
    assert not before.unproven(wanted)
    after = (combined.edits.get("README.md") or text.encode()).decode()
    kept = iter(after)
    assert all(char in kept for char in text), "what was there is there still, in its order"
    start = next((i for i, (a, b) in enumerate(zip(text, after, strict=False)) if a != b), min(len(text), len(after)))
    assert text[start:] == after[len(after) - len(text) + start :], "the lines stand at one place"
    again = look(after.encode())
    left = [f for one in of_seven(again).values() for f in one.findings if f.rule in ("7.weights", "7.datasets")]
    assert not again.combine(left, unsafe=True).edits
