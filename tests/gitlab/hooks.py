"""Payloads of webhooks, as GitLab 18 builds them (documentation: webhook_events; lib/gitlab/hook_data)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.gitlab import access, githost
from tests.gitlab.githost import Commit
from tests.gitlab.instance import Instance
from tests.gitlab.model import ZERO_SHA, Discussion, MergeRequest, Note, Project, User

Payload = dict[str, Any]
LEVELS = {"private": 0, "internal": 10, "public": 20}
STATES = {"opened": 1, "closed": 2, "merged": 3, "locked": 4}
NEWEST = 20


def stamp(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else None


def user_data(user: User) -> Payload:
    email = "[REDACTED]" if not user.bot else user.email
    return {"id": user.id, "name": user.name, "username": user.username, "avatar_url": None, "email": email}


def project_data(gitlab: Instance, project: Project) -> Payload:
    web, http = f"{gitlab.url}/{project.path}", f"{gitlab.url}/{project.path}.git"
    ssh = f"git@localhost:{project.path}.git"
    return {
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "web_url": web,
        "avatar_url": None,
        "git_ssh_url": ssh,
        "git_http_url": http,
        "namespace": project.namespace,
        "visibility_level": LEVELS[project.visibility],
        "path_with_namespace": project.path,
        "default_branch": project.default_branch,
        "ci_config_path": project.settings.get("ci_config_path"),
        "homepage": web,
        "url": ssh,
        "ssh_url": ssh,
        "http_url": http,
    }


def repository_data(gitlab: Instance, project: Project) -> Payload:
    web = f"{gitlab.url}/{project.path}"
    ssh = f"git@localhost:{project.path}.git"
    return {"name": project.name, "url": ssh, "description": project.description, "homepage": web}


def commit_data(gitlab: Instance, project: Project, commit: Commit) -> Payload:
    return {
        "id": commit.sha,
        "message": commit.message,
        "title": commit.title,
        "timestamp": datetime.fromtimestamp(commit.authored, UTC).isoformat(),
        "url": f"{gitlab.url}/{project.path}/-/commit/{commit.sha}",
        "author": {"name": commit.author_name, "email": commit.author_email},
    }


def labels_data(mr: MergeRequest, names: list[str] | None = None) -> list[Payload]:
    at = stamp(mr.project.created_at)
    return [
        {
            "id": label.id,
            "title": label.name,
            "color": label.color,
            "project_id": mr.project.id,
            "created_at": at,
            "updated_at": at,
            "template": False,
            "description": None,
            "type": "ProjectLabel",
            "group_id": None,
        }
        for label in (mr.project.labels[name] for name in (mr.labels if names is None else names))
    ]


def merge_status(mr: MergeRequest) -> str:
    """`detailed_merge_status`, the first reason that applies."""
    if mr.state != "opened":
        return "not_open"
    if mr.prepared_at is None:
        return "preparing"
    if mr.draft:
        return "draft_status"
    must = mr.project.settings.get("only_allow_merge_if_all_discussions_are_resolved")
    return "discussions_not_resolved" if must and not blocking_resolved(mr) else "mergeable"


def blocking_resolved(mr: MergeRequest) -> bool:
    return all(one.resolved for one in mr.discussions if one.resolvable)


def merge_request_data(gitlab: Instance, mr: MergeRequest) -> Payload:
    owner = mr.source if mr.source and not mr.source.deleted else mr.project
    last = _commit(owner.repo, mr.head)
    return {
        **_merge_request_people(mr),
        "blocking_discussions_resolved": blocking_resolved(mr),
        "created_at": stamp(mr.created_at),
        "description": mr.description,
        "detailed_merge_status": merge_status(mr),
        "draft": mr.draft,
        "first_contribution": False,
        "head_pipeline_id": None,
        "human_time_change": None,
        "human_time_estimate": None,
        "human_total_time_spent": None,
        "id": mr.id,
        "iid": mr.iid,
        "labels": labels_data(mr),
        "last_commit": commit_data(gitlab, owner, last),
        "last_edited_at": None,
        "last_edited_by_id": None,
        "merge_commit_sha": mr.merge_commit,
        "merge_error": None,
        "merge_params": {"force_remove_source_branch": "0"},
        "merge_status": "can_be_merged" if mr.state == "opened" else "unchecked",
        "merge_user_id": mr.merged_by.id if mr.merged_by else None,
        "merge_when_pipeline_succeeds": False,
        "milestone_id": None,
        "prepared_at": stamp(mr.prepared_at),
        "source": project_data(gitlab, mr.source) if mr.source and not mr.source.deleted else None,
        "source_branch": mr.source_branch,
        "source_project_id": mr.source.id if mr.source else None,
        "state": mr.state,
        "state_id": STATES[mr.state],
        "target": project_data(gitlab, mr.project),
        "target_branch": mr.target_branch,
        "target_project_id": mr.project.id,
        "time_change": 0,
        "time_estimate": 0,
        "title": mr.title,
        "total_time_spent": 0,
        "updated_at": stamp(mr.updated_at),
        "url": f"{gitlab.url}/{mr.project.path}/-/merge_requests/{mr.iid}",
        "work_in_progress": mr.draft,
    }


@lru_cache(maxsize=256)
def _commit(repo: Path, sha: str) -> Commit:
    return githost.log(repo, None, sha, limit=1)[0]


def _merge_request_people(mr: MergeRequest) -> Payload:
    return {
        "assignee_id": mr.assignees[0].id if mr.assignees else None,
        "assignee_ids": [user.id for user in mr.assignees],
        "author_id": mr.author.id,
        "reviewer_ids": [user.id for user in mr.reviewers],
        "updated_by_id": mr.updated_by.id if mr.updated_by else None,
    }


def merge_request(
    gitlab: Instance, mr: MergeRequest, user: User, action: str, changes: Payload, oldrev: str | None = None
) -> Payload:
    """`oldrev` only where the code really changed."""
    attributes = merge_request_data(gitlab, mr) | {"action": action, "system": False}
    if oldrev:
        attributes["oldrev"] = oldrev
    payload = {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": user_data(user),
        "project": project_data(gitlab, mr.project),
        "object_attributes": attributes,
        "labels": labels_data(mr),
        "changes": changes,
        "repository": repository_data(gitlab, mr.project),
    }
    people = {"assignees": mr.assignees, "reviewers": mr.reviewers}
    return payload | {key: [user_data(user) for user in users] for key, users in people.items() if users}


def note(gitlab: Instance, noted: Note, action: str) -> Payload:
    """`user` is the note's author, even where another person edited it."""
    mr = noted.discussion.mr
    return {
        "object_kind": "note",
        "event_type": "confidential_note" if noted.internal else "note",
        "user": user_data(noted.author),
        "project_id": mr.project.id,
        "project": project_data(gitlab, mr.project),
        "object_attributes": note_data(gitlab, noted, noted.discussion) | {"action": action},
        "repository": repository_data(gitlab, mr.project),
        "merge_request": merge_request_data(gitlab, mr),
    }


def note_data(gitlab: Instance, noted: Note, discussion: Discussion) -> Payload:
    mr = discussion.mr
    return {
        "attachment": None,
        "author_id": noted.author.id,
        "change_position": noted.change_position,
        "commit_id": None,
        "created_at": stamp(noted.created_at),
        "discussion_id": discussion.id,
        "id": noted.id,
        "internal": noted.internal,
        "line_code": noted.line_code,
        "note": noted.body,
        "noteable_id": mr.id,
        "noteable_type": "MergeRequest",
        "original_position": noted.original_position,
        "position": noted.position,
        "project_id": mr.project.id,
        "resolved_at": stamp(noted.resolved_at),
        "resolved_by_id": noted.resolved_by.id if noted.resolved_by else None,
        "resolved_by_push": None,
        "st_diff": None,
        "system": noted.system,
        "type": noted.type,
        "updated_at": stamp(noted.updated_at),
        "updated_by_id": noted.edited_by.id if noted.edited_by else None,
        "description": absolute_images(noted.body, f"{gitlab.url}/{mr.project.path}"),
        "url": f"{gitlab.url}/{mr.project.path}/-/merge_requests/{mr.iid}#note_{noted.id}",
    }


def absolute_images(text: str, base: str) -> str:
    """`description` carries absolute image addresses; `note` stays as it was written."""
    return re.sub(r"(!\[[^\]]*\]\()(/[^)\s]+)", rf"\1{base}\2", text)


def push(gitlab: Instance, project: Project, user: User, ref: str, old: str, new: str) -> Payload:
    """At most the 20 newest commits, oldest first; none for a new branch without commits of its own."""
    branch = ref.removeprefix("refs/heads/")
    commits = _pushed_commits(project, branch, old, new)
    return {
        "object_kind": "push",
        "event_name": "push",
        "before": old,
        "after": new,
        "ref": ref,
        "ref_protected": access.protection(project, branch) is not None,
        "checkout_sha": None if new == ZERO_SHA else new,
        "message": None,
        "user_id": user.id,
        "user_name": user.name,
        "user_username": user.username,
        "user_email": "",
        "user_avatar": None,
        "project_id": project.id,
        "project": project_data(gitlab, project),
        "commits": [commit_data(gitlab, project, one) | _touched(project, one) for one in reversed(commits[:NEWEST])],
        "total_commits_count": len(commits),
        "push_options": {},
        "repository": repository_data(gitlab, project)
        | {
            "git_http_url": f"{gitlab.url}/{project.path}.git",
            "git_ssh_url": f"git@localhost:{project.path}.git",
            "visibility_level": LEVELS[project.visibility],
        },
    }


def _pushed_commits(project: Project, branch: str, old: str, new: str) -> list[Commit]:
    if new == ZERO_SHA:
        return []
    if old != ZERO_SHA:
        return githost.log(project.repo, old, new)
    default = githost.rev(project.repo, f"refs/heads/{project.default_branch}")
    return githost.log(project.repo, default if branch != project.default_branch else None, new)


def _touched(project: Project, commit: Commit) -> Payload:
    listed = githost.git(project.repo, "diff-tree", "-r", "-z", "--root", "--no-commit-id", "--name-status", commit.sha)
    words = listed.decode("utf-8", "replace").split("\0")[:-1]
    pairs = list(zip(words[::2], words[1::2], strict=True))
    kinds = {"added": "A", "modified": "MT", "removed": "D"}
    return {key: [path for kind, path in pairs if kind in letters] for key, letters in kinds.items()}
