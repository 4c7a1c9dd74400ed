"""`/snitch fix`: one commit on the reviewed head, pushed, never forced, by those who may."""

from __future__ import annotations

import re

import pytest

from tests.gitlab import githost
from tests.gitlab.model import DEVELOPER, GUEST, MAINTAINER
from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT, SERVE, UNLABELLED, UNPREDICTING, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}


def forked(story: Story, *, collaboration: bool) -> Story:
    """The merge request comes from the author's own fork; the author is no member of the project.

    Collaboration lets in those who may merge into the target branch: Developers here.
    """
    del story.project.members[story.author.id]
    story.gitlab.protect(story.project, "main", merge=DEVELOPER)
    fork = story.gitlab.fork(story.project, story.author)
    story.gitlab.push(fork, "change", MESSY, by=story.author)
    story.mr = story.gitlab.open_mr(
        story.project, "change", by=story.author, source=fork, allow_collaboration=collaboration
    )
    return story.work()


def assert_fixed(story: Story, reviewed: str, *, by: str = "developer", standards: str = "6, 10") -> None:
    """One commit of the bot's on the reviewed head, with exactly the fix, and the threads resolved."""
    commit = story.commits()[0]
    assert commit.parents == (reviewed,)
    assert story.gitlab.head(story.source, story.branch) == commit.sha
    assert set(story.changed(commit.sha)) == {"serve.py", "Dockerfile"}
    title, _, rest = commit.message.partition("\n")
    assert title == f"snitch: fix standards {standards}"
    trailers = rest.rstrip().rpartition("\n\n")[2].split("\n")
    assert trailers[0] == f"Snitch-Requested-By: @{by}"
    assert re.fullmatch(rf"Co-authored-by: {by.title()} <\d+-{by}@users\.noreply\.127\.0\.0\.1>", trailers[1])
    assert (story.open_threads(), story.status()) == ([], "success")


def test_a_developer_gets_one_commit_and_its_review_resolves_the_threads(story: Story) -> None:
    story.opened(MESSY)
    reviewed, count = story.head, len(story.commits())
    note = story.say("/snitch fix", by=story.developer)
    assert_fixed(story, reviewed)
    assert len(story.commits()) == count + 1, "the bot's own commit leads to a review and to no further commit"
    assert story.emojis(note) == ["eyes", "white_check_mark"]
    assert story.head in story.reply(note)
    assert all(len(thread.notes) == 1 for thread in story.threads())


def test_the_commit_is_the_fix_and_nothing_else(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.say("/snitch fix")
    old, new = story.changed(story.head)["serve.py"]
    assert old == UNTRACED.encode()
    assert (
        new
        == UNTRACED.replace(
            "import kserve\n", "import ddtrace\n\nddtrace.patch(tornado=True)\n\nimport kserve\n"
        ).encode()
    )


def test_the_commit_bears_the_bots_name_and_mail(story: Story) -> None:
    story.opened(MESSY).say("/snitch fix")
    commit = story.commits()[0]
    assert (commit.author_name, commit.author_email) == (story.bot.username, story.bot.email)


def test_the_body_of_the_commit_has_a_line_for_each_finding(story: Story) -> None:
    story.opened(MESSY).say("/snitch fix")
    lines = story.commits()[0].message.split("\n\n")[1].splitlines()
    assert [line.split(" ")[:2] for line in lines] == [
        ["6.model", "Dockerfile:"],
        ["6.org.label-schema.vendor", "Dockerfile:"],
        ["10.patch", "serve.py:"],
    ]


def test_a_guest_is_refused(story: Story) -> None:
    story.opened(MESSY)
    before = story.head
    note = story.say("/snitch fix", by=story.guest)
    assert story.head == before
    assert story.emojis(note) == ["eyes", "x"]
    assert "needs Developer access" in story.reply(note)
    assert "@guest" not in story.reply(note).replace("`@guest`", ""), "nobody is notified twice"


def test_an_author_who_is_no_developer_any_more_is_refused(story: Story) -> None:
    """A branch of the project itself is not the author's own: who lost the role could not push to it either."""
    story.opened(MESSY)
    before = story.head
    story.gitlab.add_member(story.project, story.author, GUEST)
    note = story.say("/snitch fix", by=story.author)
    assert (story.head, story.emojis(note)) == (before, ["eyes", "x"])
    assert "needs Developer access" in story.reply(note)


def test_a_member_of_the_group_is_a_developer_as_well(story: Story) -> None:
    person = story.gitlab.add_user("inherited")
    story.gitlab.add_group("models", {person: DEVELOPER})
    story.opened(MESSY)
    reviewed = story.head
    story.say("/snitch fix", by=person)
    assert_fixed(story, reviewed, by="inherited")


def test_the_author_on_a_fork_that_allows_collaboration_gets_the_commit_in_the_fork(story: Story) -> None:
    forked(story, collaboration=True)
    reviewed = story.head
    note = story.say("/snitch fix")
    assert_fixed(story, reviewed, by="author")
    assert story.emojis(note) == ["eyes", "white_check_mark"]


def test_the_author_on_a_fork_without_collaboration_gets_the_patch(story: Story, tmp_path) -> None:
    forked(story, collaboration=False)
    before = story.head
    note = story.say("/snitch fix")
    assert story.head == before
    assert story.emojis(note) == ["eyes", "x"]
    body = story.reply(note)
    assert "allows commits from members who can merge" in body
    assert_patch_applies(story, body, tmp_path)


def assert_patch_applies(story: Story, body: str, folder) -> None:
    """`git apply` takes what the reply shows, and the result keeps the standards."""
    import subprocess

    patch = body[body.index("```diff\n") + 8 :]
    patch = patch[: patch.index("\n```\n") + 1]
    place = folder / "clone"
    subprocess.run(["git", "clone", "-q", "-b", "change", str(story.source.repo), str(place)], check=True)
    (folder / "snitch.patch").write_text(patch)
    subprocess.run(["git", "apply", str(folder / "snitch.patch")], cwd=place, check=True)
    fixed = {path: (place / path).read_bytes() for path in ("serve.py", "Dockerfile")}
    story.pushed(fixed)
    assert story.status() == "success"


def test_a_fork_whose_collaboration_does_not_reach_the_bot_leads_to_the_patch(story: Story) -> None:
    """Where only Maintainers may merge, a Developer is let into no fork."""
    forked(story, collaboration=True)
    story.gitlab.protect(story.project, "main", merge=MAINTAINER)
    before = story.head
    note = story.say("/snitch fix")
    assert story.head == before
    assert "not allowed to push" in story.reply(note) and "git apply" in story.reply(note)


def test_a_stranger_on_a_fork_is_refused(story: Story) -> None:
    forked(story, collaboration=True)
    before = story.head
    note = story.say("/snitch fix", by=story.guest)
    assert story.head == before and "needs Developer access" in story.reply(note)


def test_a_developer_of_the_target_may_fix_a_fork_that_allows_it(story: Story) -> None:
    forked(story, collaboration=True)
    reviewed = story.head
    story.say("/snitch fix", by=story.developer)
    assert_fixed(story, reviewed)


def test_a_branch_that_moves_meanwhile_is_looked_at_afresh(story: Story) -> None:
    story.opened(MESSY)
    story.meanwhile("POST", "git-receive-pack", lambda: story.push({"docs/notes.md": "Meanwhile.\n"}))
    note = story.say("/snitch fix", by=story.developer)
    assert_fixed(story, story.commits()[1].sha)
    assert story.read("docs/notes.md") == b"Meanwhile.\n", "the other push is not lost"
    assert len(story.replies(note)) == 1


def test_a_branch_that_moves_each_time_is_left_alone_after_three(story: Story) -> None:
    story.opened(MESSY)
    numbers = iter(range(9))
    story.meanwhile("POST", "git-receive-pack", lambda: story.push({"n": f"{next(numbers)}\n"}), times=3)
    note = story.say("/snitch fix", by=story.developer)
    assert "moved 3 times" in story.reply(note)
    assert story.emojis(note) == ["eyes", "x"]
    assert [commit.author_name for commit in story.commits()] == ["Author"] * 4


def test_what_was_fixed_meanwhile_by_a_person_is_not_fixed_again(story: Story) -> None:
    story.opened(MESSY)
    story.meanwhile("POST", "git-receive-pack", lambda: story.push({p: PROJECT[p] for p in MESSY}))
    note = story.say("/snitch fix", by=story.developer)
    assert "Nothing was committed" in story.reply(note)
    assert story.status() == "success"


def test_nothing_to_fix_is_said_without_a_commit(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    before = story.head
    note = story.say("/snitch fix")
    assert story.head == before
    assert "Nothing was committed" in story.reply(note)
    assert story.emojis(note) == ["eyes", "white_check_mark"]


def test_what_no_safe_fix_mends_is_left_to_a_person_with_the_reason(story: Story) -> None:
    story.opened({"serve.py": UNPREDICTING})
    before = story.head
    note = story.say("/snitch fix")
    assert story.head == before
    assert "4.predict" in story.reply(note)
    assert story.emojis(note) == ["eyes", "x"]


def test_what_can_be_fixed_is_fixed_and_the_rest_is_told(story: Story) -> None:
    story.opened({"serve.py": UNPREDICTING, "Dockerfile": UNLABELLED})
    note = story.say("/snitch fix")
    assert list(story.changed(story.head)) == ["Dockerfile"]
    assert "Left for a person" in story.reply(note) and "4.predict" in story.reply(note)
    assert list(story.rules()) == ["4.predict"]


def test_in_a_reply_it_means_the_thread(story: Story) -> None:
    story.opened(MESSY)
    thread = story.thread("6.model")
    note = story.say("/snitch fix", reply_to=thread)
    assert list(story.changed(story.head)) == ["Dockerfile"]
    assert list(story.rules()) == ["10.patch"]
    assert story.replies(note)[0].discussion is thread, "the answer stands where it was asked"
    assert thread.resolved


def test_with_ids_it_means_these(story: Story) -> None:
    story.opened(MESSY)
    story.say("/snitch fix 10")
    assert list(story.changed(story.head)) == ["serve.py"]
    story.say("/snitch fix 6.model 6.org.label-schema.vendor")
    assert list(story.changed(story.head)) == ["Dockerfile"]
    assert story.status() == "success"


@pytest.mark.parametrize("id", ["11", "10.pach"])
def test_an_unknown_id_is_answered_with_the_nearest(story: Story, id: str) -> None:
    story.opened(MESSY)
    before = story.head
    note = story.say(f"/snitch fix {id}")
    assert story.head == before
    assert f"`{id}`" in story.reply(note)
    assert story.emojis(note) == ["eyes", "x"]
    if id == "10.pach":
        assert "`10.patch`" in story.reply(note)


def test_older_findings_are_fixed_where_they_are_named(begin: Begin) -> None:
    story = begin({**PROJECT, "serve.py": UNTRACED}).opened({"Dockerfile": UNLABELLED})
    note = story.say("/snitch fix")
    assert list(story.changed(story.head)) == ["Dockerfile"]
    assert "stood before" in story.reply(note)
    story.say("/snitch fix 10")
    assert list(story.changed(story.head)) == ["serve.py"]


@pytest.mark.parametrize(
    "text",
    [
        "```\n/snitch fix\n```",
        "> /snitch fix",
        "    /snitch fix",
        "Have you tried `/snitch fix`?",
        "text /snitch fix",
        "<!--\n/snitch fix\n-->",
        "\\/snitch fix",
        ">>>\n/snitch fix\n>>>",
    ],
)
def test_what_is_quoted_or_shown_is_not_obeyed(story: Story, text: str) -> None:
    story.opened(MESSY)
    before = story.head
    note = story.say(text)
    assert (story.head, story.replies(note), story.emojis(note)) == (before, [], [])


def test_a_command_that_an_edit_brings_is_not_obeyed(story: Story) -> None:
    story.opened(MESSY)
    before = story.head
    note = story.say("Nice.")
    story.gitlab.edit_note(note, story.author, "/snitch fix")
    story.work()
    assert (story.head, story.replies(note), story.emojis(note)) == (before, [], [])


def test_an_edit_of_a_command_that_was_obeyed_changes_nothing(story: Story) -> None:
    story.opened(MESSY)
    note = story.say("/snitch fix 10")
    after = story.head
    story.gitlab.edit_note(note, story.author, "/snitch fix 6")
    story.work()
    assert story.head == after and len(story.replies(note)) == 1


def test_delivered_three_times_it_is_obeyed_once(story: Story) -> None:
    story.opened(MESSY)
    note = story.comment("/snitch fix")
    (delivery,) = [one for one in story.gitlab.courier.queue if one.event == "Note Hook"]
    story.gitlab.redeliver(delivery)
    story.gitlab.redeliver(delivery)
    story.work()
    assert len(story.replies(note)) == 1
    assert [commit.author_name for commit in story.commits()] == ["snitch", "Author"]


def test_several_commands_in_one_note_are_each_obeyed(story: Story) -> None:
    story.opened(MESSY)
    note = story.say("Please:\n\n/snitch fix 10\n\nand then\n\n/snitch fix 6\n/snitch explain 10")
    assert [commit.author_name for commit in story.commits()] == ["snitch", "snitch", "Author"]
    assert len(story.replies(note)) == 3
    assert story.status() == "success"


def test_a_protected_source_branch_that_the_bot_may_not_push_to_leads_to_a_patch(story: Story) -> None:
    story.opened(MESSY)
    story.gitlab.protect(story.project, story.branch, push=MAINTAINER)
    before = story.head
    note = story.say("/snitch fix", by=story.maintainer)
    assert story.head == before
    assert "protected branches" in story.reply(note) and "git apply" in story.reply(note)


def test_fixing_twice_makes_one_commit(story: Story) -> None:
    story.opened(MESSY)
    story.say("/snitch fix")
    after = story.head
    note = story.say("/snitch fix", by=story.developer)
    assert story.head == after and "Nothing was committed" in story.reply(note)


def test_a_closed_merge_request_is_not_fixed(story: Story) -> None:
    story.opened(MESSY)
    story.gitlab.close(story.request)
    before = story.head
    note = story.say("/snitch fix")
    assert (story.head, story.replies(note)) == (before, [])


def test_a_reviewed_regression_can_be_fixed_again(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.say("/snitch fix")
    story.pushed({"serve.py": UNTRACED})
    story.say("/snitch fix")
    assert story.status() == "success" and len(story.threads()) == 1
    story.pushed({"serve.py": SERVE})
    assert story.threads()[0].resolved


def test_an_unsafe_fix_is_committed_where_it_is_asked_for_by_name(story: Story) -> None:
    story.opened({"serve.py": UNPREDICTING})
    before = story.head
    note = story.say("/snitch fix --unsafe")
    assert story.head == before and story.emojis(note) == ["eyes", "x"]
    story.say("/snitch fix --unsafe 4.predict", by=story.developer)
    assert b"def predict(" in (story.read("serve.py") or b"")
    assert "@developer" in story.commits()[0].message
    assert story.status() == "success"


def test_a_guest_gets_no_unsafe_fix(story: Story) -> None:
    story.opened({"serve.py": UNPREDICTING})
    before = story.head
    note = story.say("/snitch fix --unsafe 4.predict", by=story.guest)
    assert story.head == before and story.emojis(note) == ["eyes", "x"]


def test_a_fix_keeps_the_mode_of_a_file(story: Story) -> None:
    story.opened({"serve.py": ("100755", UNTRACED.encode())})
    story.say("/snitch fix")
    modes = {str(entry.path): entry.mode for entry in githost.tree(story.project.repo, story.head)}
    assert modes["serve.py"] == "100755" and story.status() == "success"


def test_a_fork_that_was_deleted_is_reviewed_and_gets_a_sentence(story: Story) -> None:
    forked(story, collaboration=True)
    assert len(story.threads()) == 2
    story.source.deleted = True
    note = story.say("/snitch fix", by=story.developer)
    assert story.emojis(note) == ["eyes", "x"] and len(story.replies(note)) == 1


def test_with_a_path_it_means_what_stands_there(begin: Begin) -> None:
    story = begin({**PROJECT, "serve.py": UNTRACED}).opened({"Dockerfile": UNLABELLED})
    note = story.say("/snitch fix tests")
    assert "no finding in tests" in story.reply(note) and len(story.commits()) == 1
    story.say("/snitch fix 10 Dockerfile")
    assert len(story.commits()) == 1, "of standard 10 there is nothing"
    story.say("/snitch fix ./serve.py")
    assert list(story.changed(story.head)) == ["serve.py"], "older findings too: the place was named"


def test_a_path_that_leads_out_is_no_path(story: Story) -> None:
    before = story.opened(MESSY).head
    for path in ("../serve.py", "/etc/passwd", "./../../x"):
        story.say(f"/snitch fix {path}")
    assert story.head == before


@pytest.mark.parametrize(("path", "guess"), [("sreve.py", " Did you mean `serve.py`?"), ("please", "")])
def test_a_path_that_is_not_there_is_answered_with_the_nearest(story: Story, path: str, guess: str) -> None:
    story.opened(MESSY)
    before = story.head
    note = story.say(f"/snitch fix {path}")
    assert (story.head, story.emojis(note)) == (before, ["eyes", "x"])
    assert f"there is no file or folder `{path}` on this branch.{guess}\n" in story.reply(note)
