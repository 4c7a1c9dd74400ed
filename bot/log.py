"""Logs: one line an event, JSON or for a terminal, with every secret scrubbed from the line as it is written.

What is bound (delivery, job, project, mr) stands on each line of the same thread of work, those of libraries too.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final, TextIO
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from checks.regex import regex

HIDDEN: Final = "***"
QUIET: Final = ("dbos", "sqlalchemy", "urllib3", "aiohttp.access", "asyncio", "markdown_it")
# GitLab's tokens: glpat-, gldt-, glptt-, glcbt-, glrt- … (its documentation: security/tokens, "Token prefixes").
_TOKEN: Final = regex(r"\b(?:gl[a-z]{2,6}-[A-Za-z0-9_.=-]{8,}|whsec_[A-Za-z0-9+/=_-]+)")
_HEADER: Final = regex(
    r"(?i)((?:private|job|deploy|x-gitlab)-token|authorization)(\W{1,6})((?:bearer|basic) )?[^\s\"',}\\]+"
)
_IN_ADDRESS: Final = regex(r"(?i)(\b[a-z][a-z0-9+.-]{1,20}://)[^/\s:@\"']*:[^/\s@\"']*@")
_PATTERNS: Final = ((_TOKEN, HIDDEN), (_HEADER, rf"\1\2{HIDDEN}"), (_IN_ADDRESS, rf"\1{HIDDEN}@"))


def get(name: str) -> Any:
    """A logger: `log.get(__name__).info("review.done", findings=3)`."""
    return structlog.get_logger(name)


def bound(**values: object) -> AbstractContextManager[None]:
    """While it is open, each line carries these values."""
    return structlog.contextvars.bound_contextvars(**values)


def set_up(
    format: str | None = None, level: str = "info", secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Sends the logs of the process to `stream` (stderr): JSON, or `console` (the default on a terminal)."""
    out = stream or sys.stderr
    console = (format or ("console" if out.isatty() else "json")) == "console"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    _KNOWN.clear()
    hide(secrets)
    ending: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(console, out)]
    ending.append(lambda _logger, _method, line: _KNOWN[-1](str(line)))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=ending, foreign_pre_chain=shared))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    _quieten()


def silence(name: str) -> None:
    """From now on a library says nothing, until it is set up again."""
    logging.getLogger(name).setLevel(logging.CRITICAL)


def hide(secrets: Iterable[str]) -> None:
    """From now on these are scrubbed too; those that were known before stay so."""
    before = _KNOWN[-1] if _KNOWN else str
    more = scrubber(secrets)
    _KNOWN[:] = [lambda line: more(before(line))]


_KNOWN: Final[list[Callable[[str], str]]] = []


def scrubber(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that hides these secrets, and whatever looks like one, in a text; however JSON or a URL wrote them."""
    forms = {form for secret in secrets if len(secret) > 3 for form in _forms(secret)}
    known = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))) if forms else None

    def scrub(text: str) -> str:
        text = known.sub(HIDDEN, text) if known else text
        for pattern, hidden in _PATTERNS:
            text = pattern.sub(hidden, text)
        return text

    return scrub


def _forms(secret: str) -> set[str]:
    return {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe=""), quote(secret)}


def _renderers(console: bool, out: TextIO) -> list[Processor]:
    if console:
        return [structlog.dev.ConsoleRenderer(colors=out.isatty())]
    return [structlog.processors.format_exc_info, _event_first, structlog.processors.JSONRenderer(default=repr)]


def _event_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    leading = ("timestamp", "level", "event")
    return {**{name: event[name] for name in leading if name in event}, **event}


def _quieten() -> None:
    """Libraries speak when something is wrong. The null handler keeps DBOS from adding one of its own."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    dbos = logging.getLogger("dbos")
    dbos.handlers, dbos.propagate = [logging.NullHandler()], True
