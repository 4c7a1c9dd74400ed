"""`/snitch undo`."""

from __future__ import annotations

import pytest

from tests.gitlab import githost
from tests.gitlab.model import GUEST
from tests.stories.model_project import UNIGNORING, UNLABELLED, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED, ".gitignore": UNIGNORING}


def test_it_takes_back_snitchs_commit_to_the_byte(story: Story) -> None:
    story.opened(MESSY).say("/snitch fix", by=story.developer)
    fixed = story.commits()[0]
    note = story.say("/snitch undo", by=story.author)
    undone = story.commits()[0]
    assert undone.parents == (fixed.sha,)
    assert {path: story.read(path) for path in MESSY} == {path: text.encode() for path, text in MESSY.items()}
    assert undone.title == f'Revert "{fixed.title}"' and fixed.sha in undone.message
    assert "Snitch-Requested-By: @author" in undone.message
    assert undone.sha in story.reply(note) and story.emojis(note) == ["eyes", "white_check_mark"]
    assert len(story.open_threads()) == len(story.threads()), "what the fix had resolved is open again"


def test_a_file_that_the_fix_made_is_gone_again(story: Story) -> None:
    story.opened(delete=[".gitignore"]).say("/snitch fix", by=story.developer)
    assert story.read(".gitignore")
    story.say("/snitch undo", by=story.developer)
    assert story.read(".gitignore") is None


def test_it_takes_back_nothing_where_the_branch_ends_with_a_persons_commit(story: Story) -> None:
    story.opened(MESSY).say("/snitch fix", by=story.developer)
    story.pushed({"docs/notes.md": "Mine.\n"})
    before = story.head
    note = story.say("/snitch undo", by=story.developer)
    assert (story.head, story.emojis(note)) == (before, ["eyes", "x"])
    assert f"`{before[:12]}`" in story.reply(note)


def test_a_suggestion_that_a_person_applied_is_no_commit_of_snitchs(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.apply(*story.suggestions())
    before = story.head
    note = story.say("/snitch undo", by=story.developer)
    assert story.head == before and "Nothing was undone" in story.reply(note)


def test_a_guest_undoes_nothing(story: Story) -> None:
    story.opened(MESSY).say("/snitch fix", by=story.developer)
    before = story.head
    note = story.say("/snitch undo", by=story.guest)
    assert (story.head, story.emojis(note)) == (before, ["eyes", "x"])
    assert "needs Developer access" in story.reply(note)


def test_a_branch_that_moves_meanwhile_is_not_taken_back(story: Story) -> None:
    story.opened(MESSY).say("/snitch fix", by=story.developer)
    story.meanwhile("POST", "git-receive-pack", lambda: story.push({"docs/notes.md": "Meanwhile.\n"}))
    note = story.say("/snitch undo", by=story.developer)
    assert "Nothing was undone" in story.reply(note)
    assert story.read("docs/notes.md") == b"Meanwhile.\n" and b"ddtrace.patch" in (story.read("serve.py") or b"")


def test_fixed_and_undone_in_one_comment_is_as_before(story: Story) -> None:
    story.opened(MESSY)
    note = story.say("/snitch fix\n/snitch undo", by=story.developer)
    assert [commit.author_name for commit in story.commits()] == ["snitch", "snitch", "Author"]
    assert story.read("serve.py") == UNTRACED.encode() and len(story.replies(note)) == 2


@pytest.mark.parametrize("level", [GUEST])
def test_who_lost_the_role_undoes_nothing(story: Story, level: int) -> None:
    story.opened(MESSY).say("/snitch fix", by=story.author)
    story.gitlab.add_member(story.project, story.author, level)
    before = story.head
    story.say("/snitch undo", by=story.author)
    assert story.head == before


def test_a_commit_that_only_looks_like_snitchs_and_touches_a_large_file_is_left_alone(story: Story) -> None:
    large = {"weights.bin": b"\0" * 3_000_000}
    story.gitlab.push(story.project, "main", large, by=story.maintainer)
    story.opened({"docs/notes.md": "x\n"})
    whose = (story.bot.username, story.bot.email)
    message = "snitch: fix standard 1\n\nSnitch-Requested-By: @author\n"
    made = githost.commit(story.project.repo, "scratch", {"weights.bin": None}, message, whose, story.head)
    story.gitlab.move_branch(story.project, story.branch, made, story.author)
    story.work()
    note = story.say("/snitch undo", by=story.developer)
    assert story.head == made and "Nothing was undone" in story.reply(note)
