"""The page shows a merge request as it is, lets people press its buttons with their own rights, and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.gitlab.model import DEVELOPER, GUEST, MergeRequest, Note, User
from tests.gitlab.rendering import render
from tests.gitlab.server import GitLab

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> <a href='javascript:x'>x</a> </details></summary>"
BEFORE = "".join(f"line {n}\n" for n in range(1, 41))
AFTER = BEFORE.replace("line 5\n", "five\n")


class Told:
    """A merge request of Anne's, and a bot that may push."""

    def __init__(self, gitlab: GitLab) -> None:
        self.gitlab = gitlab
        self.anne, self.guest = gitlab.add_user("anne", name="Anne Berg"), gitlab.add_user("gil", name="Gil Moss")
        self.bot = gitlab.add_user("snitch", bot=True)
        rights = {self.anne: DEVELOPER, self.guest: GUEST, self.bot: DEVELOPER}
        self.project = gitlab.add_project("models/iris", {"a.txt": BEFORE}, rights, visibility="internal")
        gitlab.push(self.project, "feature", {"a.txt": AFTER}, by=self.anne, message="Five & more")
        self.mr: MergeRequest = gitlab.open_mr(self.project, "feature", by=self.anne, title="Five <b>")

    def thread(self, text: str, old: int | None = None, new: int | None = None, by: User | None = None) -> Note:
        version = self.mr.version
        assert version
        refs = {"base_sha": version.base, "start_sha": version.start, "head_sha": version.head}
        place: dict[str, Any] = {"position_type": "text" if old or new else "file", "old_line": old, "new_line": new}
        position = refs | place | {"old_path": "a.txt", "new_path": "a.txt"}
        return self.gitlab.start_thread(self.mr, by or self.bot, text, position)

    @property
    def url(self) -> str:
        return f"{self.gitlab.url}/models/iris/-/merge_requests/{self.mr.iid}"

    def page(self, who: str = "anne") -> str:
        answer = requests.get(self.url, params={"as": who}, timeout=10)
        assert answer.status_code == 200
        return answer.text

    def press(self, action: str, who: str = "anne", **form: str) -> requests.Response:
        return requests.post(f"{self.url}/{action}", {"as": who, **form}, timeout=10)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with GitLab(tmp_path) as gitlab:
        yield Told(gitlab)


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.depth: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.depth[tag] = self.depth.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        self.depth[tag] = self.depth.get(tag, 0) - 1
        assert self.depth[tag] >= 0, tag


def test_a_thread_stands_under_its_line(told: Told) -> None:
    told.thread("On the **new** line", None, 5)
    told.thread("Far below", 30, 30)
    told.thread("On the file")
    page = told.page()
    words = ("On the file", "+five", "the <strong>new", "line 29", "line 30", "Far below")
    order = [page.index(one) for one in words]
    assert order == sorted(order)
    assert "line 20" not in page


def test_the_button_applies_a_suggestion_as_the_person_who_presses_it(told: Told) -> None:
    row = told.thread("Better:\n\n```suggestion:-0+0\nFIVE\n```", None, 5).suggestions[0]
    assert "Apply suggestion" in told.page()
    answer = told.press(f"suggestions/{row.id}/apply")
    assert "Applied" in answer.text
    assert told.gitlab.read(told.project, "feature", "a.txt") == BEFORE.replace("line 5", "FIVE").encode()
    assert row.note.resolved


def test_who_may_not_push_may_not_apply(told: Told) -> None:
    row = told.thread("```suggestion\nFIVE\n```", None, 5).suggestions[0]
    assert "Apply suggestion" not in told.page("gil")
    assert told.press(f"suggestions/{row.id}/apply", "gil").status_code == 403
    assert told.gitlab.read(told.project, "feature", "a.txt") == AFTER.encode()


def test_a_suggestion_that_can_no_longer_be_applied_says_why(told: Told) -> None:
    row = told.thread("```suggestion\nFIVE\n```", 8, 8).suggestions[0]
    told.gitlab.close(told.mr)
    assert "This merge request is closed" in told.page()
    answer = told.press(f"suggestions/{row.id}/apply")
    assert (answer.status_code, "This merge request is closed" in answer.text) == (403, True)


def test_a_comment_is_written_and_answered(told: Told) -> None:
    first = told.thread("Why?", None, 5)
    told.press("notes", body="/snitch fix\r\n\r\nplease")
    told.press("notes", body="Because.", discussion=first.discussion.id)
    assert [note.body for note in told.mr.notes()] == ["Why?", "Because.", "/snitch fix\n\nplease"]
    assert told.mr.notes()[-1].author is told.anne


def test_threads_are_resolved_by_those_who_may_and_then_folded(told: Told) -> None:
    first = told.thread("Why?", None, 5)
    action = f"discussions/{first.discussion.id}/resolve"
    assert told.press(action, "gil", resolved="1").status_code == 403
    assert "✓ Resolved by Anne Berg" in told.press(action, resolved="1").text
    assert "1 of 1 threads unresolved" in told.press(action, resolved="0").text


def test_an_outdated_thread_stands_with_the_activity(told: Told) -> None:
    told.thread("On a line that goes", None, 5)
    told.gitlab.push(told.project, "feature", {"a.txt": BEFORE.replace("line 5", "5")}, by=told.anne)
    page = told.page()
    assert "Outdated" in page
    assert page.index("On a line that goes") < page.index('id="changes"')


def test_the_page_shows_statuses_and_reloads_while_one_runs(told: Told) -> None:
    url = f"{told.gitlab.url}/api/v4/projects/{told.project.id}/statuses/{told.mr.head}"
    headers = {"PRIVATE-TOKEN": told.bot.token}
    requests.post(url, {"state": "pending", "name": "snitch"}, headers=headers, timeout=10)
    assert 'http-equiv="refresh"' in told.page()
    done = {"state": "failed", "name": "snitch", "description": "2 findings <i>"}
    requests.post(url, done, headers=headers, timeout=10)
    assert "2 findings &lt;i&gt;" in told.page()
    assert 'http-equiv="refresh"' not in told.page()


def test_commits_and_files_have_pages(told: Told) -> None:
    commit = requests.get(f"{told.gitlab.url}/models/iris/-/commit/{told.mr.head}", timeout=10).text
    assert "Five &amp; more" in commit
    assert "+five" in commit
    blob = requests.get(f"{told.gitlab.url}/models/iris/-/blob/{told.mr.head}/a.txt", timeout=10).text
    assert 'id="L5"' in blob
    assert "models/iris" in requests.get(told.gitlab.url, timeout=10).text
    for gone in ("-/merge_requests/99", "-/commit/" + "1" * 40, f"-/blob/{told.mr.head}/none"):
        assert requests.get(f"{told.gitlab.url}/models/iris/{gone}", timeout=10).status_code == 404


def test_hostile_text_stays_text(told: Told) -> None:
    told.gitlab.push(told.project, "feature", {"<x>.html": HOSTILE + "\n", "b\nc": b"\xff\n"}, by=told.anne)
    told.thread(HOSTILE + "\n\n" + HOSTILE + "\n```suggestion\n" + HOSTILE + "\n```", None, 5)
    told.gitlab.comment(told.mr, told.anne, "<details><summary>open" + HOSTILE)
    seen = _Tags(told.page())
    assert not {"script", "img"} & set(seen.tags)
    assert not {name for name in seen.attributes if name.startswith("on")}
    for tag in ("details", "summary", "div", "form", "table", "section"):
        assert seen.depth[tag] == 0, tag


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<details><summary>More</summary>\n\n- *a*\n\n</details>", "<details><summary>More</summary>\n<ul>"),
        ("a <!-- mark --> b", "<p>a  b</p>"),
        ("<!-- mark -->", ""),
        ("`@anne` and @anne", '<code>@anne</code> and <span class="mention">@anne</span>'),
        ("as " + "1a" * 20, f'<a href="../commit/{"1a" * 20}"><code>1a1a1a1a</code></a>'),
        (":eyes: :nothing:", "👀 :nothing:"),
        ("![pic](http://x.test/y.png)", '<a href="http://x.test/y.png">'),
        ("<b onclick=x>bold</b>", "<b>bold</b>"),
        ("a < b && c &amp; d", "a &lt; b &amp;&amp; c &amp; d"),
        ("```diff\n-a\n+b\n```", '<span class="old">-a</span>'),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ("| a |\n|---|\n| b |", "<td>b</td>"),
    ],
)
def test_markdown_is_shown_and_its_html_is_tamed(text: str, shown: str) -> None:
    assert shown in render(text)
    assert not re.search(r"<script|onclick|<img", render(text))
