"""The account of a chaos run, compared with a ledger and a ThreatQ in which something is wrong."""

from __future__ import annotations

import pytest

from chaos.account import Account, settle_up
from chaos.payloads import payload, title
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.core.jobs import Job
from workers.events.handler import make_events
from workers.leases import Attempt, Leases
from workers.ledger.admin import LedgerAdmin
from workers.ledger.ledger import Ledger
from workers.payload.options import from_settings
from workers.settings.model import Settings
from workers.threatq.service import ThreatQ

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def events_without_a_key(threatq_sandbox: SandboxThreatQ) -> None:
    """Let ThreatQ make a second event of the same title, type and time."""
    threatq_sandbox.behave(event_key="none")


def send(ledger: Ledger, count: int) -> dict[int, str]:
    jobs = [Job("events.create", {"payload": payload(number)}, producer="cli") for number in range(count)]
    return {number: answer.id for number, answer in enumerate(ledger.accept(jobs))}


def work(ledger: Ledger, threatq: ThreatQ) -> None:
    claims = ledger.claim("events", 100)
    ledger.settle(make_events(Attempt(claims, Leases(ledger)), threatq, from_settings(Settings())))


def figures(account: Account) -> tuple[int, int, int, int, int]:
    return account.accepted, account.done, account.lost, account.doubled, account.incomplete


def test_all_is_well(ledger: Ledger, admin: LedgerAdmin, threatq: ThreatQ) -> None:
    sent = send(ledger, 3)
    work(ledger, threatq)
    account = settle_up("none", sent, admin, threatq)
    assert figures(account) == (3, 3, 0, 0, 0)
    assert account.is_good


def test_a_job_that_is_open_or_unknown_is_lost(ledger: Ledger, admin: LedgerAdmin, threatq: ThreatQ) -> None:
    sent = send(ledger, 2) | {2: "never-heard-of"}
    account = settle_up("none", sent, admin, threatq)
    assert figures(account) == (3, 0, 3, 0, 0)
    assert not account.is_good


def test_a_job_that_is_done_without_an_event_is_lost(
    ledger: Ledger, admin: LedgerAdmin, threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    sent = send(ledger, 2)
    work(ledger, threatq)
    (event,) = threatq_sandbox.get("/api/events", title=title(1))["data"]
    threatq_sandbox.delete(f"/api/events/{event['id']}")
    assert figures(settle_up("none", sent, admin, threatq)) == (2, 2, 1, 0, 0)


def test_a_second_event_and_a_bare_one_are_seen(
    ledger: Ledger, admin: LedgerAdmin, threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    sent = send(ledger, 2)
    work(ledger, threatq)
    double = {"title": title(0), "type": "Sighting", "happened_at": "2026-01-01 00:00:00"}
    threatq_sandbox.post("/api/events", double)
    (event,) = threatq_sandbox.get("/api/events", title=title(1), **{"with": "attributes"})["data"]
    threatq_sandbox.delete(f"/api/events/{event['id']}/attributes/{event['attributes'][0]['id']}")
    account = settle_up("none", sent, admin, threatq)
    assert figures(account)[3] == 1
    assert not account.is_good
