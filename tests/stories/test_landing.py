"""How snitch's commits come onto a branch: what they say, who is told before, and what GitLab may say against them."""

from __future__ import annotations

import re

import pytest

from tests.gitlab import suggesting
from tests.gitlab.model import DEVELOPER, MAINTAINER
from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT, UNLABELLED, UNPREDICTING, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}


# ── what the commit says ─────────────────────────────────────────────────────────────────────────────────────────────


def trailers(message: str) -> list[str]:
    return message.rstrip().rpartition("\n\n")[2].split("\n")


def test_who_asked_is_a_co_author_by_the_address_that_gitlab_gives_to_everybody(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).say("/snitch fix", by=story.developer)
    assert trailers(story.commits()[0].message) == [
        "Snitch-Requested-By: @developer",
        f"Co-authored-by: Developer <{story.developer.id}-developer@users.noreply.127.0.0.1>",
    ]
    assert story.developer.email not in story.commits()[0].message, "an address that nobody is shown stays private"


def test_a_name_can_not_add_a_trailer(story: Story) -> None:
    story.developer.name = "Eve <eve@example.com>\nSigned-off-by: Mallory <m@example.com>"
    story.opened({"serve.py": UNTRACED}).say("/snitch fix", by=story.developer)
    last = trailers(story.commits()[0].message)
    assert len(last) == 2 and last[1].count("<") == last[1].count(">") == 1


def test_the_rule_of_an_unsafe_fix_is_named_in_the_trailer(story: Story) -> None:
    story.opened({"serve.py": UNPREDICTING}).say("/snitch fix --unsafe 4.predict", by=story.developer)
    assert "Snitch-Unsafe: 4.predict" in trailers(story.commits()[0].message)


def test_a_projects_own_template_for_suggestions_is_the_title(story: Story) -> None:
    template = "fix(%{branch_name}): %{suggestions_count} in %{files_count}, %{file_paths} for %{username} %{else}"
    story.project.settings["suggestion_commit_message"] = template
    story.opened(MESSY).say("/snitch fix", by=story.developer)
    title, _, rest = story.commits()[0].message.partition("\n")
    assert title == "fix(change): 3 in 2, Dockerfile, serve.py for developer %{else}"
    assert "snitch: fix standards 6, 10" in rest and "Snitch-Requested-By: @developer" in rest


@pytest.mark.parametrize("words", ["[skip ci]", "[ci skip]", "[Skip-CI]"])
def test_no_commit_skips_its_pipeline(story: Story, words: str) -> None:
    story.project.settings["suggestion_commit_message"] = f"Tidy {words}"
    story.opened({"serve.py": UNTRACED}).say("/snitch fix")
    assert not re.search(r"\[(ci[ _-]skip|skip[ _-]ci)\]", story.commits()[0].message, re.I)


def test_a_path_closes_no_issue_and_skips_no_pipeline(begin: Begin) -> None:
    folder = "[skip ci] closes #1 @author"
    story = begin({f"{folder}/{path}": data for path, data in PROJECT.items()})
    story.opened({f"{folder}/serve.py": UNTRACED}).say("/snitch fix 10")
    message = story.commits()[0].message
    assert story.commits()[0].author_name == "snitch"
    assert "#1" not in message and "[skip ci]" not in message and "@author" not in message.partition("Snitch-")[0]


# ── approvals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_that_the_push_takes_approvals_away_is_said_before_it(story: Story) -> None:
    story.gitlab.knobs.premium = True
    story.opened(MESSY)
    story.gitlab.approve(story.request, story.maintainer)
    heads: list[str] = []
    story.meanwhile("POST", "/notes$", lambda: heads.append(story.head))
    before = story.head
    note = story.say("/snitch fix", by=story.developer)
    first, second = story.replies(note)
    assert "1 person has approved this" in first.body and "takes approvals away" in first.body
    assert heads == [before], "it stands there before anything is pushed"
    assert second.body.startswith("Done, as commit") and story.request.approved_by == []


@pytest.mark.parametrize("settings", [{"reset_approvals_on_push": False}, None])
def test_nothing_is_said_where_approvals_stay(story: Story, settings) -> None:
    story.gitlab.knobs.premium = settings is not None
    story.project.approval_settings = settings or {}
    story.opened(MESSY)
    story.gitlab.approve(story.request, story.maintainer)
    note = story.say("/snitch fix", by=story.developer)
    assert "Done" in story.reply(note) and story.request.approved_by == [story.maintainer]


def test_what_is_hidden_from_the_bot_is_said_with_an_if(story: Story) -> None:
    story.gitlab.knobs.premium, story.gitlab.knobs.approval_settings_level = True, MAINTAINER
    story.opened(MESSY)
    story.gitlab.approve(story.request, story.maintainer)
    note = story.say("/snitch fix", by=story.developer)
    assert "If this project is set so" in story.replies(note)[0].body


def test_nothing_is_said_where_nobody_has_approved(story: Story) -> None:
    story.gitlab.knobs.premium = True
    note = story.opened(MESSY).say("/snitch fix", by=story.developer)
    assert len(story.replies(note)) == 1


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_server_hook_says_reaches_the_person(story: Story) -> None:
    story.project.push_refusal = "GitLab: Every commit needs a ticket, as in IRIS-12."
    before = story.opened(MESSY).head
    note = story.say("/snitch fix", by=story.developer)
    assert "Every commit needs a ticket, as in IRIS-12." in story.reply(note) and "git apply" in story.reply(note)
    assert (story.head, story.emojis(note)) == (before, ["eyes", "x"])


def test_where_unsigned_commits_are_refused_gitlab_makes_the_commit_on_a_branch_of_its_own(story: Story) -> None:
    story.project.signed_only = True
    reviewed = story.opened(MESSY).head
    note = story.say("/snitch fix", by=story.developer)
    (own,) = [mr for mr in story.project.merge_requests.values() if mr is not story.request]
    assert (own.target_branch, own.author) == (story.branch, story.bot)
    assert story.gitlab.head(story.project, own.source_branch) != reviewed == story.head
    made = story.gitlab.read(story.project, own.source_branch, "serve.py") or b""
    assert b"ddtrace.patch(tornado=True)" in made
    assert "not signed" in story.reply(note) and f"/-/merge_requests/{own.iid}" in story.reply(note)
    assert story.emojis(note) == ["eyes", "white_check_mark"]
    story.project.signed_only = False
    story.gitlab.merge(own, story.developer)
    story.work()
    assert (story.open_threads(), story.status()) == ([], "success")


def test_where_gitlab_does_not_make_the_commit_either_its_words_are_told(story: Story) -> None:
    story.project.signed_only = True
    story.opened(MESSY)
    story.gitlab.protect(story.project, "snitch/*")
    note = story.say("/snitch fix", by=story.developer)
    assert "You are not allowed to push into this branch" in story.reply(note)
    assert len(story.project.merge_requests) == 1 and story.emojis(note) == ["eyes", "x"]
    story.gitlab.reset_calls()


def test_a_branch_that_is_deleted_meanwhile_is_not_brought_back(story: Story) -> None:
    story.opened(MESSY)
    story.meanwhile(
        "POST", "git-receive-pack", lambda: story.gitlab.delete_branch(story.project, story.branch, story.author)
    )
    note = story.say("/snitch fix", by=story.developer)
    assert "the branch `change` does not exist any more" in story.reply(note)
    assert story.emojis(note) == ["eyes", "x"]
    with pytest.raises(AssertionError):
        _ = story.head


def test_where_gitlab_is_behind_its_own_branch_it_is_waited_for(story: Story) -> None:
    """The second command of a note comes to a merge request that does not know the first one's commit yet."""
    story.opened(MESSY)
    story.gitlab.knobs.lag = float("inf")
    story.engine.before_retry = story.gitlab.settle
    note = story.say("/snitch fix 10\n/snitch fix 6", by=story.developer)
    story.gitlab.settle()
    story.gitlab.knobs.lag = 0.0
    story.work()
    assert [commit.author_name for commit in story.commits()] == ["snitch", "snitch", "Author"]
    assert len(story.replies(note)) == 2 and story.status() == "success"


# ── races ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_people_press_apply_while_a_fix_is_made(story: Story) -> None:
    """Both buttons win, in turn, and the fix makes what is left: nothing, so that it makes no commit."""
    story.opened(MESSY)
    first, second = story.suggestions()
    pressed: list[str] = []

    def press() -> None:
        pressed.append(story.gitlab.apply_suggestions(story.author, first))
        with pytest.raises(suggesting.NotApplicable):  # the head moved: GitLab itself refuses the other button
            story.gitlab.apply_suggestions(story.developer, second)

    story.meanwhile("POST", "git-receive-pack", press)
    note = story.say("/snitch fix", by=story.developer)
    fixed, applied, _ = story.commits()
    assert applied.sha == pressed[0] and fixed.parents == (applied.sha,)
    assert len(story.changed(fixed.sha)) == 1, "what was pressed is not done again"
    assert (story.open_threads(), story.status(), len(story.replies(note))) == ([], "success", 1)


def test_all_buttons_pressed_while_a_fix_is_made_leave_nothing_to_commit(story: Story) -> None:
    story.opened(MESSY)
    chosen = story.suggestions()
    story.meanwhile("POST", "git-receive-pack", lambda: story.gitlab.apply_suggestions(story.author, *chosen))
    note = story.say("/snitch fix", by=story.developer)
    assert "Nothing was committed" in story.reply(note) and len(story.commits()) == 2
    assert (story.open_threads(), story.status()) == ([], "success")


def test_two_people_who_ask_at_once_get_one_commit(story: Story) -> None:
    story.opened(MESSY)
    notes = [story.comment("/snitch fix", by=who) for who in (story.author, story.developer)]
    story.work()
    assert [commit.author_name for commit in story.commits()] == ["snitch", "Author"]
    assert [len(story.replies(note)) for note in notes] == [1, 1]


# ── no loops ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_merge_request_of_another_bot_is_reviewed_and_fixed_like_anyones(story: Story) -> None:
    other = story.gitlab.add_user("renovate", bot=True)
    story.gitlab.add_member(story.project, other, DEVELOPER)
    story.author = other
    story.opened(MESSY)
    assert len(story.threads()) == 2
    story.say("/snitch fix", by=story.developer)
    assert story.status() == "success"


def test_snitch_does_not_obey_itself(story: Story) -> None:
    story.opened(MESSY)
    before = story.head
    note = story.say("/snitch fix", by=story.bot)
    assert (story.head, story.replies(note), story.emojis(note)) == (before, [], [])
    story.gitlab.delete_note(note)
    story.gitlab.mails.clear()
