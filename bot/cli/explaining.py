"""`snitch explain --project`: what holds for a standard or a rule in one project, and who said so."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from bot.cli.judgement import load_policy
from bot.cli.target import looked_at, targets
from bot.errors import Invalid
from checks.place import Place
from checks.project import Project
from checks.render.layers import layers_of
from checks.waivers import stated


def in_project(id: str, project: str, source: str | None) -> str:
    """The layers for a project: a folder, or a path on GitLab such as `group/iris`. Raises Invalid, SetupError."""
    policy = load_policy(source, lambda: looked_at(Path.cwd(), [project], None) if os.path.isdir(project) else ())
    today = datetime.now(UTC).date()
    if os.path.isdir(project):
        (target,) = targets(Path.cwd(), [project], None, policy)
        own = policy.within(str(target.repository.facts.get("project_path") or ""))
        places = (Place(folder, "", "") for folder in target.repository.chosen)
        waivers = [waiver for place in places for waiver in stated(Project(target.tree, place, own))]
        return layers_of(id, own, today, waivers)
    if "/" not in project.strip("/") or project.startswith((".", "/")):
        raise Invalid(f"There is no folder {project!r}; a project on GitLab is named by its whole path, group/name.")
    return layers_of(id, policy.within(project.strip("/")), today)
