"""What the REST API shows of merge requests, notes and statuses, with the keys of GitLab's own entities."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from tests.gitlab import access, hooks, merge_requests, suggesting
from tests.gitlab.instance import Instance
from tests.gitlab.model import (
    Award,
    DiffVersion,
    Discussion,
    DraftNote,
    MergeRequest,
    Note,
    Pipeline,
    Status,
    Suggestion,
    User,
)
from tests.gitlab.shapes import Shape, iso, user


def merge_request_basic(gitlab: Instance, one: MergeRequest) -> Shape:
    """As lists show it."""
    people = {
        "author": user(gitlab, one.author),
        "assignees": [user(gitlab, person) for person in one.assignees],
        "assignee": user(gitlab, one.assignees[0]) if one.assignees else None,
        "reviewers": [user(gitlab, person) for person in one.reviewers],
        "merged_by": user(gitlab, one.merged_by),
        "merge_user": user(gitlab, one.merged_by),
        "closed_by": user(gitlab, one.closed_by),
    }
    times = {
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "merged_at": iso(one.merged_at),
        "closed_at": iso(one.closed_at),
        "prepared_at": iso(one.prepared_at),
    }
    return _identity(gitlab, one) | people | times | _merging(one)


def _identity(gitlab: Instance, one: MergeRequest) -> Shape:
    whole = f"{one.project.path}!{one.iid}"
    return {
        "id": one.id,
        "iid": one.iid,
        "project_id": one.project.id,
        "title": one.title,
        "description": one.description,
        "state": one.state,
        "target_branch": one.target_branch,
        "source_branch": one.source_branch,
        "user_notes_count": sum(not note.system for note in one.notes()),
        "upvotes": sum(award.name == "thumbsup" for award in one.awards),
        "downvotes": sum(award.name == "thumbsdown" for award in one.awards),
        "source_project_id": one.source.id if one.source and not one.source.deleted else None,
        "target_project_id": one.project.id,
        "labels": one.labels,
        "draft": one.draft,
        "imported": False,
        "imported_from": "none",
        "work_in_progress": one.draft,
        "milestone": None,
        "reference": f"!{one.iid}",
        "references": {"short": f"!{one.iid}", "relative": f"!{one.iid}", "full": whole},
        "web_url": f"{gitlab.url}/{one.project.path}/-/merge_requests/{one.iid}",
        "time_stats": {
            "time_estimate": 0,
            "total_time_spent": 0,
            "human_time_estimate": None,
            "human_total_time_spent": None,
        },
        "task_completion_status": {"count": 0, "completed_count": 0},
    }


def _merging(one: MergeRequest) -> Shape:
    shown: Shape = {
        "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged" if one.prepared_at else "preparing",
        "detailed_merge_status": hooks.merge_status(one),
        "merge_after": None,
        "sha": one.version.head if one.version else None,
        "merge_commit_sha": one.merge_commit,
        "squash_commit_sha": None,
        "discussion_locked": one.discussion_locked,
        "should_remove_source_branch": None,
        "force_remove_source_branch": False,
        "squash": False,
        "squash_on_merge": False,
        "has_conflicts": False,
        "blocking_discussions_resolved": hooks.blocking_resolved(one),
        "approvals_before_merge": None,
    }
    if one.source is not one.project:
        shown |= {"allow_collaboration": one.allow_collaboration, "allow_maintainer_to_push": one.allow_collaboration}
    return shown


def merge_request(gitlab: Instance, one: MergeRequest, viewer: User | None, *, read: bool = False) -> Shape:
    """`read`: a GET of this one, which counts towards the reads for which it is still being prepared."""
    ready = merge_requests.is_prepared(gitlab, one, read=read)
    version = one.version if ready else None
    count = len(merge_requests.files(one, version)) if version else 0
    held = access.level(gitlab, one.project, viewer)
    return merge_request_basic(gitlab, one) | {
        "subscribed": viewer is one.author,
        "changes_count": str(count) if count else None,
        "latest_build_started_at": None,
        "latest_build_finished_at": None,
        "first_deployed_to_production_at": None,
        "pipeline": None,
        "head_pipeline": pipeline(gitlab, found) if (found := head_pipeline(one)) else None,
        "diff_refs": refs(version),
        "merge_error": None,
        "first_contribution": False,
        "user": {"can_merge": bool(viewer and held and access.can_merge(gitlab, one, viewer))},
    }


def refs(version: DiffVersion | None) -> Shape | None:
    if version is None:
        return None
    return {"base_sha": version.base, "head_sha": version.head, "start_sha": version.start}


def head_pipeline(one: MergeRequest) -> Pipeline | None:
    head = one.version.head if one.version else None
    fits = [pipe for pipe in (one.source or one.project).pipelines if pipe.sha == head]
    return fits[-1] if fits else None


def pipeline_status(one: Pipeline) -> str:
    states = [status.state for status in one.project.statuses if status.pipeline is one and not status.retried]
    order = ("running", "failed", "pending", "canceled", "success", "skipped")
    return next((state for state in order if state in states), "created")


def pipeline(gitlab: Instance, one: Pipeline) -> Shape:
    return {
        "id": one.id,
        "iid": one.iid,
        "project_id": one.project.id,
        "sha": one.sha,
        "ref": one.ref,
        "status": pipeline_status(one),
        "source": one.source,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "web_url": f"{gitlab.url}/{one.project.path}/-/pipelines/{one.id}",
    }


def status(gitlab: Instance, one: Status) -> Shape:
    return {
        "id": one.id,
        "sha": one.sha,
        "ref": one.ref,
        "status": one.state,
        "name": one.name,
        "target_url": one.target_url,
        "description": one.description,
        "created_at": iso(one.created_at),
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
        "allow_failure": False,
        "coverage": one.coverage,
        "pipeline_id": one.pipeline.id,
        "author": user(gitlab, one.author),
    }


def note(gitlab: Instance, one: Note) -> Shape:
    mr = one.discussion.mr
    shown: Shape = {
        "id": one.id,
        "type": one.type,
        "body": one.body,
        "author": user(gitlab, one.author),
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "system": one.system,
        "noteable_id": mr.id,
        "noteable_type": "MergeRequest",
        "project_id": mr.project.id,
        "resolvable": one.resolvable,
        "confidential": one.internal,
        "internal": one.internal,
        "imported": False,
        "imported_from": "none",
        "noteable_iid": mr.iid,
        "commands_changes": {},
    }
    if one.type == "DiffNote":
        shown |= {"commit_id": None, "position": one.position}
        shown["suggestions"] = [suggestion(row) for row in one.suggestions]
    if one.resolvable:
        shown |= {"resolved": one.resolved, "resolved_by": user(gitlab, one.resolved_by)}
        shown["resolved_at"] = iso(one.resolved_at)
    return shown


def suggestion(one: Suggestion) -> Shape:
    first, last = suggesting.lines(one)
    return {
        "id": one.id,
        "from_line": first,
        "to_line": last,
        "appliable": suggesting.why_not(one) is None,
        "applied": one.applied,
        "from_content": one.from_content,
        "to_content": one.to_content,
    }


def discussion(gitlab: Instance, one: Discussion) -> Shape:
    notes = [note(gitlab, each) for each in one.notes]
    return {"id": one.id, "individual_note": one.individual, "notes": notes}


def draft(one: DraftNote) -> Shape:
    return {
        "id": one.id,
        "author_id": one.author.id,
        "merge_request_id": one.mr.id,
        "resolve_discussion": one.resolve,
        "discussion_id": one.discussion.id if one.discussion else None,
        "note": one.body,
        "commit_id": one.commit_id,
        "position": one.position,
        "line_code": None,
    }


def award(gitlab: Instance, awardable: Note | MergeRequest) -> Callable[[Award], Shape]:
    kind = "Note" if isinstance(awardable, Note) else "MergeRequest"

    def shape(one: Award) -> Shape:
        at = iso(one.created_at)
        stamps = {"created_at": at, "updated_at": at, "awardable_id": awardable.id, "awardable_type": kind}
        return {"id": one.id, "name": one.name, "user": user(gitlab, one.user), **stamps, "url": None}

    return shape


def version(mr: MergeRequest, one: DiffVersion) -> Shape:
    size = len(merge_requests.files(mr, one))
    return {
        "id": one.id,
        "head_commit_sha": one.head,
        "base_commit_sha": one.base,
        "start_commit_sha": one.start,
        "created_at": iso(one.created_at),
        "merge_request_id": mr.id,
        "state": "collected" if size else "empty",
        "real_size": str(size),
        "patch_id_sha": hashlib.sha1(f"{one.base}{one.head}".encode()).hexdigest(),
    }
