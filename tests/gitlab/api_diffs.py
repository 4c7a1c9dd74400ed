"""Routes: versions, diffs and commits of a merge request."""

from __future__ import annotations

from tests.gitlab import find, githost, merge_requests, review_shapes, shapes
from tests.gitlab.api import Answer, Call, not_found, paginated, route
from tests.gitlab.api_notes import MR
from tests.gitlab.model import DiffVersion, MergeRequest
from tests.gitlab.params import may


def _versions(call: Call, mr: MergeRequest) -> list[DiffVersion]:
    """Newest first; none while the merge request is being prepared."""
    return mr.versions[::-1] if merge_requests.is_prepared(call.gitlab, mr, read=True) else []


def _version(call: Call) -> tuple[MergeRequest, DiffVersion | None]:
    mr = find.merge_request(call)
    return mr, next(iter(_versions(call, mr)), None)


@route("GET", f"{MR}/versions", anonymous=True)
def list_versions(call: Call) -> Answer:
    mr = find.merge_request(call)
    return paginated(call, _versions(call, mr), lambda one: review_shapes.version(mr, one))


@route("GET", f"{MR}/versions/:version_id", may("unidiff", bool), anonymous=True)
def get_version(call: Call) -> Answer:
    mr = find.merge_request(call)
    found = next((one for one in _versions(call, mr) if one.id == call.int("version_id")), None)
    if found is None:
        not_found()
    whole = {
        "commits": [shapes.commit(call.gitlab, mr.project, one) for one in merge_requests.commits(mr, found)],
        "diffs": [shapes.diff(file, bool(call.params.get("unidiff"))) for file in merge_requests.files(mr, found)],
    }
    return Answer(200, review_shapes.version(mr, found) | whole)


@route("GET", f"{MR}/diffs", may("unidiff", bool), anonymous=True)
def list_diffs(call: Call) -> Answer:
    mr, version = _version(call)
    unified = bool(call.params.get("unidiff"))
    files = merge_requests.files(mr, version) if version else []
    return paginated(call, files, lambda file: shapes.diff(file, unified))


@route("GET", f"{MR}/changes", may("unidiff", bool), may("access_raw_diffs", bool), anonymous=True)
def get_changes(call: Call) -> Answer:
    mr, version = _version(call)
    unified = bool(call.params.get("unidiff"))
    files = merge_requests.files(mr, version) if version else []
    shown = review_shapes.merge_request(call.gitlab, mr, call.user)
    return Answer(200, shown | {"changes": [shapes.diff(file, unified) for file in files], "overflow": False})


@route("GET", f"{MR}/raw_diffs", anonymous=True)
def raw_diffs(call: Call) -> Answer:
    mr, version = _version(call)
    if version is None or version.base is None:
        return Answer(200, b"", {"Content-Type": "text/plain"})
    text = githost.git(mr.project.repo, "diff", version.base, version.head)
    return Answer(200, text, {"Content-Type": "text/plain"})


@route("GET", f"{MR}/commits", anonymous=True)
def list_commits(call: Call) -> Answer:
    mr, version = _version(call)
    found = merge_requests.commits(mr, version) if version else []
    return paginated(call, found, lambda one: shapes.commit(call.gitlab, mr.project, one))
