"""What the sweep does to projects: one issue each, by policy, and never a word too many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.standards.s06_labels import LABELS
from tests.bot.registry.images import image
from tests.bot.registry.scripted import scripted
from tests.gitlab.faults import Answers, DoneThen
from tests.gitlab.server import GitLab
from tests.stories.fleet import Nights, chat_server
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED

BAD = {"serve.py": UNTRACED}
WAIVED = "waive:\n" + "".join(
    f"- {{rule: {rule}, until: 2027-02-01, reason: soon}}\n" for rule in ("6.model", "6.org.label-schema.vendor")
)
GOOD = {"serve.py": PROJECT["serve.py"]}


@pytest.fixture
def nights(gitlab: GitLab, tmp_path: Path) -> Iterator[Nights]:
    yield Nights.over(gitlab, tmp_path, "sweep: issue\n")
    assert gitlab.unknown_calls == [] and gitlab.state.issue_actions == []


def test_a_project_with_findings_has_one_issue_that_follows_them(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night()
    assert iris.issues == {} and nights.writes() == [], "the first night is silent"
    assert nights.night().counts["issues new"] == 1
    issue = nights.issue(iris)
    blob = f"{nights.gitlab.url}/models/iris/-/blob/{nights.gitlab.head(iris)}"
    link = rf"- \[ \] \*\*10\.patch\*\* \[`serve\.py:\d+`\]\({blob}/serve\.py#L"
    assert re.search(link, issue.description)
    assert "@jane" in issue.description and "10 · Tracing" in issue.description
    nights.night()
    assert nights.writes() == [], "nothing changed, nothing is said"
    assert [call.route for call in nights.gitlab.calls] == ["/api/graphql", "/groups/:group_id/merge_requests"]
    nights.gitlab.push(iris, "main", {**GOOD, "openapi.yaml": "openapi: 3.0.0\n"})
    nights.night()
    assert "10.patch" not in issue.description and "5.valid" in issue.description
    assert len(issue.notes) == 1 and "5.valid" in issue.notes[0].body and "10.patch" in issue.notes[0].body
    nights.gitlab.push(iris, "main", {"openapi.yaml": PROJECT["openapi.yaml"]})
    nights.night()
    assert issue.state == "closed" and issue.closed_by is nights.bot
    nights.gitlab.push(iris, "main", BAD)
    nights.night()
    assert issue.state == "opened" and len(iris.issues) == 1 and len(issue.notes) == 1


def test_an_issue_that_a_person_closed_is_left_alone_until_all_was_mended_once(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night(), nights.night()
    issue = nights.issue(iris)
    issue.state, issue.closed_by = "closed", nights.owner
    nights.gitlab.push(iris, "main", {"openapi.yaml": "openapi: 3.0.0\n"})
    nights.night()
    assert nights.writes() == [] and "a person closed it" in nights.kept(iris).reason
    nights.gitlab.push(iris, "main", {**GOOD, "openapi.yaml": PROJECT["openapi.yaml"]})
    nights.night()
    assert nights.writes() == [] and nights.kept(iris).state == "closed"
    nights.gitlab.push(iris, "main", BAD)
    nights.night()
    assert issue.state == "opened" and len(iris.issues) == 1


def test_boxes_that_people_tick_stay_ticked_and_texts_of_theirs_beside_the_mark_do_no_harm(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night(), nights.night()
    issue = nights.issue(iris)
    issue.description = issue.description.replace("- [ ]", "- [x]") + "\n\nJane: on Monday"
    nights.gitlab.push(iris, "main", {"notes.md": "x\n"})
    nights.night()
    assert nights.writes() == [] and "- [x]" in issue.description


def test_so_many_new_ones_a_night_round_by_path_and_none_of_them_is_forgotten(nights: Nights) -> None:
    nights.policy = "sweep: issue\nsweep_issues: 2\n"
    fleet = [nights.add(f"models/{letter}/iris", BAD) for letter in "bcdef"]
    nights.night()
    made = []
    for _ in range(4):
        counts = nights.night().counts
        made.append([len(project.issues) for project in fleet])
        assert counts["waiting"] == 5 - sum(made[-1])
        nights.night(days=0)
        assert nights.writes() == [], "a second sweep of the night has nothing left of its budget"
    assert made == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]]
    fresh = nights.add("models/a/iris", BAD)
    nights.gitlab.push(fleet[0], "main", GOOD)
    assert nights.night().counts["issues closed"] == 1 and len(fresh.issues) == 1, "closing takes nothing of it"


def test_what_gitlab_refuses_is_a_reason_and_is_tried_again_the_next_night(nights: Nights) -> None:
    off, guest, good = (nights.add(f"models/{name}", BAD) for name in ("off", "guest", "good"))
    off.settings["issues_access_level"] = "disabled"
    nights.gitlab.add_member(guest, nights.bot, 20)
    nights.gitlab.fail("POST", f"/projects/{guest.id}/issues", Answers(403), times=9)
    nights.night(), nights.night()
    assert off.issues == guest.issues == {} and len(good.issues) == 1
    assert "switched off" in nights.kept(off).reason and "forbids" in nights.kept(guest).reason
    off.settings["issues_access_level"] = "enabled"
    nights.night(days=0)
    assert off.issues == {} and [call for call in nights.gitlab.calls if "/issues" in call.route] == []
    nights.night()
    assert len(off.issues) == 1


def test_a_post_that_failed_after_it_was_done_is_seen_and_not_done_again(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night()
    nights.gitlab.fail("POST", "/projects/:id/issues", DoneThen(Answers(500)))
    nights.night()
    assert len(iris.issues) == 1 and nights.kept(iris).iid == 1


def test_the_database_forgotten_the_issue_is_known_by_its_mark(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night(), nights.night()
    for path in (nights.folder / "state").glob("snitch.db*"):
        path.unlink()
    nights.night(), nights.night()
    assert len(iris.issues) == 1 and nights.writes() == []


def test_an_issue_that_went_out_of_sight_is_not_made_again(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night(), nights.night()
    del iris.issues[1]
    nights.gitlab.push(iris, "main", {"openapi.yaml": "openapi: 3.0.0\n"})
    nights.night()
    assert iris.issues == {} and "#1" in nights.kept(iris).reason
    nights.gitlab.push(iris, "main", {**GOOD, "openapi.yaml": PROJECT["openapi.yaml"]})
    nights.night()
    nights.gitlab.push(iris, "main", BAD)
    nights.night()
    assert len(iris.issues) == 1


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("sweep: issue\nmode: silent", "active"),
        ("sweep: {models/*: issue}\nmode: {'models/*': off}", "active"),
        ("sweep: {'*': issue, models/iris: report}", "active"),
        ("sweep: issue", "silent"),
    ],
)
def test_nothing_is_written_where_policy_or_mode_say_so(nights: Nights, policy: str, mode: str) -> None:
    nights.policy, nights.settings = policy, {"SNITCH_MODE": mode}
    iris = nights.add("models/iris", BAD)
    nights.night(), nights.night(), nights.night(dry=True)
    assert iris.issues == {} and nights.writes() == []


def test_a_night_that_says_nothing_tells_what_it_would_have_opened(nights: Nights) -> None:
    nights.policy = "sweep: {'*': issue, models/good: merge_request}"
    nights.add("models/iris", BAD), nights.add("models/good")
    assert nights.night().counts["issues wanted"] == 1, "the first"
    assert nights.night().counts["issues wanted"] == 0
    nights.settings = {"SNITCH_MODE": "silent"}
    assert nights.night().counts["issues wanted"] == 1


def test_findings_in_the_shadow_and_waived_ones_and_mild_ones_make_no_issue(nights: Nights) -> None:
    nights.policy = "sweep: issue\nlevels: {10: shadow}\n"
    iris = nights.add("models/iris", BAD)
    waived = nights.add("models/a/iris", {".snitch.yml": WAIVED, "Dockerfile": UNLABELLED})
    mild = nights.add("models/b/iris", {"README.md": "# Mild\n"})
    nights.policy = "sweep: issue\nlevels: {10: shadow, 7: advise}\n"
    nights.night(), nights.night()
    assert iris.issues == waived.issues == mild.issues == {}


def test_where_the_policy_wants_no_issue_any_more_it_is_closed(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night(), nights.night()
    nights.policy = "sweep: report\n"
    nights.night()
    assert nights.issue(iris).state == "closed" and "no issue here any more" in nights.issue(iris).description
    nights.night()
    assert nights.writes() == []
    nights.policy = "sweep: issue\n"
    nights.night()
    assert nights.issue(iris).state == "opened"


def test_an_archived_project_or_one_that_fails_keeps_its_issue_as_it_is(nights: Nights) -> None:
    iris = nights.add("models/iris", BAD)
    nights.night(), nights.night()
    nights.gitlab.push(iris, "main", GOOD)
    iris.archived = True
    nights.night()
    assert nights.issue(iris).state == "opened" and nights.writes() == []
    iris.archived = False
    nights.night()
    assert nights.issue(iris).state == "closed"


# ── who is told, and of what ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_owner_is_who_codeowners_names_and_belongs_to_the_project(nights: Nights) -> None:
    stranger, anne = nights.gitlab.add_user("stranger"), nights.gitlab.add_user("anne")
    owners = "[ML]\n*.md @jane\nserve.py @stranger @models/team @@maintainer @anne a@b.c\n"
    iris = nights.add("models/iris", {**BAD, ".gitlab/CODEOWNERS": owners})
    nights.gitlab.add_member(iris, anne, 30)
    nights.night(), nights.night()
    assert stranger.username not in nights.issue(iris).description
    assert "Owner: @anne\n" in nights.issue(iris).description


def test_a_project_that_was_renamed_is_told_once_that_its_name_in_s3_is_another(nights: Nights) -> None:
    nights.policy = "sweep: {models/rose: issue, models/iris: issue}\n"
    iris, other = nights.add("models/iris", BAD), nights.add("models/lily", BAD)
    nights.night(), nights.night()
    iris.path, other.path = "models/rose", "models/daisy"
    notes = nights.night().notes
    assert notes == ["models/daisy: in S3 it is called daisy now, no longer lily"]
    (note,) = nights.issue(iris).notes[-1:]
    assert "`rose`" in note.body and "`iris`" in note.body
    heir = nights.add("models/iris", BAD)
    assert nights.night().notes == [] and len(heir.issues) == 1 and len(iris.issues) == 1
    assert sum("was renamed" in one.body for one in nights.issue(iris).notes) == 1


def test_the_digest_of_a_night_is_sent_once_and_only_if_something_changed(nights: Nights) -> None:
    with chat_server() as chat:
        nights.settings = {"SNITCH_DIGEST_URL": chat.url}
        iris = nights.add("models/iris", BAD)
        lily = nights.add("models/lily")
        nights.night()
        assert chat.said == []
        nights.night()
        assert len(chat.said) == 1 and "new issues 2" in chat.said[0]["text"]
        nights.night()
        assert len(chat.said) == 1
        nights.gitlab.push(iris, "main", GOOD)
        nights.gitlab.push(lily, "main", BAD)
        nights.night()
        text = chat.said[1]["text"]
        assert "- models/lily: new 10.patch" in text and "- models/iris: mended 10.patch" in text
        nights.gitlab.push(iris, "main", BAD)
        nights.night(days=0)
        assert len(chat.said) == 2, "one a night"


def test_a_chat_that_redirects_or_is_down_is_a_reason_that_does_not_name_it(
    nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    with chat_server() as chat:
        nights.settings = {"SNITCH_DIGEST_URL": chat.url}
        nights.add("models/iris", BAD)
        nights.night()
        chat.answers = [302]
        troubles = nights.night().troubles
        assert troubles == ["the digest was not sent: the chat refuses the message (302): it redirects"]
        assert [one["path"] for one in chat.said] == ["/hooks/the-secret-of-the-chat"]
    assert "the-secret-of-the-chat" not in capsys.readouterr().out


def test_the_newest_image_is_read_when_a_project_changes_or_after_so_many_days(nights: Nights) -> None:
    nights.policy = "sweep: report\n"
    iris = nights.add("models/iris")
    with scripted() as registry:
        iris.images = [f"{registry.host}/models/iris"]
        registry.holds("models/iris", v1=image({"author": "x"}))
        nights.night()
        asked = len(registry.paths())
        assert asked > 0 and nights.outcome(iris, "6.image") == "fail"
        registry.holds("models/iris", v1=image(dict.fromkeys(LABELS, "x")))
        nights.night()
        assert len(registry.paths()) == asked, "nothing was committed"
        nights.policy = "sweep: report\nsweep_image_days: 7\n"
        nights.night()
        assert nights.outcome(iris, "6.image") == "pass"
        registry.holds("models/iris", v1=image({"author": "x"}))
        nights.night()
        assert nights.outcome(iris, "6.image") == "pass"
        nights.night(days=6)
        assert nights.outcome(iris, "6.image") == "fail"
