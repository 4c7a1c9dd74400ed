"""`snitch sweep`: the fleet looked at, from the command line, against a GitLab of some projects."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bot.gitlab import GitLab as Client
from bot.gitlab_listing import projects
from bot.pace import Pace
from bot.results import Results
from bot.store import Store
from bot.template import newest_version
from tests.gitlab.faults import Answers
from tests.gitlab.model import DEVELOPER, MAINTAINER, Project, User
from tests.gitlab.server import GitLab
from tests.stories.engine import environment
from tests.stories.model_project import ELSEWHERE, PROJECT, UNTRACED
from tests.stories.story import WRITING


@dataclass
class Fleet:
    gitlab: GitLab
    bot: User
    folder: Path

    def add(self, path: str, files: dict[str, str | None] | None = None, **given: Any) -> Project:
        kept = {**PROJECT, **(files or {})}
        kept = {name: data for name, data in kept.items() if data is not None}
        return self.gitlab.add_project(path, kept, {self.bot: DEVELOPER}, **given)

    def sweep(self, *words: str, code: int = 0, **settings: str) -> str:
        own = environment(self.gitlab, self.bot, self.folder / "state", **{"SNITCH_GROUPS": "models", **settings})
        command = [sys.executable, "-c", "from bot.cli import main; main()", "sweep", *words]
        done = subprocess.run(
            command, env={**own, "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert self.bot.token not in done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def json(self, *words: str, **settings: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.sweep("--format", "json", *words, **settings))
        return found

    def rules(self, report: dict[str, Any], path: str) -> dict[str, str]:
        (project,) = [one for one in report["projects"] if one["path"] == path]
        return {rule["id"]: rule["outcome"] for rule in project["models"][0]["rules"]}

    def git_calls(self) -> int:
        return sum(call.route == "git" for call in self.gitlab.calls)


@pytest.fixture
def fleet(gitlab: GitLab, tmp_path: Path) -> Iterator[Fleet]:
    gitlab.pause_hooks()
    bot = gitlab.add_user("snitch", bot=True)
    gitlab.add_group("models", {bot: DEVELOPER})
    gitlab.add_group("models/vision", {bot: DEVELOPER})
    yield Fleet(gitlab, bot, tmp_path)
    assert gitlab.unknown_calls == []
    assert [call for call in gitlab.calls if call.method in WRITING and call.route not in ("git", "/api/graphql")] == []


def states(report: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["state"] for one in report["projects"]}


def test_every_project_of_the_groups_is_judged_as_check_would_judge_its_clone(fleet: Fleet) -> None:
    fleet.add("models/iris")
    fleet.add("models/vision/cats", {"serve.py": UNTRACED, ".gitlab-ci.yml": ELSEWHERE})
    fleet.add("other/iris")
    report = fleet.json()
    assert states(report) == {"models/iris": "judged", "models/vision/cats": "judged"}
    clone = fleet.folder / "cats"
    url = f"http://x:{fleet.bot.token}@{fleet.gitlab.url.removeprefix('http://')}/models/vision/cats.git"
    subprocess.run(["git", "clone", "-q", url, str(clone)], check=True)
    command = [sys.executable, "-c", "from bot.cli import main; main()", "check", str(clone), "--format", "json"]
    checked = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)["projects"][0]["rules"]
    swept = next(one for one in report["projects"] if one["path"] == "models/vision/cats")["models"][0]["rules"]
    shown = ("path", "line", "message", "fix", "fingerprint")

    def essence(rules: list[dict[str, Any]], root: str) -> list[object]:
        return [
            (
                rule["id"],
                rule["level"],
                rule["outcome"],
                rule["reason"],
                [[str(f[k]).removeprefix(root) for k in shown] for f in rule["findings"]],
            )
            for rule in rules
            if rule["id"] != "6.image"  # for which the sweep asks the registry
        ]

    assert essence(swept, "") == essence(checked, f"{clone}/")
    assert sum(rule["outcome"] == "fail" for rule in swept) > 1


def test_what_did_not_change_costs_no_git_and_a_hundredth_of_a_call(fleet: Fleet) -> None:
    projects = [fleet.add(f"models/iris{number}") for number in range(3)]
    fleet.sweep()
    fleet.gitlab.reset_calls()
    report = fleet.json()
    assert (report["sweep"]["unchanged"], fleet.git_calls()) == (3, 0)
    assert [call.route for call in fleet.gitlab.calls if call.route != "git"] == [
        "/api/graphql",
        "/groups/:group_id/merge_requests",
    ]
    fleet.gitlab.push(projects[1], "main", {"serve.py": UNTRACED})
    fleet.gitlab.reset_calls()
    report = fleet.json()
    assert (report["sweep"]["unchanged"], report["sweep"]["judged"]) == (2, 1)
    assert {call.path.split(".git")[0] for call in fleet.gitlab.calls if call.route == "git"} == {"/models/iris1"}
    assert fleet.rules(report, "models/iris1")["10.patch"] == "fail"


def test_without_graphql_the_list_comes_by_rest_and_what_is_known_costs_no_git(fleet: Fleet) -> None:
    for number in range(3):
        fleet.add(f"models/iris{number}")
    fleet.gitlab.fail("POST", "/api/graphql", Answers(404), times=9)
    first = fleet.json()
    assert set(states(first).values()) == {"judged"} and len(first["projects"]) == 3
    fleet.gitlab.reset_calls()
    fleet.gitlab.fail("POST", "/api/graphql", Answers(404), times=9)
    assert fleet.json()["sweep"]["unchanged"] == 3
    assert fleet.git_calls() == 0


def test_archived_and_empty_projects_are_left_out_and_others_have_their_reason(fleet: Fleet) -> None:
    fleet.add("models/old").archived = True
    fleet.gitlab.add_project("models/empty", None, {fleet.bot: DEVELOPER})
    fleet.gitlab.add_project("models/docs", {"index.md": "# Docs\n"}, {fleet.bot: DEVELOPER})
    fleet.add("models/headless").default_branch = "gone"
    fleet.add("models/good")
    report = fleet.json()
    assert states(report) == {"models/docs": "skipped", "models/good": "judged", "models/headless": "failed"}
    reasons = {one["path"]: one["reason"] for one in report["projects"]}
    assert "no file of a model's" in reasons["models/docs"] and "default branch" in reasons["models/headless"]


def test_a_project_whose_code_is_forbidden_or_broken_is_a_row_and_the_sweep_goes_on(fleet: Fleet) -> None:
    fleet.gitlab.add_project("models/secret", PROJECT, visibility="internal").members = {}
    broken = fleet.add("models/broken")
    fleet.add("models/good")
    for pack in (broken.repo / "objects").rglob("*"):
        if pack.is_file():
            pack.chmod(0o600)
            pack.write_bytes(b"")
    report = fleet.json()
    assert states(report)["models/good"] == "judged" and states(report)["models/broken"] == "failed"
    assert "models/broken: could not be judged" in fleet.sweep()


def test_a_project_that_went_is_marked_so_and_one_that_came_back_is_judged_anew(fleet: Fleet) -> None:
    iris = fleet.add("models/iris")
    fleet.add("models/rose")
    fleet.sweep()
    iris.archived = True
    assert fleet.json()["sweep"]["gone"] == 1
    iris.archived = False
    report = fleet.json()
    assert states(report)["models/iris"] == "judged" and report["sweep"]["judged"] == 1


def test_a_project_that_moved_is_judged_under_its_new_name(fleet: Fleet) -> None:
    iris = fleet.add("models/iris")
    fleet.sweep()
    iris.path = "models/rose"
    report = fleet.json()
    assert list(states(report)) == ["models/rose"] and report["sweep"]["judged"] == 1
    assert fleet.rules(report, "models/rose")["1.path"] == "fail"


def test_a_dry_run_keeps_nothing(fleet: Fleet) -> None:
    fleet.add("models/iris", {"serve.py": UNTRACED})
    assert "models/iris: enforce 10.patch" in fleet.sweep("--dry-run")
    assert fleet.json("--dry-run")["sweep"]["unchanged"] == 0
    assert fleet.json()["sweep"]["judged"] == 1


def test_single_projects_and_groups_can_be_asked_for_and_a_wrong_name_is_an_error(fleet: Fleet) -> None:
    fleet.add("models/iris")
    fleet.add("models/vision/cats")
    assert list(states(fleet.json("--project", "models/iris"))) == ["models/iris"]
    assert list(states(fleet.json("--group", "models/vision"))) == ["models/vision/cats"]
    assert "models/nothing" in fleet.sweep("--project", "models/nothing", code=2)
    assert "nothing" in fleet.sweep("--group", "nothing", code=2)


def test_when_gitlab_says_slow_down_it_is_asked_again_later(fleet: Fleet) -> None:
    fleet.add("models/iris")
    fleet.gitlab.fail("POST", "/api/graphql", Answers(429, 1))
    fleet.gitlab.fail("GET", "git", Answers(503), times=1)
    assert states(fleet.json()) == {"models/iris": "judged"}


def test_a_policy_of_another_digest_makes_all_be_judged_anew(fleet: Fleet) -> None:
    fleet.add("models/iris", {"serve.py": UNTRACED})
    policy = fleet.folder / "policy.yml"
    policy.write_text("levels: {10: warn}\n")
    fleet.sweep()
    report = fleet.json(SNITCH_POLICY=str(policy))
    assert report["sweep"]["judged"] == 1
    assert "warn 10.patch" in fleet.sweep(SNITCH_POLICY=str(policy))


def test_the_report_comes_as_csv_and_as_a_page_that_shows_nothing_unescaped(fleet: Fleet) -> None:
    bad = 'import kserve\n\n\nclass M(kserve.Model):\n    """<script>alert(1)</script>"""\n'
    late = "waive:\n- {rule: 10.patch, until: 2020-01-01, reason: over}\n"
    more = {"requirements.txt": "=cmd|' /C calc'!A0\n", "CODEOWNERS": "* @ada =b\n", ".snitch.yml": late}
    fleet.add("models/iris", {"serve.py": bad, **more})
    fleet.gitlab.add_project("models/docs", {"index.md": "# Docs\n"}, {fleet.bot: DEVELOPER})
    rows = list(csv.DictReader(io.StringIO(fleet.sweep("--format", "csv"))))
    assert {row["rule"] for row in rows} >= {"4.load", "10.patch"}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())
    page = fleet.folder / "report.html"
    assert fleet.sweep("--format", "html", "--output", str(page)) == ""
    text = page.read_text()
    assert "<script" not in text and 'http-equiv="Content-Security-Policy"' in text
    assert 'aria-label="standard 10: not kept"' in text and "models/iris" in text
    assert 'aria-label="standard 0: not kept"' in text and '<td class="who">@ada</td>' in text
    assert {row["owner"] for row in rows} == {"'@ada"}
    assert "models/docs</a>: not a model project: it has no file of a model" in text


def test_a_sweep_that_was_killed_goes_on_where_it_stopped(fleet: Fleet) -> None:
    for number in range(12):
        fleet.add(f"models/iris{number}")
    own = environment(fleet.gitlab, fleet.bot, fleet.folder / "state", SNITCH_GROUPS="models", SNITCH_CONCURRENCY="2")
    command = [sys.executable, "-c", "from bot.cli import main; main()", "sweep"]
    killed = subprocess.Popen(command, env={**own, "PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL)
    while fleet.git_calls() < 8 and killed.poll() is None:
        pass
    killed.kill()
    killed.wait()
    report = fleet.json()
    assert set(states(report).values()) == {"judged"} and len(report["projects"]) == 12
    assert report["sweep"]["unchanged"] > 0


def test_open_merge_requests_that_were_missed_are_queued_but_not_in_the_first_night(fleet: Fleet) -> None:
    author = fleet.gitlab.add_user("author")
    iris = fleet.add("models/iris")
    fleet.gitlab.add_member(iris, author, MAINTAINER)
    fleet.gitlab.push(iris, "change", {"serve.py": UNTRACED}, by=author)
    fleet.gitlab.open_mr(iris, "change", by=author)
    assert "first sweep" in fleet.sweep()
    assert "1 merge requests queued" in fleet.sweep()


def test_what_is_over_for_longer_than_the_retention_is_forgotten_by_the_sweep(fleet: Fleet) -> None:
    fleet.add("models/iris")
    fleet.sweep()
    store = Store(f"sqlite:///{fleet.folder / 'state' / 'snitch.db'}")
    results = Results(store)
    results.begin("long ago", 1.0)
    fleet.sweep(SNITCH_RETENTION_DAYS="30")
    assert "long ago" not in {run.id for run in results.runs()} and len(results.runs()) == 2
    store.close()


def test_who_is_behind_the_template_is_told_in_every_report(fleet: Fleet) -> None:
    memory = {"template": "snitch", "answers": {}}
    for path, data in (
        ("behind", json.dumps({**memory, "version": "0"})),
        ("newest", json.dumps({**memory, "version": newest_version()})),
        ("other", json.dumps({**memory, "version": "0", "template": "cookies"})),
        ("odd", json.dumps({**memory, "version": "0; rm"})),
        ("broken", "[" * 10_000),
        ("large", json.dumps({**memory, "version": "0", "more": "x" * 70_000})),
        ("none", None),
    ):
        fleet.add(f"models/{path}", {".template.json": data})
    fleet.add("models/many", {f"sub/{name}": data for name, data in PROJECT.items()} | {"sub/.template.json": "{}"})
    report = fleet.json()
    told = {one["path"]: one["models"][0]["template"] for one in report["projects"]}
    assert told.pop("models/behind") == {"version": "0", "behind": True}
    assert told.pop("models/newest") == {"version": newest_version(), "behind": False}
    assert set(told.values()) == {None} and len(told) == 6
    assert report["sweep"]["template"] == newest_version()
    # What is known is told as well, in every form.
    words = f"from version 0 of the template, now {newest_version()}: snitch update"
    assert [line.partition(":")[0] for line in fleet.sweep().split("\n") if words in line] == ["models/behind"]
    assert fleet.sweep("--format", "html").count(words) == 1
    (row,) = [one for one in csv.DictReader(io.StringIO(fleet.sweep("--format", "csv"))) if one["outcome"] == "behind"]
    assert (row["project"], row["path"], row["message"]) == ("models/behind", ".template.json", words)


# ── what a list leaves out ───────────────────────────────────────────────────────────────────────────────────────────


def many(fleet: Fleet, count: int) -> list[Project]:
    """Projects that share one repository."""
    first = fleet.add("models/iris")
    for number in range(count - 1):
        made = replace(first, id=fleet.gitlab.state.next_id("project"), path=f"models/iris-{number}")
        fleet.gitlab.state.projects[made.id] = made
    return list(fleet.gitlab.state.projects.values())


@pytest.mark.parametrize("graphql", [True, False])
def test_a_project_deleted_while_pages_are_turned_leaves_no_other_one_out(fleet: Fleet, graphql: bool) -> None:
    made = many(fleet, 250)
    if not graphql:
        fleet.gitlab.fail("POST", "/api/graphql", Answers(404), times=9)
    client = Client(fleet.gitlab.url, lambda: fleet.bot.token)
    found = []
    for listed in projects(client, ("models",), Pace(0, 1)):
        found.append(listed.project.id)
        if len(found) in (20, 120):
            made[len(found) - 10].deleted = True
    assert found == [one.id for one in made]
    assert len(fleet.gitlab.calls) <= 6


def test_without_graphql_projects_that_are_only_visible_are_listed_after_those_of_the_token(fleet: Fleet) -> None:
    made = many(fleet, 150)
    for one in made[100:]:
        one.members, one.visibility = {}, "internal"
    fleet.gitlab.state.groups["models"].members.clear()
    fleet.gitlab.fail("POST", "/api/graphql", Answers(404), times=9)
    client = Client(fleet.gitlab.url, lambda: fleet.bot.token)
    found = [one.project.id for one in projects(client, ("models",), Pace(0, 1))]
    assert sorted(found) == [one.id for one in made]


def test_a_group_out_of_sight_for_a_moment_is_asked_for_again_where_the_pages_stopped(fleet: Fleet) -> None:
    made, client = many(fleet, 150), Client(fleet.gitlab.url, lambda: fleet.bot.token)
    asked, usual = [], client.ask

    def ask(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        asked.append(variables["after"])
        return {"group": None} if len(asked) == 2 else usual(query, variables)

    client.ask = ask  # type: ignore[method-assign]
    found = list(projects(client, ("models",), Pace(0, 1)))
    assert [one.project.id for one in found] == [one.id for one in made]
    assert all(one.head for one in found) and len(asked) == 3


def test_a_project_that_a_list_forgot_is_asked_for_and_is_not_gone(fleet: Fleet) -> None:
    fleet.add("models/iris")
    fleet.add("models/vision/cats")
    rose = fleet.add("models/rose")
    fleet.sweep()
    rose.deleted = True
    report = fleet.json(SNITCH_GROUPS="models/vision,mistyped,models")
    assert report["sweep"]["gone"] == 1 and len(report["sweep"]["troubles"]) == 1
    assert states(report)["models/iris"] == "judged"
    report = fleet.json(SNITCH_GROUPS="mistyped,models/vision")
    assert "gone" not in report["sweep"] or not report["sweep"]["gone"]
