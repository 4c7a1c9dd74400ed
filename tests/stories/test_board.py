"""`snitch board`: a new model on GitLab, whole in the end however often it was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bot import board as boarding
from bot.cli import app
from bot.settings import Settings
from bot.template import BUILT_IN, template_in
from checks.environments import environments_value
from checks.inspection import read_policy
from checks.policy import Policy
from tests.gitlab import githost
from tests.gitlab.faults import Answers, DoneThen, Drops, Trouble
from tests.gitlab.model import DEVELOPER, MAINTAINER, Project, User
from tests.gitlab.server import GitLab
from tests.stories.engine import SECRET, environment
from tests.stories.story import WRITING

POLICY = """\
model_topics: [ml-model]
environments:
  dev: {project: platform/deployments, path: "dev/{name}.yaml"}
  prod: {project: platform/deployments, path: "prod/{name}.yaml"}
"""
ANSWERS = {
    "project_name": "Great Blog Post Detector",
    "description": "Finds great blog posts",
    "author": "anne@example.com",
    "jira_url": "https://jira.example.com/browse/ML-1",
    "confluence_url": "https://wiki.example.com/ML",
}
OPTIONS = ("--description", "--author", "--jira", "--confluence")
WORDS = [word for pair in zip(OPTIONS, list(ANSWERS.values())[1:], strict=True) for word in pair]


@dataclass
class Pier:
    gitlab: GitLab
    bot: User
    owner: User
    folder: Path

    def run(self, *words: str, code: int = 0, **settings: str) -> str:
        (self.folder / "policy.yml").write_text(POLICY)
        given = {
            "SNITCH_GROUPS": "models",
            "SNITCH_ADMIN_TOKEN": self.owner.token,
            "SNITCH_PUBLIC_URL": "https://snitch.example.com",
            "SNITCH_POLICY": str(self.folder / "policy.yml"),
            **settings,
        }
        runner = CliRunner(
            env={**environment(self.gitlab, self.bot, self.folder / "state", **given), "HOME": "/nowhere"}
        )
        ran = runner.invoke(app, ["board", *words], prog_name="snitch", catch_exceptions=False)
        assert ran.exit_code == code, ran.output
        assert not [one for one in (SECRET, self.owner.token, self.bot.token) if one in ran.output]
        return ran.output

    def writes(self) -> list[str]:
        return [
            f"{one.method} {one.route}"
            for one in self.gitlab.calls
            if one.method in WRITING and "upload-pack" not in one.path
        ]

    def project(self, path: str = "models/great-blog-post-detector") -> Project | None:
        return self.gitlab.state.project(path)

    def state_of(self, path: str) -> Project:
        found = self.project(path)
        assert found is not None
        return found


@pytest.fixture
def pier(gitlab: GitLab, tmp_path: Path) -> Iterator[Pier]:
    gitlab.pause_hooks()
    bot, owner = gitlab.add_user("snitch", bot=True), gitlab.add_user("olga")
    gitlab.add_group("models", {owner: MAINTAINER})
    gitlab.add_project("platform/deployments", {"README.md": "# Deployments"}, {owner: DEVELOPER})
    yield Pier(gitlab, bot, owner, tmp_path)
    assert gitlab.unknown_calls == []


def state(pier: Pier) -> dict[str, Any]:
    """What there is in the end."""
    project, deployments = pier.project(), pier.project("platform/deployments")
    assert project is not None and deployments is not None
    branches = sorted(githost.refs(deployments.repo))
    return {
        "files": [entry.path for entry in githost.tree(project.repo, pier.gitlab.head(project))],
        "commits": len(githost.log(project.repo, None, pier.gitlab.head(project))),
        "topics": project.topics,
        "settings": {key: value for key, value in project.settings.items() if value is True},
        "protected": {name: (one.push, one.merge) for name, one in project.protected.items()},
        "bot": project.members[pier.bot.id].level,
        "hooks": [(one.url, one.merge_requests, one.notes, one.push, one.secret) for one in project.hooks.values()],
        "branches": branches,
        "requests": [(mr.source_branch, mr.state, mr.title) for mr in deployments.merge_requests.values()],
        "projects": sorted(one.path for one in pier.gitlab.state.projects.values()),
    }


def test_a_model_is_made_with_all_that_it_needs_and_is_left_as_it_is_the_second_time(pier: Pier) -> None:
    would = pier.run("Great Blog Post Detector", *WORDS, "--dry-run")
    assert "project: would be made" in would and "Nothing was written." in would
    assert pier.writes() == [] and pier.project() is None
    told = pier.run("Great Blog Post Detector", *WORDS)
    assert steps(told, ": made") == steps(would, ": would be made")
    assert "Great Blog Post Detector is on board" in told and "deployment to prod: made" in told
    found = state(pier)
    assert {"serve.py", "README.md", "Dockerfile", ".gitlab-ci.yml", ".template.json"} <= set(found["files"])
    assert found["commits"] == 1 and found["topics"] == ["ml-model"] and found["bot"] == DEVELOPER
    assert found["protected"] == {"main": (MAINTAINER, DEVELOPER)}
    assert found["settings"].keys() >= {
        "only_allow_merge_if_all_discussions_are_resolved",
        "only_allow_merge_if_pipeline_succeeds",
    }
    assert found["hooks"] == [("https://snitch.example.com/webhooks/gitlab", True, True, True, SECRET)]
    assert [one[0] for one in found["requests"]] == [
        "board-great-blog-post-detector-dev",
        "board-great-blog-post-detector-prod",
    ]
    deployments = pier.project("platform/deployments")
    assert deployments is not None
    text = pier.gitlab.read(deployments, "board-great-blog-post-detector-dev", "dev/great-blog-post-detector.yaml")
    service = yaml.safe_load(text or b"")
    assert (service["kind"], service["metadata"]["name"]) == ("InferenceService", "great-blog-post-detector")
    (container,) = service["spec"]["predictor"]["containers"]
    assert container["image"] == "registry.example.com/models/great-blog-post-detector:main"
    pier.gitlab.reset_calls()
    assert "made" not in pier.run("Great Blog Post Detector", *WORDS)
    assert pier.writes() == [] and state(pier) == found


def steps(told: str, how: str) -> list[str]:
    return [line.partition(how)[0] for line in told.splitlines() if how in line]


def test_a_dry_run_foresees_what_the_group_gives_and_what_gitlab_refuses(pier: Pier) -> None:
    """The bot is in the group already; the names of projects are taken, or not GitLab's; rights are missing."""
    pier.gitlab.add_group("models", {pier.owner: MAINTAINER, pier.bot: DEVELOPER})
    words = ("Anne's (old) Cats & Dogs", *WORDS)
    would = pier.run(*words, "--dry-run")
    assert "snitch as Developer: is there" in would and "named Annes old Cats Dogs" in would
    told = pier.run(*words)
    assert steps(told, ": made") == steps(would, ": would be made")
    assert pier.state_of("models/anne-s-old-cats-dogs").name == "Annes old Cats Dogs"
    for more in (["--dry-run"], []):
        assert "is named Annes old Cats Dogs" in pier.run("Annes old, Cats: Dogs?", *WORDS, *more, code=1)
    pier.gitlab.add_group("closed", {pier.owner: DEVELOPER})
    assert "no projects in closed" in pier.run("Iris", *WORDS, "--group", "closed", "--dry-run", code=1)


def test_a_deployment_that_people_closed_stays_closed(pier: Pier) -> None:
    pier.run("Great Blog Post Detector", *WORDS)
    deployments = pier.project("platform/deployments")
    assert deployments is not None
    deployments.merge_requests[1].state = "closed"
    told = pier.run("Great Blog Post Detector", *WORDS)
    assert "asked for it, and is closed" in told and len(deployments.merge_requests) == 2


@pytest.fixture(scope="module")
def plan() -> boarding.Plan:
    policy, problems = read_policy(POLICY.encode(), "policy.yml")
    assert not problems
    return boarding.plan_of(template_in(BUILT_IN), ANSWERS, "models", policy)


TROUBLES: list[Trouble] = [Answers(502), DoneThen(500), Drops(done=True), Answers(403), Answers(429, 1)]


def test_a_boarding_that_is_interrupted_at_any_call_and_repeated_ends_the_same(pier: Pier, plan: boarding.Plan) -> None:
    """Each write fails once, and a third of the reads, each in another project, and in one of the ways in turn."""
    env = environment(pier.gitlab, pier.bot, pier.folder / "state", SNITCH_ADMIN_TOKEN=pier.owner.token)
    settings = Settings.read({**env, "SNITCH_PUBLIC_URL": "https://snitch.example.com"})

    def whole(name: str, slug: str) -> list[object]:
        told, well = boarding.boarded(settings, replace(plan, slug=slug), dry_run=False)
        assert well, (name, told)
        project, deployments = pier.project(f"models/{slug}"), pier.project("platform/deployments")
        assert project is not None and deployments is not None
        requests = [mr.source_branch for mr in deployments.merge_requests.values() if f"-{slug}-" in mr.source_branch]
        commits = len(githost.log(project.repo, None, pier.gitlab.head(project)))
        kept = (len(project.hooks), len(project.protected), project.members[pier.bot.id].level, project.topics)
        return [commits, kept, [one.replace(slug, "") for one in requests]]

    same = replace(plan, files={**plan.files})
    right = whole("undisturbed", same.slug)
    assert right[0] == 1 and len(right[2]) == 2  # type: ignore[arg-type]
    made = enumerate(pier.gitlab.calls, 1)
    calls = [number for number, one in made if number > 2 and (one.method != "GET" or number % 3 == 0)]
    halted = 0
    for number in calls:
        slug = f"model-{number}"
        files = {
            **plan.files,
            ".template.json": plan.files[".template.json"].replace(plan.slug.encode(), slug.encode()),
        }
        one = replace(plan, slug=slug, title=f"Model {number}", files=files)
        trouble = TROUBLES[number % len(TROUBLES)]
        fault = pier.gitlab.fail("*", ".*", trouble, nth=number)
        told, well = boarding.boarded(settings, one, dry_run=False)
        halted += not well
        assert well or ("!! " in told and ("half made" in told or "Nothing was made" in told or "not known" in told))
        pier.gitlab.state.faults.clear()
        again, finished = boarding.boarded(settings, one, dry_run=False)
        assert finished, (number, trouble, told, again)
        project, deployments = pier.project(f"models/{slug}"), pier.project("platform/deployments")
        assert project is not None and deployments is not None
        requests = [mr.source_branch for mr in deployments.merge_requests.values() if f"-{slug}-" in mr.source_branch]
        commits = len(githost.log(project.repo, None, pier.gitlab.head(project)))
        kept = (len(project.hooks), len(project.protected), project.members[pier.bot.id].level, project.topics)
        assert [commits, kept, [one.replace(slug, "") for one in requests]] == right, (number, trouble)
        assert fault.hits <= 1
    assert halted > len(calls) / 2


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tree", "makes no name for addresses"),
        ("a/b", "ab"),
        ("x" * 80, "must be at most 50 characters, not 80"),
        ("Modell {{ 7*7 }}", "--name must be one line"),
        ("   ", "--name must be one line"),
    ],
)
def test_a_name_that_makes_no_address_is_told(pier: Pier, name: str, told: str) -> None:
    said = pier.run(name, *WORDS, "--dry-run", code=0 if told == "ab" else 2)
    assert told == "ab" or told in said
    assert pier.writes() == []


@pytest.mark.parametrize("name", ["Größenwahn Über", "7 Wonders", "GREAT Model", "a b  c"])
def test_odd_names_become_addresses(pier: Pier, name: str) -> None:
    assert "project: would be made" in pier.run(name, *WORDS, "--dry-run")


def test_what_is_in_the_way_is_left_and_told(pier: Pier) -> None:
    other = pier.gitlab.add_project("models/great-blog-post-detector", {"a.txt": "theirs"}, {pier.owner: MAINTAINER})
    before = pier.gitlab.head(other)
    told = pier.run("Great Blog Post Detector", *WORDS, code=1)
    assert "is there with other content" in told and "Nothing was made." in told
    assert pier.writes() == [] and pier.gitlab.head(other) == before
    other.archived = True
    assert "archived" in pier.run("Great Blog Post Detector", *WORDS, code=1)


def test_a_group_without_rights_or_none_and_a_token_that_is_refused(pier: Pier) -> None:
    pier.gitlab.add_group("closed", {pier.owner: DEVELOPER})
    assert "may make no projects in closed" in pier.run("Iris", *WORDS, "--group", "closed", code=1)
    assert "there is no group nowhere" in pier.run("Iris", *WORDS, "--group", "nowhere", code=1)
    assert "SNITCH_ADMIN_TOKEN" in pier.run("Iris", *WORDS, code=1, SNITCH_ADMIN_TOKEN="glpat-wrong")
    assert "SNITCH_ADMIN_TOKEN is required" in pier.run("Iris", *WORDS, code=2, SNITCH_ADMIN_TOKEN="")
    assert "Say in which group" in pier.run("Iris", *WORDS, code=2, SNITCH_GROUPS="")
    assert "can't be reached" in pier.run("Iris", *WORDS, code=3, SNITCH_GITLAB_URL="http://127.0.0.1:9")
    assert "no terminal to ask on: give --description" in pier.run("Iris", code=2)
    assert pier.writes() == ["POST /projects"]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """moto's S3 and ECR; the client of S3."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    values = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    for name, value in {**values, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hidden"}.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3")
    server.stop()


def test_its_data_and_images_have_their_places_in_aws(pier: Pier, aws: Any) -> None:
    words = ("Great Blog Post Detector", *WORDS)
    assert "s3://ml-platform-bucket is not there" in pier.run(*words, code=1)
    aws.create_bucket(Bucket="ml-platform-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    would = pier.run(*words, "--dry-run")
    assert "S3 prefix of models: would be made" in would and "ECR repository: would be made" in would
    assert aws.list_objects_v2(Bucket="ml-platform-bucket")["KeyCount"] == 0
    told = pier.run(*words)
    assert "ECR repository: made" in told and "hidden" not in told
    keys = [one["Key"] for one in aws.list_objects_v2(Bucket="ml-platform-bucket")["Contents"]]
    assert keys == ["great-blog-post-detector/datasets/", "great-blog-post-detector/models/"]
    deployments = pier.project("platform/deployments")
    assert deployments is not None
    text = pier.gitlab.read(deployments, "board-great-blog-post-detector-dev", "dev/great-blog-post-detector.yaml")
    (container,) = yaml.safe_load(text or b"")["spec"]["predictor"]["containers"]
    assert container["image"].endswith(".dkr.ecr.eu-west-1.amazonaws.com/great-blog-post-detector:main")
    assert "made" not in pier.run(*words)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("dev", "must name environments"),
        ({"Dev": {"project": "a/b", "path": "{name}.yaml"}}, "names 'Dev'"),
        ({"dev": {"project": "a/b", "path": "models.yaml"}}, "holds {name}"),
        ({"dev": {"project": "a/b", "path": "../{name}.yaml"}}, "holds {name}"),
        ({"dev": {"project": "b", "path": "{name}.yaml"}}, "the project's path"),
        ({"dev": {"project": "a/b", "path": "{name}.yaml", "brunch": "x"}}, "can't give brunch"),
        ({"dev": {"project": "a/b", "path": 7}}, "must give project and path"),
    ],
)
def test_environments_of_another_form_are_told(given: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        environments_value(given)
    assert Policy().settings == {}
