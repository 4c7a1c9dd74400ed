from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot import log

SECRETS = ["glpat-abcdefghijklmnop", 'qu"ote\\d', "sp ace/ü"]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_and_carries_what_is_bound() -> None:
    stream = io.StringIO()
    log.set_up("json", stream=stream)
    with log.bound(job="mr:7:3", delivery="abc"):
        log.get("bot.work").info("review.done", findings=3)
    log.get("bot.work").info("later")
    first, second = lines_of(stream)
    assert (first["event"], first["level"], first["logger"]) == ("review.done", "info", "bot.work")
    assert (first["job"], first["delivery"], first["findings"]) == ("mr:7:3", "abc", 3)
    assert "job" not in second
    assert first["timestamp"].endswith("Z")


def test_what_is_bound_in_one_thread_is_not_seen_in_another() -> None:
    stream = io.StringIO()
    log.set_up("json", stream=stream)
    with log.bound(job="a"):
        other = threading.Thread(target=lambda: log.get("x").info("other"))
        other.start()
        other.join()
    assert "job" not in lines_of(stream)[0]


def test_libraries_write_the_same_lines_and_only_when_something_is_wrong() -> None:
    stream = io.StringIO()
    log.set_up("json", stream=stream)
    logging.getLogger("dbos").info("chatter")
    with log.bound(job="a"):
        logging.getLogger("dbos").warning("trouble with %s", "x")
    (line,) = lines_of(stream)
    assert (line["event"], line["level"], line["job"]) == ("trouble with x", "warning", "a")


def test_the_level_is_kept_to() -> None:
    stream = io.StringIO()
    log.set_up("json", "warning", stream=stream)
    log.get("x").info("no")
    log.get("x").warning("yes")
    assert [line["event"] for line in lines_of(stream)] == ["yes"]


@pytest.mark.parametrize("format", ["json", "console"])
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_reaches_a_line_however_it_gets_there(format: str, secret: str) -> None:
    stream = io.StringIO()
    log.set_up(format, secrets=SECRETS, stream=stream)
    logger = log.get("x")
    logger.info(f"event {secret}", value=secret, inner={"a": [secret, {"b": secret}]}, odd=OSError(secret))
    with log.bound(job=secret):
        logger.warning("bound", url=f"https://x/?token={quote(secret, safe='')}")
    try:
        raise ValueError(secret)
    except ValueError:
        logger.exception("failed")
    logging.getLogger("lib").error("lib says %s", secret)
    written = stream.getvalue()
    assert "failed" in written
    assert not [form for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")) if form in written]


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("token glpat-AbCdEfGh_1234-5678 used", "token *** used"),
        ("gldt-abcdefghijkl", "***"),
        ("whsec_AAAA+/=", "***"),
        ("PRIVATE-TOKEN: abc def", "PRIVATE-TOKEN: *** def"),
        ('{"Private-Token": "abc"}', '{"Private-Token": "***"}'),
        ("X-Gitlab-Token=abc", "X-Gitlab-Token=***"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("Authorization: Basic YTpi", "Authorization: ***"),
        ("fatal: https://oauth2:abc@gitlab.example.com/x", "fatal: https://***@gitlab.example.com/x"),
        ("postgresql://u:p%40ss@db:5432/x", "postgresql://***@db:5432/x"),
        ("https://gitlab.example.com:8443/a@b", "https://gitlab.example.com:8443/a@b"),
        ("a glance at glove-boxes", "a glance at glove-boxes"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_though_nobody_named_it(text: str, scrubbed: str) -> None:
    assert log.scrubber()(text) == scrubbed


@given(st.text(min_size=4), st.text(), st.text())
def test_a_named_secret_is_hidden_wherever_it_stands(secret: str, before: str, after: str) -> None:
    hidden = log.scrubber([secret])(before + secret + after)
    assert secret not in hidden or secret in log.HIDDEN or secret in before + "***" + after


def test_the_markdown_parsers_own_steps_are_no_part_of_a_debug_log() -> None:
    """markdown-it logs every rule that it tries: dozens of lines a comment."""
    from bot import command

    stream = io.StringIO()
    log.set_up("json", "debug", stream=stream)
    command.parse("- a list\n\n/snitch fix")
    assert "markdown_it" not in stream.getvalue()
