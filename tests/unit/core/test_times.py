"""When it happened, in every way in which detections write it."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.times import as_threatq_time, read_time

SAME = datetime(2021, 10, 5, 19, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2021-10-05T19:01:02Z",
        "2021-10-05T21:01:02+02:00",
        "2021-10-05T14:01:02-0500",
        "2021-10-05 19:01:02",
        "2021-10-05 21:01:02 +0200",
        "2021-10-05 19:01:02 UTC",
        "2021/10/05 19:01:02",
        "2021 Oct 05 21:01:02 CEST",  # Cisco NX-OS
        "2021-10-05-19.01.02.000000",  # Db2
        "05-Oct-2021 19:01:02.265",  # BIND
        "20211005T190102Z",
        "20211005190102",
        "2021-10-05T19:01:02Z[UTC]",  # Java's ZonedDateTime
        "2021-10-05T21:01:02+02:00[Europe/Berlin]",
        1633460462,
        1633460462.0,
        "1633460462",
        "1633460462.000",  # NiFi: seconds with decimals
        1633460462000,
        "1633460462000",
        1633460462000000,
        1633460462000000000,
        132779340620000000,  # Windows' FILETIME
        "Tue, 05 Oct 2021 19:01:02 GMT",
        "Tue, 05 Oct 2021 21:01:02 +0200",
        "5 Oct 2021 19:01:02 -0000",
        "Oct 5, 2021 7:01:02 PM",  # the guide's createDate
        "Oct 5, 2021, 7:01:02\u202fPM",  # newer Javas
        "October 5, 2021 19:01:02",
        "Tue Oct 05 19:01:02 UTC 2021",  # Java's Date
        "Tue Oct  5 19:01:02 2021 UTC",  # C's asctime, as osquery has it
        "10/5/2021 7:01:02 PM",  # American, as Intune has it
        "05/Oct/2021:21:01:02 +0200",  # web servers' logs
        "05/Oct/2021:19:01:02.000",  # HAProxy
        "05-Oct-2021 19:01:02",  # ESET
        "/Date(1633460462000)/",  # OData
        "Oct 05 2021 21:01:02 GMT+02:00",  # Trend Micro's CEF
        "Oct 05 2021 21:01:02.000 CEST",  # ClearPass' LEEF
        "2021-10-05 21:01:02 CEST",
        "2021-10-5 19:01:02",
        "2021-10-05T9:01:02-10:00",  # Entra's risk detections leave a zero out
        "Oct 5 2021 14:01:02 CDT",
        "2021-10-05 19:01:02 (UTC)",
        "  2021-10-05T19:01:02Z\n",
    ],
)
def test_the_same_moment_is_read_from_every_notation(value: Any) -> None:
    assert read_time(value) == SAME


def test_fractions_of_a_second_are_read_and_left_out_when_written() -> None:
    assert read_time("2021-10-05T19:01:02.123456789Z").microsecond == 123456
    assert as_threatq_time(read_time("2021-10-05T19:01:02.999Z")) == "2021-10-05 19:01:02"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("5 Oct 2021 19:01:02 -0000", "2021-10-05 19:01:02"),  # UTC, says RFC 5322, wherever the sender is
        ("2021-10-05 19:01:02", "2021-10-05 17:01:02"),
        ("2021-12-05 19:01:02", "2021-12-05 18:01:02"),  # winter
        ("Oct 5, 2021 12:00:00 AM", "2021-10-04 22:00:00"),  # midnight, not noon
        ("2021-10-05", "2021-10-04 22:00:00"),
        ("20211005", "2021-10-04 22:00:00"),
        ("2021-10-05T19:01:02Z", "2021-10-05 19:01:02"),
        (1633460462, "2021-10-05 19:01:02"),
    ],
)
def test_only_a_time_that_names_no_zone_is_in_the_given_one(value: Any, written: str) -> None:
    assert as_threatq_time(read_time(value, zone=ZoneInfo("Europe/Berlin"))) == written


@pytest.mark.parametrize("written", ["02/22/2026 05:06:07", "22/02/2026 05:06:07", "02/22/2026:05:06:07 GMT"])
def test_a_date_with_slashes_is_read_where_only_one_of_its_numbers_can_be_the_month(written: str) -> None:
    assert as_threatq_time(read_time(written)) == "2026-02-22 05:06:07"


@pytest.mark.parametrize(
    "value",
    ["", "now", "10/05/2021", "10/05/2021 19:01:02", "13/5/2021 7:01:02 PM", "Oct 5 19:01:02",
     "Foo 5, 2021 19:01:02", "Oct 5, 2021 13:00:00 PM", "2021-02-30",
     "Oct 35, 2021 10:00:00", "0001-01-01T00:00:00+14:00", None, True, [], {}, float("nan"), float("inf"), 1e25],
)  # fmt: skip
def test_what_is_no_time_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_time(value)


def test_a_form_that_is_not_known_is_refused_in_words_that_are_not_pythons() -> None:
    with pytest.raises(ValueError, match=r"^its form is not known$"):
        read_time("yesterday")
    with pytest.raises(ValueError, match="day is out of range"):
        read_time("2021-02-30T10:00:00")


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2099, 1, 1)))
def test_every_moment_is_read_back(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC, microsecond=0)
    seconds = int(moment.timestamp())
    for written in (
        moment.isoformat(),
        as_threatq_time(moment),
        seconds * 1_000_000,
        f"{moment:%Y%m%d%H%M%S}",
    ):
        assert read_time(written) == moment


@given(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.from_regex(r"[0-9]{1,4}[-/ ][0-9]{1,2}[-/ ][0-9]{1,2}[T ][0-9:.]{1,9}(Z|[+-][0-9]{2}:?[0-9]{2})?")
    | st.from_regex(r"([A-Z][a-z]{2},? )?[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{1,2}:[0-9]{2}( [A-Z+0-9-]{3,5})?")
)  # fmt: skip
def test_anything_else_is_a_moment_or_a_value_error(value: Any) -> None:
    with contextlib.suppress(ValueError):
        assert read_time(value).tzinfo is UTC
