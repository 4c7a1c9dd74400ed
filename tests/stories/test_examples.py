"""Every bad example of every standard as a merge request: told where GitLab accepts it, with a right suggestion."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bot.threads import entry
from checks.discover import Repository
from checks.inspection import inspect
from checks.policy import Policy
from checks.standard import MINIMAL, Example, Standard
from checks.standards import all_rules, all_standards
from checks.tree import MemoryTree
from checks.waiving import WAIVER
from tests.gitlab import suggesting, suggestions
from tests.gitlab.githost import read
from tests.gitlab.model import Note
from tests.stories import laws
from tests.stories.conftest import Begin
from tests.stories.story import Story, place, rules_of

LEVELS = {rule.id: rule.level for rule in all_rules()}
FACTS = {"project_path": "models/iris", "ci_config_path": "", "topics": ()}


def plain(standard: Standard) -> list[Example]:
    """Those that need no policy and no outside fact of their own."""
    return [one for one in standard.examples if one.kind == "bad" and not one.policy and not one.facts]


def found(files: Mapping[str, bytes]) -> set[str]:
    today = datetime.now(UTC).date()
    report = inspect(MemoryTree(files), Policy(), today, Repository("iris", FACTS, {".": None})).report
    return {entry(finding) for finding in report.findings}


def assert_told(story: Story, example: Example) -> None:
    """In a thread, or in the summary; a milder finding in the summary."""
    told = {rule for thread in story.open_threads() for rule in rules_of(thread)}
    summary = story.summary()
    assert example.rule in told or (summary is not None and f"**{example.rule}**" in summary.body)
    assert [call for call in story.calls() if call.status >= 400 and call.user == story.bot.username] == []


def assert_suggestions_do_what_they_say(story: Story, example: Example) -> None:
    before = found(example.tree)
    for thread in story.open_threads():
        for suggestion in thread.notes[0].suggestions:
            assert 0 in (suggestion.asked.above, suggestion.asked.below), "the thread stands where the range ends"
            path = place(thread)[0]
            after = found({**example.tree, path: pressed(suggestion.note)})
            about = {name for name in before if rule_of(name) in rules_of(thread)}
            gone = before - after
            # One milder finding may go along: a datasets' address in its form is the link that 7.datasets asks for.
            told = {name for name in gone if LEVELS[rule_of(name)] == "enforce" and rule_of(name) != WAIVER}
            # A waiver is known by the line that it is for, which may be another one now.
            new = {name for name in after - before if rule_of(name) != WAIVER}
            assert gone & about and told <= about and not new, (path, suggestion.asked)


def rule_of(name: str) -> str:
    return name.rpartition(":")[0]


def pressed(note: Note) -> bytes:
    blob = read(note.discussion.mr.project.repo, note.discussion.mr.head, suggesting.path(note))
    assert blob is not None
    return suggestions.apply(blob, suggesting.line(note), note.suggestions[0].asked)


@pytest.mark.parametrize("standard", all_standards(), ids=lambda standard: str(standard.number))
def test_the_bad_examples_of_a_standard_are_told_and_mended(begin: Begin, standard: Standard) -> None:
    story = begin(MINIMAL)
    base = {path: text.encode() for path, text in MINIMAL.items()}
    for number, example in enumerate(plain(standard)):
        story.gitlab.reset_calls()
        gone = [path for path in base if path not in example.tree]
        changed = {path: data for path, data in example.tree.items() if path not in base or base[path] != data}
        story.open(changed, delete=gone, branch=f"example-{number}", title=f"{example.rule} {number}")
        story.work()
        try:
            assert_told(story, example)
            assert_suggestions_do_what_they_say(story, example)
            laws.suggestions_are_valid(story)
            laws.nothing_of_a_repository_is_markdown(story)
        except AssertionError as error:
            raise AssertionError(f"{example.rule} {number} {changed}: {error}") from error
