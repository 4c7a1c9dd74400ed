"""Deliveries and files that are nearly right: real ones, changed here and there. `FUZZ=50` tries longer.

What once was wrong is kept here as an `@example`, and tried each time.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot import job as jobs
from bot import webhook
from bot.command import parse
from bot.event import Secrets
from bot.job import Answer, Job, ReviewMR, SweepProject
from bot.store import Store
from bot.webhook import Door
from checks.standard import MINIMAL
from tests.bot.test_event import MERGE_REQUEST, NOTE, PUSH
from tests.checks.test_properties import EVERYWHERE, assert_no_error, outcomes
from tests.fuzz import examples

TOKEN = "s3cret"
HEADERS = {"X-Gitlab-Token": TOKEN}
LONGEST_ID = 2**63 - 1


DEEP = {f"deep {depth}": (b'[{"draft":' * depth + b"0" + b"}]" * depth) for depth in (20, 240, 470, 50_000)}
"""What is put into the JSON in the place of these texts: no value of Python is so deep."""


ODD = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1, LONGEST_ID, LONGEST_ID + 1, 2**64, 1.5, 1e400, -0.0, 10**400),
        *("", " ", "\0", "\ud800", "opened", "merged", "create", "/snitch fix", "/snitch " * 999, "0" * 40, "é" * 40),
        *([], {}, [None], {"": None}, {"id": None}, {"id": "7"}, *DEEP),
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value within a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


@st.composite
def payloads(draw: st.DrawFn) -> Any:
    """A real payload, in which some values are others, or gone, or doubled under another name."""
    payload: Any = copy.deepcopy(draw(st.sampled_from([MERGE_REQUEST, NOTE, PUSH])))
    for _ in range(draw(st.integers(0, 4))):
        path = draw(st.sampled_from(list(places(payload))))
        if not path:
            return draw(ODD)
        holder = payload
        for key in path[:-1]:
            holder = holder[key]
        match draw(st.sampled_from(["other", "gone", "moved"])):
            case "other":
                holder[path[-1]] = copy.deepcopy(draw(ODD))
            case "gone":
                del holder[path[-1]]
            case "moved":
                payload[str(path[-1])] = copy.deepcopy(holder[path[-1]])
    return payload


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/snitch.db")
    yield store
    store.close()


@settings(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck))
@given(payloads())
@example(None)
@example([])
@example("deep 50000")
@example({"object_kind": "note", "object_attributes": None, "user": None})
@example({"object_kind": ["merge_request"]})
@example({**NOTE, "merge_request": {"state": "deep 470"}})
def test_a_delivery_that_is_nearly_right_is_stored_ignored_or_refused_in_a_sentence(store: Store, payload: Any) -> None:
    accepted: list[Job] = []

    def accept(job: Job) -> str:
        """As the queue stores it."""
        accepted.append(jobs.from_json(json.loads(json.dumps(jobs.to_json(job)))))
        if isinstance(job, ReviewMR | SweepProject):
            with store.transaction() as connection:
                store.wish(connection, job)
        else:
            store.set_handled(job.project_id, job.note_id)  # type: ignore[union-attr]
        return jobs.key(job)

    body = written(payload)
    status, _, answer = webhook._stored(Door(Secrets((TOKEN,), ()), accept), HEADERS, body)
    assert status in (202, 400) and all(answer.values()) and "Error" not in str(answer)
    json.dumps(answer).encode()
    for job in accepted:
        assert isinstance(job, ReviewMR | SweepProject | Answer) and jobs.project_of(jobs.key(job)) == job.project_id


def written(payload: Any) -> bytes:
    body = json.dumps(payload).encode()
    for name, deep in DEEP.items():
        body = body.replace(json.dumps(name).encode(), deep)
    return body


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = st.sampled_from(
    [
        *(
            b"\0",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b"\r",
            b"\r\n",
            b"\x0c",
            b"\t",
            b"\xe2\x80\xa8",
            b"\xe2\x80\xae",
            b"\\\n",
        ),
        *(b"&a [*a, *a]\n", b"!!python/object:os.system\n", b"<<: *x\n", b"? - ?\n", b"%YAML 9.9\n---\n", b"- " * 60),
        *(
            b"(" * 60,
            b"[" * 60,
            b"{" * 60,
            b"'''",
            b'"""',
            b"f'{",
            b"lambda: (yield)\n",
            b"match x:\n case _:\n  pass\n",
        ),
        *(b"ARG A=${A:-${B:?}}\n", b"FROM --platform=$X y AS z\n", b"# escape=`\n", b"<<EOF\n", b"ONBUILD RUN x\n"),
        *(
            b"-r -r\n",
            b"a @ file:///x\n",
            b"--hash=x\n",
            b"[[",
            b"a = [\n",
            b"x = 1e999\n",
            b"![](",
            b"<!--",
            b"``" * 40,
        ),
    ]
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, bytes]:
    """Files of a model that keeps the standards, in which pieces are gone, doubled, moved, or something else."""
    files: dict[str, bytes] = {}
    for path in draw(st.lists(st.sampled_from(sorted({*MINIMAL, *EVERYWHERE})), min_size=1, max_size=3)):
        data = MINIMAL.get(path, draw(st.sampled_from(sorted(MINIMAL.values())))).encode()
        for _ in range(draw(st.integers(1, 3))):
            cut, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
            piece = draw(st.one_of(st.just(b""), st.just(data[cut:end] * 2), HOSTILE, st.binary(max_size=6)))
            data = (data[:cut] + piece + data[end:])[:20_000]
        files[path] = data
    return files


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_no_rule_fails_on_files_that_are_nearly_right(files: dict[str, bytes]) -> None:
    base = {path: text.encode() for path, text in MINIMAL.items()}
    assert_no_error(outcomes(base | files), repr(files))


# ── commands and positions ───────────────────────────────────────────────────────────────────────────────────────────

WORDS = st.sampled_from(
    [
        *(
            "/snitch",
            "fix",
            "check",
            "undo",
            "waive",
            "wrong",
            "explain",
            "help",
            "until",
            "10.patch",
            "6",
            "99",
            "10.",
            ".",
        ),
        *(
            "2026-12-31",
            "2026-02-30",
            "tomorrow",
            "--",
            "-x",
            "../x",
            "serve.py",
            "`a b`",
            "\\",
            '"',
            "'",
            "\0",
            "\u202e",
        ),
        *(
            "\n",
            "\n\n",
            "> ",
            "```\n",
            "~~~",
            "    ",
            "<b>",
            "</b>",
            "[",
            "](x)",
            "|",
            "* ",
            "1. ",
            "é",
            "\U0001f680",
            "\r",
        ),
    ]
)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join))
@example("> " * 5_000 + "/snitch fix")
@example("- " * 5_000 + "/snitch fix")
@example("[" * 20_000 + "/snitch fix")
def test_no_note_of_words_that_mean_something_is_a_fault(note: str) -> None:
    for command in parse(note):
        assert command.__class__.__name__
