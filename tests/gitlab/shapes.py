"""What the REST API shows of people, projects and repositories, with the keys of GitLab's own entities."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.gitlab import access, githost
from tests.gitlab.githost import Commit
from tests.gitlab.instance import Instance
from tests.gitlab.model import (
    Hook,
    Project,
    User,
)
from tests.gitlab.patches import DiffFile

Shape = dict[str, Any]


def iso(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z" if moment else None


def at_second(seconds: int) -> str | None:
    return iso(datetime.fromtimestamp(seconds, UTC))


def user(gitlab: Instance, one: User | None) -> Shape | None:
    if one is None:
        return None
    return {
        "id": one.id,
        "username": one.username,
        "public_email": "",
        "name": one.name,
        "state": one.state,
        "locked": False,
        "avatar_url": None,
        "web_url": f"{gitlab.url}/{one.username}",
    }


def current_user(gitlab: Instance, one: User) -> Shape:
    """`GET /user`: the one with the e-mail addresses."""
    own = user(gitlab, one) or {}
    return own | {
        "created_at": iso(one.created_at),
        "bio": "",
        "location": "",
        "bot": one.bot,
        "email": one.email,
        "commit_email": one.email,
        "confirmed_at": iso(one.created_at),
        "can_create_group": True,
        "can_create_project": True,
        "external": False,
        "identities": [],
        "two_factor_enabled": False,
        "private_profile": False,
        "projects_limit": 100_000,
    }


def project(gitlab: Instance, one: Project, viewer: User | None) -> Shape:
    """With `permissions`: the direct membership, and the one of the group."""
    shown = simple_project(gitlab, one) | settings(one)
    direct = one.members.get(viewer.id) if viewer else None
    everything = access.member(gitlab, one, viewer) if viewer else None
    inherited = everything if everything is not direct else None
    levels = {
        key: {"access_level": member.level, "notification_level": 3} if member else None
        for key, member in (("project_access", direct), ("group_access", inherited))
    }
    return shown | {
        "archived": one.archived,
        "container_registry_image_prefix": f"registry.example.com/{one.path}",
        "visibility": one.visibility,
        "empty_repo": not githost.refs(one.repo),
        "creator_id": one.creator.id,
        "import_status": "none",
        "open_issues_count": 0,
        "updated_at": iso(one.active_at),
        "forked_from_project": simple_project(gitlab, one.forked_from) if one.forked_from else None,
        "permissions": levels,
    }


def simple_project(gitlab: Instance, one: Project) -> Shape:
    web = f"{gitlab.url}/{one.path}"
    last = one.namespace.rpartition("/")[2]
    return {
        "id": one.id,
        "description": one.description,
        "name": one.name,
        "name_with_namespace": f"{one.namespace} / {one.name}",
        "path": one.slug,
        "path_with_namespace": one.path,
        "created_at": iso(one.created_at),
        "default_branch": one.default_branch,
        "tag_list": one.topics,
        "topics": one.topics,
        "ssh_url_to_repo": f"git@localhost:{one.path}.git",
        "http_url_to_repo": f"{web}.git",
        "web_url": web,
        "readme_url": f"{web}/-/blob/{one.default_branch}/README.md",
        "forks_count": sum(other.forked_from is one for other in gitlab.projects.values()),
        "avatar_url": None,
        "star_count": 0,
        "last_activity_at": iso(one.active_at),
        "namespace": {
            "id": 1,
            "name": last,
            "path": last,
            "kind": "group",
            "full_path": one.namespace,
            "parent_id": None,
            "avatar_url": None,
            "web_url": f"{gitlab.url}/groups/{one.namespace}",
        },
    }


def settings(one: Project) -> Shape:
    defaults: Shape = {
        "ci_config_path": None,
        "issues_enabled": True,
        "issues_access_level": "enabled",
        "merge_requests_enabled": True,
        "wiki_enabled": True,
        "jobs_enabled": True,
        "snippets_enabled": True,
        "lfs_enabled": True,
        "shared_runners_enabled": True,
        "can_create_merge_request_in": True,
        "merge_method": "merge",
        "squash_option": "default_off",
        "suggestion_commit_message": None,
        "only_allow_merge_if_pipeline_succeeds": False,
        "allow_merge_on_skipped_pipeline": None,
        "only_allow_merge_if_all_discussions_are_resolved": False,
        "merge_pipelines_enabled": False,
        "merge_trains_enabled": False,
        "resolve_outdated_diff_discussions": False,
        "remove_source_branch_after_merge": True,
        "request_access_enabled": True,
        "auto_devops_enabled": False,
        "repository_access_level": "enabled",
        "merge_requests_access_level": "enabled",
        "shared_with_groups": [],
    }
    return {key: one.settings.get(key, default) for key, default in defaults.items()}


def commit(gitlab: Instance, project: Project, one: Commit) -> Shape:
    return {
        "id": one.sha,
        "short_id": one.sha[:8],
        "created_at": at_second(one.committed),
        "parent_ids": list(one.parents),
        "title": one.title,
        "message": one.message,
        "author_name": one.author_name,
        "author_email": one.author_email,
        "authored_date": at_second(one.authored),
        "committer_name": one.committer_name,
        "committer_email": one.committer_email,
        "committed_date": at_second(one.committed),
        "trailers": {},
        "extended_trailers": {},
        "web_url": f"{gitlab.url}/{project.path}/-/commit/{one.sha}",
    }


OTHER_EVENTS = (
    "tag_push_events",
    "issues_events",
    "confidential_issues_events",
    "job_events",
    "pipeline_events",
    "wiki_page_events",
    "deployment_events",
    "feature_flag_events",
    "releases_events",
    "emoji_events",
    "milestone_events",
    "resource_access_token_events",
    "vulnerability_events",
)
OF_GROUPS = ("subgroup_events", "member_events", "project_events")


def hook(gitlab: Instance, one: Hook) -> Shape:
    """Secrets are never shown, only that they are there; of custom headers only the names."""
    of_project = isinstance(one.owner, Project)
    others = OTHER_EVENTS if of_project else (*OTHER_EVENTS, *OF_GROUPS)
    shown = {
        "id": one.id,
        "url": one.url,
        "name": one.name,
        "description": None,
        "created_at": iso(one.created_at),
        "project_id" if of_project else "group_id": one.owner.id,
        "push_events": one.push,
        "push_events_branch_filter": one.branches,
        "branch_filter_strategy": one.strategy,
        "merge_requests_events": one.merge_requests,
        "note_events": one.notes,
        "confidential_note_events": one.confidential_notes,
        "repository_update_events": False,
        **{name: one.others.get(name, False) for name in others},
        "enable_ssl_verification": one.ssl,
        "alert_status": one.status,
        "disabled_until": None,
        "url_variables": [],
        "custom_webhook_template": one.template,
        "custom_headers": [{"key": key} for key in one.headers],
        "token_present": bool(one.secret),
        "signing_token_present": bool(one.signing_token),
    }
    if gitlab.knobs.signing_tokens:
        return shown
    return {key: value for key, value in shown.items() if key not in ("token_present", "signing_token_present")}


def diff(file: DiffFile, unified: bool = False) -> Shape:
    """`diff` begins at the first hunk, unless `unified`; it is empty where the file is collapsed or too large."""
    old, new = f"a/{file.old_path}", f"b/{file.new_path}"
    header = f"--- {'/dev/null' if file.new_file else old}\n+++ {'/dev/null' if file.deleted_file else new}\n"
    return {
        "diff": header + file.diff if unified and file.diff else file.diff,
        "collapsed": file.collapsed,
        "too_large": file.too_large,
        "new_path": file.new_path,
        "old_path": file.old_path,
        "a_mode": file.a_mode,
        "b_mode": file.b_mode,
        "new_file": file.new_file,
        "renamed_file": file.renamed_file,
        "deleted_file": file.deleted_file,
        "generated_file": False,
    }
