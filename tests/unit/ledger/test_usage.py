"""The forecast of memory: where it ends, and when it gets there."""

from __future__ import annotations

from workers.ledger.usage import STEPS_A_DAY, Pace, Usage, bytes_of_markers, forecast

A_JOB_A_SECOND = Pace(86_400, keep_bodies_days=2, keep_markers_days=90)


def test_at_one_job_a_second_memory_ends_at_two_days_of_jobs_and_ninety_of_markers() -> None:
    coming = list(forecast([Usage("done jobs", 86_400, 650)], 100_000_000, A_JOB_A_SECOND))
    assert coming[0] == 100_000_000
    rest = 100_000_000 - 86_400 * 650
    assert coming[-1] == round(rest + 172_800 * 650 + bytes_of_markers(7_776_000))
    assert coming == sorted(coming)
    # The jobs are all there after two days; later on only markers come.
    assert coming[2 * STEPS_A_DAY] - coming[0] > coming[4 * STEPS_A_DAY] - coming[2 * STEPS_A_DAY]


def test_what_is_full_already_stays_as_it_is() -> None:
    found = [Usage("done jobs", 172_800, 650), Usage("markers", 7_776_000, 25)]
    coming = list(forecast(found, 400_000_000, A_JOB_A_SECOND))
    assert max(coming) - min(coming) <= 1


def test_a_ledger_to_which_nothing_comes_any_more_gets_smaller() -> None:
    still = Pace(0, keep_bodies_days=2, keep_markers_days=90)
    found = [Usage("done jobs", 1_000, 650), Usage("markers", 1_000_000, 25)]
    coming = list(forecast(found, 50_000_000, still))
    assert coming == sorted(coming, reverse=True)
    assert coming[-1] < 50_000_000 - 20_000_000
