"""S3 paths and the times in them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.read import s3

MOMENTS = st.datetimes(min_value=datetime(1, 1, 1))
EXTENDED_ZONES = ["", "Z", "+01", "-05:30", "%2B01%3A00"]
BASIC_ZONES = ["", "Z", "+01", "-0530", "%2b0100"]


@given(
    moment=MOMENTS,
    zone=st.sampled_from(EXTENDED_ZONES),
    clock=st.sampled_from(["%H:%M", "%H:%M:%S", "%H%%3A%M:%S.%f", "%H:%M:%S,%f"]),
)
def test_every_moment_in_extended_form_is_a_time(moment: datetime, zone: str, clock: str) -> None:
    text = f"{moment.year:04}-{moment:%m-%d}T{moment.strftime(clock)}{zone}"
    assert s3.time_fault(text) is None


@given(
    moment=MOMENTS,
    zone=st.sampled_from(BASIC_ZONES),
    clock=st.sampled_from(["%H%M", "%H%M%S", "%H%M%S.%f", "%H%M%S,%f"]),
)
def test_every_moment_in_basic_form_is_a_time(moment: datetime, zone: str, clock: str) -> None:
    text = f"{moment.year:04}{moment:%m%d}T{moment.strftime(clock)}{zone}"
    assert s3.time_fault(text) is None


@given(text=st.text("0123456789-:TZ+.,%3AB W", max_size=30))
def test_what_is_taken_for_a_time_python_reads_too(text: str) -> None:
    """`fromisoformat` reads more than the grammar, never less."""
    if s3.is_time(text):
        plain = text.replace("%3A", ":").replace("%2B", "+").replace("%3a", ":").replace("%2b", "+")
        assert isinstance(datetime.fromisoformat(plain), datetime)


@given(text=st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    why = s3.fault(text, "b", "iris", "models")
    assert why is None or ("\n" not in why and why)
    right = s3.rewritten(text, "b", "iris", "models")
    assert right is None or s3.fault(right, "b", "iris", "models") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-03-01", "the date has no time"),
        ("20260301", "the date has no time"),
        ("2026/03/01", "the date has no time"),
        ("2026-03", "the date has no day and no time"),
        ("2026-03-01 12:00:00", "a blank stands where T belongs"),
        ("2026-03-01%2012:00:00", "a blank stands where T belongs"),
        ("2026-03-01_12:00", "the date and the time are not joined by T"),
        ("2026-03-01-120000", "the date and the time are not joined by T"),
        ("2026-03-01T12", "the time has no minutes"),
        ("2026-03-01T12-00-00", "the time is not written with colons"),
        ("2026-3-1T12:00", "month and day need two digits each"),
        ("2026-03-01T120000", "it mixes 2026-03-01 with 120000"),
        ("20260301T12:00:00", "it mixes 20260301 with 12:00:00"),
        ("2026-03-01T12:00+0100", "its zone must be written like +01:00"),
        ("20260301T1200+01:00", "its zone must be written like +0100"),
        ("2026-03-01t12:00Z", "T and Z must be capital letters"),
        ("2026-03-01T12:00z", "T and Z must be capital letters"),
        ("2026-02-31T12:00", "31 February 2026 is no date"),
        ("2025-02-29T12:00", "29 February 2025 is no date"),
        ("1900-02-29T12:00", "29 February 1900 is no date"),
        ("2026-13-01T12:00", "there is no month 13"),
        ("2026-00-01T12:00", "there is no month 00"),
        ("0000-01-01T12:00", "there is no year 0000"),
        ("2026-03-01T24:00", "there is no hour 24"),
        ("2026-03-01T12:60", "there is no minute 60"),
        ("2026-03-01T12:00:60", "there is no second 60"),
        ("2026-03-01T12:00+24", "there is no hour 24"),
        ("2026-03-01T12:00:00.", "it does not end with seconds, Z or an offset like +01:00"),
        ("1772366400", "it is a Unix time"),
        ("1772366400000", "it is a Unix time"),
        ("2026-W09-7T12:00", "it is a week date"),
        ("2026W097", "it is a week date"),
        ("2026-060", "it is an ordinal date"),
        ("2026060T1200", "it is an ordinal date"),
        ("２０２６-03-01T12:00", "it is no time in ISO 8601"),
        ("2026-03-01T12:00\n", "it is no time in ISO 8601"),
        ("latest", "it is no time in ISO 8601"),
    ],
)
def test_people_are_told_what_is_wrong_with_a_time(text: str, why: str) -> None:
    assert s3.time_fault(text) == why


TIME = "2026-03-01T12:00Z"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "it is empty"),
        ("weights/model.bin", "it is no s3:// path"),
        (f"S3://b/iris/models/{TIME}", "s3:// must be written in small letters"),
        (f"s3://b/iris/models/{TIME}\n", "it begins or ends with a blank"),
        (f" s3://b/iris/models/{TIME}", "it begins or ends with a blank"),
        (f"s3://other/iris/models/{TIME}", "the bucket is other, not b"),
        (f"s3://b/models/iris/{TIME}", "models stands before iris"),
        (f"s3://b/rose/models/{TIME}", "the project is rose, not iris"),
        (f"s3://b/Iris/models/{TIME}", "the project is Iris, not iris"),
        (f"s3://b/iris/model/{TIME}", "model stands where models belongs"),
        (f"s3://b/iris/{TIME}", f"{TIME} stands where models belongs"),
        ("s3://b/iris/models", "it has no time of training"),
        ("s3://b/iris/models/", "it has no time of training"),
        ("s3://b/iris/models/v1", "v1 is no time in ISO 8601"),
        ("s3://b", "the project is nothing, not iris"),
    ],
)
def test_people_are_told_what_is_wrong_with_a_path(path: str, why: str) -> None:
    assert s3.fault(path, "b", "iris", "models") == why


@pytest.mark.parametrize("below", ["", "/", "/model.bin", "/a/b.bin", "//", f"/{TIME}"])
def test_anything_may_stand_below_the_time(below: str) -> None:
    assert s3.fault(f"s3://b/iris/models/{TIME}{below}", "b", "iris", "models") is None


@pytest.mark.parametrize(
    ("path", "right"),
    [
        (f"s3://c/iris/models/{TIME}/m.bin", f"s3://b/iris/models/{TIME}/m.bin"),
        (f"s3://b/models/iris/{TIME}", f"s3://b/iris/models/{TIME}"),
        (f"s3://b/{TIME}/models/iris/m.bin", f"s3://b/iris/models/{TIME}/m.bin"),
        (f"s3://b/iris/{TIME}/models/m.bin", f"s3://b/iris/models/{TIME}/m.bin"),
        (f"s3://b/iris/models/{TIME}/models/m.bin", f"s3://b/iris/models/{TIME}/models/m.bin"),
        (f" S3://b//iris/x/{TIME}/\n", f"s3://b/iris/models/{TIME}/"),
        ("s3://b/models/iris/2026-03-01", None),
        (f"s3://b/{TIME}/{TIME}", None),
        (f"https://b/iris/models/{TIME}", None),
    ],
)
def test_a_path_is_put_right_around_its_time(path: str, right: str | None) -> None:
    assert s3.rewritten(path, "b", "iris", "models") == right


def test_a_zone_may_be_far_from_utc() -> None:
    far = datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=14)))
    assert s3.is_time(far.isoformat())
