"""`snitch hooks`: webhooks made, mended, checked, taken away and given a new secret."""

from __future__ import annotations

import http.server
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli import app
from bot.connecting import wake
from bot.pace import Pace
from bot.settings import Settings
from tests.gitlab.courier import new_signing_token
from tests.gitlab.faults import Answers, DoneThen, Drops
from tests.gitlab.model import DEVELOPER, MAINTAINER, OWNER, Hook, Project, User
from tests.gitlab.server import GitLab
from tests.stories.engine import SECRET, environment
from tests.stories.service import Service

URL = "https://snitch.example.com/webhooks/gitlab"
ALL = ("merge_requests", "notes", "push")


@dataclass
class Desk:
    """Where the administrator sits. `owner` is the Owner of the group `models`, with two projects and an empty one."""

    gitlab: GitLab
    bot: User
    owner: User
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, code: int = 0, **settings: str) -> str:
        given = {
            "SNITCH_ADMIN_TOKEN": self.owner.token,
            "SNITCH_PUBLIC_URL": "https://snitch.example.com",
            **self.settings,
            **settings,
        }
        env = environment(self.gitlab, self.bot, self.folder / "state", **given)
        ran: Result = CliRunner(env={**env, "HOME": str(self.folder)}).invoke(
            app, ["hooks", *words], prog_name="snitch", catch_exceptions=False
        )
        assert ran.exit_code == code, ran.output
        assert not [secret for secret in (SECRET, self.owner.token, self.bot.token) if secret in ran.output]
        return ran.output

    @property
    def projects(self) -> list[Project]:
        return [one for one in self.gitlab.state.projects.values() if one.path.startswith("models/")]

    def group_hooks(self) -> list[Hook]:
        return list(self.gitlab.state.groups["models"].hooks.values())


@pytest.fixture
def desk(gitlab: GitLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr("bot.connection.Pace", partial(Pace, wait=lambda _: None))
    bot, owner = gitlab.add_user("snitch", bot=True), gitlab.add_user("olga")
    gitlab.add_group("models", {owner: OWNER, bot: DEVELOPER})
    gitlab.add_group("models/vision")
    gitlab.add_project("models/iris", {"README.md": "# Iris"})
    gitlab.add_project("models/vision/cats", {"README.md": "# Cats"})
    gitlab.add_project("models/empty")
    gitlab.pause_hooks()
    yield Desk(gitlab, bot, owner, tmp_path)
    assert gitlab.unknown_calls == [] or gitlab.knobs.edition == "ce"


def events(hook: Hook) -> list[str]:
    return [name for name in ALL if getattr(hook, name)]


def is_right(hook: Hook) -> bool:
    others = hook.confidential_notes or any(hook.others.values())
    whole = not hook.template and (hook.strategy == "all_branches" or not hook.branches)
    return hook.url == URL and events(hook) == [*ALL] and not others and hook.ssl and whole and hook.secret == SECRET


def test_a_group_gets_one_webhook_where_its_licence_has_such(desk: Desk) -> None:
    desk.gitlab.knobs.premium = True
    desk.gitlab.add_hook(desk.projects[0], URL, "an older one")
    desk.run("check", "--group", "models", code=1)
    assert "models (group): made" in desk.run("install", "--group", "models")
    (hook,) = desk.group_hooks()
    assert is_right(hook) and hook.name == "snitch @snitch"
    assert [one.hooks for one in desk.projects] == [{}, {}, {}]
    assert "0 wrong, 1 in all" in desk.run("check", "--group", "models")
    assert "models (group): in place" in desk.run("install", "--group", "models")
    assert desk.group_hooks() == [hook]
    assert "models (group): taken away" in desk.run("remove", "--group", "models")
    assert desk.group_hooks() == []


def test_what_a_group_above_has_a_webhook_for_gets_no_second_one(desk: Desk) -> None:
    """Groups that lie in each other, a project by name: GitLab would send each event twice."""
    desk.gitlab.knobs.premium = True
    inner = desk.gitlab.add_group("models/vision", {desk.owner: OWNER})
    told = desk.run("install", "--group", "models/vision", "--group", "models", "--group", "models/")
    assert "models (group): made" in told and "vision (group)" not in told
    for words in (("--group", "models/vision"), ("--project", "models/iris")):
        for verb in ("install", "check"):
            assert "the group above has one for it" in desk.run(verb, *words)
    assert not inner.hooks and not any(one.hooks for one in desk.projects)


@pytest.mark.parametrize("edition", ["ce", "ee"])
def test_without_such_a_licence_each_project_gets_its_own(desk: Desk, edition: str) -> None:
    desk.gitlab.knobs.edition = edition  # type: ignore[assignment]
    archived = desk.gitlab.add_project("models/old", {"a": "b"})
    archived.archived = True
    desk.gitlab.add_project("elsewhere/iris", {"a": "b"}, {desk.owner: MAINTAINER})
    told = desk.run("install", "--group", "models")
    assert "models (group): each project has its own webhook" in told
    assert [is_right(hook) for one in desk.projects for hook in one.hooks.values()] == [True] * 3
    assert not archived.hooks
    assert "0 wrong" in desk.run("check", "--group", "models")
    added = desk.gitlab.add_project("models/new")
    assert "models/new: there is no webhook of snitch" in desk.run("check", "--group", "models", code=1)
    desk.run("remove", "--group", "models")
    assert not any(one.hooks for one in [*desk.projects, added])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"notes": False, "push": False}, "it is not sent: comments, pushes"),
        ({"confidential_notes": True, "others": {"job_events": True}}, "confidential_note_events, job_events"),
        ({"ssl": False}, "it does not verify TLS"),
        ({"template": '{"a": 1}'}, "a template replaces"),
        ({"branches": "main", "strategy": "wildcard"}, "only pushes to main are sent"),
        ({"url": "https://old.example.com/webhooks/gitlab"}, "it goes to https://old.example.com"),
        ({"url": "http://snitch.example.com/webhooks/gitlab/", "name": "renamed"}, "it goes to http://snitch"),
        ({"secret": None}, "it has no secret token"),
    ],
)
def test_what_drifted_is_told_and_mended_in_place(desk: Desk, change: dict[str, object], told: str) -> None:
    iris = desk.projects[0]
    desk.run("install", "--project", "models/iris")
    (hook,) = iris.hooks.values()
    for name, value in change.items():
        setattr(hook, name, value)
    assert told in desk.run("check", "--project", "models/iris", code=1)
    assert not is_right(hook)
    assert "mended" in desk.run("install", "--project", "models/iris")
    assert list(iris.hooks.values()) == [hook] and is_right(hook)
    assert "in place" in desk.run("check", "--project", "models/iris")


def test_a_wrong_secret_does_not_show_and_is_set_again_all_the_same(desk: Desk) -> None:
    desk.run("install", "--project", "models/iris")
    (hook,) = desk.projects[0].hooks.values()
    hook.secret = "somebody's"
    desk.run("install", "--project", "models/iris")
    assert is_right(hook)


def test_others_webhooks_are_left_alone_and_ours_that_are_too_many_are_taken_away(desk: Desk) -> None:
    iris = desk.projects[0]
    others = [
        desk.gitlab.add_hook(iris, "https://chat.example.com/webhooks/gitlab", "x"),
        desk.gitlab.add_hook(iris, "https://snitch.example.com/other", "y"),
        desk.gitlab.add_hook(iris, "https://snitch.example.com:8443/webhooks/gitlab", "another snitch"),
    ]
    others[2].name = "snitch @another-bot"
    ours = [desk.gitlab.add_hook(iris, URL, "z") for _ in range(3)]
    others[0].headers["X-Gate"] = ours[0].headers["X-Gate"] = "kept"
    before = [(one.url, one.secret, one.name) for one in others]
    assert "2 webhooks too many" in desk.run("check", "--project", "models/iris", code=1)
    desk.run("install", "--project", "models/iris")
    assert list(iris.hooks.values()) == [*others, ours[0]] and is_right(ours[0])
    assert "X-Gate" in desk.run("check", "--project", "models/iris")
    desk.run("remove", "--project", "models/iris")
    assert list(iris.hooks.values()) == others and [(one.url, one.secret, one.name) for one in others] == before


def test_trouble_with_one_project_does_not_keep_the_others_from_their_turn(desk: Desk) -> None:
    full = desk.projects[1]
    for number in range(100):
        desk.gitlab.add_hook(full, f"https://{number}.example.com", "x")
    told = desk.run("install", "--group", "models", "--project", "nowhere/to-be", code=1)
    assert "models/vision/cats: GitLab refuses it (422): Maximum number of project hooks (100) exceeded" in told
    assert "nowhere/to-be: GitLab does not have it" in told
    assert [len(one.hooks) for one in desk.projects] == [1, 100, 1]
    full.hooks.popitem()
    desk.run("install", "--group", "models")
    assert [len(one.hooks) for one in desk.projects] == [1, 100, 1]


@pytest.mark.parametrize("trouble", [Answers(502), DoneThen(500), Drops(), Drops(done=True), Answers(429, 1)])
def test_a_call_without_an_answer_makes_no_second_webhook(
    desk: Desk, trouble: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three calls that fail in a row are taken for an outage, which must be over before the last try."""
    monkeypatch.setattr("bot.brake.FIRST_PROBE", 0.01)
    monkeypatch.setattr("bot.connection.Pace", partial(Pace, wait=lambda _: time.sleep(0.05)))
    for method in ("POST", "PUT", "GET"):
        desk.gitlab.fail(method, r"/projects/:id/hooks", trouble)  # type: ignore[arg-type]
    desk.gitlab.add_hook(desk.projects[1], URL, "z")
    desk.run("install", "--group", "models")
    assert [is_right(hook) for one in desk.projects for hook in one.hooks.values()] == [True] * 3


def test_a_webhook_that_gitlab_switched_off_is_tried_and_told_of(desk: Desk) -> None:
    desk.run("install", "--project", "models/iris")
    (hook,) = desk.projects[0].hooks.values()
    hook.status = "disabled"
    assert "switched it off (disabled)" in desk.run("check", "--project", "models/iris", code=1)
    told = desk.run("install", "--project", "models/iris", code=1, SNITCH_PUBLIC_URL="http://127.0.0.1:9")
    assert "A test delivery failed" in told and hook.status == "disabled"


def test_a_signing_token_is_given_where_gitlab_knows_such(desk: Desk) -> None:
    token = new_signing_token()
    desk.settings = {"SNITCH_WEBHOOK_SIGNING_TOKEN": token}
    desk.run("install", "--project", "models/iris")
    (hook,) = desk.projects[0].hooks.values()
    assert (hook.signing_token, hook.secret) == (token, SECRET)
    desk.gitlab.knobs.signing_tokens, hook.signing_token = False, None
    for verb in ("check", "install"):  # the secret proves it on an older GitLab, and nothing is being changed
        told = desk.run(verb, "--project", "models/iris")
        assert "no signing tokens before 19.0: the secret alone proves deliveries" in told and "older ones" not in told
    only = {"SNITCH_WEBHOOK_SECRET": ""}
    told = desk.run("install", "--project", "models/iris", code=1, **only)
    assert "no signing token: GitLab knows them since 19.0. Set SNITCH_WEBHOOK_SECRET" in told and token not in told


def test_what_is_missing_is_said_before_anything_is_done(desk: Desk) -> None:
    told = desk.run("install", "--group", "models", code=2, SNITCH_ADMIN_TOKEN="", SNITCH_PUBLIC_URL="")
    assert "SNITCH_ADMIN_TOKEN is required: a token" in told and "SNITCH_PUBLIC_URL is required" in told
    assert "--group G or --project P" in desk.run("check", code=2)
    assert "GitLab refuses SNITCH_ADMIN_TOKEN" in desk.run(
        "check", "--group", "models", code=2, SNITCH_ADMIN_TOKEN="no"
    )
    weak = desk.gitlab.add_token(desk.owner, "read_api").value
    assert "models/iris: GitLab forbids it" in desk.run(
        "install", "--project", "models/iris", code=1, SNITCH_ADMIN_TOKEN=weak
    )
    assert "SNITCH_GITLAB_TOKEN" in desk.run("check", "--group", "models", code=2, SNITCH_GITLAB_TOKEN="no")
    assert not any(hook for one in desk.projects for hook in one.hooks)


def test_the_secret_is_changed_without_a_gap(gitlab: GitLab, desk: Desk, tmp_path: Path) -> None:
    """New secret written; refused until the service knows it; given to the webhooks; and GitLab's deliveries arrive."""
    gitlab.resume_hooks()
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o640)
    service = Service.start(gitlab, desk.bot, tmp_path / "service")
    desk.settings = {
        "SNITCH_PUBLIC_URL": service.hook.removesuffix("/webhooks/gitlab"),
        "SNITCH_WEBHOOK_SECRET": "",
        "SNITCH_WEBHOOK_SECRET_FILE": str(file),
    }
    try:
        desk.run("install", "--project", "models/iris")
        (hook,) = desk.projects[0].hooks.values()
        assert "restart one that does not" in desk.run("install", "--rotate")
        old, new = file.read_text().strip().split(",")
        assert (old, stat.S_IMODE(file.stat().st_mode), len(new) > 40) == (SECRET, 0o640, True)
        assert f"the last is the new one. A service that reads {file} takes it up by itself" in desk.run(
            "install", "--rotate"
        )
        assert file.read_text() == f"{old},{new}\n"
        assert "does not accept the last of SNITCH_WEBHOOK_SECRET yet" in desk.run(
            "install", "--group", "models", code=2
        )
        assert hook.secret == SECRET
        assert delivered(gitlab, desk) == 202
    finally:
        service.close()
    service = Service.start(gitlab, desk.bot, tmp_path / "restarted", SNITCH_WEBHOOK_SECRET=f"{old},{new}")
    desk.settings["SNITCH_PUBLIC_URL"] = service.hook.removesuffix("/webhooks/gitlab")
    hook.url = service.hook
    try:
        assert delivered(gitlab, desk) == 202
        hook.status = "disabled"
        assert "take the older ones out" in desk.run("install", "--project", "models/iris")
        assert (hook.secret, hook.status) == (new, "executable")
        assert delivered(gitlab, desk) == 202
    finally:
        service.close()


def delivered(gitlab: GitLab, desk: Desk) -> int | None:
    gitlab.push(desk.projects[0], "main", {"README.md": f"# {len(gitlab.deliveries)}"})
    gitlab.wait_for_hooks()
    return gitlab.deliveries[-1].status


def test_a_secret_that_lies_in_no_file_gets_one_beside_the_state(desk: Desk) -> None:
    aside = desk.folder / "state" / "webhook-secret.new"
    assert f"A new secret stands in {aside}" in desk.run("install", "--rotate")
    first = aside.read_text()
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    desk.run("install", "--rotate")
    assert aside.read_text() == first
    two = f"{SECRET},{first.strip()}"
    told = desk.run(
        "install", "--project", "models/iris", code=2, SNITCH_WEBHOOK_SECRET=two, SNITCH_PUBLIC_URL="http://127.0.0.1:9"
    )
    assert "can't be asked: http://127.0.0.1:9" in told
    desk.run("install", "--project", "models/iris", "--unverified", SNITCH_WEBHOOK_SECRET=two)
    (hook,) = desk.projects[0].hooks.values()
    assert hook.secret == first.strip()


class Taking(http.server.BaseHTTPRequestHandler):
    """Takes each delivery."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def taking() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("premium", [True, False])
def test_what_gitlab_switched_off_is_switched_on_by_the_service(desk: Desk, taking: str, premium: bool) -> None:
    desk.gitlab.knobs.premium = premium
    desk.settings = {"SNITCH_PUBLIC_URL": taking, "SNITCH_GROUPS": "models"}
    desk.run("install")
    hooks = desk.group_hooks() if premium else [hook for one in desk.projects[:2] for hook in one.hooks.values()]
    given = {"SNITCH_ADMIN_TOKEN": desk.owner.token, **desk.settings}
    settings = Settings.read(environment(desk.gitlab, desk.bot, desk.folder / "state", **given))
    woken: list[int] = []
    wake(settings, woken.append)
    assert woken == [], "those that work are left alone"
    for hook in hooks:
        hook.status = "disabled"
    wake(replace(settings, mode="silent"), woken.append)
    assert {hook.status for hook in hooks} == {"disabled"}
    wake(settings, woken.append)
    assert {hook.status for hook in hooks} == {"executable"}
    assert sum(woken) == len(hooks)
    hooks[0].status, hooks[0].url = "disabled", "http://127.0.0.1:9/webhooks/gitlab"
    wake(settings, woken.append)
    assert hooks[0].status == "disabled", "one that is still badly received stays off"
