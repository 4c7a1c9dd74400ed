"""A merge request on the policy's own repository: one comment says what the policy would do to the fleet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot import words_policy
from bot.sweep import sweep
from tests.gitlab.faults import DoneThen
from tests.gitlab.model import DEVELOPER, MAINTAINER, MergeRequest, Note, User
from tests.gitlab.server import GitLab
from tests.gitlab.verbs import Files
from tests.stories.engine import SECRET, Stepper
from tests.stories.model_project import PROJECT, UNTRACED

FILE = "rules/policy.yml"
REMEMBERED = "Nothing is remembered of the fleet yet"
HOLDS = "levels:\n  10.patch: warn\n"


class Office:
    """A policy in `platform/policy`, and two models, of which one is untraced, for a sweep to see."""

    def __init__(self, gitlab: GitLab, folder: Path, ref: str = "@main") -> None:
        self.gitlab = gitlab
        self.bot = gitlab.add_user("snitch", bot=True)
        self.author, self.outsider = gitlab.add_user("author"), gitlab.add_user("outsider")
        gitlab.add_group("models", {self.bot: DEVELOPER})
        for name, files in {"good": {}, "untraced": {"serve.py": UNTRACED}}.items():
            gitlab.add_project(f"models/{name}", {**PROJECT, ".snitch.yml": "name: iris\n", **files})
        people = {self.bot: DEVELOPER, self.author: MAINTAINER}
        kept = {FILE: HOLDS, "README.md": "Our rules.\n"}
        self.project = gitlab.add_project("platform/policy", kept, people, visibility="internal")
        source = f"gitlab:platform/policy//{FILE}{ref.format(commit=gitlab.head(self.project))}"
        self.engine = Stepper.start(gitlab, self.bot, folder, SNITCH_POLICY=source, SNITCH_GROUPS="models")
        gitlab.add_hook(self.project, "http://127.0.0.1:9/webhooks/gitlab", SECRET)
        self.mr: MergeRequest | None = None

    def swept(self) -> Office:
        world = self.engine.world
        sweep(world, replace(world.nightly, id="by hand", hours=0.0, keep=True), None)
        return self

    def propose(self, files: Files | None = None, *, by: User | None = None, **given: object) -> Office:
        """A branch, its merge request, and what comes of it."""
        by = by or self.author
        self.gitlab.push(self.project, "change", files, by=self.author, delete=given.pop("delete", ()))  # type: ignore[arg-type]
        self.mr = self.gitlab.open_mr(self.project, "change", by=by, **given)  # type: ignore[arg-type]
        self.engine.work()
        return self

    def push(self, files: Files | None = None, **given: object) -> Office:
        self.gitlab.push(self.project, "change", files, by=self.author, **given)  # type: ignore[arg-type]
        self.engine.work()
        return self

    def notes(self) -> list[Note]:
        assert self.mr is not None
        return [note for note in self.mr.notes() if note.author is self.bot and not note.system]

    def said(self) -> str:
        (note,) = self.notes()
        assert words_policy.mark_of(note.body) is not None
        return note.body


@pytest.fixture
def office(gitlab: GitLab, tmp_path: Path) -> Iterator[Office]:
    office = Office(gitlab, tmp_path / "state")
    yield office
    assert office.engine.given_up == []
    office.engine.close()


def test_what_a_change_of_the_policy_would_do_is_told_in_one_comment(office: Office) -> None:
    office.swept().propose({FILE: "levels:\n  10.patch: enforce\nbucket: my-bucket\n"})
    said = office.said()
    assert "**2** of 2 projects would fail; **0** fail now." in said
    assert "| `10.patch` | warn → enforce | 1 | 1 | 100 % |" in said
    assert "| `1.path` | enforce | 2 (+2) | 2 |" in said
    assert "models/" not in said, "who reads the policy need not see the projects"
    assert [mail.kind for mail in office.gitlab.mails] == ["note"]


def test_the_comment_is_edited_in_place_and_never_said_twice(office: Office) -> None:
    office.swept().propose({FILE: "levels:\n  10.patch: enforce\n"})
    first, note = office.said(), office.notes()[0]
    assert "**1** of 2 projects would fail" in first
    office.push({FILE: "levels:\n  10.patch: off\n"})
    assert office.notes() == [note] and "warn → off" in office.said()
    office.gitlab.reset_calls()
    for delivery in [one for one in office.gitlab.deliveries if one.status == 202]:
        office.gitlab.redeliver(delivery)
    office.engine.work()
    assert [call for call in office.gitlab.calls if call.method in ("POST", "PUT")] == []
    office.push({FILE: HOLDS})
    assert office.notes() == [note] and "leaves the policy as it is" in office.said()


def test_what_is_wrong_in_the_policy_is_told_by_line_and_can_do_no_harm(office: Office) -> None:
    office.propose({FILE: "levels:\n  10.pach: warn\n'`@all` <b>': 1\n"})
    said = office.said()
    assert f"`{FILE}:2`" in said and "`10.pach" in said and f"`{FILE}:3`" in said
    assert "the last good one goes on to hold" in said
    bare = "".join(part for index, part in enumerate(said.split("<!--")[0].split("`")) if index % 2 == 0)
    assert "<b>" not in bare and "@" not in bare
    office.push({FILE: "levels:\n  10.patch: enforce\n"})
    assert REMEMBERED in office.said()


def test_a_policy_that_is_taken_away_or_made_a_link_is_told_of(office: Office) -> None:
    office.propose(delete=[FILE])
    assert "away" in office.said() and f"`{FILE}`" in office.said()


def test_nothing_is_said_where_the_policy_is_not_changed(office: Office) -> None:
    office.propose({"README.md": "Our rules, better told.\n"})
    assert office.notes() == []
    office.push({FILE: "levels:\n  10.patch: advise\n"})
    assert REMEMBERED in office.said()


def test_a_change_that_leads_elsewhere_is_none_of_the_policys(office: Office) -> None:
    office.gitlab.push(office.project, "later", {"n": "n"}, by=office.author)
    office.propose({FILE: "levels:\n  10.patch: advise\n"}, target="later")
    assert office.notes() == []


def test_the_fleet_is_not_judged_for_somebody_who_may_not_push_there(office: Office) -> None:
    office.propose({FILE: "levels:\n  10.patch: advise\n"}, by=office.outsider)
    assert office.notes() == []


def test_a_comment_that_was_saved_by_a_call_that_failed_is_not_repeated(office: Office) -> None:
    office.gitlab.fail("POST", r"/notes$", DoneThen(500))
    office.propose({FILE: "levels:\n  10.patch: advise\n"})
    assert REMEMBERED in office.said()


def test_a_comment_that_somebody_deleted_does_not_come_back(office: Office) -> None:
    office.propose({FILE: "levels:\n  10.patch: advise\n"})
    office.gitlab.delete_note(office.notes()[0])
    office.push({FILE: "levels:\n  10.patch: off\n"})
    assert office.notes() == []


def test_a_draft_waits_until_it_is_ready_or_somebody_asks(office: Office) -> None:
    office.propose({FILE: "levels:\n  10.patch: advise\n"}, title="Draft: Milder")
    assert office.notes() == []
    assert office.mr is not None
    office.gitlab.mark_ready(office.mr, office.author)
    office.engine.work()
    assert REMEMBERED in office.said()


@pytest.mark.parametrize("ref", ["", "@{commit}"], ids=["no ref", "a commit"])
def test_without_a_branch_the_default_one_counts(gitlab: GitLab, tmp_path: Path, ref: str) -> None:
    office = Office(gitlab, tmp_path / "state", ref)
    office.propose({FILE: "levels:\n  10.patch: advise\n"})
    assert REMEMBERED in office.said()
    office.engine.close()
