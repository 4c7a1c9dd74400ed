from __future__ import annotations

import errno
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Broken, Forbidden, Invalid, RateLimited, SetupError, SnitchError, Stale, Unreachable
from bot.event import Ignored, MergeRequestChanged, NoteWritten, Pushed
from bot.job import (
    LONGEST_WAIT,
    TRIES,
    Answer,
    GiveUp,
    Job,
    Retry,
    ReviewMR,
    Sweep,
    SweepProject,
    fold,
    from_json,
    key,
    owed_key,
    priority,
    retry,
    to_json,
    wanted,
)

HEAD = "a" * 40
ANSWER = Answer(7, 3, 99, "d" * 40, 5, "ada", "/snitch fix")
REVIEWS = st.builds(ReviewMR, st.integers(1), st.integers(1), st.none() | st.text(), st.booleans())
ANSWERS = st.builds(
    Answer, st.integers(1), st.integers(1), st.integers(1), st.none() | st.text(), st.integers(1), st.text(), st.text()
)


def test_each_event_leads_to_its_job_or_says_why_to_none() -> None:
    note = NoteWritten(7, "g/p", 3, 99, "d" * 40, 5, "ada", "/snitch fix")
    assert wanted(MergeRequestChanged(7, "g/p", 3, HEAD, "open", draft=True)) == ReviewMR(7, 3, HEAD)
    assert wanted(note) == ANSWER
    assert wanted(replace(note, text="/close")) == Ignored("the note holds no command")
    assert wanted(Pushed(7, "g/p", "refs/heads/a", HEAD)) == Ignored("a push without a merge request is not reviewed")
    assert wanted(Pushed(7, "g/p", "refs/heads/main", HEAD, to_default=True)) == SweepProject(7)
    assert isinstance(wanted(Pushed(7, "g/p", "refs/heads/main", None, to_default=True)), Ignored)
    assert wanted(Ignored("why")) == Ignored("why")


def test_a_review_and_an_answer_of_one_merge_request_share_a_key() -> None:
    assert key(ReviewMR(7, 3, HEAD)) == key(ANSWER) == "mr:7:3"


def test_each_delivery_of_a_note_has_the_same_key() -> None:
    assert owed_key(ANSWER) == "note:7:99"


def test_a_person_who_waits_goes_before_a_push() -> None:
    assert priority(ANSWER) == priority(ReviewMR(7, 3, None, asked=True)) < priority(ReviewMR(7, 3, HEAD))


def test_the_newest_wish_wins_and_what_was_asked_stays_asked() -> None:
    asked = ReviewMR(7, 3, HEAD, asked=True)
    assert fold(asked, ReviewMR(7, 3, "b" * 40)) == ReviewMR(7, 3, "b" * 40, asked=True)


def test_a_wish_without_a_head_keeps_the_known_one() -> None:
    assert fold(ReviewMR(7, 3, HEAD), ReviewMR(7, 3, None, asked=True)) == ReviewMR(7, 3, HEAD, asked=True)


@given(REVIEWS | ANSWERS)
def test_a_job_survives_its_json(job: ReviewMR | Answer) -> None:
    assert from_json(to_json(job)) == job


@pytest.mark.parametrize(
    "data",
    [{}, {"version": 2, "kind": "ReviewMR"}, {"version": 1, "kind": "Nap"}, {"version": 1, "kind": "ReviewMR", "x": 1}],
)
def test_a_stored_job_of_another_shape_is_broken(data: dict[str, object]) -> None:
    with pytest.raises(Broken):
        from_json(data)


def test_transient_trouble_is_waited_out_for_about_two_hours() -> None:
    waits = [retry(Unreachable("no answer"), attempt) for attempt in range(1, TRIES)]
    seconds = [wait.after for wait in waits if isinstance(wait, Retry)]
    assert len(seconds) == TRIES - 1
    assert seconds == sorted(seconds)
    assert seconds[0] == 1
    assert 3600 < sum(seconds) < 3 * 3600
    assert retry(Unreachable("no answer"), TRIES) == GiveUp("no answer")


def test_the_other_sides_wait_is_kept_to_but_never_longer_than_half_an_hour() -> None:
    assert retry(RateLimited("slow down", after=60), 1) == Retry(60)
    assert retry(RateLimited("slow down", after=10.0**9), 1) == Retry(LONGEST_WAIT)
    assert retry(RateLimited("slow down", after=0), 4) == Retry(27)


def test_a_stale_look_is_repeated_at_once_three_times_and_then_with_patience() -> None:
    assert [retry(Stale("moved"), attempt) for attempt in (1, 2, 3)] == [Retry(0)] * 3
    assert retry(Stale("moved"), 4) == Retry(27)
    assert retry(Stale("moved"), TRIES) == GiveUp("moved")


@pytest.mark.parametrize("error", [Forbidden("no right"), Invalid("no"), SnitchError("x")])
def test_what_only_a_person_can_change_is_not_tried_again(error: SnitchError) -> None:
    assert retry(error, 1) == GiveUp(str(error))


def test_a_full_disk_is_waited_out_and_another_fault_of_the_machine_is_a_fault() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert [retry(full, attempt) for attempt in (1, 4)] == [Retry(1), Retry(27)]
    assert isinstance(retry(full, TRIES), GiveUp)
    assert isinstance(retry(FileNotFoundError(errno.ENOENT, "No such file"), 1), GiveUp)


def test_what_makes_no_sense_is_looked_at_a_few_times() -> None:
    assert [retry(Broken("odd"), attempt) for attempt in (1, 2, 3, 4)] == [Retry(1), Retry(3), Retry(9), GiveUp("odd")]


def test_a_token_that_expired_is_waited_for() -> None:
    assert retry(SetupError("the token"), 1) == Retry(1)
    assert retry(SetupError("the token"), TRIES) == GiveUp("the token")


def test_a_fault_of_ours_is_given_up_and_says_so() -> None:
    assert retry(ZeroDivisionError("by zero"), 1) == GiveUp("a fault of snitch: ZeroDivisionError: by zero")


def test_pushes_to_a_default_branch_are_one_wish_and_the_newest_wins() -> None:
    assert key(SweepProject(7)) == "project:7"
    assert fold(SweepProject(7), SweepProject(7)) == SweepProject(7)


@pytest.mark.parametrize("job", [SweepProject(7), Sweep("2026-01-02T02:00Z")])
def test_the_jobs_of_the_sweep_come_back_from_json(job: Job) -> None:
    assert from_json(to_json(job)) == job and priority(job) == 3
