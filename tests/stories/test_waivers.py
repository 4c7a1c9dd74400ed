"""Waivers on a merge request: a new one is shown and lets nothing stand before it is granted; older ones do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.gitlab import githost, pushes
from tests.stories.conftest import Begin
from tests.stories.model_project import PROJECT, UNLABELLED, UNTRACED
from tests.stories.story import Story

UNTIL = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
WAIVER = f"# snitch: waive 10.patch until {UNTIL} - no agent yet\n"
WAIVED = UNTRACED.replace("import ", WAIVER + "import ", 1)
CONFIGURED = f"waive:\n  - rule: 10.patch\n    until: {UNTIL}\n    reason: no agent yet\n"


def shown(story: Story) -> str:
    summary = story.summary()
    assert summary is not None
    return summary.body


def waits(story: Story) -> bool:
    """The finding stands, and the waiver is told as one that is not granted."""
    text = f"until `{UNTIL}`, counts once it is granted or merged: no agent yet"
    return list(story.rules()) == ["10.patch"] and story.status() == "failed" and text in shown(story)


def is_granted(story: Story) -> bool:
    text = f"until `{UNTIL}`, counts, since it is granted: no agent yet"
    return not story.rules() and story.status() == "success" and text in shown(story)


def test_a_new_waiver_is_shown_and_lets_nothing_stand(story: Story) -> None:
    story.opened({"serve.py": WAIVED})
    assert waits(story) and "**New waiver:** **10.patch** [`serve.py:" in shown(story)


def test_a_waiver_that_was_there_before_lets_its_finding_stand(begin: Begin) -> None:
    story = begin(PROJECT | {"serve.py": WAIVED}).opened({"Dockerfile": UNLABELLED})
    assert "10.patch" not in story.rules()
    assert "1 finding waived" in shown(story) and "New waiver" not in shown(story)


# ── who wrote it ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_waiver_that_a_maintainer_pushes_counts_at_once(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    assert list(story.rules()) == ["10.patch"]
    story.push({"serve.py": WAIVED}, by=story.maintainer)
    assert is_granted(story.work())


def test_a_waiver_in_the_configuration_is_granted_as_one_in_the_code(story: Story) -> None:
    story.opened({"serve.py": UNTRACED, ".snitch.yml": CONFIGURED})
    assert waits(story)
    story.push({".snitch.yml": CONFIGURED + "name: iris\n"}, by=story.maintainer)
    assert waits(story.work()), "the maintainer wrote another line"
    story.push({".snitch.yml": "name: iris\n"}, by=story.maintainer)
    story.push({".snitch.yml": "name: iris\n" + CONFIGURED}, by=story.maintainer)
    assert is_granted(story.work())


def test_what_others_change_in_a_granted_waiver_is_not_granted(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.push({"serve.py": WAIVED}, by=story.maintainer)
    assert is_granted(story.work())
    story.pushed({"serve.py": WAIVED.replace("no agent yet", "never, no agent yet")})
    assert list(story.rules()) == ["10.patch"]


def test_a_name_in_a_commit_is_not_enough(story: Story) -> None:
    """Anybody can write a maintainer's name and address into a commit."""
    story.opened({"serve.py": UNTRACED})
    forged = (story.maintainer.name, story.maintainer.email)
    repo, parent = story.project.repo, story.head
    made = githost.commit(repo, "scratch", {"serve.py": WAIVED.encode()}, "Waive", forged, parent)
    githost.delete_ref(repo, "refs/heads/scratch")
    story.gitlab.move_branch(story.project, story.branch, made, story.author)
    assert waits(story.work())


def test_what_a_maintainer_rebases_stays_its_authors(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    authors = (story.author.name, story.author.email)
    changes = {"serve.py": WAIVED.encode()}
    pushes.commit(story.gitlab.state, story.project, story.branch, changes, "Waive", story.maintainer, author=authors)
    assert waits(story.work())


def test_what_a_developer_brought_first_is_not_granted_by_a_later_push(story: Story) -> None:
    story.opened({"serve.py": WAIVED})
    story.push({"README.md": "# Iris\n\nMore.\n"}, by=story.maintainer)
    story.work()
    assert "10.patch" in story.rules() and "counts once it is granted" in shown(story)


def test_a_developers_push_that_was_overwritten_may_have_brought_it(story: Story) -> None:
    """What is not in the branch any more can't be looked at: the commit may have come with it."""
    story.opened({"serve.py": UNTRACED})
    base = story.head
    story.push({"README.md": "# Iris\n\nOverwritten.\n"})
    made = story.rewrite({"serve.py": WAIVED}, onto=base)
    assert made == story.head
    assert waits(story.work())


def test_lines_that_git_counts_otherwise_make_nobody_an_author(story: Story) -> None:
    """With a carriage return alone in front the waiver's line is, for git, the maintainer's."""
    story.opened({"serve.py": UNTRACED})
    story.push({"serve.py": "# The model.\n# Two lines.\n" + UNTRACED}, by=story.maintainer)
    story.work()
    story.pushed({"serve.py": f"#\r#\r{WAIVER}# The model.\n# Two lines.\n{UNTRACED}"})
    assert "10.patch" in story.rules() and story.status() == "failed"


# ── who approves of it ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_maintainers_approval_grants_it(story: Story) -> None:
    story.opened({"serve.py": WAIVED})
    story.gitlab.approve(story.request, story.maintainer)
    assert is_granted(story.work())


def test_a_developers_approval_does_not(story: Story) -> None:
    story.opened({"serve.py": WAIVED})
    story.gitlab.approve(story.request, story.developer)
    assert waits(story.work())


def test_an_approval_is_for_what_was_there_when_it_was_given(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    story.gitlab.approve(story.request, story.maintainer)
    story.work()
    assert waits(story.pushed({"serve.py": WAIVED}))


def test_an_approval_lasts_while_the_waiver_stays(story: Story) -> None:
    story.opened({"serve.py": WAIVED})
    story.gitlab.approve(story.request, story.maintainer)
    story.work()
    assert is_granted(story.pushed({"evaluate.py": PROJECT["evaluate.py"] + "\n# later\n"}))


def test_where_gitlab_does_not_say_when_an_approval_was_given_it_grants(story: Story) -> None:
    story.gitlab.knobs.approval_times = False
    story.opened({"serve.py": WAIVED})
    story.gitlab.approve(story.request, story.maintainer)
    assert is_granted(story.work())


# ── the policy ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("approvers", "developer", "maintainer"),
    [
        ("Maintainers", False, True),
        ("maintainers", False, True),
        ("Owners", False, False),
        ("[Owners, Developer]", True, False),
        ("'@developer'", True, False),
        ("[]", False, False),
    ],
)
def test_the_policy_says_who_may_grant(
    begin: Begin, tmp_path: Path, approvers: str, developer: bool, maintainer: bool
) -> None:
    policy = tmp_path / "policy.yml"
    policy.write_text(f"waiver_approvers: {approvers}\n")
    story = begin(SNITCH_POLICY=str(policy))
    story.opened({"serve.py": WAIVED})
    decided: Callable[[bool], bool] = lambda granted: is_granted(story) if granted else waits(story)  # noqa: E731
    story.gitlab.approve(story.request, story.developer)
    story.work()
    assert decided(developer)
    story.gitlab.approve(story.request, story.maintainer)
    story.work()
    assert decided(developer or maintainer)


def test_nothing_is_asked_where_there_is_no_new_waiver(story: Story) -> None:
    story.opened({"serve.py": UNTRACED})
    assert not [call for call in story.calls() if call.route.endswith(("/approvals", "/events"))]
