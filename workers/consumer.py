"""Working on a queue: claim what is ready, handle it, settle it, until nothing is ready.

Knows neither Celery nor ThreatQ; `handle` does the work and says what became of each claim.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Protocol

import structlog
from msgspec import Struct, structs

from workers.core.answers import note_answer, noting_answers
from workers.core.errors import (
    BadCredentials,
    Busy,
    ConfigError,
    InputError,
    LeaseLost,
    NeedsNewerWorker,
    QueueBlocked,
    ServiceAway,
    Throttled,
    TqError,
)
from workers.core.jobs import KINDS
from workers.core.results import Failure
from workers.core.retry import RetryPolicy
from workers.core.spans import recorder, span
from workers.core.trace import current_trace, read_traceparent
from workers.leases import Attempt, Blocked, Leases, retry_while_redis_is_away
from workers.ledger.ledger import FIRST_WAIT_MS, LONGEST_WAIT_MS, MOST_SOLO_FAILURES, Ledger, RoundEnd
from workers.ledger.records import (
    RECHECK_S,
    Claim,
    Settlement,
    dead,
    deferred,
    interrupted,
    misconfigured,
    needs_newer,
    refused,
    suspected,
    waiting,
)

log = structlog.get_logger(__name__)

#: Carries out an attempt at claims of one queue and settles each of them.
Handle = Callable[[Attempt], list[Settlement]]

#: Seconds after which a wake-up's work ends and the next wake-up goes on, so that a task stays short and is seen.
WAKE_UP_S = 5.0

#: How long a job waits between its attempts.
BACKOFF = RetryPolicy(first_s=FIRST_WAIT_MS / 1000, most_s=LONGEST_WAIT_MS / 1000)


class Observer(Protocol):
    """Sees each round of work; what it raises ends the work, so it raises nothing."""

    def claimed(self, claims: Sequence[Claim]) -> None:
        """See what was claimed together, before it is handled."""

    def settled(self, settlements: Sequence[Settlement], seconds: float) -> None:
        """See what became of it, and how many seconds it took."""


class RoundTracer(Protocol):
    """Traces each round of work; what it raises ends the work, so it raises nothing."""

    def begin(self, claims: Sequence[Claim], asked_ns: int) -> None:
        """Begin to trace what is done for claims that were asked for at a time (ns since 1970)."""

    def handled(self, settlements: Sequence[Settlement]) -> None:
        """See what becomes of them, before that is settled."""

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """End the round."""


class QueueHandler(Struct, frozen=True):
    """How the claims of a queue are handled, and how many at a time."""

    queue: str
    handle: Handle
    batch: int


def consume(
    consumer: QueueHandler,
    ledger: Ledger,
    leases: Leases,
    *,
    stopping: Callable[[], bool] = lambda: False,
    observers: Sequence[Observer] = (),
    tracer: RoundTracer | None = None,
) -> int:
    """Work until nothing is ready, the wake-up's time is over or the worker stops; return how many were settled.

    `observers` see each round of work, and `tracer` what is done in it.
    """
    settled, ends = 0, time.monotonic() + WAKE_UP_S
    while not stopping() and time.monotonic() < ends:
        asked_ns = time.time_ns()
        claims = ledger.claim(consumer.queue, consumer.batch)
        if not claims:
            return settled
        began = time.monotonic()
        for observer in observers:
            observer.claimed(claims)
        if tracer:
            tracer.begin(claims, asked_ns)
        settlements, end = work_on(consumer, ledger, leases, claims, tracer)
        if tracer:
            tracer.settled(settlements)
        _tell_stale(end.stale)
        _tell_newer(ledger, consumer.queue, settlements)
        for observer in observers:
            observer.settled(settlements, time.monotonic() - began)
        if any(settlement.state == "dead" for settlement in settlements) and ledger.is_suspended(
            consumer.queue
        ):
            log.error("nearly all jobs die, the queue is paused", queue=consumer.queue, next="tqctl status")
        settled += len(settlements)
        if not end.more_is_due:
            return settled
    ledger.wake(consumer.queue)
    return settled


def work_on(
    consumer: QueueHandler,
    ledger: Ledger,
    leases: Leases,
    claims: Sequence[Claim],
    tracer: RoundTracer | None,
) -> tuple[list[Settlement], RoundEnd]:
    """Handle and settle `claims`; return what became of them, and what the ledger says to that."""
    with leases.renewing(claims), working_on(claims), noting_answers() as answered:
        settlements = try_known(consumer, ledger, leases, claims)
        if tracer:
            tracer.handled(settlements)
        # The work is done but not recorded yet; without the record each job would count as having lost its worker.
        with span("settle"):
            end = retry_while_redis_is_away(
                partial(ledger.end_round, settlements, answered=answered), "not settled yet"
            )
    return settlements, end


def _tell_stale(stale: Sequence[Settlement]) -> None:
    for settlement in stale:
        with working_on([settlement.claim]):
            log.warning("lease lost", state=settlement.state)


def _tell_newer(ledger: Ledger, queue: str, settlements: Sequence[Settlement]) -> None:
    reasons = {s.entry["reason"] for s in settlements if s.entry.get("error") == NeedsNewerWorker.__name__}
    for reason in reasons:
        log.warning("jobs wait for a newer worker", queue=queue, reason=reason)
        ledger.tell_newer(queue, reason)


def try_known(
    consumer: QueueHandler, ledger: Ledger, leases: Leases, claims: Sequence[Claim]
) -> list[Settlement]:
    """Handle what this worker can read of `claims`, and let the rest wait for a newer one, or one with their key."""
    unknown = [needs_newer(claim, claim.unknown) for claim in claims if claim.unknown]
    unknown += [
        deferred(claim, claim.locked, RECHECK_S) for claim in claims if claim.locked and not claim.unknown
    ]
    known = [claim for claim in claims if not (claim.unknown or claim.locked)] if unknown else claims
    return unknown + (try_together(consumer, ledger, leases, known) if known else [])


def try_together(
    consumer: QueueHandler, ledger: Ledger, leases: Leases, claims: Sequence[Claim]
) -> list[Settlement]:
    """Handle `claims`; return what became of them."""
    attempt = Attempt(claims, leases)
    try:
        settlements = consumer.handle(attempt)
        block(ledger, attempt, attempt.blocked)
        if attempt.blocked is None:
            # As things are set, its jobs can be done.
            note_answer(consumer.queue)
        return settlements
    except (ServiceAway, ConfigError, LeaseLost) as error:
        return put_off(ledger, attempt, error)
    except Exception as error:
        if len(claims) > 1:
            return one_by_one(consumer, ledger, leases, claims)
        if isinstance(error, NeedsNewerWorker):
            return [needs_newer(claims[0], str(error))]
        return [given_up(claims[0], error)]


def put_off(
    ledger: Ledger, attempt: Attempt, error: ServiceAway | ConfigError | LeaseLost
) -> list[Settlement]:
    """Let claims wait for something that is not their own fault; raises ServiceAway again if Redis itself is away.

    A Redis that is only full takes settlements all the same.
    """
    if isinstance(error, LeaseLost):
        # Those that are still ours are tried anew, and look for what was made before.
        return [interrupted(claim, str(error)) for claim in attempt.claims]
    if isinstance(error, BadCredentials):
        # Behind the breaker: a wrong password that is tried again and again locks the account.
        return await_service(ledger, attempt, ServiceAway(error.service, str(error), after=RECHECK_S))
    if isinstance(error, QueueBlocked) and not attempt.begun:
        settlements = attempt.block(str(error))
        block(ledger, attempt, attempt.blocked)
        return settlements
    if isinstance(error, ConfigError):
        # They wait until the right is granted, or the setting that is named has been corrected.
        log.error("wrong setting", reason=str(error))
        return [misconfigured(claim, str(error)) for claim in attempt.claims]
    if isinstance(error, Busy):
        return [interrupted(claim, str(error), error.after or RECHECK_S) for claim in attempt.claims]
    if error.service == "redis":
        raise error
    # A limit of the rate is no job's fault.
    return await_service(ledger, attempt, error, None if isinstance(error, Throttled) else attempt.suspect)


def block(ledger: Ledger, attempt: Attempt, why: Blocked | None) -> None:
    """Let the queue of an attempt wait, of which it was found that its jobs cannot be done as things are set."""
    if why:
        first = attempt.claims[0]
        ledger.block(first.queue, why.reason, kind=why.kind, token=first.token)
        log.warning("queue waits", queue=first.queue, kind=why.kind, reason=why.reason)


def one_by_one(
    consumer: QueueHandler, ledger: Ledger, leases: Leases, claims: Sequence[Claim]
) -> list[Settlement]:
    """Handle each claim alone, so that what one of them breaks costs the others nothing.

    The batch may have been done in part, so each claim counts one attempt more and looks for what exists already.
    """
    settlements: list[Settlement] = []
    again = [structs.replace(claim, attempts=claim.attempts + 1) for claim in claims]
    for index, claim in enumerate(again):
        with working_on([claim]):
            (settlement,) = try_together(consumer, ledger, leases, [claim])
        if settlement.state in ("deferred", "blocked"):
            settlement = structs.replace(settlement, state="interrupted")
        settlements.append(settlement)
        if settlement.state in ("waiting", "interrupted", "suspected"):
            # The rest was not tried alone, so nothing speaks against any of it.
            rest = structs.replace(settlement, state="interrupted")
            return settlements + [structs.replace(rest, claim=other) for other in again[index + 1 :]]
    return settlements


def given_up(claim: Claim, error: Exception) -> Settlement:
    """Settle a claim as dead, with a traceback where the fault is ours and not the job's.

    What is wrong with an action is an answer to who asked for it.
    """
    name = type(error).__name__
    if isinstance(error, InputError) and KINDS[claim.kind].is_action:
        return refused(claim, error)
    if isinstance(error, TqError):
        return dead(claim, Failure(str(error), error=name))
    log.exception("work failed")
    return dead(claim, Failure(f"{name}: {error}", error=name, traceback=traceback.format_exc()))


def await_service(
    ledger: Ledger, attempt: Attempt, error: ServiceAway, suspect: Claim | None = None
) -> list[Settlement]:
    """Let claims wait until the service that is away may be called again; `suspect` may be why it fails.

    Where nothing was begun, no attempt is counted, since there is nothing that the next one would have to look for. A
    slow service gets time to finish what it was asked, so that the next attempt finds it.
    """
    token = attempt.claims[0].token
    pause_s = ledger.service_away(error.service, str(error), after=error.after, token=token)
    log.warning("service away", service=error.service, reason=str(error), again_in_s=round(pause_s, 1))
    pause_s = max(pause_s, error.busy_s)
    settle = waiting if attempt.begun else deferred
    return [
        suspect_of(claim, error, pause_s)
        if claim is suspect
        else settle(claim, str(error), wait_s(claim, pause_s), service=error.service)
        for claim in attempt.claims
    ]


def suspect_of(claim: Claim, error: ServiceAway, pause_s: float) -> Settlement:
    """Let a claim wait on which the service failed; one on which it keeps failing while it does others is dead."""
    if claim.solo_failures < MOST_SOLO_FAILURES:
        return suspected(claim, str(error), wait_s(claim, pause_s), service=error.service)
    reason = (
        f"{error}; so {claim.solo_failures + 1} times, while others were done. Edit or drop what it fails on, "
        "then replay it (tqctl dead replay)"
    )
    return dead(claim, Failure(reason, error="AlwaysFails"))


def wait_s(claim: Claim, pause_s: float) -> float:
    """Return for how many seconds a claim waits: at least `pause_s`, and longer the more often it was tried."""
    return max(pause_s, BACKOFF.pause_s(max(claim.attempts, claim.solo_failures)))


@contextmanager
def working_on(claims: Sequence[Claim]) -> Iterator[None]:
    """Let lines and calls inside the block say which jobs they are for.

    A call can carry one trace only: one that serves several jobs carries that of the round where rounds are traced, and
    that of the first that has any where not.
    """
    token = current_trace.set(_trace_for(claims))
    try:
        with structlog.contextvars.bound_contextvars(**fields(claims)):
            yield
    finally:
        current_trace.reset(token)


def _trace_for(claims: Sequence[Claim]) -> str:
    if gathering := recorder.get():
        return gathering.root.traceparent
    return next(filter(None, (read_traceparent(claim.trace) for claim in claims)), "")


def fields(claims: Sequence[Claim]) -> dict[str, str]:
    """Return what a line says about the jobs that it is for; of several, each field holds all that differ."""
    parts = {
        "job": (claim.id for claim in claims),
        "kind": (claim.kind for claim in claims),
        "queue": (claim.queue for claim in claims),
        "entry": (claim.producer for claim in claims),
        "trace": (claim.trace for claim in claims if claim.trace),
    }
    joined = {name: " ".join(dict.fromkeys(values)) for name, values in parts.items()}
    return {name: text for name, text in joined.items() if text}
