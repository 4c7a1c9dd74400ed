"""Suggestions, read from a note and applied to a file, as GitLab does.

Written from lib/gitlab/diff/suggestions_parser.rb, lib/gitlab/diff/suggestion.rb, app/models/suggestion.rb,
app/models/concerns/suggestible.rb and lib/gitlab/suggestions/*.rb.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.gitlab.markdown import fences

MOST_LINES = 100  # above and below each, silently
RANGE = re.compile(r"(?:-(\d+))?(?:\+(\d+))?")
DEFAULT_MESSAGE = "Apply %{suggestions_count} suggestion(s) to %{files_count} file(s)"
OVERLAP = "Suggestions are not applicable as their lines cannot overlap."
MOVED = "A file has been changed."
OTHER_BRANCHES = "Suggestions must all be on the same branch."
NOT_FOUND = "A file was not found."
GENERIC = "A suggestion is not applicable."


@dataclass(frozen=True, slots=True)
class Suggested:
    """One block: `above` and `below` of the note's line, as capped; `content` without its last newline."""

    above: int
    below: int
    content: str

    def first(self, line: int) -> int:
        return max(1, line - self.above)

    def last(self, line: int) -> int:
        return line + self.below


def parse(markdown: str) -> list[Suggested]:
    """The suggestion blocks of a note. A range that is not `-A+B` counts as `-0+0`."""
    found = []
    for info, content in fences(markdown.replace("\r", "")):
        language, _, parameters = info.partition(":")
        if language == "suggestion":
            matched = RANGE.fullmatch(parameters)
            above, below = (int(number or 0) for number in matched.groups()) if matched else (0, 0)
            found.append(Suggested(min(above, MOST_LINES), min(below, MOST_LINES), content.removesuffix("\n")))
        elif info.split(" ")[0] == "suggestion":
            found.append(Suggested(0, 0, content.removesuffix("\n")))
    return found


def suggestible(position: Mapping[str, Any] | None) -> bool:
    """Only where the line exists in the new file; elsewhere a block is plain code."""
    return bool(position and position["position_type"] == "text" and position["new_line"])


def contents(blob: bytes, line: int, suggested: Suggested) -> tuple[str, str]:
    """What stands there and what would stand there, line terminators included (bytes that are not UTF-8: surrogates).

    The terminator of the last replaced line is kept; a blank suggestion deletes the lines.
    """
    old = "".join(_lines(blob)[suggested.first(line) - 1 : suggested.last(line)])
    if not suggested.content.strip():
        return old, ""
    last = next(reversed(_lines(old.encode("utf-8", "surrogateescape"))), "")
    ending = re.search(r"\r\n|\r|\n", last)
    return old, suggested.content + (ending[0] if ending else "")


def apply(blob: bytes, line: int, suggested: Suggested) -> bytes:
    return apply_all(blob, [(line, suggested)])


def apply_all(blob: bytes, suggestions: Iterable[tuple[int, Suggested]]) -> bytes:
    """Several at once, each on its line of the file as it is now; they must not overlap."""
    lines = _lines(blob)
    for line, one in sorted(suggestions, key=lambda pair: pair[1].first(pair[0]), reverse=True):
        lines[one.first(line) - 1 : one.last(line)] = [contents(blob, line, one)[1]]
    return "".join(lines).encode("utf-8", "surrogateescape")


def _lines(blob: bytes) -> list[str]:
    """Lines with their terminators; only a line feed ends one."""
    return [line.decode("utf-8", "surrogateescape") for line in re.findall(rb"[^\n]*\n|[^\n]+", blob)]


def overlap(suggestions: Sequence[tuple[str, int, Suggested]]) -> bool:
    """Whether two of them, given as (path, line, suggestion), replace the same line."""
    ranges = sorted((path, one.first(line), one.last(line)) for path, line, one in suggestions)
    return any(first[0] == then[0] and then[1] <= first[2] for first, then in pairwise(ranges))


def why_not(
    *,
    path: str,
    now: str | None,
    from_content: str,
    to_content: str,
    active: bool,
    applied: bool = False,
    state: str = "opened",
    branch_exists: bool = True,
) -> str | None:
    """GitLab's sentence for a suggestion that can't be applied; None where it can.

    `now` is what stands on its lines at the head of the source branch (None: no such file); `active` whether the note's
    position is on the current diff refs.
    """
    lines = "this line was" if from_content.count("\n") <= 1 else "these lines were"
    reasons = (
        (applied, "Can't apply this suggestion."),
        (state == "merged", "This merge request was merged. To apply this suggestion, edit this file directly."),
        (state != "opened", "This merge request is closed. To apply this suggestion, edit this file directly."),
        (not branch_exists, "Can't apply as the source branch was deleted."),
        (now != from_content or not active, f"Can't apply as {lines} changed in a more recent version."),
        (from_content == to_content, "This suggestion already matches its content."),
        (path.endswith(".ipynb"), "Can't apply this suggestion."),
    )
    return next((reason for holds, reason in reasons if holds), None)


def appliable(**facts: Any) -> bool:
    """The field of the API; takes what `why_not` takes."""
    return why_not(**facts) is None


def commit_message(template: str, values: Mapping[str, object]) -> str:
    """The project's template (`%{name}`), else GitLab's own."""
    return re.sub(r"%\{(\w+)\}", lambda name: str(values.get(name[1], name[0])), template or DEFAULT_MESSAGE)
