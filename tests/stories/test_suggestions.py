"""Suggestions, pressed by people."""

from __future__ import annotations

import itertools

import pytest

from tests.stories.model_project import DOCKERFILE, ELSEWHERE, LONELY, UNIGNORING, UNLABELLED, UNTRACED
from tests.stories.story import Story, place, rules_of

CRLF = UNTRACED.replace("\n", "\r\n").encode()
BROKEN = {
    "untraced": {"serve.py": UNTRACED},
    "no final newline": {"serve.py": UNTRACED.removesuffix("\n")},
    "CRLF": {".gitlab-ci.yml": ELSEWHERE.replace("\n", "\r\n").encode()},
    "labels": {"Dockerfile": UNLABELLED},
    "labels at the end": {"Dockerfile": "FROM python:3.11-slim\nCOPY . ."},
    "weights elsewhere": {".gitlab-ci.yml": ELSEWHERE},
    "weights not ignored": {".gitignore": UNIGNORING},
    "weights not ignored, no final newline": {".gitignore": UNIGNORING.removesuffix("\n")},
    "no pipeline": {".gitlab-ci.yml": LONELY},
    "all": {
        "serve.py": UNTRACED,
        "Dockerfile": UNLABELLED,
        ".gitlab-ci.yml": ELSEWHERE,
        ".gitignore": UNIGNORING,
    },
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN)
def test_each_suggestion_pressed_makes_its_findings_vanish_and_changes_nothing_else(story: Story, files) -> None:
    story.opened(files)
    assert story.suggestions()
    while chosen := story.suggestions():
        thread, before = chosen[0].note.discussion, story.rules()
        about, path = set(rules_of(thread)), place(thread)[0]
        made = story.apply(chosen[0])
        assert set(before) - set(story.rules()) == about
        assert thread.resolved
        ((changed, (old, new)),) = story.changed(made).items()
        assert changed == path
        assert_only_lines_changed(old, new, chosen[0].from_content, chosen[0].to_content)
    assert (story.open_threads(), story.status()) == ([], "success")


def assert_only_lines_changed(old: bytes | None, new: bytes | None, gone: str, come: str) -> None:
    assert old is not None and new is not None
    assert old.count(gone.encode()) >= 1
    spots = (at for at in range(len(old)) if old.startswith(gone.encode(), at))
    assert any(old[:at] + come.encode() + old[at + len(gone.encode()) :] == new for at in spots)


def test_all_suggestions_pressed_at_once_leave_nothing(story: Story) -> None:
    story.opened(BROKEN["all"])
    story.apply(*story.suggestions())
    assert (story.open_threads(), story.status()) == ([], "success")


def test_suggestions_of_one_review_never_overlap(story: Story) -> None:
    from tests.stories.story import suggested

    story.opened(BROKEN["all"])
    ranges = sorted((place(one.note.discussion)[0], *suggested(one)) for one in story.suggestions())
    for (path, _, last), (other, first, _) in itertools.pairwise(ranges):
        assert path != other or last < first


def test_what_a_reopened_thread_offers_where_its_line_was_gone_meanwhile_is_a_diff(story: Story) -> None:
    """GitLab applies nothing in a thread whose position is outdated."""
    story.opened({"Dockerfile": UNLABELLED}).pushed({"Dockerfile": DOCKERFILE}).pushed({"Dockerfile": UNLABELLED})
    (thread,) = story.open_threads()
    assert thread.notes[0].suggestions == [] and "```diff" in thread.notes[0].body


def test_a_suggestion_whose_line_a_push_changes_is_renewed(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).pushed(
        {"serve.py": UNTRACED.replace("import kserve\n", "import kserve  # v0.8\n")}
    )
    (thread,) = story.open_threads()
    assert "# v0.8" in thread.notes[0].body


def test_a_fix_of_a_file_with_crlf_keeps_every_line_end(story: Story) -> None:
    """GitLab puts bare line feeds inside of a suggestion: a fix of more than one line is shown as a diff instead."""
    story.opened({"serve.py": CRLF})
    for suggestion in story.suggestions():
        story.apply(suggestion)
    story.say("/snitch fix")
    data = story.read("serve.py")
    assert data is not None and data.count(b"\n") == data.count(b"\r\n")
    assert story.status() == "success"
