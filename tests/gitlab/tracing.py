"""Positions of notes against the diff versions of a merge request."""

from __future__ import annotations

from typing import Any

from tests.gitlab import positions
from tests.gitlab.model import DiffVersion, MergeRequest, Note, now
from tests.gitlab.positions import DiffRefs


def refs(version: DiffVersion) -> DiffRefs:
    return DiffRefs(version.base, version.start, version.head)


def of_position(position: dict[str, Any]) -> DiffRefs:
    return DiffRefs(position["base_sha"], position["start_sha"], position["head_sha"])


def is_active(mr: MergeRequest, note: Note) -> bool:
    return note.active


def retrace(mr: MergeRequest, old: DiffVersion, new: DiffVersion) -> None:
    """After a push: notes on the old version move with their lines; where the line is gone they are outdated."""
    before, after = refs(old), refs(new)
    for note in mr.notes():
        if not note.position or of_position(note.position) != before:
            continue
        traced = positions.trace(mr.project.repo, note.position, before, after)
        if traced.outdated or traced.position is None:
            note.change_position = traced.position
            _maybe_resolve(mr, note)
        else:
            note.position = traced.position
            if note.line_code:
                note.line_code = positions.code_of(mr.project.repo, traced.position, after)


def _maybe_resolve(mr: MergeRequest, note: Note) -> None:
    if mr.project.settings.get("resolve_outdated_diff_discussions") and not note.resolved:
        note.resolved, note.resolved_by, note.resolved_at = True, mr.updated_by, now()
