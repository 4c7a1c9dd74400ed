"""`/snitch waive`: a waiver committed to `.snitch.yml`."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED
from tests.stories.story import Story

SOON = (date.today() + timedelta(days=30)).isoformat()
LATE = (date.today() + timedelta(days=200)).isoformat()
PAST = (date.today() - timedelta(days=1)).isoformat()
COMMAND = f"/snitch waive 10.patch until {SOON} - the agent comes with the base image"
WAIVER = f"  - rule: '10.patch'\n    until: '{SOON}'\n    reason: 'the agent comes with the base image'\n"


def test_a_maintainer_gets_the_waiver_as_a_commit(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    note = story.say(COMMAND, by=story.maintainer)
    assert story.read(".snitch.yml") == f"waive:\n{WAIVER}".encode()
    commit = story.commits()[0]
    assert list(story.changed(commit.sha)) == [".snitch.yml"] and commit.author_name == "snitch"
    assert commit.title == f"snitch: waive 10.patch until {SOON}"
    assert "the agent comes with the base image" in commit.message
    assert "Snitch-Requested-By: @maintainer" in commit.message
    assert commit.sha in story.reply(note) and story.emojis(note) == ["eyes", "white_check_mark"]


def test_it_counts_at_once_for_it_is_granted(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).say(COMMAND, by=story.maintainer)
    assert (story.open_threads(), story.status()) == ([], "success")
    story.pushed({"docs/notes.md": "More.\n"})
    assert (story.open_threads(), story.status()) == ([], "success")


def test_what_a_developer_makes_of_it_does_not_count(story: Story) -> None:
    story.opened({"serve.py": UNTRACED}).say(COMMAND, by=story.maintainer)
    longer = (date.today() + timedelta(days=60)).isoformat()
    story.pushed({".snitch.yml": (story.read(".snitch.yml") or b"").replace(SOON.encode(), longer.encode())})
    assert (len(story.open_threads()), story.status()) == (1, "failed")


def test_a_fix_of_snitchs_on_the_line_of_a_developers_waiver_grants_nothing(story: Story) -> None:
    """Only commits that are waivers themselves grant one, not all that the bot pushes."""
    waiver = f"# snitch: waive 6.org.label-schema.vendor until {SOON} - because\n"
    story.opened({"Dockerfile": waiver + UNLABELLED, "serve.py": UNTRACED})
    assert story.status() == "failed"
    story.say("/snitch fix 6.model 10", by=story.developer)
    assert story.status() == "failed"


def test_comments_and_layout_of_the_file_stay(story: Story) -> None:
    other = "  - {rule: 4.predict, until: 2020-01-01,  reason: x}\r\n"
    old = f"# ours\r\nname:   iris  # the name\r\n\r\nwaive:   # see the wiki\r\n{other}"
    story.gitlab.push(story.project, "main", {".snitch.yml": old}, by=story.maintainer)
    story.opened({"serve.py": UNTRACED}).say(COMMAND, by=story.maintainer)
    new = (story.read(".snitch.yml") or b"").decode()
    assert new.replace(WAIVER.replace("\n", "\r\n"), "", 1) == old


def test_a_waiver_of_the_rule_that_stands_there_is_renewed(story: Story) -> None:
    old = f"waive:\n  - rule: 10.patch # why\n    until: {PAST}\n    reason: later\n"
    story.gitlab.push(story.project, "main", {".snitch.yml": old, "serve.py": UNTRACED}, by=story.maintainer)
    story.opened({"docs/notes.md": "x\n"}).say(COMMAND, by=story.maintainer)
    new = (story.read(".snitch.yml") or b"").decode()
    assert (
        new == f"waive:\n  - rule: 10.patch # why\n    until: {SOON}\n    reason: the agent comes with the base image\n"
    )


@pytest.mark.parametrize("who", ["developer", "author", "guest"])
def test_who_may_not_grant_it_gets_a_sentence(story: Story, who: str) -> None:
    before = story.opened({"serve.py": UNTRACED}).head
    note = story.say(COMMAND, by=getattr(story, who))
    assert (story.head, story.emojis(note)) == (before, ["eyes", "x"])
    assert "`Maintainers`" in story.reply(note) or "needs Developer access" in story.reply(note)


@pytest.mark.parametrize(
    ("policy", "command", "said"),
    [
        ("", f"/snitch waive 10.patch until {LATE} x", "a waiver ends within 90 days"),
        ("max_waiver_days: 10\n", COMMAND, "a waiver ends within 10 days"),
        ("", f"/snitch waive 10.patch until {PAST} x", "ended on"),
        ("", "/snitch waive 10.patch until tomorrow x", "tomorrow is no day: write it like 2027-01-31."),
        ("", "/snitch waive 10.patch until 2026-02-31 x", "is no day"),
        ("levels:\n  10.patch: {level: enforce, waivable: false}\n", COMMAND, "can't be waived"),
        ("", f"/snitch waive 6.model until {SOON} x", "there is no finding of 6.model"),
        ("", f"/snitch waive 10.pach until {SOON} x", "10.patch"),
        ("", f"/snitch waive 10 until {SOON} x", "rule by rule. Standard 10 has 10.patch, 10.order."),
        ("", "/snitch waive 10.patch", "it is written"),
    ],
)
def test_what_the_policy_does_not_take_is_not_committed(
    begin: Begin, tmp_path: Path, policy: str, command: str, said: str
) -> None:
    file = tmp_path / "policy.yml"
    file.write_text(policy or "bucket: ml-platform-bucket\n")
    story = begin(SNITCH_POLICY=str(file)).opened({"serve.py": UNTRACED})
    before = story.head
    note = story.say(command, by=story.maintainer)
    assert said in story.reply(note).replace("`", "")
    assert (story.head, story.emojis(note)) == (before, ["eyes", "x"])


def test_people_whom_the_policy_names_may_grant_it(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text("waiver_approvers: [Owners, '@developer']\n")
    story = begin(SNITCH_POLICY=str(tmp_path / "policy.yml")).opened({"serve.py": UNTRACED})
    note = story.say(COMMAND, by=story.maintainer)
    assert story.emojis(note) == ["eyes", "x"]
    story.say(COMMAND, by=story.developer)
    assert story.read(".snitch.yml")


@pytest.mark.parametrize("text", ["- a list\n", "waive: {a: b}\n", "name: [\n", "a: 1\n---\nb: 2\n", "waive: &a []\n"])
def test_a_file_that_can_not_be_edited_is_left_alone(story: Story, text: str) -> None:
    story.gitlab.push(story.project, "main", {".snitch.yml": text}, by=story.maintainer)
    before = story.opened({"serve.py": UNTRACED}).head
    note = story.say(COMMAND, by=story.maintainer)
    if story.emojis(note) == ["eyes", "x"]:
        assert story.head == before and "by hand" in story.reply(note)
    else:
        assert text.encode().splitlines()[0][:6] in (story.read(".snitch.yml") or b"")


def test_a_link_in_its_place_is_left_alone(story: Story) -> None:
    story.gitlab.push(story.project, "main", {".snitch.yml": ("120000", b"README.md")}, by=story.maintainer)
    before = story.opened({"serve.py": UNTRACED}).head
    note = story.say(COMMAND, by=story.maintainer)
    assert story.head == before and "by hand" in story.reply(note)


def test_a_hostile_reason_is_only_text(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    reason = "it's: {x} # [skip ci] - 'a' @author #1 !2"
    story.say(f"/snitch waive 10.patch until {SOON} {reason}", by=story.maintainer)
    text = (story.read(".snitch.yml") or b"").decode()
    assert "it''s" in text and text.count("rule:") == 1
    message = story.commits()[0].message
    assert (
        "[skip ci]" not in message and "@author" not in message.replace("Requested-By: @", "") and "#1" not in message
    )


def test_each_project_of_a_repository_has_its_own_file(begin: Begin) -> None:
    files = {f"{name}/{path}": data for name in ("iris", "rose") for path, data in PROJECT.items()}
    story = begin(files, path="models/garden")
    story.opened({"rose/serve.py": UNTRACED}).say(COMMAND, by=story.maintainer)
    assert story.read("rose/.snitch.yml") and story.read("iris/.snitch.yml") is None
