"""What holds at the end of every story."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot import words
from checks.discover import Repository
from checks.inspection import Granted, Inspection, inspect, never
from checks.policy import Policy
from checks.tree import MemoryTree
from tests.gitlab import githost, suggesting
from tests.gitlab.model import Discussion
from tests.stories.story import Story

READS = 6
"""The most calls that a head which was reviewed before may cost; where a waiver is new, whether it is granted is asked
once more.
"""
GRANTS = 6
GRANTING = ("/events", "/approvals", "/versions", "/members/all/:user_id")


def contents(story: Story, commit: str) -> dict[str, bytes]:
    """The files of a commit, as GitLab has them."""
    repo = story.project.repo
    paths = [str(one.path) for one in githost.tree(repo, commit)]
    return {path: githost.read(repo, commit, path) or b"" for path in paths}


def inspected(story: Story, base: str, policy: Policy, granted: Granted = never) -> Inspection:
    """What a check of the head since `base` says, worked out from the trees alone."""
    facts = {"project_path": story.project.path, "ci_config_path": "", "topics": ()}
    head, before = (MemoryTree(contents(story, commit)) for commit in (story.head, base))
    today, repository = datetime.now(UTC).date(), Repository(story.project.slug, facts, {})
    return inspect(head, policy, today, repository, before=before, granted=granted)


def check(story: Story) -> None:
    """All laws. A story in which GitLab made trouble clears the faults before."""
    no_quick_action_ran(story)
    no_secret_is_told(story)
    nothing_was_given_up(story)
    only_known_calls(story)
    one_mail_a_review(story)
    if story.mr is not None:
        nothing_is_said_twice(story)
        suggestions_are_valid(story)
        nothing_of_a_repository_is_markdown(story)
        planning_again_yields_nothing(story)


def planning_again_yields_nothing(story: Story) -> None:
    """Every delivery of the story once more: nothing is written, and little is read."""
    if story.request.state != "opened":
        return
    for delivery in [one for one in story.gitlab.deliveries if one.status == 202][-6:]:
        calls = story.again(delivery)
        writes = [call for call in calls if call.method != "GET"]
        assert not writes, f"a {delivery.event} delivered again wrote: {writes}"
        granting = [call for call in calls if call.route.endswith(GRANTING)]
        assert len(calls) <= READS + min(len(granting), GRANTS), calls


def nothing_is_said_twice(story: Story) -> None:
    """A finding has one thread, whatever became of it; a command has one reply."""
    marks = [words.mark_of(one.notes[0].body) for one in story.threads()]
    said = Counter(name for mark in marks if isinstance(mark, words.ThreadMark) for name in mark.findings)
    assert [name for name, count in said.items() if count > 1] == []
    replies = [words.mark_of(note.body) for note in story.notes()]
    answers = Counter((mark.note, mark.part) for mark in replies if isinstance(mark, words.ReplyMark))
    assert [key for key, count in answers.items() if count > 1] == []
    assert not [draft for draft in story.request.drafts if draft.author is story.bot], "drafts are left behind"
    story.summary()


def suggestions_are_valid(story: Story) -> None:
    """Each block is `-A+B`, read by GitLab as a suggestion, over lines that exist, and appliable at this head."""
    for thread in story.open_threads():
        for fence in re.findall(r"^`{3,}suggestion(.*)$", thread.notes[0].body, re.M):
            assert re.fullmatch(r":-\d+\+\d+", fence)
            _check_suggestion(thread)


def _check_suggestion(thread: Discussion) -> None:
    note = thread.notes[0]
    (suggestion,) = note.suggestions
    assert note.position is not None
    blob = githost.read(note.discussion.mr.project.repo, note.position["head_sha"], note.position["new_path"])
    assert blob is not None
    lines = blob.count(b"\n") + (not blob.endswith(b"\n"))
    line = suggesting.line(note)
    assert line - suggestion.asked.above >= 1 and line + suggestion.asked.below <= lines
    if note.discussion.mr.state == "opened" and suggesting.source_head(note.discussion.mr):
        assert suggesting.why_not(suggestion) is None


def one_mail_a_review(story: Story) -> None:
    """Threads and summaries go out as reviews, at most one a job; what goes out alone is the answer to a command."""
    for mail in story.gitlab.mails:
        if mail.author is story.bot and mail.kind == "note":
            assert [isinstance(words.mark_of(note.body), words.ReplyMark) for note in mail.notes] == [True]
    for job, mails in getattr(story.engine, "mails_of_jobs", ()):
        assert sum(mail.kind == "review" for mail in mails) <= 1, job


def no_quick_action_ran(story: Story) -> None:
    assert [action for action in story.gitlab.quick_actions if action.user is story.bot] == []


def no_secret_is_told(story: Story) -> None:
    texts = [note.body for mr in story.gitlab.state.merge_requests() for note in mr.notes()]
    texts += [status.description or "" for status in story.project.statuses]
    for text in (*texts, story.engine.said()):
        assert story.bot.token not in text


def nothing_of_a_repository_is_markdown(story: Story) -> None:
    """Outside of code, our notes mention nobody, link nowhere but to our GitLab, and carry no HTML but our own."""
    for note in story.notes():
        for token in _inline(MarkdownIt("commonmark").enable("table").parse(note.body)):
            match token.type:
                case "html_block" | "html_inline":
                    assert not OWN_HTML.sub("", token.content).strip(), token.content
                case "text":
                    assert not re.search(r"@\w|https?:|(?<!\w)[#!&%~]\w|\b[0-9a-f]{40}\b", _unhashed(token.content))
                case "link_open":
                    assert str(token.attrs["href"]).startswith(story.gitlab.url), token.attrs
                case "image":
                    raise AssertionError(token.content)
        assert not re.search(r"^[ ]{0,3}/\w", "\n".join(_outside_fences(note.body)), re.M), note.body


OWN_HTML = re.compile(r"</?details>|<summary>[\w ]+(?:, [\w ]+)?</summary>|<!-- snitch:[a-z]+ \{[^\n]*\} -->")


def _unhashed(text: str) -> str:
    """Without the id of our own commit."""
    return re.sub(r"^Done, as commit [0-9a-f]{40}:", "", text)


def _outside_fences(body: str) -> list[str]:
    lines, fence = [], ""
    for line in body.split("\n"):
        found = re.match(r"`{3,}", line)
        if not fence:
            lines.append(line)
            fence = found[0] if found else ""
        elif line == fence:
            fence = ""
    return lines


def _inline(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _inline(token.children or ())


def nothing_was_given_up(story: Story) -> None:
    assert story.engine.given_up == []


def only_known_calls(story: Story) -> None:
    """Nothing is asked that GitLab does not have, and no answer was a refusal (404: there is no such member, file…)."""
    assert story.gitlab.unknown_calls == []
    bad = [call for call in story.calls() if call.user == story.bot.username and call.status in (400, 405, 422)]
    assert bad == []
