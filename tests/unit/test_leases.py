"""The thread that renews leases: whatever happens in it, it says so and goes on."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tests.support.waiting import until
from workers.core.errors import ServiceAway
from workers.leases import Leases
from workers.ledger.connection import connect
from workers.ledger.ledger import Ledger
from workers.ledger.records import Claim

#: A job that is being worked on.
CLAIM = Claim(
    id="0" * 24,
    kind="events.create",
    queue="events",
    producer="cli",
    title="",
    trace="",
    accepted_ms=0,
    attempts=1,
    lost=0,
    solo_failures=0,
    token="1" * 16,
    body=b"",
)


class FailingLedger(Ledger):
    """A ledger whose first renewals raise, one error each."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__(connect("redis://127.0.0.1:1"), lease_s=0.03)
        self.errors = list(errors)
        self.broken = ""
        self.renewed = 0

    def renew(self, claims: Sequence[Claim]) -> set[str]:
        if claims[0].token == self.broken:
            raise KeyError(self.broken)
        if self.errors:
            raise self.errors.pop(0)
        self.renewed += 1
        return set()


@pytest.mark.parametrize(
    ("error", "level"),
    [
        # Redis is away: this is expected to pass.
        (ServiceAway("redis", "Redis cannot be reached"), "warning"),
        # A fault of ours, and whatever else no one thought of.
        (KeyError("progress"), "error"),
        (MemoryError(), "error"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), "error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_renewing_goes_on_after_any_exception_and_says_so(error: Exception, level: str) -> None:
    ledger = FailingLedger(error)
    with capture_logs() as lines, Leases(ledger).renewing([CLAIM]):
        # When the first renewal raises, then later ones are tried all the same
        until(lambda: ledger.renewed >= 2)
    # and the log has it
    assert [(line["event"], line["log_level"]) for line in lines] == [("leases not renewed", level)]


def test_a_round_that_cannot_be_renewed_takes_no_other_round_with_it() -> None:
    # Given two rounds of work, of which the first one renewed raises each time
    ledger = FailingLedger()
    other = replace(CLAIM, token="2" * 16)
    ledger.broken = CLAIM.token
    leases = Leases(ledger)
    with capture_logs(), leases.renewing([CLAIM]), leases.renewing([other]):
        # Then the other one is renewed again and again
        assert until(lambda: ledger.renewed >= 2)


def test_the_thread_ends_once_nothing_uses_the_leases_any_more() -> None:
    # Given leases whose thread has begun
    before = set(threading.enumerate())
    ledger = FailingLedger()
    leases = Leases(ledger)
    with leases.renewing([CLAIM]):
        until(lambda: ledger.renewed > 0)
    (thread,) = set(threading.enumerate()) - before
    # When they are used no more
    del leases
    # Then it ends, and lets go of the connections to Redis
    thread.join(timeout=30)
    assert not thread.is_alive()
