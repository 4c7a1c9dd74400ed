"""The page of a merge request: what it is, what was said, what it changes. A page that needs no script."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from tests.gitlab import access, githost, tracing, views
from tests.gitlab.conversation import Reader, avatar, moment, note, thread
from tests.gitlab.diff_table import Place, file_box, table, unfolded
from tests.gitlab.html import Child, Html, div, el, span
from tests.gitlab.model import Discussion, MergeRequest, Status, User
from tests.gitlab.patches import DiffFile, whole_diff
from tests.gitlab.rendering import render

MARKS = {"success": "✓", "failed": "✗", "running": "◐", "pending": "○", "canceled": "⊘", "skipped": "»"}
MOST_FILES = 100


def merge_request(reader: Reader, trouble: str = "") -> Html:
    """The whole page."""
    mr = reader.mr
    base, head = _ends(mr)
    files = diff_files(mr.project.repo, base, head)
    placed = {one.id: one for one in mr.discussions if _place(mr, one, files)}
    statuses = newest_statuses(mr)
    body = [
        _title(reader),
        div("trouble", trouble) if trouble else None,
        div("text description", render(mr.description)) if mr.description else None,
        _widget(mr, statuses),
        _talk(reader, [one for one in mr.discussions if one.id not in placed]),
        _write(reader),
        _commits(mr, base, head),
        _changes(reader, files, placed.values(), base),
    ]
    working = any(status.state in ("pending", "running") for status in statuses)
    return views.document(f"{mr.title} (!{mr.iid})", _who(reader), *body, refresh=working)


def _ends(mr: MergeRequest) -> tuple[str | None, str]:
    """Merge base and head of the newest diff."""
    version = mr.version
    return (version.base, version.head) if version else (None, mr.head)


def diff_files(repo: Path, base: str | None, head: str) -> list[DiffFile]:
    return list(whole_diff(repo, base, head)) if base else []


def _who(reader: Reader) -> Html:
    """Whose eyes these are."""

    def name(user: User) -> str:
        return f"{user.name} ({reader.role(user) or 'no member'})"

    options = (
        el(
            "option",
            f"{user.name} ({reader.role(user) or 'no member'})",
            value=user.username,
            selected=user is reader.person,
        )
        for user in reader.gitlab.users.values()
        if not user.bot
    )
    chosen = el("select", *options, name="as", aria_label="Who looks")
    return el("form", span("soft", "You are "), chosen, el("button", "Switch", type="submit"), cls="who-form")


def _title(reader: Reader) -> Html:
    mr = reader.mr
    source = (
        mr.source_branch if mr.source is mr.project else f"{mr.source.path if mr.source else 'gone'}:{mr.source_branch}"
    )
    return el(
        "header",
        div("crumbs", el("a", "Projects", href="/"), f" / {mr.project.path} / Merge requests / !{mr.iid}"),
        el("h1", mr.title),
        div(
            "facts",
            span(f"pill {mr.state}", {"opened": "Open"}.get(mr.state, mr.state.title())),
            avatar(mr.author),
            span("", f"{mr.author.name} wants to merge ", el("code", source), " into ", el("code", mr.target_branch)),
            " · ",
            moment(mr.created_at),
        ),
    )


def newest_statuses(mr: MergeRequest) -> list[Status]:
    """Of the head, one a name."""
    project = mr.source or mr.project
    every = [
        status for owner in {id(project): project, id(mr.project): mr.project}.values() for status in owner.statuses
    ]
    return list({status.name: status for status in every if status.sha == mr.head and not status.retried}.values())


def _widget(mr: MergeRequest, statuses: Iterable[Status]) -> Html:
    """Commit statuses, and what is in the way of a merge."""
    rows = [
        div(
            "check",
            span(f"mark {status.state}", MARKS.get(status.state, "?")),
            el("b", status.name),
            span("soft", f" {status.state}"),
            span("say", status.description or ""),
            el("a", "Details", href=status.target_url) if status.target_url else None,
        )
        for status in statuses
    ]
    threads = [one for one in mr.discussions if one.resolvable]
    still = sum(not one.resolved for one in threads)
    words = (
        f"{still} of {len(threads)} threads unresolved"
        if still
        else "All threads resolved"
        if threads
        else "No threads"
    )
    sign = span("mark success", "✓") if not still else span("mark pending", "!")
    return div("widget", *rows, div("check", sign, span("", words if threads else "No threads")))


def _talk(reader: Reader, discussions: Iterable[Discussion]) -> Html | None:
    """What stands on no line of the newest diff."""
    shown = [
        div("thread plain", note(reader, one.notes[0])) if one.individual else thread(reader, one, _where(one))
        for one in discussions
    ]
    return el("section", el("h2", "Activity"), *shown, span("", id="newest")) if shown else None


def _where(discussion: Discussion) -> Child:
    """File and line of a thread whose line is no more."""
    position = discussion.notes[0].original_position
    if not position:
        return None
    line = position["new_line"] or position["old_line"]
    return div("where", el("code", f"{position['new_path']}:{line}" if line else str(position["new_path"])))


def _write(reader: Reader) -> Html | None:
    if not access.can_comment(reader.gitlab, reader.mr, reader.person):
        return None
    box = el("textarea", name="body", rows=3, required=True, placeholder="Write a comment, or /snitch fix")
    quick = [
        reader.form("notes", el("input", type="hidden", name="body", value=command), el("button", el("code", command)))
        for command in ("/snitch fix", "/snitch check", "/snitch help")
    ]
    form = reader.form("notes", box, el("button", "Comment", type="submit", cls="main"), cls="comment")
    return el("section", form, div("quick", span("soft", "or send "), *quick), cls="write", id="write")


def _commits(mr: MergeRequest, base: str | None, head: str) -> Html:
    listed = githost.log(mr.project.repo, base, head, limit=50)
    rows = [
        el(
            "li",
            el("a", el("code", one.sha[:8]), href=f"/{mr.project.path}/-/commit/{one.sha}"),
            span("title", one.title),
            span("soft", one.author_name),
        )
        for one in listed
    ]
    return el("section", el("h2", "Commits ", span("count", len(rows))), el("ol", *rows, cls="commits"), id="commits")


def _changes(reader: Reader, files: list[DiffFile], placed: Iterable[Discussion], base: str | None) -> Html:
    by_file: dict[str, list[Discussion]] = {}
    for one in placed:
        file = _place(reader.mr, one, files)
        by_file.setdefault(file.path if file else "", []).append(one)
    # Files that somebody talked about come in any case, however many there are.
    shown = [file for number, file in enumerate(files) if number < MOST_FILES or file.path in by_file]
    boxes = [_file(reader, file, by_file.get(file.path, []), base or "") for file in shown]
    rest = len(files) - len(shown)
    more = div("nothing", f"{rest} more files are not shown.") if rest else None
    return el("section", el("h2", "Changes ", span("count", len(files))), *boxes, more, id="changes")


def _file(reader: Reader, file: DiffFile, discussions: Iterable[Discussion], base: str) -> Html:
    above: list[Html] = []
    under: dict[Place, list[Html]] = {}
    for one in discussions:
        position = one.notes[0].position or {}
        if position.get("position_type") == "text":
            under.setdefault((position["old_line"], position["new_line"]), []).append(thread(reader, one))
        else:
            above.append(thread(reader, one))
    shown = unfolded(reader.mr.project.repo, base, file, under)
    return file_box(file, f"file-{quote(file.path)}", table(file, shown, under), above)


def _place(mr: MergeRequest, discussion: Discussion, files: Iterable[DiffFile]) -> DiffFile | None:
    """The file of the newest diff that a thread stands in; None of a plain or outdated one."""
    first = discussion.notes[0]
    if first.position is None or first.outdated or first.broken or not tracing.is_active(mr, first):
        return None
    old, new = first.position["old_path"], first.position["new_path"]
    return next((file for file in files if (file.old_path, file.new_path) == (old or new, new or old)), None)
