"""Working on a queue: claim what is ready, handle it, settle it, until nothing is ready.

Knows neither Celery nor ThreatQ; `handle` does the work and says what became of each claim.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence

import structlog
from msgspec import Struct, structs

from workers.errors import BadCredentials, ConfigError, ServiceAway, TqError
from workers.leases import Leases
from workers.ledger.ledger import LONGEST_WAIT_MS, NEEDS, Ledger
from workers.ledger.records import RECHECK_S, Claim, Settlement, dead, held, interrupted, waiting
from workers.tracing import working_on

log = structlog.get_logger(__name__)

#: Carries out claims of one queue and settles each of them.
Handle = Callable[[Sequence[Claim]], list[Settlement]]

#: Told of each round of work: what was claimed together, and how many seconds it took until it was settled.
Observer = Callable[[Sequence[Claim], float], None]

#: Seconds after which a bell's work ends and the next bell goes on, so that a task stays short and is seen.
BELL_S = 5.0


def observe_nothing(_claims: Sequence[Claim], _seconds: float) -> None:
    """Observe nothing."""


#: Pauses in s between tries to write down what was done, while Redis is away: about half a minute.
SETTLE_AGAIN_S = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0)


class Bench(Struct, frozen=True):
    """Where a queue is worked on: how its claims are handled, and how many at a time."""

    queue: str
    handle: Handle
    batch: int


def drain(
    bench: Bench,
    ledger: Ledger,
    leases: Leases,
    *,
    stopping: Callable[[], bool] = lambda: False,
    observe: Observer = observe_nothing,
) -> int:
    """Work until nothing is ready, the bell's time is over or the worker stops; return how many were settled.

    `observe` is told of each round of work.
    """
    settled, ends = 0, time.monotonic() + BELL_S
    while not stopping() and time.monotonic() < ends:
        claims = ledger.claim(bench.queue, bench.batch)
        if not claims:
            return settled
        began = time.monotonic()
        with leases.kept(claims), working_on(claims):
            settlements, well = attempt(bench, ledger, claims)
            stale = settle_patiently(ledger, settlements, well)
        _tell(settlements, stale)
        observe(claims, time.monotonic() - began)
        if any(settlement.state == "dead" for settlement in settlements) and ledger.is_suspended(bench.queue):
            log.error("nearly all jobs die, the queue is paused", queue=bench.queue, next="tqctl status")
        settled += len(settlements)
    ledger.ring(bench.queue)
    return settled


def settle_patiently(
    ledger: Ledger, settlements: Sequence[Settlement], well: Sequence[str]
) -> list[Settlement]:
    """Settle, and try again for a while when Redis is away: the work is done, and nobody else knows.

    Else the leases would run out, each job would count as one that lost its worker, and be looked for anew.
    """
    for pause_s in SETTLE_AGAIN_S:
        try:
            return ledger.settle(settlements, well=well)
        except ServiceAway as error:
            log.warning("not settled yet", reason=str(error), again_in_s=pause_s)
            time.sleep(pause_s)
    return ledger.settle(settlements, well=well)


def _tell(settlements: Sequence[Settlement], stale: Sequence[Settlement]) -> None:
    for settlement in stale:
        with working_on([settlement.claim]):
            log.warning("lease lost", state=settlement.state)
    # What went well is in the ledger; a line for each of ten thousand jobs a second would cost more than the jobs.
    for settlement in settlements:
        if settlement.state == "dead":
            with working_on([settlement.claim]):
                log.warning("job is dead", reason=settlement.entry.get("reason"))


def attempt(bench: Bench, ledger: Ledger, claims: Sequence[Claim]) -> tuple[list[Settlement], Sequence[str]]:
    """Handle `claims`; return what became of them, and the services that proved to be well."""
    try:
        return bench.handle(claims), NEEDS[bench.queue]
    except ServiceAway as error:
        if error.service == "redis":
            raise
        return put_off(ledger, claims, error), ()
    except BadCredentials as error:
        # Behind the breaker: a wrong password that is tried again and again locks the account.
        return put_off(ledger, claims, ServiceAway(_whose(error), str(error), after=RECHECK_S)), ()
    except ConfigError as error:
        # Not the jobs' fault: they wait until somebody has corrected the setting that is named.
        log.error("wrong setting", reason=str(error))
        return [interrupted(claim, str(error), RECHECK_S) for claim in claims], ()
    except Exception as error:
        if len(claims) > 1:
            return one_by_one(bench, ledger, claims)
        return [given_up(claims[0], error)], ()


def _whose(error: BadCredentials) -> str:
    return "logrhythm" if error.field.startswith("logrhythm") else "threatq"


def one_by_one(
    bench: Bench, ledger: Ledger, claims: Sequence[Claim]
) -> tuple[list[Settlement], Sequence[str]]:
    """Handle each claim alone, so that what one of them breaks costs the others nothing.

    What was tried together may have been done in part, so each is an attempt more and looks for what is there.
    """
    settlements: list[Settlement] = []
    well: Sequence[str] = ()
    again = [structs.replace(claim, attempts=claim.attempts + 1) for claim in claims]
    for index, claim in enumerate(again):
        with working_on([claim]):
            (settlement,), well = attempt(bench, ledger, [claim])
        if settlement.state == "held":
            settlement = structs.replace(settlement, state="interrupted")
        settlements.append(settlement)
        if settlement.state in ("waiting", "interrupted"):
            rest = again[index + 1 :]
            return settlements + [structs.replace(settlement, claim=one) for one in rest], ()
    return settlements, well


def given_up(claim: Claim, error: Exception) -> Settlement:
    """Settle a claim as dead, with a traceback where the fault is ours and not the job's."""
    if isinstance(error, TqError):
        return dead(claim, str(error), error=type(error).__name__)
    log.exception("work failed")
    return dead(
        claim,
        f"{type(error).__name__}: {error}",
        error=type(error).__name__,
        traceback=traceback.format_exc(),
    )


def put_off(ledger: Ledger, claims: Sequence[Claim], error: ServiceAway) -> list[Settlement]:
    """Let claims wait until the service that is away may be called again.

    Where nothing was begun, it counts as no attempt: nobody need look for what is left of it. A service that is
    slow gets time to end what it was asked, so that the next attempt finds it.
    """
    pause_s = ledger.service_away(error.service, str(error), after=error.after)
    log.warning("service away", service=error.service, reason=str(error), again_in_s=round(pause_s, 1))
    if not error.begun:
        return [held(claim, str(error), max(pause_s, backoff_s(claim.attempts))) for claim in claims]
    return [
        waiting(
            claim, str(error), max(pause_s, error.busy_s, backoff_s(claim.attempts)), service=error.service
        )
        for claim in claims
    ]


def backoff_s(attempts: int) -> float:
    """Return how long a job waits after its n-th attempt: 0.5 s, doubled each time, up to a minute."""
    return float(min(0.5 * 2 ** min(attempts - 1, 10), LONGEST_WAIT_MS / 1000))
