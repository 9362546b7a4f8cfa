"""What ThreatQ knows by name is told to the entries by the workers, and a typo is an answer there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from producers.smart_response import main
from producers.smart_response.commands import ACTIONS
from tests.support.producers import Shim, event
from tests.support.sandbox_threatq import SandboxThreatQ
from workers.ledger import keys
from workers.ledger.admin import LedgerAdmin
from workers.ledger.known_names import FRESH_S, KnownNames, read_names
from workers.ledger.ledger import Ledger
from workers.runtime import Runtime
from workers.tasks import names
from workers.tasks.names import HOLD_OFF_S, LOOK_AGAIN_S, Teller, ask_for_names, event_names, indicator_names

pytestmark = pytest.mark.integration


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def worker(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    """A worker whose process is this one."""
    monkeypatch.setattr(names, "runtime", lambda: runtime)
    return runtime


def told(redis: Redis, queue: str = "enrichment") -> KnownNames:
    return read_names(redis.get(keys.names(queue)))


def tell_types(redis: Redis, *types: str) -> None:
    redis.set(keys.names("enrichment"), KnownNames(types, private_ips="10.0.0.0/8").as_text())


@pytest.mark.usefixtures("worker")
def test_a_worker_tells_the_types_of_its_threatq_for_a_while(redis: Redis) -> None:
    Teller("enrichment", indicator_names)()
    Teller("events", event_names)()
    assert {"IP Address", "FQDN"} <= set(told(redis).types)
    assert "Sighting" in told(redis, "events").types
    assert 0 < redis.ttl(keys.names("enrichment")) <= FRESH_S


@pytest.mark.usefixtures("worker")
def test_what_was_added_in_threatq_is_told_the_next_time(
    redis: Redis, threatq_sandbox: SandboxThreatQ
) -> None:
    clock = Clock()
    teller = Teller("events", event_names, clock)
    teller()
    threatq_sandbox.post("/api/event/types", {"name": "Beaconing"})
    teller()
    assert "Beaconing" not in told(redis, "events").types
    # Its own table is as old as the clock of this machine says; a new process has none.
    clock.now_s = LOOK_AGAIN_S
    names.runtime().__dict__.pop("threatq", None)
    teller()
    assert "Beaconing" in told(redis, "events").types


def test_while_threatq_is_away_nothing_is_asked_of_it(
    worker: Runtime, redis: Redis, threatq_sandbox: SandboxThreatQ
) -> None:
    worker.ledger.service_away("threatq", "503", after=60)
    threatq_sandbox.control("calls", method="DELETE")
    Teller("enrichment", indicator_names)()
    assert threatq_sandbox.calls() == {}
    assert told(redis).types == ()


@pytest.mark.usefixtures("worker")
def test_a_threatq_that_fails_is_asked_again_only_after_long(threatq_sandbox: SandboxThreatQ) -> None:
    clock = Clock()
    teller = Teller("enrichment", indicator_names, clock)
    threatq_sandbox.fault("error", status=503)
    teller()
    threatq_sandbox.control("calls", method="DELETE")
    clock.now_s = HOLD_OFF_S - 1
    teller()
    assert threatq_sandbox.calls() == {}


def test_a_worker_with_nothing_to_do_is_asked_for_them_once_in_a_while(ledger: Ledger) -> None:
    for _ in range(2):
        ask_for_names(ledger)
    assert (ledger.wake_ups("enrichment"), ledger.wake_ups("events")) == (1, 1)


def test_http_refuses_a_typo_and_a_private_address_and_enqueues_nothing(
    shim: Shim, redis: Redis, admin: LedgerAdmin
) -> None:
    tell_types(redis, "IP Address", "FQDN")
    typo = shim.post("/v1/actions/add", {"type": "IP Adress", "value": "1.2.3.4"})
    private = shim.post("/v1/actions/add", {"type": "IP Address", "value": "10.1.2.3"})
    assert (typo.status_code, typo.json()["code"]) == (422, "invalid_action")
    assert 'Did you mean "IP Address"?' in typo.json()["detail"]
    assert (private.status_code, "is a private address" in private.json()["detail"]) == (422, True)
    assert admin.open_jobs()["enrichment"] == 0


def test_http_accepts_what_only_a_worker_can_tell(shim: Shim) -> None:
    assert shim.post("/v1/actions/add", {"type": "IP Adress", "value": "1.2.3.4"}).status_code == 202


@pytest.mark.parametrize(("types", "code"), [(("IP Address",), 2), ((), 0), (("IP Adress",), 0)])
def test_a_stub_refuses_a_typo_and_nothing_that_threatq_may_have(
    redis: Redis,
    redis_url: str,
    admin: LedgerAdmin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    types: tuple[str, ...],
    code: int,
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", redis_url)
    monkeypatch.setenv("TQ_CONFIG", str(tmp_path))
    tell_types(redis, *types)
    assert main.run(ACTIONS["tq-lookup"], ["IP Adress", "1.2.3.4", "--no-wait"]) == code
    shown = capsys.readouterr().out
    assert ("NOT DONE" in shown and 'Did you mean "IP Address"' in shown) == (code == 2)
    assert admin.open_jobs()["enrichment"] == (0 if code else 1)


@pytest.fixture
def own_shim(tmp_path: Path, redis_url: str) -> Iterator[Shim]:
    """An entry point that has read no event types yet: it keeps them for some seconds."""
    with Shim(tmp_path, redis_url) as process:
        yield process


def test_http_says_at_once_that_an_event_type_is_unknown(own_shim: Shim, redis: Redis) -> None:
    redis.set(keys.names("events"), KnownNames(("Sighting",)).as_text())
    answer = own_shim.post("/v1/events", event(event_type="Sightng"))
    assert answer.status_code == 202
    assert 'did you mean "Sighting"?' in answer.json()["warnings"][0]


def test_http_refuses_it_where_threatq_is_not_to_create_it(
    own_shim: Shim, redis: Redis, admin: LedgerAdmin
) -> None:
    redis.set(keys.names("events"), KnownNames(("Sighting",), creates=False).as_text())
    assert own_shim.post("/v1/events", event(event_type="Sightng")).status_code == 422
    assert admin.open_jobs()["events"] == 0
