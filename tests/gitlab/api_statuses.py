"""Routes: commit statuses. Each is a job of a pipeline of GitLab's, with its states and transitions."""

from __future__ import annotations

from urllib.parse import urlsplit

from tests.gitlab import find, githost, review_shapes
from tests.gitlab.api import Answer, ApiError, Call, not_found, paginated, route
from tests.gitlab.api_repository import commit_of
from tests.gitlab.model import Pipeline, Project, Status, now
from tests.gitlab.params import may, need

STATES = ("pending", "running", "success", "failed", "canceled", "skipped")
LONGEST = 255
LIVE = ("pending", "running")
EVENTS = {
    "pending": ("enqueue", {"created", "skipped"}),
    "running": ("run", {"created", "pending"}),
    "success": ("success", {"created", "pending", "running"}),
    "failed": ("drop", {"created", "pending", "running"}),
    "canceled": ("cancel", {"created", "pending", "running"}),
    "skipped": ("skip", {"created", "pending"}),
}


@route(
    "GET",
    "/projects/:id/repository/commits/:sha/statuses",
    may("ref"),
    may("stage"),
    may("name"),
    may("pipeline_id", int),
    may("all", bool),
    may("order_by", str, "id", "pipeline_id"),
    may("sort", str, "asc", "desc"),
    anonymous=True,
)
def list_statuses(call: Call) -> Answer:
    """Only the latest of each name, unless `all`."""
    project = find.with_code(call)
    sha = commit_of(project, call.segments["sha"])
    if sha is None:
        not_found("Commit")
    given = {key: call.params.get(key) for key in ("ref", "name")}
    found = [
        one
        for one in project.statuses
        if one.sha == sha
        and (call.params.get("all") or not one.retried)
        and all(value in (None, getattr(one, key)) for key, value in given.items())
        and call.params.get("pipeline_id") in (None, one.pipeline.id)
    ]
    found.sort(key=lambda one: one.id, reverse=call.params.get("sort") == "desc")
    return paginated(call, found, lambda one: review_shapes.status(call.gitlab, one))


@route(
    "POST",
    "/projects/:id/statuses/:sha",
    need("state", str, *STATES),
    may("ref"),
    may("target_url"),
    may("description"),
    may("name"),
    may("context"),
    may("coverage", float),
    may("pipeline_id", int),
)
def create_status(call: Call) -> Answer:
    """Joins a pipeline of this commit, or makes one; goes on with the live status of the same name."""
    project = find.writable(call)
    sha = commit_of(project, call.segments["sha"])
    if sha is None:
        not_found("Commit")
    _check(call)
    pipeline = _pipeline(call, project, sha, _ref(call, project, sha))
    name = call.params.get("name") or call.params.get("context") or "default"
    status = _live(call, pipeline, name)
    _move(status, call.params["state"])
    for key in ("description", "target_url", "coverage"):
        if call.params.get(key) is not None:
            setattr(status, key, call.params[key])
    _keep(project, status)
    return Answer(201, review_shapes.status(call.gitlab, status))


def _check(call: Call) -> None:
    errors = {}
    for key in ("description", "name", "target_url"):
        if len(call.params.get(key) or "") > LONGEST:
            errors[key] = [f"is too long (maximum is {LONGEST} characters)"]
    url = call.params.get("target_url")
    if url and "target_url" not in errors and urlsplit(url).scheme not in ("http", "https"):
        errors["target_url"] = ["is blocked: Only allowed schemes are http, https"]
    if errors:
        raise ApiError(400, {"message": errors})


def _ref(call: Call, project: Project, sha: str) -> str:
    """Given, or of a pipeline of this commit, or the first branch that contains it."""
    if call.params.get("ref"):
        return str(call.params["ref"]).removeprefix("refs/heads/")
    known = [pipe.ref for pipe in project.pipelines if pipe.sha == sha]
    if known:
        return known[0]
    for ref, head in githost.refs(project.repo).items():
        if sha == head or githost.is_ancestor(project.repo, sha, head):
            return ref.removeprefix("refs/heads/")
    not_found("References for commit")


def _pipeline(call: Call, project: Project, sha: str, ref: str) -> Pipeline:
    wanted = call.params.get("pipeline_id")
    fits = [one for one in project.pipelines if one.sha == sha and (one.id == wanted if wanted else one.ref == ref)]
    if fits:
        return fits[-1]
    if wanted:
        not_found("Pipeline for pipeline_id, sha and ref")
    number = len(project.pipelines) + 1
    project.pipelines.append(Pipeline(call.gitlab.next_id("pipeline"), number, project, sha, ref))
    return project.pipelines[-1]


def _live(call: Call, pipeline: Pipeline, name: str) -> Status:
    """A finished status is never changed: the next one of its name is a new record."""
    project = pipeline.project
    for one in project.statuses:
        if one.pipeline is pipeline and one.name == name and one.state in LIVE and one.author is call.person:
            return one
    where = (project, pipeline, pipeline.sha, pipeline.ref)
    return Status(call.gitlab.next_id("status"), *where, name, "created", call.person)


def _move(status: Status, state: str) -> None:
    event, allowed = EVENTS[state]
    if status.state not in allowed:
        reason = f'Reason(s): Status cannot transition via "{event}"'
        text = f"Cannot transition status via :{event} from :{status.state} ({reason})"
        raise ApiError(400, {"message": text})
    status.state = state
    if state == "running":
        status.started_at = now()
    elif state != "pending":
        status.finished_at = now()


def _keep(project: Project, status: Status) -> None:
    if status in project.statuses:
        return
    for older in project.statuses:
        if older.pipeline is status.pipeline and older.name == status.name:
            older.retried = True
    project.statuses.append(status)
    status.pipeline.updated_at = now()


@route("GET", "/projects/:id/pipelines", may("sha"), may("ref"), may("status"), may("source"))
def list_pipelines(call: Call) -> Answer:
    project = find.with_code(call)
    found = [
        one
        for one in project.pipelines[::-1]
        if all(call.params.get(key) in (None, getattr(one, key)) for key in ("sha", "ref", "source"))
    ]
    return paginated(call, found, lambda one: review_shapes.pipeline(call.gitlab, one))
