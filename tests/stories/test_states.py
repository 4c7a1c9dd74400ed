"""Drafts, other targets, closed and archived ones, repositories that are no models, modes."""

from __future__ import annotations

import pytest

from tests.gitlab import githost
from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED
from tests.stories.story import Story

MONOREPO = {f"{folder}/{path}": data for folder in ("iris", "wine") for path, data in PROJECT.items()} | {
    ".gitlab-ci.yml": PROJECT[".gitlab-ci.yml"]
}


def test_a_draft_gets_the_status_alone(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}, title="Draft: Change")
    assert (story.notes(), story.status()) == ([], "failed")


def test_a_draft_that_becomes_ready_gets_its_comments(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}, title="Draft: Change")
    story.gitlab.mark_ready(story.request, story.author)
    story.work()
    assert list(story.rules()) == ["10.patch"] and story.summary() is not None


def test_check_on_a_draft_brings_the_comments(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}, title="Draft: Change")
    story.say("/snitch check")
    assert list(story.rules()) == ["10.patch"]


def test_threads_of_what_became_a_draft_are_still_resolved(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.gitlab.mark_draft(story.request, story.author)
    story.work()
    story.pushed({"serve.py": PROJECT["serve.py"], "Dockerfile": UNLABELLED})
    assert story.open_threads() == [] and story.status() == "failed"


def test_another_target_is_another_change(story: Story) -> None:
    story.gitlab.push(story.project, "release", {"serve.py": UNTRACED}, by=story.maintainer)
    story.opened({"serve.py": UNTRACED})
    assert list(story.rules()) == ["10.patch"]
    story.gitlab.retarget(story.request, "release", story.author)
    story.work()
    assert story.gitlab.head(story.project, "release") != story.head
    base = story.request.version.base  # type: ignore[union-attr]
    assert base == story.gitlab.head(story.project), "the merge base is the same, so is the change"
    assert list(story.rules()) == ["10.patch"]


def test_a_target_that_has_the_finding_already_resolves_the_thread(story: Story) -> None:
    broken = story.gitlab.push(story.project, "release", {"serve.py": UNTRACED}, by=story.maintainer)
    made = githost.commit(
        story.project.repo, "change", {"docs/n.md": b"n\n"}, "More", ("author", "a@example.com"), broken
    )
    assert made
    story.mr = story.gitlab.open_mr(story.project, "change", by=story.author)
    story.work()
    assert list(story.rules()) == ["10.patch"]
    story.gitlab.retarget(story.request, "release", story.author)
    story.work()
    assert (story.open_threads(), story.status()) == ([], "success")


@pytest.mark.parametrize("end", ["close", "merge"])
def test_what_is_closed_or_merged_is_left_alone(story: Story, end: str) -> None:
    story.open({"serve.py": UNTRACED})
    getattr(story.gitlab, end)(story.request)
    story.work()
    assert story.notes() == [] and story.gitlab.statuses(story.project, story.request.head) == []


def test_what_is_reopened_is_reviewed(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    story.gitlab.close(story.request, story.author)
    story.work()
    story.gitlab.reopen(story.request, story.author)
    story.work()
    assert list(story.rules()) == ["10.patch"]


def test_an_archived_project_is_left_alone(story: Story) -> None:
    story.open({"serve.py": UNTRACED})
    story.project.archived = True
    story.gitlab.reset_calls()
    story.work()
    assert story.writes() == [] and story.notes() == []


def test_a_repository_that_is_no_model_gets_nothing_not_even_a_status(begin: Begin) -> None:
    story = begin({"README.md": "# A library\n", "setup.py": "print()\n"}, path="libraries/tools")
    story.opened({"setup.py": "print(1)\n"})
    assert story.writes() == [] and story.status() is None


def test_a_change_that_touches_nothing_that_a_standard_reads_gets_the_status_alone(story: Story) -> None:
    story.opened({"docs/notes.md": "Fine.\n"})
    assert (story.notes(), story.status()) == ([], "success")


def test_a_change_that_deletes_serve_py_is_judged(story: Story) -> None:
    story.opened(delete=["serve.py"])
    assert "4.file" in story.rules() and story.status() == "failed"
    assert story.rules()["4.file"] == ("serve.py", None)


def test_a_change_that_makes_the_repository_a_model_project_is_judged_whole(begin: Begin) -> None:
    story = begin({"README.md": "# iris\n\nSoon.\n"})
    story.opened({**PROJECT, "serve.py": UNTRACED})
    assert list(story.rules()) == ["10.patch"] and story.status() == "failed"


def test_a_merge_request_into_an_empty_repository_is_no_reason_to_fail(begin: Begin) -> None:
    """GitLab has no merge request without a target branch: what is left of one ends with a reason."""
    story = begin({})
    githost.commit(story.project.repo, "change", {"serve.py": UNTRACED.encode()}, "First", ("author", "a@example.com"))
    story.mr = story.gitlab.open_mr(story.project, "change", by=story.author)
    story.work()
    assert story.writes() == [] or story.status() is not None


def test_branches_without_a_common_history_are_judged_as_a_whole_in_the_summary(story: Story) -> None:
    files = {path: data.encode() for path, data in {**PROJECT, "serve.py": UNTRACED}.items() if isinstance(data, str)}
    story.gitlab.move_branch(story.project, "change", orphan(story, files), story.author)
    story.mr = story.gitlab.open_mr(story.project, "change", by=story.author)
    story.work()
    assert story.threads() == [] and story.status() == "failed"
    summary = story.summary()
    assert summary is not None and "10.patch" in summary.body


def orphan(story: Story, files: dict[str, bytes]) -> str:
    """A commit without a parent."""
    repo = story.project.repo
    made = githost.commit(repo, "orphan-work", files, "Orphan", ("author", "a@example.com"))
    tree = githost.git(repo, "rev-parse", f"{made}^{{tree}}").decode().strip()
    who = {f"GIT_{role}_{part}": "author@example.com" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    githost.delete_ref(repo, "refs/heads/orphan-work")
    return githost.git(repo, "commit-tree", tree, "-m", "Orphan", env=who).decode().strip()


def test_in_silent_mode_nothing_is_written(begin: Begin) -> None:
    story = begin(SNITCH_MODE="silent").opened({"serve.py": UNTRACED})
    story.say("/snitch fix")
    assert story.writes() == []
    assert "would say" in story.engine.said()
    assert story.mr is not None
    kept = story.engine.world.store.recall(story.project.id, story.mr.iid) or {}  # type: ignore[attr-defined]
    assert "10.patch" in str(kept.get("would_say")), "for the pages"


def test_in_mode_off_nothing_is_asked(begin: Begin) -> None:
    story = begin(SNITCH_MODE="off").opened({"serve.py": UNTRACED})
    assert story.calls() == []


def test_a_monorepo_is_judged_model_by_model(begin: Begin) -> None:
    story = begin(MONOREPO, path="models/flowers")
    story.opened({"iris/serve.py": UNTRACED, "wine/serve.py": UNTRACED})
    places = sorted(str(one.notes[0].position["new_path"]) for one in story.open_threads())  # type: ignore[index]
    assert places == ["iris/serve.py", "wine/serve.py"]
    story.pushed({"iris/serve.py": PROJECT["serve.py"]})
    assert [str(one.notes[0].position["new_path"]) for one in story.open_threads()] == ["wine/serve.py"]  # type: ignore[index]


def test_one_fix_mends_all_models_of_a_monorepo(begin: Begin) -> None:
    story = begin(MONOREPO, path="models/flowers")
    story.opened({"iris/serve.py": UNTRACED, "wine/Dockerfile": UNLABELLED})
    story.say("/snitch fix")
    assert set(story.changed(story.head)) == {"iris/serve.py", "wine/Dockerfile"}
    assert story.status() == "success"
