"""The one merge request with a project's safe fixes: made, refreshed, let be, taken away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.fix_request import BRANCH
from bot.job import ReviewMR
from bot.work import perform
from tests.gitlab import githost, merge_requests
from tests.gitlab.faults import Answers, DoneThen
from tests.gitlab.model import Project
from tests.gitlab.server import GitLab
from tests.stories.fleet import Nights
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED
from tests.stories.story import Meanwhile

BAD = {"serve.py": UNTRACED}
GOOD = {"serve.py": PROJECT["serve.py"]}


@pytest.fixture
def nights(gitlab: GitLab, tmp_path: Path) -> Iterator[Nights]:
    yield Nights.over(gitlab, tmp_path, "sweep: merge_request\nsweep_labels: [standards]\n")
    assert gitlab.unknown_calls == []


def tip(nights: Nights, project: Project) -> str | None:
    return githost.rev(project.repo, f"refs/heads/{BRANCH}")


def made(nights: Nights, files: dict[str, str | None] | None = None) -> Project:
    """A project with its merge request, after two nights."""
    project = nights.add("models/iris", files or BAD)
    nights.night()
    assert project.merge_requests == {} and tip(nights, project) is None
    nights.night()
    assert len(project.merge_requests) == 1
    return project


def test_the_safe_fixes_are_one_merge_request_that_follows_branch_and_findings(nights: Nights) -> None:
    iris = made(nights, {**BAD, "openapi.yaml": "openapi: 3.0.0\n"})
    mr = nights.request(iris)
    assert (mr.title, mr.labels, mr.target_branch) == ("snitch: fix standard 10", ["standards"], "main")
    assert "### Fixed here\n\n- **10.patch**" in mr.description and "left for you" in mr.description
    assert (nights.gitlab.read(iris, BRANCH, "serve.py") or b"").decode().count("ddtrace") > 1
    commit = githost.log(iris.repo, nights.gitlab.head(iris), mr.head)[0]
    assert commit.parents == (nights.gitlab.head(iris),) and "Snitch-Sweep-Of: main" in commit.message
    nights.night()
    assert nights.writes() == []
    first = mr.head
    nights.gitlab.push(iris, "main", {"notes.md": "x\n"})
    nights.night()
    assert mr.head != first and githost.log(iris.repo, None, mr.head)[0].parents == (nights.gitlab.head(iris),)
    nights.gitlab.push(iris, "main", {"Dockerfile": UNLABELLED})
    nights.night()
    assert "6." in mr.description
    nights.gitlab.push(iris, "main", {**GOOD, "Dockerfile": PROJECT["Dockerfile"]})
    nights.night()
    assert mr.state == "closed" and mr.closed_by is nights.bot and tip(nights, iris) is None
    assert "nothing left to fix" in mr.description
    nights.gitlab.push(iris, "main", BAD)
    nights.night()
    assert len(iris.merge_requests) == 2 and nights.request(iris).state == "opened", "a new one: its branch was gone"


def test_a_merge_request_that_a_person_closed_is_not_made_again_while_its_findings_stand(nights: Nights) -> None:
    iris = made(nights)
    merge_requests.finish(nights.gitlab.state, nights.request(iris), nights.owner, "closed")
    nights.gitlab.push(iris, "main", {"Dockerfile": UNLABELLED})
    nights.night()
    assert nights.writes() == [] and "a person closed !1" in nights.kept(iris, "merge_request").reason
    nights.gitlab.push(iris, "main", GOOD)
    nights.night()
    assert len(iris.merge_requests) == 2 and "6." in nights.request(iris).description


def test_a_merge_request_that_is_merged_is_done(nights: Nights) -> None:
    iris = made(nights)
    merge_requests.merge(nights.gitlab.state, nights.request(iris), nights.owner)
    nights.gitlab.delete_branch(iris, BRANCH, nights.owner)
    nights.night()
    assert nights.writes() == [] and len(iris.merge_requests) == 1
    nights.night()
    assert nights.writes() == []


def test_a_persons_commit_makes_the_branch_theirs(nights: Nights) -> None:
    iris = made(nights)
    mr = nights.request(iris)
    theirs = nights.gitlab.push(iris, BRANCH, {"notes.md": "mine\n"}, by=nights.owner)
    for files in ({"README2.md": "x\n"}, GOOD):
        nights.gitlab.push(iris, "main", files)
        nights.night()
        assert tip(nights, iris) == theirs and mr.state == "opened"
        assert mr.description.startswith("**Somebody else committed") and mr.description.count("Somebody else") == 1
    assert "left alone" in nights.kept(iris, "merge_request").reason


def test_a_branch_of_that_name_that_is_somebodys_is_not_touched(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    theirs = nights.gitlab.push(iris, BRANCH, {"notes.md": "mine\n"}, by=nights.owner)
    nights.night(), nights.night()
    assert iris.merge_requests == {} and tip(nights, iris) == theirs and nights.writes() == []


def test_a_push_that_came_between_is_not_overwritten(nights: Nights) -> None:
    iris = made(nights)
    nights.gitlab.push(iris, "main", {"notes.md": "x\n"})
    theirs: list[str] = []

    def meanwhile() -> None:
        theirs.append(nights.gitlab.push(iris, BRANCH, {"notes.md": "mine\n"}, by=nights.owner))

    nights.gitlab.state.faults = Meanwhile("GET", re.compile("^git$"), meanwhile, 1)
    nights.night()
    assert theirs and tip(nights, iris) == theirs[0]


@pytest.mark.parametrize("trouble", ["signed", "protected", "switched off", "refused"])
def test_what_gitlab_refuses_is_a_reason_and_leaves_nothing_behind(nights: Nights, trouble: str) -> None:
    iris, good = nights.add("models/iris", BAD), nights.add("models/b/iris", BAD)
    nights.policy += "sweep_merge_requests: 1\n"
    nights.gitlab.push(good, "main", {"x.md": ""})
    nights.night()
    match trouble:
        case "signed":  # and GitLab's own commits are refused as well
            iris.signed_only = True
            nights.gitlab.fail("POST", f"/projects/{iris.id}/repository/commits", Answers(403), times=9)
        case "protected":
            nights.gitlab.protect(iris, "snitch/*")
        case "switched off":
            iris.settings["merge_requests_access_level"] = "disabled"
        case "refused":
            nights.gitlab.fail("POST", f"/projects/{iris.id}/merge_requests", Answers(403), times=9)
    nights.night(), nights.night()
    assert iris.merge_requests == {} and tip(nights, iris) is None and nights.kept(iris, "merge_request").reason
    assert len(good.merge_requests) == 1, "what is refused takes nothing of the night's budget"


def test_where_commits_must_be_signed_gitlab_makes_them_and_what_differs_gives_way_to_another(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night()
    iris.signed_only = True
    nights.night()
    first = nights.request(iris)
    assert first.state == "opened" and nights.kept(iris, "merge_request").head == tip(nights, iris)
    assert b"tornado=True" in (nights.gitlab.read(iris, BRANCH, "serve.py") or b"")
    nights.gitlab.push(iris, "main", {"x.md": "x"}, by=nights.owner)  # the same is to be fixed: all stays as it is
    nights.night()
    assert nights.request(iris) is first and first.state == "opened" and nights.writes()[1:] == []
    nights.gitlab.push(iris, "main", {"Dockerfile": UNLABELLED}, by=nights.owner)
    nights.night(), nights.night()
    assert first.state == "closed" and nights.request(iris).state == "opened"
    assert "labels" in nights.request(iris).description or "6" in nights.request(iris).title
    nights.night()
    assert nights.writes() == []


def test_a_commit_of_gitlabs_whose_answer_was_lost_is_known_by_what_is_in_it(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night()
    iris.signed_only = True
    nights.gitlab.fail("POST", "/projects/:id/repository/commits", DoneThen(Answers(500)))
    nights.night()
    assert len(iris.merge_requests) == 1 and nights.kept(iris, "merge_request").iid == 1


def test_a_merge_request_saved_under_an_error_is_seen_and_not_made_again(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night()
    nights.gitlab.fail("POST", "/projects/:id/merge_requests", DoneThen(Answers(500)))
    nights.night()
    assert len(iris.merge_requests) == 1 and nights.kept(iris, "merge_request").iid == 1


def test_a_default_branch_of_another_name_takes_the_merge_request_along(nights: Nights) -> None:
    iris = made(nights)
    nights.gitlab.push(iris, "trunk", {"notes.md": "x\n"})
    iris.default_branch = "trunk"
    githost.set_default_branch(iris.repo, "trunk")
    nights.night()
    assert nights.request(iris).target_branch == "trunk" and len(iris.merge_requests) == 1


def test_the_policy_wants_issues_instead_the_merge_request_is_closed(nights: Nights) -> None:
    iris = made(nights)
    nights.policy = "sweep: issue\n"
    nights.night()
    assert nights.request(iris).state == "closed" and tip(nights, iris) is None and len(iris.issues) == 1


def test_on_its_own_merge_request_snitch_sets_the_status_and_says_nothing(nights: Nights) -> None:
    iris = made(nights)
    mr = nights.request(iris)
    with nights.world() as world:
        perform(ReviewMR(iris.id, mr.iid, mr.head), world)
    assert [note for note in mr.notes() if not note.system] == []
    assert [status.state for status in nights.gitlab.statuses(iris, mr.head, "snitch")][-1] == "success"
