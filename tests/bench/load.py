"""Sends deliveries at an even rate, whether they are answered or not; a process of its own, so that nothing delays it.

`python -m tests.bench.load URL RATE SECONDS FILE`: FILE holds deliveries as JSON lines `[headers, body]`, sent again
from the start when they run out. Prints JSON: for each, the status and the milliseconds until the answer was read.
Each delivery has a connection of its own, as GitLab's have.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import aiohttp

Answered = tuple[int, float]


async def load(
    url: str, rate: float, seconds: float, deliveries: list[tuple[Mapping[str, str], str]]
) -> list[Answered]:
    """The answers, in the order of sending; status 0 where there was none."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as session:
        started, sent = time.perf_counter(), []
        for number, (headers, body) in zip(range(int(rate * seconds)), itertools.cycle(deliveries), strict=False):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            sent.append(asyncio.create_task(one(session, url, headers, body)))
        return await asyncio.gather(*sent)


async def one(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], body: str) -> Answered:
    started, status = time.perf_counter(), 0
    try:
        async with session.post(url, data=body.encode(), headers=headers) as response:
            await response.read()
            status = response.status
    except aiohttp.ClientError:
        pass
    return status, 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    lines = Path(sys.argv[4]).read_text().splitlines()
    answered = load(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), [tuple(json.loads(line)) for line in lines])
    print(json.dumps(asyncio.run(answered)))
