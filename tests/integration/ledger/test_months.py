"""Three months at a thousandth of the pace of `make bench BENCH=months`: memory is flat and nothing is ever refused."""

from __future__ import annotations

import pytest

from benchmarks.bench_months import PAST_DAYS, Months, redis_of

pytestmark = pytest.mark.integration

JOBS_A_DAY = 86

#: As much smaller as the days are than those at one job a second, beside what an empty Redis takes.
MAXMEMORY = 2**30 // 1000 + 8 * 2**20


def test_after_ninety_days_memory_is_flat_and_no_job_was_refused() -> None:
    with redis_of(MAXMEMORY) as redis:
        months = Months(redis, JOBS_A_DAY)
        # Given the markers of ninety days
        for _ in range(PAST_DAYS):
            months.pass_a_past_day()
        # When jobs go on to be accepted, for longer than their content is kept
        days = [months.pass_a_day() for _ in range(7)]
        # Then those of the last days are there with their content, and from then on memory stays as it is
        assert all(JOBS_A_DAY <= day.bodies <= 2 * JOBS_A_DAY for day in days)
        flat = [day.used for day in days[3:]]
        assert max(flat) < 1.05 * min(flat)
        assert months.markers() <= (PAST_DAYS + 2) * JOBS_A_DAY
