"""Notes, threads and suggestions as a person sees them, with the forms to answer."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.gitlab import access, suggesting
from tests.gitlab.html import Child, Html, div, el, span
from tests.gitlab.instance import Instance
from tests.gitlab.model import Discussion, MergeRequest, Note, Suggestion, User, now
from tests.gitlab.rendering import EMOJI, render

ROLES = {10: "Guest", 15: "Planner", 20: "Reporter", 30: "Developer", 40: "Maintainer", 50: "Owner"}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at a merge request. `base` is its path on the server."""

    gitlab: Instance
    mr: MergeRequest
    person: User

    @property
    def base(self) -> str:
        return f"/{self.mr.project.path}/-/merge_requests/{self.mr.iid}"

    def form(self, action: str, *children: Child, cls: str = "", anchor: str = "") -> Html:
        """A form that acts as the person who looks."""
        hidden = [el("input", type="hidden", name="as", value=self.person.username)]
        hidden += [el("input", type="hidden", name="anchor", value=anchor)] if anchor else []
        return el("form", *hidden, *children, method="post", action=f"{self.base}/{action}", cls=cls or None)

    def role(self, user: User) -> str | None:
        return ROLES.get(access.level(self.gitlab, self.mr.project, user))


def note(reader: Reader, one: Note) -> Html:
    if one.system:
        return event(one)
    author, mr = one.author, reader.mr
    badges = ["Author"] if author is mr.author else []
    badges += [role for role in (reader.role(author), "Bot" if author.bot else None) if role]
    head = div(
        "head",
        span("who", author.name),
        span("soft", f" @{author.username} · "),
        moment(one.created_at),
        span("soft", " · edited") if one.edited_by else None,
        span("right", *(span("badge", badge) for badge in badges)),
    )
    body = div("text", render(one.body, lambda index: suggestion(reader, one, index)))
    return div("note", avatar(author), div("said-by", head, body, _awards(one)), id=f"note_{one.id}")


def _awards(one: Note) -> Html | None:
    if not one.awards:
        return None
    chips = (
        span("chip", EMOJI.get(award.name, f":{award.name}:"), title=f"{award.user.name} :{award.name}:")
        for award in one.awards
    )
    return div("awards", *chips)


def avatar(user: User) -> Html:
    hue = int(hashlib.sha1(user.username.encode()).hexdigest()[:4], 16) % 360
    return span("avatar", user.name[:1].lower(), style=f"--hue:{hue}", title=user.name)


def moment(at: datetime) -> Html:
    seconds = (now() - at).total_seconds()
    spans = ((90, 1, "second"), (5400, 60, "minute"), (129_600, 3600, "hour"), (float("inf"), 86_400, "day"))
    size, unit = next((size, unit) for most, size, unit in spans if seconds < most)
    count = round(seconds / size)
    text = "just now" if seconds < 5 else f"{count} {unit}{'s' * (count != 1)} ago"
    return el("time", text, cls="soft", datetime=at.isoformat(), title=f"{at:%Y-%m-%d %H:%M:%S} UTC")


def event(one: Note) -> Html:
    """What GitLab itself notes ("added 1 commit"), as one grey line."""
    text = re.sub(r"</?(?:ul|li)>", " ", one.body)
    return div("event soft", el("b", one.author.name), " ", render(text, lambda _: None), moment(one.created_at))


def thread(reader: Reader, discussion: Discussion, above: Child = None) -> Html:
    """Folded when it is resolved. `above`: where it stands, if that is not plain to see."""
    first, anchor = discussion.notes[0], f"note_{discussion.notes[0].id}"
    inside = [above, *(note(reader, one) for one in discussion.notes), _answer(reader, discussion, anchor)]
    if not discussion.resolved:
        outdated = div("mark", "Outdated: this line has changed since.") if first.outdated else None
        return div("thread", outdated, *inside)
    by = discussion.resolved_by
    title = span("resolved", "✓ Resolved", f" by {by.name}" if by else "")
    gist = span(
        "soft", f" · {first.author.name} · {len(discussion.notes)} ", "comment" + "s" * (len(discussion.notes) > 1)
    )
    return el("details", el("summary", title, gist), *inside, cls="thread done", id=f"thread_{discussion.id[:8]}")


def _answer(reader: Reader, discussion: Discussion, anchor: str) -> Html | None:
    if not access.can_comment(reader.gitlab, reader.mr, reader.person):
        return None
    box = el("textarea", name="body", rows=2, required=True, placeholder="/snitch fix", aria_label="Reply")
    hidden = el("input", type="hidden", name="discussion", value=discussion.id)
    reply = reader.form("notes", hidden, box, _button("Reply"), anchor=anchor)
    folded = el("details", el("summary", "Reply…"), reply, cls="reply")
    if not (discussion.resolvable and access.can_resolve(reader.gitlab, discussion.notes[0], reader.person)):
        return div("answer", folded)
    done = "0" if discussion.resolved else "1"
    hidden = el("input", type="hidden", name="resolved", value=done)
    word = "Reopen thread" if discussion.resolved else "Resolve thread"
    return div(
        "answer", folded, reader.form(f"discussions/{discussion.id}/resolve", hidden, _button(word), anchor=anchor)
    )


def _button(text: str, cls: str = "") -> Html:
    return el("button", text, type="submit", cls=cls or None)


def suggestion(reader: Reader, one: Note, index: int) -> Html | None:
    """The n-th suggestion block of a note: what goes, what comes, and the button."""
    if index >= len(one.suggestions):
        return None
    row = one.suggestions[index]
    start = suggesting.lines(row)[0]
    gone = _change(row.from_content, start, "old", "−")
    come = _change(row.to_content, start, "new", "+")
    table = el("table", el("tbody", *gone, *come), cls="code")
    return div("suggestion", div("bar", el("b", "Suggested change"), _apply(reader, row)), div("scroll", table))


def _apply(reader: Reader, row: Suggestion) -> Child:
    if row.applied:
        return span("badge green", "Applied")
    if reason := suggesting.why_not(row):
        return span("soft", reason)
    if not suggesting.may_apply(reader.gitlab, reader.mr, reader.person):
        return span("soft", f"{reader.person.name} may not push to the source branch.")
    return reader.form(f"suggestions/{row.id}/apply", _button("Apply suggestion", "main"), anchor=f"note_{row.note.id}")


def _change(text: str, start: int, cls: str, sign: str) -> Sequence[Html]:
    """Each line with its number on its own side."""
    rows = []
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start):
        sides = (number, "") if cls == "old" else ("", number)
        cells = [el("td", side, cls="n") for side in sides]
        rows.append(el("tr", *cells, el("td", sign, " ", line.removesuffix("\r"), cls="t"), cls=cls))
    return rows
