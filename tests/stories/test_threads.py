"""What becomes of findings from push to push."""

from __future__ import annotations

from bot import words
from tests.gitlab import githost
from tests.stories.conftest import Begin
from tests.stories.model_project import DOCKERFILE, ELSEWHERE, PROJECT, SERVE, UNLABELLED, UNTRACED
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED, ".gitlab-ci.yml": ELSEWHERE}


def bodies(story: Story) -> list[str]:
    return [note.body for note in story.notes()]


def test_a_first_review_puts_threads_on_lines_a_summary_and_a_status(story: Story) -> None:
    story.opened(MESSY)
    assert story.rules() == {
        "1.path": (".gitlab-ci.yml", 6),
        "6.model": ("Dockerfile", 16),
        "6.org.label-schema.vendor": ("Dockerfile", 16),
        "10.patch": ("serve.py", 3),
    }
    assert len(story.open_threads()) == len(story.suggestions()) == 3, "the labels of one place are one thread"
    summary = story.summary()
    assert summary is not None and "4 findings" in summary.body
    assert story.status() == "failed" and "4 findings" in story.description()
    posted = [call for call in story.writes() if call.route.endswith("/statuses/:sha")]
    assert len(posted) == 2, "pending first"


def test_a_first_review_is_one_mail(story: Story) -> None:
    story.opened(MESSY)
    (mail,) = story.gitlab.mails
    assert (mail.kind, len(mail.notes)) == ("review", 4)


def test_a_thread_names_the_rule_the_reason_the_fix_and_the_command(story: Story) -> None:
    body = story.opened({"serve.py": UNTRACED}).thread("10.patch").notes[0].body
    assert body.startswith("**10.patch · Tracing** ")
    for part in ("```suggestion:-", "`/snitch fix 10`", "`/snitch explain 10`"):
        assert part in body


def test_what_a_push_mends_is_resolved_and_the_status_is_success(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).pushed({"serve.py": SERVE})
    (thread,) = story.threads()
    assert thread.resolved and thread.resolved_by is story.bot
    assert len(thread.notes) == 1, "resolving needs no reply"
    assert story.status() == "success"
    assert len(story.gitlab.mails) == 1


def test_what_a_push_mends_in_part_keeps_its_thread_for_the_rest(story: Story) -> None:
    story.opened({"Dockerfile": UNLABELLED})
    thread = story.thread("6.model")
    story.pushed({"Dockerfile": UNLABELLED.replace("LABEL author", 'LABEL model="iris" author')})
    assert story.threads() == [thread] and not thread.resolved
    assert list(story.rules()) == ["6.org.label-schema.vendor"]
    story.pushed({"Dockerfile": DOCKERFILE})
    assert thread.resolved and story.status() == "success"


def test_a_regression_reopens_its_thread_and_opens_no_other(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).pushed({"serve.py": SERVE}).pushed({"serve.py": UNTRACED})
    (thread,) = story.threads()
    assert not thread.resolved
    assert story.status() == "failed"
    story.pushed({"serve.py": SERVE})
    assert thread.resolved


def test_a_second_violation_opens_one_thread_more_in_one_mail_more(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).pushed({"Dockerfile": UNLABELLED})
    assert [one.resolved for one in story.threads()] == [False, False]
    assert [mail.kind for mail in story.gitlab.mails] == ["review", "review"]


def test_a_push_that_changes_no_finding_writes_the_status_alone(story: Story) -> None:
    story.opened(MESSY)
    before = bodies(story)
    story.gitlab.reset_calls()
    story.pushed({"docs/notes.md": "Later.\n"})
    assert {call.route for call in story.writes()} == {"/projects/:id/statuses/:sha"}
    assert bodies(story) == before
    assert story.status() == "failed"


def test_a_line_that_moved_keeps_its_thread_which_is_not_edited(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    before = bodies(story)
    story.gitlab.reset_calls()
    story.pushed({"serve.py": UNTRACED.replace('"""Serves the iris model."""', '"""Serves.\n\nThe iris model.\n"""')})
    assert {call.route for call in story.writes()} == {"/projects/:id/statuses/:sha"}
    assert bodies(story) == before
    assert story.rules() == {"10.patch": ("serve.py", 6)}


def test_a_renamed_file_keeps_its_finding_under_the_same_thread(begin: Begin) -> None:
    """`Containerfile` is read where there is no Dockerfile: the labels are missing still."""
    story = begin().opened({"Dockerfile": UNLABELLED})
    story.pushed({"Containerfile": UNLABELLED}, delete=["Dockerfile"])
    assert len(story.threads()) == 1
    assert not story.threads()[0].resolved


def test_a_rebase_says_nothing_twice(story: Story) -> None:
    story.opened(MESSY)
    before = bodies(story)
    onto = story.gitlab.push(story.project, "main", {"docs/notes.md": "Meanwhile.\n"}, by=story.maintainer)
    story.rewrite(MESSY, onto=onto)
    story.work()
    assert bodies(story) == before
    assert story.status() == "failed"


def test_a_force_push_says_nothing_twice(story: Story) -> None:
    story.opened(MESSY)
    before = bodies(story)
    story.rewrite({**MESSY, "docs/notes.md": "Anew.\n"}, onto=story.gitlab.head(story.project))
    story.work()
    assert bodies(story) == before


def test_a_force_push_that_mends_and_one_that_breaks_again_use_the_same_thread(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    broken, base = story.head, story.gitlab.head(story.project)
    story.rewrite({"docs/notes.md": "Mended.\n"}, onto=base)
    story.work()
    assert [one.resolved for one in story.threads()] == [True]
    story.gitlab.move_branch(story.project, story.branch, broken, story.author)
    story.work()
    assert [one.resolved for one in story.threads()] == [False]


def test_findings_that_stood_before_open_no_thread_and_fail_no_status(begin: Begin) -> None:
    story = begin({**PROJECT, "serve.py": UNTRACED}).opened({"Dockerfile": DOCKERFILE + "\nEXPOSE 8080\n"})
    assert story.threads() == []
    assert story.status() == "success"
    assert "stood before" in story.description()


def test_a_finding_that_stood_before_is_told_in_the_summary_where_the_change_touches_its_file(begin: Begin) -> None:
    story = begin({**PROJECT, "serve.py": UNTRACED}).opened({"serve.py": UNTRACED + "\n# more\n"})
    summary = story.summary()
    assert summary is not None and "**10.patch**" in summary.body and "<details>" in summary.body
    assert (story.threads(), story.status()) == ([], "success")


def test_the_target_that_breaks_does_not_blame_the_change(story: Story) -> None:
    story.opened({"docs/notes.md": "New.\n"})
    onto = story.gitlab.push(story.project, "main", {"serve.py": UNTRACED}, by=story.maintainer)
    story.rewrite({"docs/notes.md": "New.\n"}, onto=onto)
    story.work()
    assert (story.threads(), story.status()) == ([], "success")


def test_a_merge_of_the_target_into_the_branch_says_nothing_twice(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    before = bodies(story)
    theirs = story.gitlab.push(story.project, "main", {"docs/notes.md": "Theirs.\n"}, by=story.maintainer)
    repo, mine = story.project.repo, story.head
    tree = githost.git(repo, "merge-tree", "--write-tree", mine, theirs).decode().split("\n")[0]
    who = {f"GIT_{role}_{part}": "author@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    made = githost.git(repo, "commit-tree", tree, "-p", mine, "-p", theirs, "-m", "Merge", env=who).decode().strip()
    story.gitlab.move_branch(story.project, story.branch, made, story.author)
    story.work()
    assert bodies(story) == before
    assert story.status() == "failed"


def test_marks_are_hidden_and_hold_no_commit_and_no_line(story: Story) -> None:
    story.opened(MESSY)
    for thread in story.threads():
        body = thread.notes[0].body
        mark = body[body.index("<!-- snitch:") :]
        assert words.mark_of(body) is not None
        assert story.head[:10] not in mark and "serve.py" not in mark


def test_one_merge_request_knows_nothing_of_another(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    first = story.request
    story.open({"serve.py": UNTRACED}, branch="other", title="Other")
    story.work()
    assert len(story.threads()) == 1
    story.mr = first
    assert len(story.threads()) == 1


def test_a_target_that_moved_on_before_the_review_is_no_obstacle(story: Story) -> None:
    """Positions name the merge base and the target's head, which differ then."""
    story.gitlab.push(story.project, "change", MESSY, by=story.author)
    ahead = {"README.md": "# iris\n\nAnew.\n", "Dockerfile": DOCKERFILE.replace("3.11", "3.12")}
    story.gitlab.push(story.project, "main", ahead, by=story.maintainer)
    story.mr = story.gitlab.open_mr(story.project, "change", by=story.author)
    story.work()
    version = story.request.version
    assert version is not None and version.base != version.start
    assert len(story.threads()) == 3


def test_among_hundreds_of_comments_ours_are_found(story: Story) -> None:
    story.opened(MESSY)
    for number in range(250):
        story.comment(f"Comment {number}")
    story.pushed({"docs/notes.md": "More.\n"})
    assert len(story.threads()) == 3
    story.pushed({path: PROJECT[path] for path in MESSY})
    assert story.open_threads() == []


def test_a_branch_without_any_commit_of_its_own_gets_the_status(story: Story) -> None:
    story.gitlab.move_branch(story.project, "change", story.gitlab.head(story.project), story.author)
    story.mr = story.gitlab.open_mr(story.project, "change", by=story.author)
    story.work()
    assert (story.notes(), story.status()) == ([], "success")


UNNAMED = DOCKERFILE.replace('model="iris" ', "")
UNSOLD = DOCKERFILE.replace(' org.label-schema.vendor="example"', "")


def test_what_goes_and_returns_in_a_thread_that_a_person_resolved_is_said_again(story: Story) -> None:
    """Another finding of that thread stood all the while."""
    story.opened({"Dockerfile": UNLABELLED})
    (thread,) = story.open_threads()
    story.gitlab.resolve(thread, story.author)
    story.pushed({"Dockerfile": UNNAMED})
    assert thread.resolved, "what a person resolved still stands"
    story.pushed({"Dockerfile": UNLABELLED})
    assert story.threads() == [thread] and not thread.resolved
    assert "6.org.label-schema.vendor" in story.rules()


def test_what_is_new_beside_what_a_person_resolved_has_a_thread_of_its_own(story: Story) -> None:
    story.opened({"Dockerfile": UNNAMED})
    (put_away,) = story.open_threads()
    story.gitlab.resolve(put_away, story.author)
    story.pushed({"Dockerfile": UNLABELLED})
    assert put_away.resolved and list(story.rules()) == ["6.org.label-schema.vendor"]
    story.pushed({"Dockerfile": UNSOLD}).pushed({"Dockerfile": UNLABELLED})
    assert not put_away.resolved, "it was gone, and returned"
    assert len(story.threads()) == 2
