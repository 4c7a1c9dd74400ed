from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.event import (
    TOLERANCE,
    Event,
    Ignored,
    Malformed,
    MergeRequestChanged,
    NotAuthentic,
    NoteWritten,
    Pushed,
    Secrets,
    delivery_id,
    read,
    signing_key,
)

NOW = 1_700_000_000.0
HEAD = "a" * 40
KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
TOKEN = Secrets(tokens=("s3cret",))
HEADERS = {"X-Gitlab-Token": "s3cret", "X-Gitlab-Event": "Merge Request Hook"}

MERGE_REQUEST: dict[str, Any] = {
    "object_kind": "merge_request",
    "event_type": "merge_request",
    "user": {"id": 5, "username": "ada"},
    "project": {"id": 7, "path_with_namespace": "models/iris"},
    "object_attributes": {
        "id": 144,
        "iid": 3,
        "action": "open",
        "state": "opened",
        "draft": False,
        "source_project_id": 8,
        "target_project_id": 7,
        "last_commit": {"id": HEAD},
    },
    "changes": {},
}
NOTE: dict[str, Any] = {
    "object_kind": "note",
    "event_type": "note",
    "user": {"id": 5, "username": "ada"},
    "project_id": 7,
    "project": {"id": 7, "path_with_namespace": "models/iris"},
    "object_attributes": {
        "id": 99,
        "action": "create",
        "author_id": 5,
        "discussion_id": "d" * 40,
        "internal": False,
        "system": False,
        "note": "/snitch fix",
        "noteable_type": "MergeRequest",
    },
    "merge_request": {"id": 144, "iid": 3, "state": "opened", "target_project_id": 7, "source_project_id": 8},
}
PUSH: dict[str, Any] = {
    "object_kind": "push",
    "event_name": "push",
    "after": HEAD,
    "before": "b" * 40,
    "ref": "refs/heads/main",
    "project_id": 7,
    "project": {"id": 7, "path_with_namespace": "models/iris"},
}


def changed(payload: dict[str, Any], **attributes: object) -> dict[str, Any]:
    new = copy.deepcopy(payload)
    new["object_attributes"] |= attributes
    return new


def without(payload: dict[str, Any], *path: str) -> dict[str, Any]:
    new = copy.deepcopy(payload)
    inner = new
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return new


def event_of(payload: object, own_id: int | None = None) -> Event:
    return read(HEADERS, json.dumps(payload).encode(), TOKEN, NOW, own_id)


def signed(body: bytes, key: bytes = KEY, at: float = NOW, name: str = "msg_1") -> dict[str, str]:
    mac = hmac.new(key, f"{name}.{int(at)}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


# Which merge requests


@pytest.mark.parametrize("action", ["open", "reopen"])
def test_an_opened_merge_request_is_reviewed(action: str) -> None:
    event = event_of(changed(MERGE_REQUEST, action=action))
    assert event == MergeRequestChanged(7, "models/iris", 3, HEAD, action, draft=False)


@pytest.mark.parametrize(
    ("attributes", "changes"),
    [
        ({"oldrev": "b" * 40}, {}),
        ({}, {"target_branch": {"previous": "main", "current": "next"}}),
        ({}, {"draft": {"previous": True, "current": False}}),
    ],
)
def test_an_update_that_brings_something_is_reviewed(attributes: dict[str, Any], changes: dict[str, Any]) -> None:
    payload = changed(MERGE_REQUEST, action="update", **attributes) | {"changes": changes}
    assert isinstance(event_of(payload), MergeRequestChanged)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"title": {"previous": "a", "current": "b"}},
        {"draft": {"previous": False, "current": True}},
        {"draft": None},
    ],
)
def test_an_update_of_words_is_ignored(changes: dict[str, Any]) -> None:
    payload = changed(MERGE_REQUEST, action="update") | {"changes": changes}
    assert event_of(payload) == Ignored("a merge request's update without new code")


@pytest.mark.parametrize("action", ["close", "merge", "dance"])
def test_other_actions_are_ignored_with_their_name(action: str) -> None:
    assert event_of(changed(MERGE_REQUEST, action=action)) == Ignored(f"a merge request's {action} without new code")


@pytest.mark.parametrize("action", ["approval", "approved", "unapproval", "unapproved"])
def test_an_approval_is_something_to_review_since_it_can_grant_a_waiver(action: str) -> None:
    assert isinstance(event_of(changed(MERGE_REQUEST, action=action)), MergeRequestChanged)


@pytest.mark.parametrize("state", ["closed", "merged", "locked"])
def test_a_merge_request_that_is_not_open_is_ignored(state: str) -> None:
    payload = changed(MERGE_REQUEST, action="update", oldrev="b" * 40, state=state)
    assert event_of(payload) == Ignored(f"the merge request is {state}")


def test_a_draft_is_reviewed_and_known_as_one() -> None:
    assert event_of(changed(MERGE_REQUEST, draft=True)) == MergeRequestChanged(
        7, "models/iris", 3, HEAD, "open", draft=True
    )


def test_a_merge_request_without_commits_has_no_head() -> None:
    event = event_of(changed(MERGE_REQUEST, last_commit=None))
    assert isinstance(event, MergeRequestChanged)
    assert event.head is None


def test_a_fork_whose_project_is_gone_is_no_trouble() -> None:
    assert isinstance(event_of(changed(MERGE_REQUEST, source=None, source_project_id=None)), MergeRequestChanged)


def test_a_system_hooks_merge_request_is_one_like_any() -> None:
    body = json.dumps(MERGE_REQUEST).encode()
    event = read(HEADERS | {"X-Gitlab-Event": "System Hook"}, body, TOKEN, NOW)
    assert isinstance(event, MergeRequestChanged)


# Which notes


def test_a_note_on_an_open_merge_request_is_read() -> None:
    assert event_of(NOTE) == NoteWritten(7, "models/iris", 3, 99, "d" * 40, 5, "ada", "/snitch fix")


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"noteable_type": "Issue"}, "the note is not on a merge request"),
        ({"noteable_type": "Commit"}, "the note is not on a merge request"),
        ({"system": True}, "GitLab wrote the note itself"),
        ({"internal": True}, "the note is internal"),
        ({"action": "update"}, "the note was edited, not written"),
    ],
)
def test_other_notes_are_ignored_with_their_reason(attributes: dict[str, Any], reason: str) -> None:
    assert event_of(changed(NOTE, **attributes)) == Ignored(reason)


def test_a_confidential_note_is_internal() -> None:
    assert event_of(NOTE | {"event_type": "confidential_note"}) == Ignored("the note is internal")


def test_snitchs_own_notes_are_ignored() -> None:
    assert event_of(NOTE, own_id=5) == Ignored("the note is snitch's own")
    assert isinstance(event_of(NOTE, own_id=6), NoteWritten)


@pytest.mark.parametrize("state", ["closed", "merged"])
def test_a_note_on_a_merge_request_that_is_not_open_is_ignored(state: str) -> None:
    payload = NOTE | {"merge_request": NOTE["merge_request"] | {"state": state}}
    assert event_of(payload) == Ignored(f"the merge request is {state}")


def test_a_text_that_no_database_takes_is_made_harmless() -> None:
    event = event_of(changed(NOTE, note="a\0b\ud800c"))
    assert isinstance(event, NoteWritten)
    assert event.text == "a\N{REPLACEMENT CHARACTER}b?c"


# Other events, and what is no event


def test_a_push_names_its_branch() -> None:
    assert event_of(PUSH) == Pushed(7, "models/iris", "refs/heads/main", HEAD)
    told = PUSH | {"project": PUSH["project"] | {"default_branch": "main"}}
    assert event_of(told) == Pushed(7, "models/iris", "refs/heads/main", HEAD, to_default=True)
    assert event_of(told | {"ref": "refs/heads/change"}) == Pushed(7, "models/iris", "refs/heads/change", HEAD)
    assert event_of(PUSH | {"after": "0" * 40}) == Pushed(7, "models/iris", "refs/heads/main", None)


@pytest.mark.parametrize("payload", [{"object_kind": "pipeline"}, {"event_name": "project_create"}])
def test_other_events_are_ignored_by_name(payload: dict[str, Any]) -> None:
    assert event_of(payload) == Ignored(f"{next(iter(payload.values()))} events are not for snitch")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"a"',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b"9" * 10_000,
        b"{}",
        b'{"a":',
    ],
)
def test_a_body_that_is_no_event_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(HEADERS, body, TOKEN, NOW)


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        (MERGE_REQUEST, ("object_attributes", "iid")),
        (MERGE_REQUEST, ("object_attributes", "state")),
        (MERGE_REQUEST, ("object_attributes", "last_commit", "id")),
        (NOTE, ("object_attributes", "id")),
        (NOTE, ("object_attributes", "note")),
        (NOTE, ("user", "id")),
        (NOTE, ("user", "username")),
        (NOTE, ("merge_request", "iid")),
        (PUSH, ("ref",)),
    ],
)
def test_what_is_missing_is_named(payload: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(Malformed, match=path[-1]):
        event_of(without(payload, *path))


@pytest.mark.parametrize("number", [True, 0, -1, 2**63, 1.5, "3", None, [], {}])
def test_an_id_is_a_positive_number_of_64_bits(number: object) -> None:
    with pytest.raises(Malformed, match="iid"):
        event_of(changed(MERGE_REQUEST, iid=number))


@pytest.mark.parametrize("head", ["", "main", "A" * 40, "a" * 41, "-" * 40, HEAD + "\n", 3])
def test_a_head_is_a_full_commit_id(head: object) -> None:
    with pytest.raises(Malformed, match="last_commit"):
        event_of(changed(MERGE_REQUEST, last_commit={"id": head}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def paths(payload: dict[str, Any]) -> list[tuple[str, ...]]:
    inner = [(key, *rest) for key, value in payload.items() if isinstance(value, dict) for rest in paths(value)]
    return [*((key,) for key in payload), *inner]


@given(st.sampled_from([MERGE_REQUEST, NOTE, PUSH]), st.data())
def test_odd_payloads_are_read_ignored_or_malformed_but_never_a_fault(payload: dict[str, Any], data: Any) -> None:
    new = copy.deepcopy(payload)
    for path in data.draw(st.lists(st.sampled_from(paths(payload)), max_size=3)):
        inner: Any = new
        for key in path[:-1]:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(inner, dict):
            inner[path[-1]] = data.draw(JSON)
    try:
        event_of(new, own_id=1)
    except Malformed as error:
        assert str(error)


@given(st.binary())
def test_no_bytes_are_a_fault(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(HEADERS, body, TOKEN, NOW)


# Who may deliver

BODY = json.dumps(MERGE_REQUEST).encode()
SIGNED_ONLY = Secrets(keys=(KEY,))
BOTH = Secrets(tokens=("s3cret",), keys=(KEY,))


@pytest.mark.parametrize("given_token", ["", "wrong", "s3cret ", "S3CRET", "s3cre", "\udcff", "ü"])
def test_a_wrong_secret_is_refused(given_token: str) -> None:
    with pytest.raises(NotAuthentic):
        read({"X-Gitlab-Token": given_token}, BODY, TOKEN, NOW)


def test_a_delivery_without_any_proof_is_refused() -> None:
    for secrets in (TOKEN, SIGNED_ONLY, BOTH, Secrets()):
        with pytest.raises(NotAuthentic):
            read({}, BODY, secrets, NOW)


def test_any_of_several_secrets_will_do() -> None:
    read({"x-gitlab-token": "new"}, BODY, Secrets(tokens=("old", "new")), NOW)


def test_a_right_signature_is_enough_and_any_of_several_keys_or_signatures_will_do() -> None:
    read(signed(BODY), BODY, SIGNED_ONLY, NOW)
    read(signed(BODY, OTHER_KEY), BODY, Secrets(keys=(KEY, OTHER_KEY)), NOW)
    several = signed(BODY)
    several["webhook-signature"] = f"v1,AAAA v2,x {several['webhook-signature']}"
    read(several, BODY, SIGNED_ONLY, NOW)


def test_a_secret_does_not_do_where_only_signing_is_set_up() -> None:
    with pytest.raises(NotAuthentic):
        read(HEADERS, BODY, SIGNED_ONLY, NOW)


def test_where_both_are_set_up_either_will_do_but_a_wrong_signature_is_never_forgiven() -> None:
    read(HEADERS, BODY, BOTH, NOW)
    read(signed(BODY), BODY, BOTH, NOW)
    with pytest.raises(NotAuthentic):
        read(HEADERS | signed(BODY, OTHER_KEY), BODY, BOTH, NOW)


@pytest.mark.parametrize("shift", [-TOLERANCE - 1, TOLERANCE + 1])
def test_an_old_or_future_signature_is_refused(shift: float) -> None:
    with pytest.raises(NotAuthentic):
        read(signed(BODY, at=NOW + shift), BODY, SIGNED_ONLY, NOW)


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "1e9", "1" * 400, "١٧٠٠٠٠٠٠٠٠"])
def test_an_odd_timestamp_is_refused(stamp: str) -> None:
    with pytest.raises(NotAuthentic):
        read(signed(BODY) | {"webhook-timestamp": stamp}, BODY, SIGNED_ONLY, NOW)


def test_a_signature_holds_for_its_body_and_its_name_alone() -> None:
    with pytest.raises(NotAuthentic):
        read(signed(BODY), BODY + b" ", SIGNED_ONLY, NOW)
    with pytest.raises(NotAuthentic):
        read(signed(BODY) | {"webhook-id": "msg_2"}, BODY, SIGNED_ONLY, NOW)


def test_a_signing_token_holds_its_key_in_base64() -> None:
    assert signing_key("whsec_" + base64.b64encode(KEY).decode()) == KEY
    for wrong in ("", "whsec_", "whsec_????", "whsec_AAAA", base64.b64encode(KEY).decode()):
        with pytest.raises(ValueError, match="whsec_"):
            signing_key(wrong)


def test_a_delivery_is_known_by_the_name_that_stays_when_it_is_sent_again() -> None:
    headers = {"X-Gitlab-Webhook-UUID": "new each time", "X-Gitlab-Event-UUID": "c", "Idempotency-Key": "b"}
    assert delivery_id(headers | {"webhook-id": "a"}) == "a"
    assert delivery_id(headers) == "b"
    assert delivery_id({}) is None
