"""Routes: the container registry, as far as GitLab itself tells of it; its images are the registry's own business."""

from __future__ import annotations

from typing import Any

from tests.gitlab import find, shapes
from tests.gitlab.api import Answer, Call, not_found, paginated, route
from tests.gitlab.model import Project
from tests.gitlab.params import may


@route("GET", "/projects/:id/registry/repositories", may("tags", bool), may("tags_count", bool))
def list_repositories(call: Call) -> Answer:
    """For those who may read the code; 404 where the project has no registry."""
    project = find.with_code(call)
    if project.images is None:
        not_found("")
    return paginated(call, list(enumerate(project.images, 1)), lambda one: _repository(project, *one))


def _repository(project: Project, number: int, location: str) -> dict[str, Any]:
    path = location.partition("/")[2]
    return {
        "id": project.id * 1000 + number,
        "name": path.removeprefix(project.path.lower()).strip("/"),
        "path": path,
        "project_id": project.id,
        "location": location,
        "created_at": shapes.iso(project.created_at),
        "cleanup_policy_started_at": None,
        "status": None,
    }
