"""One call of ThreatQ against a server that misbehaves: what passes, what is refused, what is called again."""

from __future__ import annotations

import gzip
import json
import threading

import pytest

from tests.support.scripted import Answer, Asked, scripted
from tests.support.threatq_script import ThreatqScript, fine, settings_for
from workers.core.errors import ConfigError, ServiceAway
from workers.threatq.client import Client
from workers.threatq.errors import ServiceRefusal

pytestmark = pytest.mark.integration


def test_a_redirect_is_not_followed() -> None:
    away = {"Location": "https://evil.example/collect?x=1"}
    with (
        scripted(lambda _asked: Answer({}, status=307, headers=away)) as server,
        pytest.raises(ConfigError, match="redirects"),
    ):
        Client.from_settings(settings_for(server.url)).call("GET", "/api/x")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        # a page of a proxy or of maintenance
        (Answer(b"<html>back soon</html>", headers={"Content-Type": "text/html"}), "text/html"),
        # cut off or not JSON at all
        (Answer(b'{"data": ['), "instead of JSON"),
        (Answer(b"\xff\xfe"), "instead of JSON"),
        # the server hangs up
        (Answer(drop=True), "broke during"),
        # busy, with and without JSON
        (Answer({}, status=503), "503"),
        (Answer(b"<html>", status=502), "502"),
    ],
)
def test_what_passes_is_an_absence(answer: Answer, said: str) -> None:
    with scripted(ThreatqScript(lambda _asked: answer)) as server, pytest.raises(ServiceAway, match=said):
        Client.from_settings(settings_for(server.url)).call("GET", "/api/x")


def test_an_absence_carries_what_retry_after_says() -> None:
    answer = Answer({}, status=429, headers={"Retry-After": "17"})
    with scripted(ThreatqScript(lambda _asked: answer)) as server, pytest.raises(ServiceAway) as caught:
        Client.from_settings(settings_for(server.url)).call("GET", "/api/x")
    assert (caught.value.service, caught.value.after) == ("threatq", 17.0)


def test_gzip_is_asked_for_and_read() -> None:
    body = json.dumps({"total": 1, "data": [{"id": 7, "name": "x" * 10_000}]}).encode()
    answer = Answer(
        gzip.compress(body), headers={"Content-Encoding": "gzip", "Content-Type": "application/json"}
    )
    with scripted(ThreatqScript(lambda _asked: answer)) as server:
        caller = Client.from_settings(settings_for(server.url))
        assert caller.call("POST", "/api/indicators/query", json={}) == json.loads(body)
        (asked,) = server.calls("/api/indicators/query")
        assert "gzip" in asked.headers["Accept-Encoding"].split(", ")


def test_a_server_that_is_not_there_is_an_absence_that_says_why() -> None:
    with scripted(fine) as server:
        url = server.url
    with pytest.raises(ServiceAway, match="refused"):
        Client.from_settings(settings_for(url)).call("GET", "/api/x")


def test_a_server_that_does_not_answer_in_time_is_an_absence() -> None:
    release = threading.Event()

    def slow(_asked: Asked) -> Answer:
        release.wait(10)
        return Answer(drop=True)

    with scripted(slow) as server:
        client = Client.from_settings(settings_for(server.url, threatq_read_timeout_s=0.2))
        with pytest.raises(ServiceAway, match=r"within 0\.2 s"):
            client.call("GET", "/api/x")
        release.set()


def test_the_environments_proxy_is_not_threatqs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with scripted(ThreatqScript(fine)) as server:
        assert Client.from_settings(settings_for(server.url)).call("GET", "/api/x")["total"] == 1


def test_a_configured_proxy_carries_every_call() -> None:
    with scripted(ThreatqScript(fine)) as proxy:
        settings = settings_for("http://localhost:1", threatq_proxy=proxy.url)
        Client.from_settings(settings).call("GET", "/api/x")
        assert [asked.path for asked in proxy.asked] == ["/api/token", "/api/x"]


def test_cookies_are_not_kept() -> None:
    script = ThreatqScript(lambda _asked: Answer({}, headers={"Set-Cookie": "session=1"}))
    with scripted(script) as server:
        client = Client.from_settings(settings_for(server.url))
        client.call("GET", "/api/x")
        client.call("GET", "/api/x")
        assert "Cookie" not in server.asked[-1].headers


def test_a_ca_file_that_is_missing_is_told_by_its_setting() -> None:
    with pytest.raises(ConfigError, match="threatq_ca_file"):
        Client.from_settings(settings_for("https://threatq.example", threatq_ca_file="/nowhere.pem"))


def test_a_refusal_keeps_threatqs_words() -> None:
    answer = Answer({"errors": ["value is required"]}, status=400)
    with (
        scripted(ThreatqScript(lambda _asked: answer)) as server,
        pytest.raises(ServiceRefusal, match="value is required"),
    ):
        Client.from_settings(settings_for(server.url)).call("POST", "/api/indicators", json={})


def failing(times: int) -> ThreatqScript:
    left = [times]

    def answer(asked: Asked) -> Answer:
        left[0] -= 1
        return Answer({"errors": ["Server Error"]}, status=500) if left[0] >= 0 else fine(asked)

    return ThreatqScript(answer)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/events"), ("POST", "/api/indicators/consume"), ("POST", "/api/indicators/query")],
)
def test_a_call_that_may_be_repeated_survives_an_internal_error(method: str, path: str) -> None:
    with scripted(failing(2)) as server:
        assert Client.from_settings(settings_for(server.url)).call(method, path, json=[])["total"] == 1
        assert len(server.calls(path)) == 3


def test_an_internal_error_that_lasts_is_an_absence() -> None:
    with scripted(failing(9)) as server, pytest.raises(ServiceAway):
        Client.from_settings(settings_for(server.url)).call("GET", "/api/events")


@pytest.mark.parametrize("path", ["/api/events/consume", "/api/events", "/api/events/7/comments"])
def test_a_call_whose_repetition_could_make_two_of_something_is_made_once(path: str) -> None:
    with scripted(failing(1)) as server, pytest.raises(ServiceAway):
        Client.from_settings(settings_for(server.url)).call("POST", path, json=[])
    assert len(server.calls(path)) == 1
