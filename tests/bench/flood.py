"""200 deliveries a second for 60 seconds at `snitch web` on PostgreSQL, while two workers review what they tell of.

40 merge requests have their turn again and again, each delivery with a key of its own. Beside it a bare aiohttp handler
that stores nothing, asked ten times a second under the same load: what the load alone costs on this machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.deliver import Loaded, begun, serving_nothing
from tests.bench.figures import Baseline, Figure
from tests.bench.kill import manned
from tests.bench.service import until
from tests.bench.stage import change, reviewed
from tests.gitlab import courier
from tests.gitlab.model import DEVELOPER, Delivery, MergeRequest
from tests.stories.crew import Crew
from tests.stories.engine import SECRET
from tests.stories.model_project import PROJECT

RATE, SECONDS, PROBES = 200, 60, 10
MERGE_REQUESTS = 40
PATIENCE = 600.0


def run() -> Iterator[Figure]:
    with manned(workers=2) as crew, serving_nothing() as door:
        requests, deliveries = waiting(crew, MERGE_REQUESTS)
        sent = written(crew, deliveries, RATE * SECONDS, crew.folder / "deliveries")
        few = written(crew, deliveries, MERGE_REQUESTS, crew.folder / "few")
        before = processor(crew)
        probe, load = begun(door, PROBES, SECONDS, few), begun(crew.hook, RATE, SECONDS, sent)
        mine, bare = ended(load), ended(probe)
        spent = processor(crew) - before
        until(lambda: all(reviewed(one) for one in requests), "each merge request is reviewed")
        until(lambda: not crew.jobs(), "the work ends")
        missing = sum(not reviewed(one) for one in requests)
    for percent, aim in ((50, "≤ 5 ms"), (99, "≤ 50 ms")):
        beside = Baseline("a bare handler, same load", bare.of_each(percent))
        yield Figure(f"delivery to 202, p{percent}", mine.of_each(percent), "ms", aim, beside)
    yield Figure("processor time of web, a delivery", [1000 * spent / (RATE * SECONDS)], "ms", "≤ 5 ms")
    yield Figure(f"lost of {RATE * SECONDS:,}", [mine.lost], "", "0")
    yield Figure(f"of {len(requests)} heads without a review", [missing], "", "0")


def ended(load: subprocess.Popen[bytes]) -> Loaded:
    """Waits for its end: a machine that has other work may take long."""
    out, _ = load.communicate(timeout=PATIENCE)
    return Loaded([(status, latency) for status, latency in json.loads(out)])


def processor(crew: Crew) -> float:
    """Seconds that web has worked."""
    fields = Path(f"/proc/{crew.processes['web'].pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waiting(crew: Crew, count: int) -> tuple[list[MergeRequest], list[Delivery]]:
    """Merge requests of one project with three findings each, and the deliveries that tell of them, not sent."""
    gitlab = crew.gitlab
    gitlab.pause_hooks()
    author = gitlab.add_user("author")
    members = {crew.bot: DEVELOPER, author: DEVELOPER}
    project = gitlab.add_project("models/iris", PROJECT, members, visibility="internal")
    gitlab.add_hook(project, crew.hook, SECRET)
    requests, deliveries = [], []
    for number in range(count):
        gitlab.push(project, f"change-{number}", change(number), by=author)
        requests.append(gitlab.open_mr(project, f"change-{number}", by=author))
        deliveries.append(gitlab.courier.queue.pop())
        gitlab.courier.queue.clear()
    return requests, deliveries


def written(crew: Crew, deliveries: Sequence[Delivery], count: int, file: Path) -> Path:
    """So many deliveries as a file for `load`, no two with the same key."""
    bodies = [json.dumps(one.payload) for one in deliveries]
    with file.open("w") as lines:
        for number in range(count):
            one, body = deliveries[number % len(deliveries)], bodies[number % len(deliveries)]
            key = str(uuid.uuid4())
            headers = {
                name: key if name.lower() in ("idempotency-key", "webhook-id", "x-gitlab-event-uuid") else value
                for name, value in courier.headers(crew.gitlab.state, one, body.encode()).items()
            }
            lines.write(json.dumps([headers, body]) + "\n")
    return file
