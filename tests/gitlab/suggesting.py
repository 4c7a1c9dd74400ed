"""Suggestions in the life of a merge request: made from a note's text, applicable or not, applied as one commit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tests.gitlab import access, githost, suggestions
from tests.gitlab.instance import Instance
from tests.gitlab.model import MergeRequest, Note, Suggestion, User, now


class NotApplicable(Exception):
    """Why not, as GitLab says it."""


def line(note: Note) -> int:
    """The line in the new file that a suggestion hangs on."""
    assert note.position is not None
    return int(note.position["new_line"])


def path(note: Note) -> str:
    assert note.position is not None
    return str(note.position["new_path"] or note.position["old_path"])


def blob(note: Note) -> bytes | None:
    """The file at the head that the position names."""
    assert note.position is not None
    return _content(note.discussion.mr.project.repo, note.position["head_sha"], path(note))


@lru_cache(maxsize=1024)
def _content(repo: Path, sha: str, name: str) -> bytes | None:
    return githost.read(repo, sha, name)


def parsed(gitlab: Instance, note: Note) -> list[Suggestion]:
    """New rows with new ids, each time."""
    if note.type != "DiffNote" or not suggestions.suggestible(note.position):
        return []
    blocks = suggestions.parse(note.body)
    content = blob(note) if blocks else None
    if content is None:
        return []
    return [
        Suggestion(gitlab.next_id("suggestion"), note, one, *suggestions.contents(content, line(note), one))
        for one in blocks
    ]


def lines(suggestion: Suggestion) -> tuple[int, int]:
    """First and last line, of the file as it is where the note stands now."""
    at = line(suggestion.note)
    return suggestion.asked.first(at), suggestion.asked.last(at)


def why_not(suggestion: Suggestion) -> str | None:
    note = suggestion.note
    mr = note.discussion.mr
    head = source_head(mr)
    there = _content(mr.source.repo, head, path(note)) if head and mr.source else None
    return suggestions.why_not(
        path=path(note),
        now=None if there is None else suggestions.contents(there, line(note), suggestion.asked)[0],
        from_content=suggestion.from_content,
        to_content=suggestion.to_content,
        active=note.active,
        applied=suggestion.applied,
        state=mr.state,
        branch_exists=head is not None,
    )


def source_head(mr: MergeRequest) -> str | None:
    """Null where branch or project is gone."""
    if mr.source is None or mr.source.deleted:
        return None
    # Each list of threads asks this for each suggestion: the file of the ref spares a process.
    loose = mr.source.repo / "refs/heads" / mr.source_branch
    if loose.is_file():
        return loose.read_text().strip()
    return githost.rev(mr.source.repo, f"refs/heads/{mr.source_branch}")


def apply(gitlab: Instance, chosen: Sequence[Suggestion], user: User, message: str | None = None) -> str:
    """One commit on the source branch; its sha. Raises `NotApplicable`. Rights are the caller's to check."""
    mr = chosen[0].note.discussion.mr
    check(mr, chosen)
    assert mr.source is not None
    paths = sorted({path(one.note) for one in chosen})
    changes = {name: _applied(mr, name, [one for one in chosen if path(one.note) == name]) for name in paths}
    authors = {one.note.author for one in chosen}
    author = authors.pop() if len(authors) == 1 else user
    text = message or str(mr.project.settings.get("suggestion_commit_message") or "")
    said = suggestions.commit_message(text, values(mr, chosen, paths, user))
    by = ((author.name, author.email), (user.name, user.email))
    sha = githost.commit(mr.source.repo, mr.source_branch, changes, said, by[0], committer=by[1])
    for one in chosen:
        one.applied, one.commit = True, sha
        for note in one.note.discussion.notes:
            note.resolved, note.resolved_by, note.resolved_at = True, user, now()
    return sha


def check(mr: MergeRequest, chosen: Sequence[Suggestion]) -> None:
    """Raises `NotApplicable` with GitLab's sentence, in GitLab's order."""
    if any(one.note.discussion.mr is not mr for one in chosen):
        raise NotApplicable(suggestions.OTHER_BRANCHES)
    if any(blob(one.note) is None for one in chosen):
        raise NotApplicable(suggestions.NOT_FOUND)
    reasons = [reason for one in chosen if (reason := why_not(one))]
    if reasons:
        raise NotApplicable(reasons[0] if len(chosen) == 1 else suggestions.GENERIC)
    head = source_head(mr)
    if any((one.note.position or {}).get("head_sha") != head for one in chosen):
        raise NotApplicable(suggestions.MOVED)
    if suggestions.overlap([(path(one.note), line(one.note), one.asked) for one in chosen]):
        raise NotApplicable(suggestions.OVERLAP)


def _applied(mr: MergeRequest, name: str, chosen: Sequence[Suggestion]) -> githost.Entry:
    """The file with them all, and its mode."""
    content = blob(chosen[0].note) or b""
    entries = githost.tree(mr.project.repo, mr.head)
    mode = next((entry.mode for entry in entries if entry.path == name), "100644")
    return mode, suggestions.apply_all(content, [(line(one.note), one.asked) for one in chosen])


def values(mr: MergeRequest, chosen: Sequence[Suggestion], paths: list[str], user: User) -> dict[str, object]:
    """What a project's template for the commit's message may name."""
    return {
        "branch_name": mr.source_branch,
        "files_count": len(paths),
        "file_paths": ", ".join(paths),
        "project_path": mr.project.slug,
        "project_name": mr.project.name,
        "suggestions_count": len(chosen),
        "username": user.username,
        "user_full_name": user.name,
    }


def may_apply(gitlab: Instance, mr: MergeRequest, user: User) -> bool:
    return mr.source is not None and access.can_push(gitlab, mr.source, mr.source_branch, user)
