"""S3 paths of weights and datasets: `s3://<bucket>/<project>/<kind>/<time>`, and the times that they may carry.

The grammar of times is a part of ISO 8601 (Model Standards 1 and 2), not what `datetime.fromisoformat` takes.
"""

from __future__ import annotations

import re

from checks.dataclass import dataclass
from checks.regex import regex

EXAMPLE = "2026-03-01T12:00:00Z"
SCHEME = "s3://"

_EXTENDED = regex(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?(?:Z|[+-](?P<zone_hour>[0-9]{2})(?::(?P<zone_minute>[0-9]{2}))?)?"
)
_BASIC = regex(
    r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})T(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})"
    r"(?:(?P<second>[0-9]{2})(?:[.,][0-9]+)?)?(?:Z|[+-](?P<zone_hour>[0-9]{2})(?P<zone_minute>[0-9]{2})?)?"
)
_ESCAPES = regex("%3A|%2B", re.IGNORECASE)
_NO_TIME = "it is no time in ISO 8601"
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_DATE = r"[0-9]{4}(?:-[0-9]{1,2}-[0-9]{1,2}|/[0-9]{1,2}/[0-9]{1,2}|[0-9]{4})"
_CLOCK = r"[0-9]{1,2}(?::?[0-9]{2}){1,2}(?:[.,][0-9]+)?"
_ZONE = r"(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
# What people write instead of a time, the more particular first.
_MISTAKES = tuple(
    (regex(pattern), why)
    for pattern, why in (
        (r"[0-9]{10}(?:\.[0-9]+)?|[0-9]{13}", "it is a Unix time"),
        (r"[0-9]{4}-?W[0-9]{2}.*", "it is a week date"),
        (r"[0-9]{4}-?[0-9]{3}(?:T.*)?", "it is an ordinal date"),
        (r"[0-9]{4}(?:-?[0-9]{2})?", "the date has no day and no time"),
        (_DATE, "the date has no time"),
        (r"[0-9]{4}-(?:[0-9]-[0-9]{1,2}|[0-9]{2}-[0-9])T.*", "month and day need two digits each"),
        (rf"{_DATE}(?: |\+|%20){_CLOCK} ?{_ZONE}", "a blank stands where T belongs"),
        (rf"{_DATE}[-_]{_CLOCK}{_ZONE}", "the date and the time are not joined by T"),
        (rf"{_DATE}(?:T{_CLOCK}z|t{_CLOCK}{_ZONE})", "T and Z must be capital letters"),
        (rf"{_DATE}T[0-9]{{2}}{_ZONE}", "the time has no minutes"),
        (r"[0-9]{4}-[0-9-]+T[0-9]{2}-[0-9]{2}.*", "the time is not written with colons"),
        (rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{4,6}}(?:[.,][0-9]+)?{_ZONE}", "it mixes 2026-03-01 with 120000"),
        (r"[0-9]{8}T[0-9]{4,6}[.,0-9]*[+-][0-9]{2}:[0-9]{2}", "its zone must be written like +0100"),
        (rf"[0-9]{{8}}T{_CLOCK}{_ZONE}", "it mixes 20260301 with 12:00:00"),
        (rf"[0-9-]+T{_CLOCK}[+-][0-9]{{4}}", "its zone must be written like +01:00"),
        (rf"{_DATE}T{_CLOCK}.*", "it does not end with seconds, Z or an offset like +01:00"),
    )
)


@dataclass(frozen=True, slots=True)
class Path:
    """An `s3://` URL taken apart: what stands between its slashes."""

    bucket: str
    segments: tuple[str, ...]

    @property
    def key(self) -> str:
        return "/".join(self.segments)


def parse(text: str) -> Path | None:
    """The parts of an S3 URL (its scheme in any case); None for what is none."""
    if text[: len(SCHEME)].lower() != SCHEME:
        return None
    bucket, *segments = text[len(SCHEME) :].split("/")
    return Path(bucket, tuple(segments))


def time_fault(segment: str) -> str | None:
    """What is wrong with a time, as half a sentence for people; None for a good one.

    Good is `YYYY-MM-DDThh:mm[:ss[.f]][Z|±hh[:mm]]` or `YYYYMMDDThhmm[ss[.f]][Z|±hh[mm]]` of a real calendar date,
    with `%3A` and `%2B` for `:` and `+` if need be.
    """
    text = _ESCAPES.sub(lambda found: ":" if found[0][1:].upper() == "3A" else "+", segment)
    found = _EXTENDED.fullmatch(text) or _BASIC.fullmatch(text)
    if found is None:
        return next((why for pattern, why in _MISTAKES if pattern.fullmatch(text)), _NO_TIME)
    return _range_fault({name: int(digits) for name, digits in found.groupdict().items() if digits})


def is_time(segment: str) -> bool:
    """Whether a segment is a time as the standards want it."""
    return time_fault(segment) is None


def fault(text: str, bucket: str, project: str, kind: str) -> str | None:
    """What is wrong with the S3 path of a project's artifacts, as half a sentence for people; None for a good one.

    `kind`: `models` or `datasets`. Below the time anything may follow.
    """
    path = parse(text.strip())
    if path is None:
        return "it is empty" if not text.strip() else "it is no s3:// path"
    if text != text.strip():
        return "it begins or ends with a blank"
    if not text.startswith(SCHEME):
        return "s3:// must be written in small letters"
    if path.bucket != bucket:
        return f"the bucket is {_shown(path.bucket)}, not {bucket}"
    return _key_fault(path, project, kind)


def rewritten(text: str, bucket: str, project: str, kind: str) -> str | None:
    """The path with bucket, project and order of segments put right; None where it holds not exactly one good time."""
    path = parse(text.strip())
    times = [index for index, segment in enumerate(path.segments) if is_time(segment)] if path else []
    if path is None or len(times) != 1:
        return None
    [at] = times
    # Project and kind may stand behind the time when the order is wrong; everything else there is a file below it.
    below = list(path.segments[at + 1 :])
    before = path.segments[:at]
    for misplaced in (kind, project):
        if misplaced not in before and misplaced in below:
            below.remove(misplaced)
    return SCHEME + "/".join((bucket, project, kind, path.segments[at], *below))


def _key_fault(path: Path, project: str, kind: str) -> str | None:
    found = (*path.segments, "", "", "")
    if sorted(found[:2]) == sorted((project, kind)) and found[0] != project:
        return f"{kind} stands before {project}"
    if found[0] != project:
        return f"the project is {_shown(found[0])}, not {project}"
    if found[1] != kind:
        return f"{_shown(found[1])} stands where {kind} belongs"
    if not found[2]:
        return "it has no time of training" if kind == "models" else "it has no time"
    why = time_fault(found[2])
    if why == _NO_TIME:
        return f"{_shown(found[2])} {_NO_TIME.removeprefix('it ')}"
    return None if why is None else f"{_shown(found[2])} is no time: {why}"


def _last_day(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and leap else _DAYS[month - 1]


def _range_fault(value: dict[str, int]) -> str | None:
    year, month, day = value["year"], value["month"], value["day"]
    if not 1 <= month <= 12:
        return f"there is no month {month:02}"
    if year < 1:
        return "there is no year 0000"
    if not 1 <= day <= _last_day(year, month):
        return f"{day} {_MONTHS[month - 1]} {year:04} is no date"
    for name, last in (("hour", 23), ("minute", 59), ("second", 59), ("zone_hour", 23), ("zone_minute", 59)):
        if value.get(name, 0) > last:
            return f"there is no {name.replace('zone_', '')} {value[name]:02}"
    return None


def _shown(segment: str) -> str:
    """A segment as a message shows it: on one line, not endless."""
    text = " ".join(segment.split())
    return (text[:60] + "…" if len(text) > 60 else text) or "nothing"
