"""Claims and leases against a real Redis: whose job it is, and what becomes of one that lost its worker."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Timer

import pytest
from msgspec import structs
from redis import Redis

from sandbox.launch.redis_server import RedisServer, age
from tests.support.waiting import until
from workers.core.jobs import Job
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import Record, dead, done, interrupted, released, waiting

pytestmark = pytest.mark.integration


def event(number: int = 1, *, producer: str = "cli", key: str = "") -> Job:
    return Job(
        "events.create", {"payload": {"number": number}}, producer=producer, title=f"event {number}", key=key
    )


def lookup(value: str = "bad.example") -> Job:
    return Job("indicators.lookup", {"type": "FQDN", "value": value}, producer="stub")


def test_claims_come_oldest_first_and_belong_to_one_worker(ledger: Ledger, redis: Redis) -> None:
    jobs = [event(number) for number in range(5)]
    ledger.accept(jobs)
    redis.zadd(keys.due("events"), {job.id: age for age, job in enumerate(jobs)})
    one, two = ledger.claim("events", 3), ledger.claim("events", 3)
    assert [claim.id for claim in [*one, *two]] == [job.id for job in jobs]
    assert ledger.claim("events", 3) == []
    assert one[0].arguments == {"payload": {"number": 0}}
    assert one[0].attempts == 1


def test_a_done_job_is_kept_with_its_result(ledger: Ledger, admin: LedgerAdmin) -> None:
    ledger.accept([event()])
    (claim,) = ledger.claim("events", 10)
    ledger.settle([done(claim, {"event": 7})])
    record = admin.record(claim.id)
    assert record is not None
    assert (record.state, record.result) == ("done", {"event": 7})
    assert admin.ids("done") == [claim.id]
    assert admin.counts() == {"accepted:events.create:cli": 1, "done:events.create:cli": 1}


def test_a_job_is_settled_whatever_stands_in_what_is_noted(ledger: Ledger, admin: LedgerAdmin) -> None:
    ledger.accept([event()])
    (claim,) = ledger.claim("events", 10)
    ledger.settle([done(claim, {"reason": "caf\udce9"})])
    record = admin.record(claim.id)
    assert record is not None
    assert (record.state, record.result) == ("done", {"reason": "caf?"})


def test_a_done_job_that_shall_run_again_is_kept_for_as_long_as_that_takes(
    ledger: Ledger, redis: Redis, admin: LedgerAdmin
) -> None:
    ledger.accept([event()])
    (claim,) = ledger.claim("events", 1)
    ledger.settle([done(claim, {})])
    assert admin.replay([claim.id], note={}) == [claim.id]
    names = (keys.job(claim.id), keys.progress(claim.id))
    assert [redis.ttl(name) for name in names] == [-1, -1]


def test_a_lease_that_ran_out_gives_the_job_to_another_worker(redis: Redis) -> None:
    ledger = Ledger(redis, lease_s=0.01)
    ledger.accept([event()])
    (first,) = ledger.claim("events", 10)
    second = until(lambda: ledger.claim("events", 10))[0]
    assert (second.id, second.attempts, second.lost) == (first.id, 2, 1)
    # What the first worker says now is not believed
    assert len(ledger.settle([done(first, {})])) == 1
    assert ledger.settle([done(second, {})]) == []


@pytest.mark.parametrize(
    ("job", "most_s"),
    [
        (Job("indicators.whitelist", {"type": "FQDN", "value": "a.example"}, producer="stub"), 6),
        # At first its kind is not known; the first thing that is done with it proves the claim.
        (Job("lists.remove", {"type": "FQDN", "value": "a.example"}, producer="stub"), 6),
        (Job("lists.sync", {"collection": "A", "dry_run": False}, producer="beat"), 60),
        (Job("events.create", {"payload": {}}, producer="cli"), 60),
    ],
    ids=lambda value: value.kind.name if isinstance(value, Job) else "",
)
def test_what_an_analyst_waits_for_is_soon_taken_over_from_a_killed_worker(
    ledger: Ledger, redis: Redis, job: Job, most_s: int
) -> None:
    ledger.accept([job])
    queue = job.kind.queue
    claims = ledger.claim(queue, 1)
    assert ledger.prove(claims) == set()
    seconds, microseconds = redis.time()
    left_s = redis.zscore(keys.due(queue), job.id) / 1000 - (seconds + microseconds / 1e6)
    assert most_s - 5 < left_s <= most_s
    assert ledger.renew(claims) == set()
    assert redis.zscore(keys.due(queue), job.id) / 1000 - seconds <= most_s + 1


def test_a_renewed_lease_keeps_the_job(redis: Redis) -> None:
    ledger = Ledger(redis, lease_s=60)
    ledger.accept([event()])
    claims = ledger.claim("events", 10)
    assert ledger.renew(claims) == set()
    ledger.settle([released(claims[0])])
    assert ledger.renew(claims) == {claims[0].id}


def test_a_job_that_kills_its_worker_three_times_is_dead_and_named_as_such(
    redis: Redis, admin: LedgerAdmin
) -> None:
    ledger = Ledger(redis, lease_s=0.01, last_chance_after_s=0.01)
    ledger.accept([event()])
    for _ in range(3):
        until(lambda: ledger.claim("events", 10))
    until(lambda: ledger.claim("events", 10) == [] and admin.ids("dead"))
    record = admin.record(admin.ids("dead")[0])
    assert record is not None
    assert "lost its worker 3 times" in record.result["reason"]


def test_what_a_redis_accepted_that_was_killed_may_have_been_tried_already(tmp_path: Path) -> None:
    # Given a job that was claimed, and a Redis that was killed before that was written
    server = RedisServer(tmp_path, appendfsync="always").start()
    with connect(server.url) as redis:
        age(redis)
        ledger = Ledger(redis, wary_s=0)
        before, after = event(1), event(2)
        ledger.accept([before])
        assert [claim.attempts for claim in ledger.claim("events", 10)] == [1]
        server.kill()
        server.start()
        redis.delete(keys.progress(before.id))
        redis.zadd(keys.due("events"), {before.id: 0})
        # When it is claimed again, and so is a job that came later
        (first,) = ledger.claim("events", 10)
        ledger.accept([after])
        (second,) = ledger.claim("events", 10)
        # Then the first one's event is looked for, and the other one's is not
        assert (first.id, first.attempts) == (before.id, 2)
        assert (second.id, second.attempts) == (after.id, 1)
    server.stop()


def test_what_is_sent_again_to_a_redis_that_forgot_it_is_looked_for_though_other_work_came_first(
    tmp_path: Path,
) -> None:
    # Given a Redis that was killed and has forgotten a payload whose event was made, and all that told of its last life
    server = RedisServer(tmp_path, appendfsync="always").start()
    with connect(server.url) as redis:
        ledger = Ledger(redis)
        ledger.accept([event(1)])
        ledger.settle([done(claim, {}) for claim in ledger.claim("events", 10)])
        server.kill()
        server.start()
        redis.delete(keys.job(event(1).id), keys.progress(event(1).id), keys.LIFE)
        # When another payload is worked first, and then the sender sends again
        ledger.accept([event(2)])
        ledger.claim("events", 10)
        ledger.accept([event(1)])
        (again,) = ledger.claim("events", 10)
        # Then its event is looked for
        assert (again.id, again.attempts) == (event(1).id, 2)
        # But not once the window is over
        ledger.wary_ms = 0
        ledger.accept([event(3)])
        assert [claim.attempts for claim in ledger.claim("events", 10)] == [1]
    server.stop()


def test_a_proof_does_not_succeed_in_a_redis_that_may_have_forgotten_who_took_over(tmp_path: Path) -> None:
    # Given a worker that stood still past its lease, and a Redis that went back to before another took its job over
    server = RedisServer(tmp_path, appendfsync="always").start()
    with connect(server.url) as redis:
        ledger = Ledger(redis)
        ledger.accept([event(1), event(2)])
        claims = ledger.claim("events", 10)
        assert ledger.prove(claims) == set()
        server.kill()
        server.start()
        # Then what Redis still says of its leases lets it keep them, and create nothing
        assert ledger.renew(claims) == set()
        assert ledger.prove(claims) == {claim.id for claim in claims}
    server.stop()


def test_before_its_last_chance_a_job_waits_and_its_history_says_so(redis: Redis, admin: LedgerAdmin) -> None:
    ledger = Ledger(redis, lease_s=0.01)
    ledger.accept([event()])
    for _ in range(2):
        until(lambda: ledger.claim("events", 10))

    def quarantined() -> Record | None:
        assert ledger.claim("events", 10) == []
        (record,) = admin.records(admin.ids("accepted"))
        return record if record.state == "waiting" else None

    record = until(quarantined)
    assert record is not None
    assert record.lost == 2
    assert "once more, by itself" in record.result["reason"]
    assert record.due_ms is not None


def test_last_chances_come_to_one_job_at_a_time_so_that_no_bystander_dies(
    redis: Redis, admin: LedgerAdmin
) -> None:
    # Given three jobs that have lost two workers each
    ledger = Ledger(redis)
    for answer in ledger.accept([event(number) for number in range(3)]):
        redis.hset(keys.progress(answer.id), "lost", 2)
    # When workers ask
    (first,) = ledger.claim("events", 10)
    assert ledger.claim("events", 10) == []
    redis.zadd(keys.due("events"), dict.fromkeys(admin.ids("accepted"), 0), lt=True)
    redis.zadd(keys.due("events"), {first.id: 2**52})
    assert ledger.claim("events", 10) == []
    # Then the second has its turn when the first is done
    ledger.settle([done(first, {})])
    (second,) = until(lambda: ledger.claim("events", 10))
    assert second.id != first.id


def test_a_job_of_a_kind_that_only_a_newer_version_knows_can_be_settled(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    (answer,) = ledger.accept([event()])
    (claim,) = ledger.claim("events", 1)
    newer = structs.replace(claim, kind="events.merge")
    assert ledger.settle([dead(newer, "no such kind")]) == []
    assert admin.ids("dead") == [answer.id]


def test_a_claim_whose_answer_came_too_late_is_answered_again_and_loses_no_job(
    own_server: RedisServer,
) -> None:
    with connect(own_server.url, answer_timeout_s=0.3, retries=100) as client:
        age(client)
        ledger = Ledger(client)
        # The script must be known already.
        assert ledger.claim("events", 10) == []
        ids = [answer.id for answer in ledger.accept([event(1), event(2)])]
        # Given a Redis that stands still for longer than its answer is waited for
        own_server.send_signal(signal.SIGSTOP)
        again = Timer(0.7, own_server.send_signal, [signal.SIGCONT])
        again.start()
        # When jobs are claimed, and it gets to know of that twice
        claims = ledger.claim("events", 10)
        again.join()
        # Then they are ours
        assert [(claim.id, claim.attempts, claim.lost) for claim in claims] == [
            (job_id, 1, 0) for job_id in ids
        ]
        assert [claim.arguments["payload"]["number"] for claim in claims] == [1, 2]
        # And no other worker's
        assert ledger.claim("events", 10) == []


def test_a_job_whose_worker_died_is_claimed_alone_so_that_it_takes_no_others_with_it(redis: Redis) -> None:
    hasty, patient = Ledger(redis, lease_s=0.01), Ledger(redis)
    hasty.accept([event(1), event(2)])
    assert len(hasty.claim("events", 10)) == 2
    patient.accept([event(3)])
    batches = [until(lambda: patient.claim("events", 10)) for _ in range(3)]
    assert [len(batch) for batch in batches] == [1, 1, 1]


def test_a_suspect_is_not_claimed_along_with_others_and_its_lost_worker_is_not_forgotten(
    redis: Redis,
) -> None:
    # Given a new job, and behind it one whose worker died
    ledger = Ledger(redis)
    first, second = ledger.accept([event(1), event(2)])
    ledger.claim("events", 10)
    redis.hset(keys.progress(first.id), mapping={"state": "accepted", "attempts": 0})
    redis.zadd(keys.due("events"), {first.id: 0, second.id: 1})
    # When they are claimed
    (innocent,) = ledger.claim("events", 10)
    (suspect,) = ledger.claim("events", 10)
    # Then each comes alone
    assert (innocent.id, innocent.lost, suspect.id, suspect.lost) == (first.id, 0, second.id, 1)


def test_a_job_that_outlived_its_attempt_has_lost_no_worker(redis: Redis) -> None:
    # Given a job that lost its worker, and then had to wait for ThreatQ
    ledger = Ledger(redis)
    ledger.accept([event()])
    ledger.claim("events", 10)
    redis.zadd(keys.due("events"), dict.fromkeys(redis.zrange(keys.due("events"), 0, -1), 0))
    (claim,) = ledger.claim("events", 10)
    assert claim.lost == 1
    ledger.settle([waiting(claim, "ThreatQ is away", 0)])
    # When it is tried again
    (again,) = until(lambda: ledger.claim("events", 10))
    # Then nothing counts against it
    assert again.lost == 0


def test_a_job_whose_record_is_gone_is_forgotten(ledger: Ledger, redis: Redis) -> None:
    (accepted,) = ledger.accept([event()])
    redis.delete(keys.job(accepted.id))
    assert ledger.claim("events", 10) == []
    assert redis.zcard(keys.due("events")) == 0


def test_equal_payloads_in_one_call_are_one_job(ledger: Ledger, admin: LedgerAdmin) -> None:
    answers = ledger.accept([event(1), event(2), event(1)])
    assert [answer.created for answer in answers] == [True, True, False]
    assert answers[2].id == answers[0].id
    assert admin.counts() == {"accepted:events.create:cli": 2}


def test_a_waiting_job_is_not_ready_before_its_time(ledger: Ledger, redis: Redis, admin: LedgerAdmin) -> None:
    ledger.accept([event()])
    (claim,) = ledger.claim("events", 10)
    ledger.settle([waiting(claim, "ThreatQ is away", 3600)])
    assert ledger.claim("events", 10) == []
    record = admin.record(claim.id)
    assert record is not None
    assert record.state == "waiting"
    assert record.due_ms is not None
    # When its time has come
    redis.zadd(keys.due("events"), {claim.id: 0})
    assert ledger.claim("events", 10)[0].attempts == 2


def test_a_job_that_was_given_back_counts_no_attempt(ledger: Ledger) -> None:
    ledger.accept([event()])
    (claim,) = ledger.claim("events", 10)
    ledger.settle([released(claim)])
    assert ledger.claim("events", 10)[0].attempts == 1


def test_a_job_that_was_interrupted_counts_its_attempt_and_is_no_suspect(
    ledger: Ledger, admin: LedgerAdmin
) -> None:
    ledger.accept([event(1), event(2)])
    claims = ledger.claim("events", 10)
    ledger.settle([interrupted(claim, "the account lacks a right") for claim in claims])
    assert {record.state for record in admin.records([claim.id for claim in claims])} == {"waiting"}
    assert [claim.attempts for claim in ledger.claim("events", 10)] == [2, 2]


def test_a_round_in_which_nothing_is_to_be_settled_is_followed_by_another(ledger: Ledger) -> None:
    end = ledger.end_round([])
    assert (end.stale, end.more_is_due) == ([], True)
    assert ledger.settle([]) == []
