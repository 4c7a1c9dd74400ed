"""The pages beside a merge request's: the list of projects, a commit, a file; and the frame of them all."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from tests.gitlab import githost
from tests.gitlab.diff_table import file_box, table
from tests.gitlab.html import Child, Html, div, el, page, span
from tests.gitlab.instance import Instance
from tests.gitlab.model import Project
from tests.gitlab.patches import decoded, lines, whole_diff

STYLE = Path(__file__).with_name("static") / "page.css"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def document(title: str, corner: Child, *body: Child, refresh: bool = False) -> Html:
    bar = el("nav", el("a", "Test GitLab", href="/", cls="brand"), span("right", corner))
    return page(title, STYLE.read_text(), bar, el("main", *body), refresh=refresh)


def index(gitlab: Instance) -> Html:
    """Every project, and its merge requests."""
    boxes = [_project(one) for one in gitlab.projects.values() if not one.deleted]
    return document("Projects", None, el("h1", "Projects"), *boxes)


def _project(project: Project) -> Html:
    rows = [
        el(
            "li",
            span(f"pill {mr.state}", {"opened": "Open"}.get(mr.state, mr.state.title())),
            el("a", mr.title, href=f"/{project.path}/-/merge_requests/{mr.iid}"),
            span("soft", f"!{mr.iid} · {mr.author.name}"),
        )
        for mr in project.merge_requests.values()
    ]
    body = el("ol", *rows, cls="commits") if rows else div("nothing", "No merge requests.")
    return el("section", el("h2", project.path), body)


def commit(project: Project, sha: str) -> Html:
    found = githost.rev(project.repo, sha)
    if found is None:
        raise web.HTTPNotFound
    one = githost.log(project.repo, None, found, limit=1)[0]
    files = whole_diff(project.repo, one.parents[0] if one.parents else EMPTY_TREE, found)
    boxes = [file_box(file, f"file-{number}", table(file, lines(file))) for number, file in enumerate(files)]
    facts = div("facts", el("code", one.sha[:8]), span("soft", f"{one.author_name} <{one.author_email}>"))
    text = one.message.partition("\n")[2].strip()
    body = el("pre", text, cls="message") if text else None
    crumbs = div("crumbs", el("a", "Projects", href="/"), f" / {project.path} / Commits / {one.sha[:8]}")
    return document(one.title, None, el("header", crumbs, el("h1", one.title), facts), body, *boxes)


def blob(project: Project, sha: str, path: str) -> Html:
    content = githost.read(project.repo, sha, path)
    if content is None:
        raise web.HTTPNotFound
    binary = b"\0" in content
    rows = [
        el("tr", el("td", number, cls="n"), el("td", " ", line, cls="t"), cls="same", id=f"L{number}")
        for number, line in enumerate(decoded(content).removesuffix("\n").split("\n"), 1)
    ]
    shown = div("nothing", "Binary file.") if binary else el("table", el("tbody", *rows), cls="code")
    crumbs = div("crumbs", el("a", "Projects", href="/"), f" / {project.path} / {sha[:8]}")
    head = el("header", crumbs, el("h1", path))
    return document(path, None, head, div("file", div("scroll", shown)))
