from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SetupError, Unreachable
from bot.event import Secrets
from bot.job import Job, key
from bot.metrics import Tallies
from bot.queue import Queue
from bot.store import Store
from bot.webhook import LARGEST_BODY, Door, application, run
from tests.fuzz import examples

from .queue_process import settings_for
from .test_event import BODY, KEY, MERGE_REQUEST, NOTE, changed, signed

HEADERS = {"X-Gitlab-Token": "s3cret", "X-Gitlab-Event": "Merge Request Hook", "Content-Type": "application/json"}
SECRETS = Secrets(tokens=("s3cret",))


@contextmanager
def served(door: Door) -> Iterator[str]:
    """The door behind real HTTP; gives its address."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application(door), access_log=None)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def wait_for(work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(10)  # type: ignore[arg-type]

    async def listen() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()

    wait_for(listen())
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        wait_for(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SetupError, match=rf"^SNITCH_LISTEN: 127.0.0.1:{port} can't be listened on: Address already"
        ):
            run(Door(SECRETS, refuse), "127.0.0.1", port)
    with pytest.raises(SetupError, match=r"^SNITCH_LISTEN: no.such.host.invalid:8080 can't be listened on"):
        run(Door(SECRETS, refuse), "no.such.host.invalid", 8080)


def refuse(job: Job) -> str:
    raise AssertionError(f"nothing was to be stored, but {job}")


@pytest.fixture
def queue(tmp_path: Path, database: str) -> Iterator[Queue]:
    store = Store(database)
    queue = Queue(settings_for(tmp_path, database), lambda job: None, store)
    yield queue
    queue.stop()
    store.close()


def post(base: str, body: bytes, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.post(f"{base}/webhooks/gitlab", data=body, headers=HEADERS if headers is None else headers)


def test_a_delivery_is_answered_when_its_job_is_stored(queue: Queue) -> None:
    with served(Door(SECRETS, queue.accept)) as base:
        answer = post(base, BODY)
        assert (answer.status_code, answer.json()) == (202, {"job": "mr:7:3@1"})
        for _ in range(3):
            answer = post(base, json.dumps(NOTE).encode())
            assert (answer.status_code, answer.json()) == (202, {"job": "note:7:99"})


def test_deliveries_that_come_at_once_are_all_stored(queue: Queue) -> None:
    bodies = [json.dumps(changed(MERGE_REQUEST, iid=number)).encode() for number in range(1, 61)]
    with served(Door(SECRETS, queue.accept)) as base, ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda body: post(base, body), bodies))
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["job"] for answer in answers} == {f"mr:7:{number}@1" for number in range(1, 61)}


def test_what_is_of_no_interest_is_acknowledged_with_its_reason() -> None:
    body = json.dumps(changed(MERGE_REQUEST, action="merge")).encode()
    own_note = json.dumps(NOTE).encode()
    no_command = json.dumps(changed(NOTE, note="nice")).encode()
    with served(Door(SECRETS, refuse, own_id=lambda: 5)) as base:
        assert post(base, body).json() == {"ignored": "a merge request's merge without new code"}
        assert post(base, own_note).json() == {"ignored": "the note is snitch's own"}
    with served(Door(SECRETS, refuse)) as base:
        assert post(base, no_command).json() == {"ignored": "the note holds no command"}
        assert post(base, b'{"object_kind": "pipeline"}').status_code == 202


@pytest.mark.parametrize("headers", [{}, {"X-Gitlab-Token": "wrong"}, {"X-Gitlab-Token": "\xff"}])
def test_a_delivery_without_the_secret_is_refused(headers: dict[str, str]) -> None:
    with served(Door(SECRETS, refuse)) as base:
        assert post(base, BODY, headers).status_code == 401


def test_the_signature_is_over_the_bytes_as_they_were_sent() -> None:
    now = 1_700_000_000.0
    body = json.dumps(MERGE_REQUEST, indent=3).encode() + b"\n"
    with served(Door(Secrets(keys=(KEY,)), key, clock=lambda: now)) as base:
        assert post(base, body, signed(body, at=now)).json() == {"job": "mr:7:3"}
        assert post(base, body + b" ", signed(body, at=now)).status_code == 401
        assert post(base, body, signed(body, at=now - 301)).status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 10_000, b'{"object_kind": "note"}'])
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with served(Door(SECRETS, refuse)) as base:
        assert post(base, body).status_code == 400


def test_a_body_of_25_mb_is_read_and_a_larger_one_is_refused() -> None:
    padding = json.dumps(MERGE_REQUEST | {"padding": ""}).encode()
    largest = padding.replace(b'"padding": "', b'"padding": "' + b"x" * (LARGEST_BODY - len(padding)))
    with served(Door(SECRETS, key)) as base:
        assert post(base, largest).json() == {"job": "mr:7:3"}
        assert post(base, largest + b" ").status_code == 413


def test_a_body_is_not_read_where_the_headers_show_enough() -> None:
    with served(Door(SECRETS, refuse)) as base, socket.create_connection(("127.0.0.1", urlsplit(base).port)) as line:
        line.sendall(b"POST /webhooks/gitlab HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1 401")


def test_what_cannot_be_stored_is_to_be_sent_again() -> None:
    def fail(job: Job) -> str:
        raise Unreachable("The database failed: no space left.")

    with served(Door(SECRETS, fail)) as base:
        answer = post(base, BODY)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "space" not in answer.text


def test_other_addresses_and_methods_are_not_there() -> None:
    with served(Door(SECRETS, refuse)) as base:
        assert requests.get(f"{base}/webhooks/gitlab").status_code == 405
        assert requests.get(f"{base}/other").status_code == 404


def test_health_is_that_it_lives_and_readiness_that_all_it_needs_answers() -> None:
    down: list[Exception] = []

    def gitlab() -> None:
        if down:
            raise down[0]

    with served(Door(SECRETS, refuse, {"database": lambda: None, "gitlab": gitlab})) as base:
        assert requests.get(f"{base}/readyz").json() == {"database": "ok", "gitlab": "ok"}
        down.append(Unreachable("GitLab does not answer."))
        answer = requests.get(f"{base}/readyz")
        assert (answer.status_code, answer.json()["gitlab"]) == (503, "GitLab does not answer.")
        assert requests.get(f"{base}/healthz").status_code == 200


def test_deliveries_are_counted_by_what_became_of_them() -> None:
    with served(Door(SECRETS, key)) as base:
        post(base, BODY)
        post(base, BODY, {})
        post(base, b"{")
        post(base, b'{"object_kind": "job"}')
        text = requests.get(f"{base}/metrics").text
    for outcome in ("stored", "unauthentic", "malformed", "ignored"):
        assert f'snitch_deliveries_total{{outcome="{outcome}"}} 1.0' in text
    assert "snitch_delivery_seconds_count 4.0" in text


def test_what_the_database_counts_by_rule_is_shown_and_what_it_can_not_say_is_left_out() -> None:
    def fails() -> dict[str, int]:
        raise Unreachable("The database does not answer.")

    door = Door(SECRETS, key)
    door.metrics.registry.register(
        Tallies({"snitch_called_wrong": ("False", lambda: {"10.patch": 2}), "snitch_unproven_fixes": ("Faults", fails)})
    )
    with served(door) as base:
        answer = requests.get(f"{base}/metrics")
    assert answer.status_code == 200
    assert 'snitch_called_wrong{rule="10.patch"} 2.0' in answer.text and "snitch_unproven_fixes{" not in answer.text


@pytest.fixture(scope="module")
def door() -> Iterator[str]:
    with served(Door(SECRETS, key)) as base:
        yield base


@settings(max_examples=examples(50), deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_lead_to_a_fault(door: str, body: bytes) -> None:
    assert post(door, body).status_code == 400


HEADER_NAMES = st.sampled_from(["X-Gitlab-Token", "webhook-id", "webhook-timestamp", "webhook-signature"])
HEADER_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)


@settings(max_examples=examples(50), deadline=None)
@given(st.dictionaries(HEADER_NAMES, HEADER_TEXTS))
def test_no_headers_lead_to_a_fault(door: str, headers: dict[str, str]) -> None:
    encoded = {name: value.strip().encode("latin-1") for name, value in headers.items()}
    answer = requests.post(f"{door}/webhooks/gitlab", data=BODY, headers=encoded)
    assert answer.status_code in (400, 401)
