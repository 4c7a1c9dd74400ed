"""Routes: branches, commits, files, trees, comparisons."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from tests.gitlab import access, find, githost, patches, pushes, shapes
from tests.gitlab.api import Answer, ApiError, Call, bad_request, not_found, paginated, route
from tests.gitlab.githost import RefChange
from tests.gitlab.model import ZERO_SHA, Project
from tests.gitlab.params import may, need

REPOSITORY = "/projects/:id/repository"


def commit_of(project: Project, name: str) -> str | None:
    """By branch, tag or sha (also a short one); nothing that begins with a dash or goes into reflogs."""
    if not name or name.startswith("-") or any(word in name for word in ("..", "@{", ":", " ")):
        return None
    if re.fullmatch(r"[0-9a-f]{40}", name):
        return githost.rev(project.repo, name)
    candidates = (f"refs/heads/{name}", f"refs/tags/{name}", name)
    return next((sha for ref in candidates if (sha := githost.rev(project.repo, ref))), None)


def _commit(call: Call, project: Project, name: str | None) -> str:
    sha = commit_of(project, name or project.default_branch)
    if sha is None:
        not_found("Commit")
    return sha


def _branch(call: Call, project: Project, name: str, sha: str) -> dict[str, Any]:
    return {
        "name": name,
        "commit": shapes.commit(call.gitlab, project, githost.log(project.repo, None, sha, limit=1)[0]),
        "merged": False,
        "protected": access.protection(project, name) is not None,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": access.can_push(call.gitlab, project, name, call.user),
        "default": name == project.default_branch,
        "web_url": f"{call.gitlab.url}/{project.path}/-/tree/{name}",
    }


@route("GET", f"{REPOSITORY}/branches", may("search"), anonymous=True)
def list_branches(call: Call) -> Answer:
    project = find.with_code(call)
    heads = [(ref.removeprefix("refs/heads/"), sha) for ref, sha in githost.refs(project.repo).items()]
    wanted = call.params.get("search") or ""
    return paginated(call, [one for one in heads if wanted in one[0]], lambda one: _branch(call, project, *one))


@route("GET", f"{REPOSITORY}/branches/:branch", anonymous=True)
def get_branch(call: Call) -> Answer:
    project, name = find.with_code(call), call.segments["branch"]
    sha = githost.rev(project.repo, f"refs/heads/{name}")
    if sha is None:
        not_found("Branch")
    return Answer(200, _branch(call, project, name, sha))


@route("POST", f"{REPOSITORY}/branches", need("branch"), need("ref"))
def create_branch(call: Call) -> Answer:
    project, name = find.writable(call), call.params["branch"]
    sha = commit_of(project, call.params["ref"])
    if sha is None:
        raise ApiError(400, {"message": f"Invalid reference name: {call.params['ref']}"})
    ref = f"refs/heads/{name}"
    if githost.rev(project.repo, ref):
        raise ApiError(400, {"message": "Branch already exists"})
    if not access.can_push(call.gitlab, project, name, call.user):
        raise ApiError(403, {"message": "403 Forbidden"})
    githost.update_ref(project.repo, ref, sha)
    pushes.moved(call.gitlab, project, call.person, [RefChange(ref, ZERO_SHA, sha)])
    return Answer(201, _branch(call, project, name, sha))


@route("DELETE", f"{REPOSITORY}/branches/:branch")
def delete_branch(call: Call) -> Answer:
    project, name = find.writable(call), call.segments["branch"]
    ref = f"refs/heads/{name}"
    sha = githost.rev(project.repo, ref)
    if sha is None:
        not_found("Branch")
    if access.protection(project, name) or name == project.default_branch:
        raise ApiError(403, {"message": "403 Forbidden"})
    githost.delete_ref(project.repo, ref)
    pushes.moved(call.gitlab, project, call.person, [RefChange(ref, sha, ZERO_SHA)])
    return Answer(204)


@route("GET", f"{REPOSITORY}/commits", may("ref_name"), may("path"), may("since"), may("until"), anonymous=True)
def list_commits(call: Call) -> Answer:
    project = find.with_code(call)
    sha = commit_of(project, call.params.get("ref_name") or project.default_branch)
    found = githost.log(project.repo, None, sha) if sha else []
    return paginated(call, found, lambda one: shapes.commit(call.gitlab, project, one))


@route("GET", f"{REPOSITORY}/commits/:sha", may("stats", bool), anonymous=True)
def get_commit(call: Call) -> Answer:
    project = find.with_code(call)
    return Answer(200, detail(call, project, _commit(call, project, call.segments["sha"])))


def detail(call: Call, project: Project, sha: str) -> dict[str, Any]:
    one = githost.log(project.repo, None, sha, limit=1)[0]
    files = patches.diff(project.repo, one.parents[0], sha) if one.parents else []
    kinds = [line.type for file in files for line in patches.lines(file)]
    added, removed = kinds.count("new"), kinds.count("old")
    return shapes.commit(call.gitlab, project, one) | {
        "stats": {"additions": added, "deletions": removed, "total": added + removed},
        "status": None,
        "project_id": project.id,
        "last_pipeline": None,
    }


@route("GET", f"{REPOSITORY}/commits/:sha/diff", may("unidiff", bool), anonymous=True)
def get_commit_diff(call: Call) -> Answer:
    project = find.with_code(call)
    sha = _commit(call, project, call.segments["sha"])
    one = githost.log(project.repo, None, sha, limit=1)[0]
    files = patches.diff(project.repo, one.parents[0], sha) if one.parents else []
    return paginated(call, files, lambda file: shapes.diff(file, bool(call.params.get("unidiff"))))


@route("GET", f"{REPOSITORY}/commits/:sha/refs", may("type", str, "branch", "tag", "all"), anonymous=True)
def get_commit_refs(call: Call) -> Answer:
    project = find.with_code(call)
    sha = _commit(call, project, call.segments["sha"])
    heads = {
        ref: head for ref, head in githost.refs(project.repo).items() if githost.is_ancestor(project.repo, sha, head)
    }
    found = [{"type": "branch", "name": ref.removeprefix("refs/heads/")} for ref in heads]
    return paginated(call, found, lambda one: one)


@route("GET", f"{REPOSITORY}/commits/:sha/merge_requests", anonymous=True)
def get_commit_merge_requests(call: Call) -> Answer:
    from tests.gitlab import review_shapes

    project = find.with_code(call)
    sha = _commit(call, project, call.segments["sha"])
    found = [mr for mr in project.merge_requests.values() if sha in [version.head for version in mr.versions]]
    return paginated(call, found, lambda mr: review_shapes.merge_request_basic(call.gitlab, mr))


@route("GET", f"{REPOSITORY}/merge_base", need("refs", [str]), anonymous=True)
def get_merge_base(call: Call) -> Answer:
    project = find.with_code(call)
    shas = [_commit(call, project, name) for name in call.params["refs"]]
    if len(shas) < 2:
        bad_request("Provide at least 2 refs")
    base = githost.merge_base(project.repo, shas[0], shas[1])
    if base is None:
        not_found("Merge Base")
    return Answer(200, shapes.commit(call.gitlab, project, githost.log(project.repo, None, base, limit=1)[0]))


@route(
    "GET",
    f"{REPOSITORY}/compare",
    need("from"),
    need("to"),
    may("straight", bool),
    may("unidiff", bool),
    may("from_project_id", int),
    anonymous=True,
)
def compare(call: Call) -> Answer:
    """From the merge base, unless `straight`."""
    project, unified = find.with_code(call), bool(call.params.get("unidiff"))
    start, end = (commit_of(project, call.params[key]) for key in ("from", "to"))
    if start is None or end is None:
        not_found("Ref")
    base = start if call.params.get("straight") else githost.merge_base(project.repo, start, end)
    commits = githost.log(project.repo, start, end)[::-1]
    shown = [shapes.commit(call.gitlab, project, one) for one in commits]
    diffs = [shapes.diff(file, unified) for file in patches.diff(project.repo, base, end)] if base else []
    web = f"{call.gitlab.url}/{project.path}/-/compare/{start}...{end}"
    more = {"compare_timeout": False, "compare_same_ref": start == end, "web_url": web}
    return Answer(200, {"commit": shown[-1] if shown else None, "commits": shown, "diffs": diffs, **more})


@route(
    "GET",
    f"{REPOSITORY}/tree",
    may("ref"),
    may("path"),
    may("recursive", bool),
    may("pagination"),
    may("page_token"),
    anonymous=True,
)
def list_tree(call: Call) -> Answer:
    project = find.with_code(call)
    sha = commit_of(project, call.params.get("ref") or project.default_branch)
    if sha is None:
        not_found("Tree")
    entries = githost.tree(project.repo, sha, call.params.get("path") or "", bool(call.params.get("recursive")))

    def shape(one: githost.TreeEntry) -> dict[str, Any]:
        name = one.path.rpartition("/")[2]
        return {"id": one.sha, "name": name, "type": one.kind, "path": one.path, "mode": one.mode}

    return paginated(call, entries, shape)


def _file(call: Call) -> tuple[Project, str, str, bytes]:
    project, path = find.with_code(call), call.segments["path"]
    sha = _commit(call, project, call.params.get("ref"))
    content = githost.read(project.repo, sha, path)
    if content is None:
        not_found("File")
    return project, path, sha, content


@route(
    "GET",
    f"{REPOSITORY}/files/:path/raw",
    may("ref"),
    may("lfs", bool),
    scopes=("api", "read_api", "read_repository"),
    anonymous=True,
)
def get_raw_file(call: Call) -> Answer:
    *_, content = _file(call)
    return Answer(200, content, {"Content-Type": "text/plain; charset=utf-8"})


@route("GET", f"{REPOSITORY}/files/:path", need("ref"), scopes=("api", "read_api", "read_repository"), anonymous=True)
def get_file(call: Call) -> Answer:
    project, path, sha, content = _file(call)
    last = githost.git(project.repo, "log", "-1", "--format=%H", sha, "--", path).decode().strip()
    shown = {
        "file_name": path.rpartition("/")[2],
        "file_path": path,
        "size": len(content),
        "encoding": "base64",
        "content_sha256": hashlib.sha256(content).hexdigest(),
        "ref": call.params.get("ref"),
        "blob_id": githost.git(project.repo, "rev-parse", f"{sha}:{path}").decode().strip(),
        "commit_id": sha,
        "last_commit_id": last,
        "execute_filemode": False,
        "content": base64.b64encode(content).decode(),
    }
    return Answer(200, shown)
