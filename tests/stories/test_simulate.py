"""`snitch policy check|simulate`: what a policy would do to the fleet that a sweep has seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gitlab.model import DEVELOPER
from tests.gitlab.server import GitLab
from tests.stories.engine import environment
from tests.stories.model_project import ELSEWHERE, PROJECT, UNTRACED


class Fleet:
    def __init__(self, gitlab: GitLab, folder: Path) -> None:
        gitlab.pause_hooks()
        self.gitlab, self.folder = gitlab, folder
        self.bot = gitlab.add_user("snitch", bot=True)
        gitlab.add_group("models", {self.bot: DEVELOPER})
        for name, files in {
            "good": {},
            "untraced": {"serve.py": UNTRACED},
            "elsewhere": {".gitlab-ci.yml": ELSEWHERE},
        }.items():
            gitlab.add_project(
                f"models/{name}", {**PROJECT, ".snitch.yml": "name: iris\n", **files}, {self.bot: DEVELOPER}
            )

    def snitch(self, *words: str, code: int = 0) -> str:
        own = environment(self.gitlab, self.bot, self.folder / "state", SNITCH_GROUPS="models")
        command = [sys.executable, "-c", "from bot.cli import main; main()", *words]
        done = subprocess.run(
            command, env={**own, "PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout + (done.stderr if code else "")

    def simulate(self, policy: str) -> dict[str, Any]:
        (self.folder / "policy.yml").write_text(policy)
        found: dict[str, Any] = json.loads(
            self.snitch("policy", "simulate", str(self.folder / "policy.yml"), "--format", "json")
        )
        return found


@pytest.fixture
def fleet(gitlab: GitLab, tmp_path: Path) -> Fleet:
    return Fleet(gitlab, tmp_path)


def test_without_a_sweep_nothing_is_known(fleet: Fleet) -> None:
    (fleet.folder / "policy.yml").write_text("levels: {10: warn}\n")
    assert "snitch sweep" in fleet.snitch("policy", "simulate", str(fleet.folder / "policy.yml"))


def test_other_levels_and_settings_are_told_without_asking_gitlab(fleet: Fleet) -> None:
    fleet.snitch("sweep")
    fleet.gitlab.reset_calls()
    milder = fleet.simulate("levels: {10.patch: warn}\n")
    assert milder["failing"] == {"before": 2, "after": 1}
    (rule,) = [one for one in milder["rules"] if one["id"] == "10.patch"]
    assert (rule["before"]["level"], rule["after"]) == (
        "enforce",
        {"level": "warn", "projects": 1, "findings": 1, "fixable": 1},
    )
    stricter = fleet.simulate("bucket: my-bucket\n")
    (path,) = [one for one in stricter["rules"] if one["id"] == "1.path"]
    assert (path["before"]["projects"], path["after"]["projects"], path["new_projects"]) == (1, 2, 2)
    assert stricter["failing"] == {"before": 2, "after": 3} and stricter["untold"] == {}
    assert fleet.gitlab.calls == []


def test_a_fleet_that_was_swept_elsewhere_is_not_guessed_at(fleet: Fleet) -> None:
    fleet.snitch("sweep")
    (fleet.folder / "state" / "mirrors").rename(fleet.folder / "away")
    assert len(fleet.simulate("bucket: my-bucket\n")["untold"]) == 3
    assert fleet.simulate("levels: {10: advise}\n")["failing"] == {"before": 2, "after": 1}


def test_a_policy_is_checked_with_all_that_is_wrong(fleet: Fleet) -> None:
    policy = fleet.folder / "policy.yml"
    policy.write_text("levels: {10: warn}\n")
    assert "is valid" in fleet.snitch("policy", "check", str(policy))
    policy.write_text("levels: {10.pach: warn}\nbuckets: a\n")
    said = fleet.snitch("policy", "check", str(policy), code=2)
    assert "10.pach" in said and "buckets" in said
    assert "10.pach" in fleet.snitch("policy", "simulate", str(policy), code=2)
