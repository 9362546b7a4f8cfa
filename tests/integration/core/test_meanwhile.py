"""What is done meanwhile is done once, while the service works on its answer, and never costs the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sandbox.launch.tls import self_signed
from sandbox.serving import Site, running
from tests.support.scripted import Answer, Asked, scripted
from workers.core.errors import ServiceAway
from workers.core.http_session import Adapter, meanwhile, observe_nothing, side_by_side, undisturbed

pytestmark = pytest.mark.integration

#: Seconds after which a service that waits for us answers 504 instead.
PATIENCE_S = 10.0


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, Adapter(observe_nothing, pool_connections=1, pool_maxsize=1))
        yield session


def test_it_is_done_after_the_request_was_sent_and_before_the_answer_came(session: requests.Session) -> None:
    asked, done = threading.Event(), threading.Event()

    def answers_when_done(_asked: Asked) -> Answer:
        asked.set()
        return Answer(status=200 if done.wait(PATIENCE_S) else 504)

    def act() -> None:
        assert asked.wait(PATIENCE_S)
        done.set()

    with scripted(answers_when_done) as service, meanwhile(act):
        assert session.post(service.url, data=b"x" * 1_000, timeout=30).status_code == 200


def test_the_same_holds_over_tls(session: requests.Session, tmp_path: Path) -> None:
    done = threading.Event()

    def answers_when_done(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("", 200 if done.wait(PATIENCE_S) else 504)

    tls = self_signed(tmp_path)
    site = Site("service", Starlette(routes=[Route("/", answers_when_done)]), **tls)
    with running(site), session, meanwhile(done.set):
        assert session.get(site.url, verify=tls["ssl_certfile"], timeout=30).status_code == 200


def test_two_requests_do_it_once(session: requests.Session) -> None:
    times: list[int] = []
    with scripted(lambda _asked: Answer()) as service, meanwhile(lambda: times.append(1)):
        session.get(service.url, timeout=30)
        session.get(service.url, timeout=30)
    assert times == [1]


def test_without_a_request_it_is_done_at_the_end() -> None:
    times: list[int] = []
    with meanwhile(lambda: times.append(1)):
        assert not times
    assert times == [1]


def test_it_is_done_although_the_request_fails(session: requests.Session) -> None:
    times: list[int] = []
    with scripted(lambda _asked: Answer()) as service:
        gone = service.url
    with pytest.raises(requests.ConnectionError), meanwhile(lambda: times.append(1)):
        session.get(gone, timeout=30)
    assert times == [1]


def test_a_full_disk_is_not_taken_for_a_broken_connection(session: requests.Session) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    answers: list[int] = []
    with (
        scripted(lambda _asked: Answer()) as service,
        pytest.raises(OSError, match="No space left") as raised,
        meanwhile(full),
    ):
        answers.append(session.get(service.url, timeout=30).status_code)
    assert not isinstance(raised.value, requests.RequestException)
    assert answers == [200]


def test_requests_of_the_next_job_know_nothing_of_it(session: requests.Session) -> None:
    times: list[int] = []
    with scripted(lambda _asked: Answer()) as service:
        with meanwhile(lambda: times.append(1)):
            session.get(service.url, timeout=30)
        session.get(service.url, timeout=30)
    assert times == [1]


def test_what_is_done_side_by_side_is_asked_for_before_anything_is_answered(
    session: requests.Session,
) -> None:
    asked = threading.Barrier(3)

    def answers_all(_asked: Asked) -> Answer:
        asked.wait(PATIENCE_S)
        return Answer()

    answers: list[int] = []
    with scripted(answers_all) as service:
        side_by_side(*[lambda: answers.append(session.get(service.url, timeout=30).status_code)] * 3)
    assert answers == [200, 200, 200]


def test_what_fails_beside_costs_the_others_nothing_and_is_raised_in_the_end(
    session: requests.Session,
) -> None:
    def fails() -> None:
        raise ServiceAway("threatq", "it is away")

    answers: list[int] = []
    with scripted(lambda _asked: Answer()) as service, pytest.raises(ServiceAway, match="it is away"):
        side_by_side(lambda: answers.append(session.get(service.url, timeout=30).status_code), fails)
    assert answers == [200]


def test_a_request_that_is_not_to_be_disturbed_is_followed_by_the_next_one(session: requests.Session) -> None:
    order: list[str] = []
    service = scripted(lambda asked: order.append(asked.path) or Answer())
    with service as service_at, meanwhile(lambda: order.append("act")):
        with undisturbed():
            session.get(f"{service_at.url}/token", timeout=30)
        session.get(f"{service_at.url}/page", timeout=30)
    assert order[0] == "/token"
    assert sorted(order[1:]) == ["/page", "act"]
