"""The service as it runs: killed, restarted, loaded, knocked at."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable

import pytest

from tests.gitlab import courier
from tests.gitlab.faults import Answers, Hangs
from tests.gitlab.model import Delivery
from tests.stories.engine import SECRET
from tests.stories.model_project import PROJECT, SERVE, UNLABELLED, UNTRACED
from tests.stories.service import Service, until
from tests.stories.story import Story

MESSY = {"serve.py": UNTRACED, "Dockerfile": UNLABELLED}
MR = r"^/projects/:id/merge_requests/:iid"


def service(story: Story) -> Service:
    assert isinstance(story.engine, Service)
    return story.engine


def assert_reviewed(story: Story) -> None:
    assert sorted(story.rules()) == ["10.patch", "6.model", "6.org.label-schema.vendor"]
    assert len(story.threads()) == 2 and story.summary() is not None
    assert story.status() == "failed"


def kill_while_it_waits(story: Story, method: str, route: str, begin: Callable[[], object], *, nth: int = 1) -> None:
    """GitLab lets a call hang; the process is killed there, and started again."""
    fault = story.gitlab.fail(method, route, Hangs(8), nth=nth)
    begin()
    until(lambda: fault.hits == 1, "the call was never made", lambda: service(story).said()[-2000:])
    service(story).kill()
    story.gitlab.state.faults.clear()
    service(story).run()
    story.work()


def test_a_push_becomes_a_review_and_a_command_a_commit(served: Story) -> None:
    served.opened(MESSY)
    assert_reviewed(served)
    note = served.say("/snitch fix", by=served.developer)
    assert served.emojis(note) == ["eyes", "white_check_mark"]
    assert (served.open_threads(), served.status()) == ([], "success")
    served.pushed({"serve.py": UNTRACED})
    assert list(served.rules()) == ["10.patch"]


@pytest.mark.parametrize(
    ("method", "route", "nth"),
    [
        ("GET", MR + "$", 1),
        ("POST", MR + "/draft_notes$", 2),
        ("POST", MR + "/draft_notes/bulk_publish$", 1),
        ("POST", "/statuses/:sha$", 2),
    ],
    ids=["between storing and publishing", "between two comments", "while it publishes", "before the last status"],
)
def test_a_review_that_was_killed_ends_as_if_nothing_had_been(served: Story, method: str, route: str, nth: int) -> None:
    kill_while_it_waits(served, method, route, lambda: served.open(MESSY), nth=nth)
    assert_reviewed(served)
    assert [mail.kind for mail in served.gitlab.mails] == ["review"]


@pytest.mark.parametrize(
    ("route", "nth"),
    [("/award_emoji$", 1), (MR + "/notes$", 1)],
    ids=["before the commit", "between the push of the fix and the reply"],
)
def test_a_fix_that_was_killed_is_one_commit_and_one_reply(served: Story, route: str, nth: int) -> None:
    served.opened(MESSY)
    notes = []
    kill_while_it_waits(served, "POST", route, lambda: notes.append(served.comment("/snitch fix")), nth=nth)
    (note,) = notes
    assert [commit.author_name for commit in served.commits()] == ["snitch", "Author"]
    assert "Done, as commit" in served.reply(note)
    assert served.emojis(note) == ["eyes", "white_check_mark"]
    assert served.status() == "success"


def test_what_was_stored_is_done_after_a_kill_at_once(served: Story) -> None:
    served.open(MESSY)
    assert served.gitlab.wait_for_hooks()
    service(served).again()
    served.work()
    assert_reviewed(served)


def test_a_delivery_while_it_is_down_comes_with_the_next_push(served: Story) -> None:
    service(served).kill()
    served.open(MESSY)
    assert served.gitlab.wait_for_hooks()
    assert served.delivery().error is not None
    service(served).run()
    served.pushed({"docs/notes.md": "Hello?\n"})
    assert_reviewed(served)


def test_a_graceful_stop_finishes_what_runs(served: Story) -> None:
    served.gitlab.knobs.latency = 0.1
    served.open(MESSY)
    until(lambda: any(call.method == "POST" for call in served.calls()), "nothing was written")
    service(served).close()
    assert service(served).process.returncode == 0  # type: ignore[union-attr]
    served.gitlab.knobs.latency = 0.0
    service(served).run()
    served.work()
    assert_reviewed(served)


def test_an_outage_of_gitlab_is_outlived(served: Story) -> None:
    served.gitlab.fail("*", "/merge_requests/:iid$", Answers(502), times=2)
    served.opened(MESSY)
    assert_reviewed(served)


def test_deliveries_three_times_and_out_of_order_end_with_the_newest_head(served: Story) -> None:
    served.gitlab.pause_hooks()
    served.open(MESSY)
    served.push({"serve.py": SERVE})
    served.push({"docs/notes.md": "Newest.\n"})
    waiting = served.gitlab.courier.queue
    waiting[:] = [one for delivery in reversed(waiting) for one in (delivery, again(delivery), again(delivery))]
    served.gitlab.resume_hooks()
    served.work()
    assert list(served.rules()) == ["6.model", "6.org.label-schema.vendor"]
    assert len(served.threads()) == 1 and served.status() == "failed"


def again(old: Delivery) -> Delivery:
    return Delivery(old.id, old.hook, old.event, old.payload, old.key, old.event_uuid)


def test_thirty_pushes_in_a_row_end_with_the_state_of_the_last(served: Story) -> None:
    served.opened(MESSY)
    for number in range(30):
        served.push({"serve.py": UNTRACED if number % 2 else SERVE, "n": str(number)})
    served.push(dict(PROJECT))
    served.work()
    assert (served.open_threads(), served.status()) == ([], "success")
    assert len(served.threads()) == 2


def test_ten_merge_requests_at_once_are_each_reviewed_once(served: Story) -> None:
    requests = [served.open({**MESSY, f"n{n}": "n"}, branch=f"branch-{n}", title=str(n)) for n in range(10)]
    served.work()
    for served.mr in requests:
        assert_reviewed(served)


def test_a_push_and_a_command_at_the_same_time_end_well(served: Story) -> None:
    served.opened(MESSY)
    threads = [
        threading.Thread(target=served.comment, args=("/snitch fix 10",)),
        threading.Thread(target=served.push, args=({"docs/notes.md": "At once.\n"},)),
        threading.Thread(target=served.comment, args=("/snitch fix 6",), kwargs={"by": served.developer}),
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    served.work()
    assert (served.open_threads(), served.status()) == ([], "success")
    assert served.read("docs/notes.md") == b"At once.\n"


def test_no_secret_is_on_a_command_line_and_git_is_called_without_a_shell(served: Story) -> None:
    served.opened(MESSY)
    served.say("/snitch fix")
    calls = (service(served).folder / "git").read_text()
    assert "fetch" in calls and "push" in calls
    assert served.bot.token not in calls and SECRET not in service(served).said()


def test_deliveries_that_are_not_gitlabs_are_refused_and_leave_nothing(served: Story) -> None:
    served.opened({"docs/notes.md": "Fine.\n"})
    before = service(served).jobs()
    assert send(served, b"{}", {"X-Gitlab-Token": "guess"}) == 401
    assert send(served, b"{}", {}) == 401
    assert send(served, b"not json", {"X-Gitlab-Token": SECRET}) == 400
    assert send(served, b"[]", {"X-Gitlab-Token": SECRET}) == 400
    wiki = json.dumps({"object_kind": "wiki_page"}).encode()
    assert send(served, wiki, {"X-Gitlab-Token": SECRET}) == 202
    assert send(served, b" " * (25 * 1024 * 1024 + 1), {"X-Gitlab-Token": SECRET}) == 413
    assert service(served).jobs() == before


def test_signed_deliveries_are_taken_and_stale_ones_refused(served: Story) -> None:
    token = courier.new_signing_token()
    service(served).settings["SNITCH_WEBHOOK_SIGNING_TOKEN"] = token
    service(served).again()
    served.project.hooks.clear()
    served.gitlab.add_hook(served.project, served.hook, None, token)
    served.opened(MESSY)
    assert_reviewed(served)
    body = json.dumps(served.delivery().payload).encode()
    late = str(int(time.time()) - 400)
    headers = {"webhook-id": "x", "webhook-timestamp": late, "webhook-signature": courier.sign(token, "x", late, body)}
    assert send(served, body, headers) == 401


def send(story: Story, body: bytes, headers: dict[str, str]) -> int:
    """What the door answers."""
    connection = http.client.HTTPConnection("127.0.0.1", service(story).port, timeout=20)
    try:
        connection.request("POST", "/webhooks/gitlab", body, {"Content-Type": "application/json", **headers})
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return 413  # refused before it was read
    finally:
        connection.close()


def test_while_gitlab_is_down_events_are_stored_and_jobs_wait_without_using_up_their_tries(served: Story) -> None:
    served.opened({"docs/a.md": "# A page\n"})
    served.gitlab.fail("*", "^/", Answers(503), times=10_000)
    served.push({"serve.py": UNTRACED})
    until(lambda: bool(service(served).lines("gitlab.down")), "nobody sees that GitLab is down")
    served.push({"docs/b.md": "# Another page\n"})
    assert served.gitlab.wait_for_hooks(5)
    made = len(served.gitlab.calls)
    time.sleep(1)
    assert len(served.gitlab.calls) - made < 5, "a GitLab that is down is left alone"
    served.gitlab.state.faults.clear()
    served.work()
    assert list(served.rules()) == ["10.patch"]
    tries = [int(str(line["attempt"])) for line in service(served).lines("job.failed")]
    assert max(tries, default=0) <= 3 and service(served).given_up == []
    assert all(one.status == 202 for one in served.gitlab.deliveries)
