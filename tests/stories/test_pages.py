"""The pages and the API: what they show is what `snitch check` says, to each person only what they may see."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from playwright.sync_api import sync_playwright
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from bot.errors import Unreachable
from bot.fleet import Found, Model, Order, RuleVerdict, Scope, Verdict
from bot.job import Sweep
from bot.kept import Kept, Upkeep
from bot.queue import Queue
from bot.store import CalledWrong
from bot.sweep import sweep
from checks.owners import Owner
from tests.gitlab.faults import Answers
from tests.gitlab.model import DEVELOPER, MAINTAINER, OWNER, REPORTER, Member
from tests.gitlab.server import GitLab
from tests.gitlab.verbs import Files
from tests.stories.front import Front
from tests.stories.model_project import DOCKERFILE, ELSEWHERE, LONELY, PROJECT, UNIGNORING, UNLABELLED, UNTRACED

TOKEN = "the-token-of-a-machine"
TODAY = datetime.now(UTC).date()
SOON, LATER = TODAY + timedelta(days=3), TODAY + timedelta(days=40)
POLICY = f"""\
levels:
  1.ignored: {{level: warn, since: {{{SOON}: enforce}}}}
  6: shadow
"""
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202egnp.exe"
WAIVED = UNTRACED.replace("import kserve", f"# snitch: waive 10.patch until {SOON} - soon\nimport kserve")
PAGES = ("/", "/?due=7", "/standards", "/standards/10", "/sweeps", "/sweeps/first", "/jobs", "/policy")


class Fleet:
    """A GitLab with models of every kind, swept once, and the web process that shows them."""

    def __init__(self, gitlab: GitLab, folder: Path) -> None:
        gitlab.pause_hooks()
        self.gitlab, self.folder = gitlab, folder
        self.bot = gitlab.add_user("snitch", bot=True)
        self.owner, self.reader, self.keeper = (gitlab.add_user(name) for name in ("owner", "reader", "keeper"))
        gitlab.add_group("models", {self.bot: DEVELOPER, self.owner: OWNER})
        gitlab.add_group("models/vision", {})
        self.iris = self.add("models/iris", {})
        self.cats = self.add(
            "models/vision/cats",
            {
                "serve.py": UNTRACED,
                ".gitlab-ci.yml": ELSEWHERE,
                "CODEOWNERS": f"* @{'vi'}\n",
                ".template.json": '{"template": "snitch", "version": "0", "answers": {}}',
            },
        )
        self.soon = self.add("models/soon", {".gitignore": UNIGNORING, "Dockerfile": UNLABELLED})
        self.let = self.add("models/let", {"serve.py": WAIVED, "Dockerfile": DOCKERFILE})
        self.odd = self.add(
            "models/odd",
            {
                "Dockerfile": DOCKERFILE.replace('author="$CI_COMMIT_AUTHOR"', "author='<b>\u202eX</b>'"),
                ".gitlab-ci.yml": LONELY,
                "requirements.txt": f"kserve  # {HOSTILE}\n",
            },
        )
        gitlab.add_project("models/docs", {"index.md": "# Docs\n"}, {self.bot: DEVELOPER})
        self.add("models/headless", {}).default_branch = "gone"
        (folder / "policy.yml").write_text(POLICY)
        self.fronts = ExitStack()

    def add(self, path: str, files: Files) -> Any:
        people = {self.bot: DEVELOPER, self.keeper: MAINTAINER}
        name = path.rpartition("/")[2]
        own = {place: text.replace("iris", name) for place, text in {**PROJECT, **files}.items()}
        return self.gitlab.add_project(path, own, people)

    def serve(self, **settings: str) -> Front:
        own = {"SNITCH_GROUPS": "models", "SNITCH_API_TOKEN": TOKEN, "SNITCH_POLICY": str(self.folder / "policy.yml")}
        front = Front.registered(self.gitlab, self.bot, self.folder / "state", trusted=True, **{**own, **settings})
        self.front = self.fronts.enter_context(front)
        return front

    def sweep(self, front: Front, name: str = "first") -> None:
        sweep(front.pages.world, Order(name, Scope(("models",))))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One for all tests that only look."""
    folder = tmp_path_factory.mktemp("fleet")
    with GitLab(folder / "gitlab") as gitlab:
        fleet = Fleet(gitlab, folder)
        with fleet.fronts:
            fleet.sweep(fleet.serve(SNITCH_PAGES="public"))
            yield fleet


@pytest.fixture
def public(shown: Fleet) -> Front:
    return shown.front


@pytest.fixture
def fleet(gitlab: GitLab, tmp_path: Path) -> Iterator[Fleet]:
    """One for a test that changes it."""
    fleet = Fleet(gitlab, tmp_path)
    with fleet.fronts:
        yield fleet


@pytest.fixture
def swept(fleet: Fleet) -> Front:
    front = fleet.serve(SNITCH_PAGES="public")
    fleet.sweep(front)
    return front


def get(front: Front, path: str, status: int = 200) -> str:
    answer = requests.get(front.url + path, timeout=30)
    assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
    return answer.text


def api(front: Front, path: str, status: int = 200) -> dict[str, Any]:
    answer = requests.get(f"{front.url}/api/v1{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    assert answer.status_code == status, (path, answer.status_code, answer.text[:300])
    found: dict[str, Any] = answer.json()
    return found


def words_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


# ── what they show ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_pages_show_what_check_says(shown: Fleet, public: Front) -> None:
    clone = shown.folder / "clone"
    projects = (shown.cats, shown.soon, shown.odd)
    for project in projects:
        url = f"http://x:{shown.bot.token}@{shown.gitlab.url.removeprefix('http://')}/{project.path}.git"
        subprocess.run(["git", "clone", "-q", url, str(clone / project.path)], check=True)
    command = [
        sys.executable,
        "-c",
        "from bot.cli import main; main()",
        "check",
        *(str(clone / one.path) for one in projects),
    ]
    command += ["--format", "json", "--no-cache", "--policy", str(shown.folder / "policy.yml")]
    checked = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)["projects"]
    assert len(checked) == 3
    for one in checked:
        path = next(p.path for p in projects if p.path.endswith(f"/{one['name']}"))
        shown = api(public, f"/projects/{path}")["models"][0]["rules"]
        told = {rule["id"]: (rule["level"], rule["outcome"]) for rule in one["rules"] if rule["level"] != "shadow"}
        assert {rule["id"]: (rule["level"], rule["outcome"]) for rule in shown} == told
        found = {(r["id"], f["message"]) for r in one["rules"] if r["level"] != "shadow" for f in r["findings"]}
        assert {(rule["id"], f["message"]) for rule in shown for f in rule["findings"]} == found and found
        page = words_of(get(public, f"/projects/{path}"))
        assert all(rule in page and " ".join(message.split()) in page for rule, message in found if "\\" not in message)


def test_what_fails_next_week_is_told_with_who_repairs_it_and_why(shown: Fleet, public: Front) -> None:
    due = {one["path"]: one for one in api(public, "/projects?due=7")["items"]}
    assert set(due) == {"models/vision/cats", "models/soon", "models/let", "models/odd"}
    why = {path: [(d["rule"], d["why"], d["day"]) for d in one["due"]] for path, one in due.items()}
    assert why["models/soon"] == [("1.ignored", "begins", str(SOON))]
    assert why["models/let"] == [("10.patch", "ends", str(SOON + timedelta(days=1)))]
    assert {(rule, why) for rule, why, _ in why["models/vision/cats"]} == {("1.path", "now"), ("10.patch", "now")}
    owners = {path: one["model"]["owner"] for path, one in due.items()}
    assert owners["models/vision/cats"] == {"names": ["@vi"], "source": "CODEOWNERS"}
    assert owners["models/soon"] == {"names": ["@keeper", "@owner"], "source": "Maintainers"}
    assert owners["models/odd"]["source"] == "author"
    page = words_of(get(public, "/?due=7&new=1"))
    assert f"1.ignored is enforced from {SOON}" in page and "models/ soon @keeper, @owner (Maintainer)" in page
    assert "10.patch : its waiver ends" in page and "vision/ cats" not in page
    assert api(public, "/fleet")["audit"] == {"by": str(TODAY + timedelta(days=7)), "failing_now": 2, "failing": 4}
    (campaign,) = api(public, "/fleet")["campaigns"]
    assert (campaign["id"], campaign["failing"]) == ("1.ignored", 1)
    assert campaign["left"] == [None] * 12 + [1]  # nothing is known of the weeks before the first sweep
    assert campaign["acting"] == [{"name": "@keeper", "models": 1}]
    assert f"1.ignored : enforce from {SOON}" in words_of(get(public, "/")).replace("1.ignored:", "1.ignored :")


def test_a_finding_stands_with_its_code_and_leads_to_its_line_on_gitlab(shown: Fleet, public: Front) -> None:
    page = get(public, "/projects/models/vision/cats")
    head = api(public, "/projects/models/vision/cats")["commit"]
    links = re.findall(r'href="([^"]*/-/blob/([0-9a-f]{40})/serve\.py#L3)"', page)
    assert links and links[0][1] == head
    assert '<span class="ln">3</span>import kserve' in page
    assert "from version 0 of the template, now" in page
    assert (
        "import kserve" in api(public, "/projects/models/vision/cats")["models"][0]["rules"][-2]["findings"][0]["code"]
    )


def test_what_is_in_the_shadow_is_never_shown(shown: Fleet, public: Front) -> None:
    told = [get(public, path) for path in (*PAGES, "/projects/models/soon")]
    told += [json.dumps(api(public, p)) for p in ("/fleet", "/projects", "/projects/models/soon", "/standards")]
    assert not [text[:200] for text in told if "6.model" in text or "label-schema.vendor" in text]
    get(public, "/standards/6", 404)
    api(public, "/standards/6", 404)


def test_nothing_of_a_repository_is_markup_and_no_page_holds_script_or_style(shown: Fleet, public: Front) -> None:
    for path in (*PAGES, "/projects/models/odd", "/projects/models/headless"):
        page = get(public, path)
        assert "<script" not in page and "<style" not in page
        assert not re.search(r"<[^>]*\s(?:on\w+|style)=", page), path
        assert "\u202e" not in page and "<b>" not in page
    odd = get(public, "/projects/models/odd")
    assert "&lt;script&gt;" in odd and "\\u202e" in odd and "&lt;b&gt;\\u202eX" in odd
    answer = requests.get(f"{public.url}/projects/models/odd", timeout=30)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_our_own_words_stand_as_they_are_meant(public: Front) -> None:
    page = get(public, "/standards/10")
    assert "<code>ddtrace.patch(tornado=True)</code>" in page and "&lt;code&gt;" not in page
    assert "<h3>Why</h3>" in page and '<code class="language-python">' in page


def test_filters_orders_and_pages(shown: Fleet, public: Front) -> None:
    def paths(query: str) -> list[str]:
        return [one["path"].removeprefix("models/") for one in api(public, f"/projects?{query}")["items"]]

    assert paths("") == ["headless", "iris", "let", "odd", "soon", "vision/cats"]
    assert paths("group=models/vision") == ["vision/cats"] == paths("owner=@vi") == paths("q=CATS")
    assert paths("standard=10&outcome=fail") == ["vision/cats"]
    assert paths("outcome=warn") == ["soon"]
    assert paths("state=failed") == ["headless"] and paths("state=skipped") == ["docs"]
    assert paths("sort=broken")[:2] == ["odd", "vision/cats"] and paths("sort=-path")[0] == "vision/cats"
    first = api(public, "/projects?per_page=2")
    assert (first["total"], first["next"], len(first["items"])) == (6, 2, 2)
    assert paths("per_page=2&page=3") == ["soon", "vision/cats"] and paths("page=99") == []
    assert "models/vision/ cats" not in words_of(get(public, "/?standard=10&outcome=pass"))


@pytest.mark.parametrize("path", ["/", "/api/v1/projects", "/api/v1/fleet"])
def test_hostile_queries_are_answered_with_sense(public: Front, path: str) -> None:
    texts = (
        "%00",
        "%0d%0aSet-Cookie:x",
        "x" * 10_000,
        "%ff%fe",
        "%F0%9F%92%A9",
        "'--",
        "%E2%80%AE",
        "%25s",
        "-1",
        "1e9",
    )
    for name in (
        "q",
        "group",
        "owner",
        "page",
        "per_page",
        "sort",
        "standard",
        "outcome",
        "due",
        "state",
        "new",
        "odd",
    ):
        for text in texts:
            assert requests.get(f"{public.url}{path}?{name}={text}", timeout=30).status_code in (200, 400), (name, text)
    for query in ("page=99999999999999999999", "due=93", "standard=11", "sort=nothing", "per_page=101", "page=0"):
        assert requests.get(f"{public.url}{path}?{query}", timeout=30).status_code == 400, query
    assert requests.get(f"{public.url}{path}?page=1000000000&page=2&q=a&q=b", timeout=30).status_code == 200
    for odd in (
        "/projects/%00",
        "/projects/..%2f..%2fetc",
        "/standards/%F0%9F%92%A9",
        "/standards/²",
        "/sweeps/%00%ff",
    ):
        assert requests.get(public.url + odd, timeout=30).status_code == 404, odd


def test_what_is_no_http_gets_a_page_that_leads_on(public: Front) -> None:
    lines = ("GET /?page=٣ HTTP/1.1", "GET /\x00 HTTP/1.1", f"GET /?q={'x' * 9000} HTTP/1.1", "<b>é</b> / HTTP/1.1")
    for line in lines:
        with socket.create_connection(("127.0.0.1", public.port), timeout=30) as raw:
            raw.sendall(f"{line}\r\nHost: x\r\n\r\n".encode())
            head, _, page = raw.makefile("rb").read().partition(b"\r\n\r\n")
        assert b" 400 " in head.partition(b"\r\n")[0] and b"default-src 'none'" in head, line
        assert b'href="/"' in page and b"xxxx" not in page and b"<b>" not in page, line
    assert get(public, "/")


def test_what_a_waiver_lets_stand_is_not_said_to_be_kept(public: Front) -> None:
    page = words_of(get(public, "/projects/models/let"))
    assert "10.patch waived enforce" in page and "keeps every standard, but for what is waived" in page


def test_who_searches_or_turns_a_page_finds_the_list_at_once(public: Front) -> None:
    for query in ("", "?group=models", "?group=models/vision", "?due=7", "?due=7&owner=@vi"):
        assert 'class="cards"' in get(public, f"/{query}"), query
    for query in ("?q=cats", "?owner=@vi", "?standard=10&outcome=fail", "?state=skipped", "?page=2", "?sort=-path"):
        assert 'class="cards"' not in get(public, f"/{query}"), query


def test_what_holds_no_model_is_not_counted_as_one(public: Front) -> None:
    models = sum(api(public, "/fleet")["models"].values())
    assert f">{models} models, and 1 project without a verdict" in get(public, "/")
    assert ">1 project</h2>" in get(public, "/?state=failed")
    assert ">0 models</h2>" in get(public, "/?q=zzzz")


PLAIN = (("/", 200), ("/jobs", 200), ("/?sort=x", 400))


def test_a_page_of_an_error_leads_to_the_others(public: Front) -> None:
    for path, status in (("/projects/no/such", 404), ("/?sort=x", 400), ("/test/fault", 500), ("/test/gone", 503)):
        page = get(public, path, status)
        assert all(f'href="{to}"' in page for to in ("/standards", "/sweeps", "/jobs", "/policy")), path
    styles = {re.findall(r'rel="stylesheet" href="([^"]*)"', get(public, path, status))[0] for path, status in PLAIN}
    (style,) = styles  # named by what it holds, so that no browser draws a page with an older one
    assert "?v=" in style and requests.get(public.url + style, timeout=30).headers["Content-Type"] == "text/css"
    assert requests.get(public.url + "/static/snitch.svg", timeout=30).headers["Content-Type"] == "image/svg+xml"


def test_a_sweep_tells_which_issue_it_could_not_make(fleet: Fleet, swept: Front) -> None:
    Upkeep(swept.store).keep(Kept(fleet.cats.id, "issue", reason="GitLab says <no>"))
    page = get(swept, "/sweeps/first")
    assert "GitLab says &lt;no&gt;" in page and 'href="/projects/models/vision/cats"' in page


def test_a_badge_says_how_a_project_stands(public: Front) -> None:
    assert ">2 not kept</text>" in get(public, "/projects/models/vision/cats/badge.svg")
    assert ">kept</text>" in get(public, "/projects/models/iris/badge.svg")
    assert ">kept, with findings</text>" in get(public, "/projects/models/soon/badge.svg")
    assert f"({public.url}/projects/models/iris/badge.svg?key=" in unescape(get(public, "/projects/models/iris"))
    get(public, "/projects/models/nothing/badge.svg", 404)


def test_history_tells_what_failed_and_who_mended_it_and_the_page_is_new_at_once(fleet: Fleet, swept: Front) -> None:
    assert "still fails" in get(swept, "/projects/models/vision/cats")
    fleet.gitlab.push(
        fleet.cats,
        "main",
        {"serve.py": str(PROJECT["serve.py"]).replace("iris", "cats")},
        by=fleet.keeper,
        message="Trace",
    )
    fleet.sweep(swept, "second")
    history = api(swept, "/projects/models/vision/cats")["history"]
    assert {one["rule"]: one["fixed_by"] for one in history} == {"10.patch": "a person", "1.path": None}
    assert [one["id"] for one in api(swept, "/sweeps")["items"]] == ["second", "first"]
    failures = api(swept, "/sweeps/second")["failures"]
    assert [one["path"] for one in failures] == ["models/headless"] and "default branch" in failures[0]["reason"]
    assert "default branch" in get(swept, "/sweeps/second") and "Unchanged 5" in words_of(get(swept, "/sweeps/second"))


def test_merge_requests_that_snitch_reviewed_are_named_while_they_are_open(fleet: Fleet, swept: Front) -> None:
    fleet.gitlab.push(fleet.iris, "change", {"serve.py": UNTRACED}, by=fleet.keeper)
    mr = fleet.gitlab.open_mr(fleet.iris, "change", by=fleet.keeper, title=f"Change {HOSTILE}")
    assert api(swept, "/projects/models/iris")["merge_requests"] == []
    swept.store.remember(fleet.iris.id, mr.iid, {"head": "a" * 40, "would_say": "── summary\n   <b>no</b>"})
    (told,) = api(swept, "/projects/models/iris")["merge_requests"]
    assert (told["iid"], told["reviewed"]) == (mr.iid, "a" * 40)
    page = get(swept, "/projects/models/iris")
    assert "a newer commit is not reviewed yet" in page and "&lt;script&gt;" in page
    assert "were it not silent" in page and "&lt;b&gt;no" in page
    swept.store.remember(fleet.cats.id, 1, {"head": "a" * 40})
    fleet.gitlab.fail("GET", "/projects/:id/merge_requests", Answers(500), times=99)
    assert "GitLab does not say now which are open" in get(swept, "/projects/models/vision/cats")


# ── in a browser ─────────────────────────────────────────────────────────────────────────────────────────────────────

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium(require: Callable[[str], str]) -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize(("scheme", "size"), [("light", DESK), ("dark", PHONE)])
def test_a_checker_of_accessibility_finds_nothing_and_only_tables_scroll_aside(
    public: Front, chromium: Any, scheme: str, size: dict[str, int]
) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport=size, bypass_csp=False)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    for path in (*PAGES, "/projects/models/vision/cats", "/projects/models/nothing"):
        page.goto(public.url + path)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        found = Axe().run(page).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == [], path
    assert [text for text in said if "404" not in text] == []  # nothing that the policy for content refused
    context.close()


def test_without_javascript_a_newcomer_finds_what_fails_and_who_repairs_it(public: Front, chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport=DESK)
    page = context.new_page()
    page.goto(public.url)
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the content"
    first = page.locator(".first")
    assert re.search(r"models/soon\s+@keeper, @owner \(Maintainer\)\s+1\.ignored is enforced from", first.inner_text())
    box = first.bounding_box()
    assert box is not None and box["y"] + box["height"] < DESK["height"]  # without scrolling
    page.get_by_role("link", name="All that fail, and who repairs them").click()
    row = page.get_by_role("row").filter(has_text="models/soon")
    assert "@keeper" in row.inner_text() and f"enforced from {SOON}" in row.inner_text()
    page.get_by_role("link", name="@vi", exact=True).click()
    assert [cell.inner_text() for cell in page.get_by_role("rowheader").all()] == ["models/vision/cats"]
    page.get_by_label("Outcome").select_option("fail")
    page.get_by_role("button", name="Show").press("Enter")
    page.get_by_role("link", name="models/vision/cats").click()
    assert page.get_by_role("heading", level=1).inner_text() == "models/vision/cats"
    cell = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="10.patch")).first
    assert "not kept" in cell.inner_text()
    context.close()


# ── as JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_description_is_valid_and_each_answer_keeps_to_it(fleet: Fleet, swept: Front) -> None:
    document = api(swept, "/openapi.json")
    validate(document)
    registry = Registry().with_resource("urn:snitch", DRAFT202012.create_resource(document))
    swept.store.call_wrong([CalledWrong(fleet.cats.id, "e", "", "10.patch", 1, "serve.py", 3, "no", 5, True, 1.0)])
    Upkeep(swept.store).keep(Kept(fleet.cats.id, "issue", "open", 4))
    swept.store.remember(fleet.iris.id, 1, {"head": "a" * 40})
    asked = {
        "/fleet": ("/fleet", "/fleet?group=models/vision&due=30"),
        "/projects": ("/projects", "/projects?due=0&per_page=1", "/projects?state=skipped"),
        "/projects/{path}": tuple(f"/projects/models/{n}" for n in ("vision/cats", "odd", "let", "docs", "headless")),
        "/standards": ("/standards",),
        "/standards/{number}": ("/standards/10", "/standards/0"),
        "/sweeps": ("/sweeps",),
        "/sweeps/{id}": ("/sweeps/first",),
        "/jobs": ("/jobs", "/jobs?state=dead"),
    }
    assert {f"/api/v1{path}" for path in asked} == set(document["paths"])
    for path, queries in asked.items():
        answers = document["paths"][f"/api/v1{path}"]["get"]["responses"]
        for query in queries:
            for status, answer in (("200", api(swept, query)), ("400", api(swept, "/projects?page=0", 400))):
                name = answers[status]["content"]["application/json"]["schema"]["$ref"]
                validator = Draft202012Validator({"$ref": f"urn:snitch{name}"}, registry=registry)
                assert [error.message for error in validator.iter_errors(answer)] == [], query
    cats = api(swept, "/projects/models/vision/cats")
    assert cats["models"][0]["template"] == {"version": "0", "behind": True}
    (issue,) = cats["kept"]
    assert issue["link"] == f"{fleet.gitlab.url}/models/vision/cats/-/issues/4" and issue["state"] == "open"
    assert ">issue #4</a>" in get(swept, "/projects/models/vision/cats")
    wrong = api(swept, "/standards/10")["called_wrong"]
    assert [(one["project"], one["place"]) for one in wrong] == [("models/vision/cats", "serve.py:3")]


# ── who may see what ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_sees_nothing_of_projects_that_gitlab_hides_from_them(fleet: Fleet) -> None:
    front = fleet.serve()
    fleet.sweep(front)
    fleet.iris.members[fleet.reader.id] = Member(fleet.reader, REPORTER)
    with front.store.transaction() as connection:
        front.store.give_up(connection, f"mr:{fleet.cats.id}:1@1", _review(fleet.cats.id), "secret reason", 1.0)
    front.store.call_wrong([CalledWrong(fleet.cats.id, "e", "", "10.patch", 1, "hidden.py", 3, "no", 5, True, 1.0)])
    browser = front.browser(fleet.reader)
    browser.go("/")
    listed = browser.go("/api/v1/projects").json()
    assert [one["path"] for one in listed["items"]] == ["models/iris"] and listed["total"] == 1
    hidden = ("cats", "models/soon", "models/odd", "headless", "secret reason", "hidden.py", "vision")
    for path in (*PAGES, "/?group=models/vision", "/?state=failed", "/projects/models/iris"):
        text = browser.go(path).text
        assert not [name for name in hidden if name in text.replace('value="models/vision"', "")], path
    for path in ("/fleet", "/standards", "/standards/10", "/sweeps", "/sweeps/first", "/jobs?state=dead"):
        assert not [name for name in hidden if name in browser.go(f"/api/v1{path}").text], path
    assert browser.go("/api/v1/fleet").json()["projects"]["judged"] == 1
    assert browser.go("/api/v1/sweeps").json()["items"][0]["counts"] is None
    for kind in ("/projects/", "/api/v1/projects/"):
        there, absent = browser.go(f"{kind}models/vision/cats"), browser.go(f"{kind}models/vision/none")
        assert there.status_code == 404 and (there.text, there.headers.keys()) == (absent.text, absent.headers.keys())
    assert browser.go("/projects/models/vision/cats/badge.svg").status_code == 404


def test_a_badge_is_for_whoever_reads_the_readme_and_tells_nothing_else(fleet: Fleet) -> None:
    front = fleet.serve()
    fleet.sweep(front)
    page = front.browser(fleet.owner).go("/projects/models/vision/cats").text
    (address,) = re.findall(r"\((http[^)]*badge\.svg\?key=[0-9a-f]{32})\)", unescape(page))
    answer = requests.get(address, timeout=30, allow_redirects=False)
    assert answer.status_code == 200 and ">2 not kept</text>" in answer.text
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin" and "Set-Cookie" not in answer.headers
    bare = address.split("?")[0]
    for wrong in (
        address[:-1],
        address[:-1] + "é",
        address.replace("vision/cats", "soon"),
        f"{bare}?key=",
        f"{bare}?key",
    ):
        assert requests.get(wrong, timeout=30, allow_redirects=False).status_code == 404, wrong
    whole = address.replace("/badge.svg", "")
    assert "/sign-in" in requests.get(whole, timeout=30, allow_redirects=False).headers["Location"]
    assert requests.get(bare, timeout=30, allow_redirects=False).status_code == 303


def _review(project_id: int) -> Any:
    from bot.job import ReviewMR

    return ReviewMR(project_id, 1, "a" * 40)


def test_admins_start_sweeps_and_try_policies_and_nobody_else_does(fleet: Fleet) -> None:
    front = fleet.serve()
    fleet.sweep(front)
    reader, owner = front.browser(fleet.keeper), front.browser(fleet.owner)
    assert "Start a sweep" not in reader.go("/sweeps").text and "<textarea id" not in reader.go("/policy").text
    csrf = _csrf(owner.go("/sweeps").text)
    assert owner.ask("POST", "/sweeps", data={"csrf": csrf}).headers["Location"] == "/sweeps"
    assert [type(job) for job in front.accepted] == [Sweep]
    assert reader.ask("POST", "/sweeps", data={"csrf": _csrf(reader.go("/").text)}).status_code == 403
    assert owner.ask("POST", "/sweeps", data={"csrf": "wrong"}).status_code == 403
    assert owner.ask("POST", "/jobs/none/retry", data={"csrf": csrf}).status_code == 404
    tried = owner.ask("POST", "/policy", data={"csrf": csrf, "text": "levels: {1.ignored: enforce, 10: warn}\n"})
    page = words_of(tried.text)
    assert tried.status_code == 200 and "2 → 3 of 5 projects would fail" in page, page
    assert "1.ignored warn → enforce 1 0" in page and "10.patch enforce → warn 1 0" in page
    lines = "levels:\r\n  1.ignored: enforce\r\n\t# a tab\r\n  9: warn\r\n"
    for text in (lines, f"\r\n{lines}"):  # can be mended, and sent again, as it was typed
        again = owner.ask("POST", "/policy", data={"csrf": csrf, "text": text}).text
        assert f">\n{text}</textarea>".replace("\r", "") in again
    bad = owner.ask("POST", "/policy", data={"csrf": csrf, "text": f"levels: {{99: warn}}\n# {HOSTILE}"})
    assert bad.status_code == 400 and "99" in words_of(bad.text) and "<script" not in bad.text
    for source in ("/etc/passwd", "https://example.com/x", "gitlab:models/none//policy.yml"):
        answer = owner.ask("POST", "/policy", data={"csrf": csrf, "source": source})
        assert answer.status_code == 400 and "root:" not in answer.text


def test_a_job_that_was_given_up_is_tried_again_by_a_button(fleet: Fleet) -> None:
    front = fleet.serve()
    fleet.sweep(front)
    queue = Queue(front.pages.settings, lambda job: None, front.store)
    object.__setattr__(front.pages, "queue", queue)
    with front.store.transaction() as connection:
        front.store.give_up(connection, f"mr:{fleet.cats.id}:1@1", _review(fleet.cats.id), f"because {HOSTILE}", 1.0)
        front.store.give_up(connection, "sweep:x", Sweep("x"), "no group models/secret", 2.0)
    owner, keeper = front.browser(fleet.owner), front.browser(fleet.keeper)
    page = owner.go("/jobs").text
    assert "review of models/vision/cats!1" in page and "because &lt;script&gt;" in page and "models/secret" in page
    seen = keeper.go("/jobs").text
    assert "because &lt;script&gt;" in seen and "models/secret" not in seen and ">Retry" not in seen
    (action,) = re.findall(r'action="(/jobs/mr[^"]*/retry)"', page)
    assert owner.ask("POST", action, data={"csrf": _csrf(page)}).headers["Location"] == "/jobs"
    assert owner.ask("POST", action, data={"csrf": _csrf(page)}).status_code == 404
    (waiting,) = api(front, "/jobs")["items"]
    assert (waiting["state"], waiting["about"]) == ("waiting", "review of models/vision/cats!1")
    assert [one["id"] for one in api(front, "/jobs?state=dead")["items"]] == ["sweep:x"]
    assert "0 jobs at work, 1 waiting" in words_of(owner.go("/jobs").text)
    queue.stop()


def _csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return found[1]


# ── when things are not as they should be ────────────────────────────────────────────────────────────────────────────


def test_without_its_database_a_page_says_so_and_comes_back(fleet: Fleet, swept: Front) -> None:
    before = get(swept, "/").partition("<section")[2]  # what is above it tells how long ago the sweep was
    rename = "ALTER TABLE snitch_fleet RENAME TO {}"
    with swept.store.transaction() as connection:
        connection.execute(sa.text(rename.format("away")))
    answer = requests.get(swept.url + "/", timeout=30)
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "30"
    assert requests.get(swept.url + "/api/v1/projects", timeout=30).json()["error"]
    with pytest.raises(Unreachable):
        swept.results.known()
    with swept.store.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE away RENAME TO snitch_fleet"))
    assert get(swept, "/").partition("<section")[2] == before and before


def test_on_postgresql_a_person_looks_and_an_outage_ends_by_itself(fleet: Fleet, postgresql: Callable[[], Any]) -> None:
    postgresql().psql("CREATE DATABASE pages;")
    front = fleet.serve(SNITCH_DATABASE_URL=str(postgresql().get_uri(database="pages")))
    fleet.sweep(front)
    owner, keeper = front.browser(fleet.owner), front.browser(fleet.keeper)
    seen = [*PAGES, "/projects/models/vision/cats", "/?group=models/vision&sort=-judged", "/api/v1/projects"]
    assert [owner.go(path).status_code for path in seen] == [200] * len(seen)
    assert owner.ask("POST", "/sweeps", data={"csrf": _csrf(owner.go("/sweeps").text)}).status_code == 303
    keeper.go("/")
    assert keeper.go("/api/v1/projects").json()["total"] == 6  # a Maintainer of each
    postgresql().psql("ALTER DATABASE pages ALLOW_CONNECTIONS false;")
    postgresql().psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'pages';")
    assert [owner.ask("GET", path).status_code for path in ("/", "/jobs", "/api/v1/fleet")] == [503] * 3
    postgresql().psql("ALTER DATABASE pages ALLOW_CONNECTIONS true;")
    assert owner.go("/").status_code == 200
    assert owner.ask("POST", "/sign-out", data={"csrf": _csrf(owner.go("/").text)}).status_code == 303
    assert "/sign-in" in owner.ask("GET", "/").headers["Location"]


def test_before_the_first_sweep_the_pages_say_what_to_do(fleet: Fleet) -> None:
    front = fleet.serve(SNITCH_PAGES="public")
    assert "Nothing has been judged yet" in get(front, "/") and "There was none yet" in get(front, "/sweeps")
    for path in ("/?due=7", "/standards", "/standards/10", "/jobs", "/policy"):
        get(front, path)
    assert api(front, "/fleet")["audit"]["failing"] == 0


def test_names_need_no_plain_characters_and_may_be_hostile(fleet: Fleet, swept: Front) -> None:
    fleet.sweep(swept, "by hand 2026-11-28T10:00:00+00:00/ü?#")
    (link,) = re.findall(r'href="(/sweeps/by%20hand[^"]*)"', get(swept, "/sweeps"))
    assert "by hand" in get(swept, link)
    assert link == "/sweeps/" + quote("by hand 2026-11-28T10:00:00+00:00/ü?#", safe="")
    found = Found(f"a/\udcff{HOSTILE}.py", 3, f"odd \udcfe\x00\n{HOSTILE}", "safe", "f", None, f"{HOSTILE}\nx")
    rules = (RuleVerdict("10.patch", "enforce", "fail", None, (found, replace(found, waived="\udcff"))),)
    odd = Model("sub\udcff", f"n\udcff{HOSTILE}", rules, Owner(("@x\udcff<b>",), "CODEOWNERS"))
    one = Verdict(999, "models/odd names", "javascript:alert(1)", "judged", "\udcff", "a" * 40, "", None, (odd, odd))
    swept.results.put(one, "v", 1.0, lambda old, new: ())
    for path in (
        "/",
        "/?due=7",
        "/projects/models/odd%20names",
        "/standards/10",
        "/projects/models/ODD%20names/badge.svg",
    ):
        page = get(swept, path)
        assert "<script" not in page and "<b>" not in page and "javascript:" not in page and "\u202e" not in page, path
    assert api(swept, "/projects/models/odd%20names")["models"][0]["folder"] == "sub\\xff"
    assert api(swept, "/projects?q=odd%20names")["total"] == 2
