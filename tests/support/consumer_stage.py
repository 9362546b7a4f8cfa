"""Ways to handle claims, for tests of the consumer loop."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from workers.consumer import Handle
from workers.core.errors import ServiceAway
from workers.core.http_failures import Remote, answering
from workers.core.jobs import Job
from workers.core.results import EventResult
from workers.leases import Attempt
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim, Settlement, dead, done

Work = Callable[[Handle], int]


class Tries:
    """Handles claims and notes which attempt each one is; the first rounds meet `errors`, in their order."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts: list[list[int]] = []

    def __call__(self, attempt: Attempt) -> list[Settlement]:
        self.attempts.append([claim.attempts for claim in attempt.claims])
        if self.errors:
            error = self.errors.pop(0)
            if not isinstance(error, NothingMade):
                attempt.begin()
            raise error
        with answered_by("threatq"):
            return do(attempt)


class NothingMade(ServiceAway):
    """ThreatQ goes away before the attempt has begun to make anything."""

    def __init__(self) -> None:
        super().__init__("threatq", "503")


def answered_by(service: str) -> AbstractContextManager[None]:
    """Let `service` answer a call that the block stands for."""
    return answering(Remote(service, service, ""), "GET /", (1.0, 1.0))


def accept(ledger: Ledger, count: int, *, senders: int = 1, first: int = 0) -> list[str]:
    jobs = [
        Job(
            "events.create",
            {"payload": {"number": number}},
            producer="cli",
            sender=f"sender{number % senders}" if senders > 1 else "",
        )
        for number in range(first, first + count)
    ]
    return [answer.id for answer in ledger.accept(jobs)]


def number(claim: Claim) -> int:
    return int(claim.arguments["payload"]["number"])


def do(attempt: Attempt) -> list[Settlement]:
    return [done(claim, EventResult()) for claim in attempt.claims]


def refuse(attempt: Attempt) -> list[Settlement]:
    return [dead(claim, "event_type: ThreatQ has no event type Sightnig") for claim in attempt.claims]
