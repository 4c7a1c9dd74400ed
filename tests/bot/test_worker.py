from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from .test_event import BODY

CODE = "from bot.settings import Settings; from bot.worker import {verb}; {verb}(Settings.read())"


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        return int(chosen.getsockname()[1])


@contextmanager
def running(state_dir: Path, port: int, verb: str = "serve") -> Iterator[subprocess.Popen[bytes]]:
    """The service, in front of a GitLab that does not answer."""
    environ = {
        "SNITCH_GITLAB_URL": f"http://127.0.0.1:{free_port()}",
        "SNITCH_GITLAB_TOKEN": "glpat-very-secret",
        "SNITCH_WEBHOOK_SECRET": "s3cret",
        "SNITCH_STATE_DIR": str(state_dir),
        "SNITCH_LISTEN": f"127.0.0.1:{port}",
        "PATH": os.environ["PATH"],
        "HOME": str(state_dir),
    }
    command = [sys.executable, "-c", CODE.format(verb=verb)]
    process = subprocess.Popen(command, env=environ, stderr=(state_dir / f"{verb}.log").open("ab"))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(url: str) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            assert time.monotonic() < end, "it did not start"
            time.sleep(0.05)


@pytest.mark.parametrize("verb", ["serve", "web"])
def test_deliveries_are_taken_while_gitlab_is_down_and_it_ends_when_asked_to(tmp_path: Path, verb: str) -> None:
    port = free_port()
    with running(tmp_path, port, verb) as process:
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/healthz")
        answer = requests.post(f"{base}/webhooks/gitlab", data=BODY, headers={"X-Gitlab-Token": "s3cret"})
        assert (answer.status_code, answer.json()) == (202, {"job": "mr:7:3@1"})
        ready = requests.get(f"{base}/readyz")
        assert ready.status_code == 503
        assert ready.json()["database"] == "ok"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    written = (tmp_path / f"{verb}.log").read_text()
    assert '"event": "stopped"' in written
    assert not [secret for secret in ("very-secret", "s3cret") if secret in written]


def test_a_second_one_on_the_same_state_is_refused(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port):
        wait_for(f"http://127.0.0.1:{port}/healthz")
        with running(tmp_path, free_port(), "work") as second:
            assert second.wait(20) != 0
    assert "Another snitch works on" in (tmp_path / "work.log").read_text()


def test_only_the_jobs_end_when_asked_to(tmp_path: Path) -> None:
    with running(tmp_path, free_port(), "work") as process:
        end = time.monotonic() + 20
        while '"event": "started"' not in (tmp_path / "work.log").read_text():
            assert time.monotonic() < end, "it did not start"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
