"""Transport, token and lookups against a server that misbehaves on purpose."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from tests.support.scripted import Answer, Asked, Scripted, scripted
from workers.core.errors import BadCredentials, ConfigError, MissingRights, ServiceAway
from workers.settings.model import Secret, Settings
from workers.threatq.auth import AccessTokens
from workers.threatq.client import Client
from workers.threatq.errors import ServiceRefusal
from workers.threatq.service import MISS_S, TTL_S, Lookups
from workers.threatq.transport import Transport

pytestmark = pytest.mark.integration

PASSWORD = "s3cret-pass"


def settings_for(url: str, **other: object) -> Settings:
    plain = Settings(
        threatq_url=url,
        threatq_client_id="cid",
        threatq_email="a@b.example",
        threatq_password=Secret(PASSWORD),
        threatq_connect_timeout_s=1.0,
        threatq_read_timeout_s=5.0,
    )
    return msgspec.structs.replace(plain, **other)


class ThreatqScript:
    """Gives tokens t1, t2, … and accepts the newest; everything else is the test's."""

    def __init__(self, then: Callable[[Asked], Answer]) -> None:
        self.then = then
        self.logins = 0
        self.expires_in = 3_600
        self.valid = ""

    def __call__(self, asked: Asked) -> Answer:
        if asked.path == "/api/token":
            self.logins += 1
            self.valid = f"t{self.logins}"
            return Answer({"access_token": self.valid, "expires_in": self.expires_in, "refresh_token": "r"})
        if asked.headers.get("Authorization") != f"Bearer {self.valid}":
            return Answer({}, status=401)
        return self.then(asked)


def fine(_asked: Asked) -> Answer:
    return Answer({"total": 1, "data": [{"id": 1, "name": "FQDN"}]})


def test_many_threads_share_one_login() -> None:
    script = ThreatqScript(fine)
    with scripted(script) as server, ThreadPoolExecutor(8) as pool:
        client = Client.from_settings(settings_for(server.url))
        gate = threading.Barrier(8)

        def ask(_: int) -> None:
            gate.wait(5)
            client.call("GET", "/api/x")

        list(pool.map(ask, range(8)))
        client.close()
    assert script.logins == 1


def test_the_password_goes_in_the_body_and_the_agent_says_who_we_are() -> None:
    with scripted(ThreatqScript(fine)) as server:
        Client.from_settings(settings_for(server.url)).call("GET", "/api/x")
        login = server.calls("/api/token")[0]
    assert login.query == {}
    assert login.json == {
        "grant_type": "password",
        "client_id": "cid",
        "email": "a@b.example",
        "password": PASSWORD,
    }
    assert login.headers["User-Agent"].startswith("tq-workers/")


def test_client_credentials_go_by_basic_authentication() -> None:
    with scripted(ThreatqScript(fine)) as server:
        settings = settings_for(server.url, threatq_client_secret=Secret("shh"))
        Client.from_settings(settings).call("GET", "/api/x")
        login = server.calls("/api/token")[0]
    assert login.query == {"grant_type": "client_credentials"}
    assert login.headers["Authorization"] == "Basic Y2lkOnNoaA=="


def test_a_thread_that_comes_late_with_an_old_token_does_not_throw_the_new_one_away() -> None:
    with scripted(ThreatqScript(fine)) as server:
        settings = settings_for(server.url)
        tokens = AccessTokens(Transport(settings), settings)
        old = tokens.current()
        tokens.drop(old)
        new = tokens.current()
        tokens.drop(old)
        assert tokens.current() == new == "t2"


def test_a_token_is_renewed_before_it_runs_out() -> None:
    script = ThreatqScript(fine)
    now = [0.0]
    with scripted(script) as server:
        settings = settings_for(server.url)
        transport = Transport(settings)
        tokens = AccessTokens(transport, settings, clock=lambda: now[0])
        assert [tokens.current(), tokens.current()] == ["t1", "t1"]
        now[0] = 0.79 * 3_600
        assert tokens.current() == "t1"
        now[0] = 0.81 * 3_600
        assert tokens.current() == "t2"
        assert server.calls("/api/token")[1].json == {"grant_type": "refresh_token", "refresh_token": "r"}
        transport.close()


@pytest.mark.parametrize("status", [401, 404, 405, 410])
def test_a_login_that_is_refused_is_a_wrong_setting_and_never_the_jobs_fault(status: int) -> None:
    with scripted(lambda _: Answer({}, status=status)) as server:
        client = Client.from_settings(settings_for(server.url))
        with pytest.raises(ConfigError) as caught:
            client.call("GET", "/api/x")
    assert caught.value.field.startswith("threatq_client_id" if status == 401 else "threatq_url")


def test_a_refresh_that_threatq_refuses_leads_to_a_login() -> None:
    def script(asked: Asked) -> Answer:
        if asked.json["grant_type"] == "refresh_token":
            return Answer({"error": "invalid_grant"}, status=400)
        return Answer({"access_token": "t", "expires_in": 0, "refresh_token": "r"})

    with scripted(script) as server:
        settings = settings_for(server.url)
        tokens = AccessTokens(Transport(settings), settings)
        tokens.current()
        tokens.current()
        assert [asked.json["grant_type"] for asked in server.asked] == [
            "password",
            "refresh_token",
            "password",
        ]


def test_a_token_that_dies_in_mid_run_is_replaced_without_the_caller_noticing() -> None:
    script = ThreatqScript(fine)
    with scripted(script) as server:
        client = Client.from_settings(settings_for(server.url))
        client.call("GET", "/api/x")
        script.valid = "revoked"
        client.call("GET", "/api/x")
    assert script.logins == 2


def test_a_threatq_that_never_takes_its_own_token_is_a_matter_of_credentials() -> None:
    script = ThreatqScript(lambda _asked: Answer({}, status=401))
    with scripted(script) as server, pytest.raises(BadCredentials, match="401"):
        Client.from_settings(settings_for(server.url)).call("GET", "/api/x")
    assert script.logins == 2


@pytest.mark.parametrize("status", [400, 401])
def test_a_wrong_password_names_the_settings_and_never_the_password(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"error": "invalid_credentials", "error_description": f"{PASSWORD} is wrong"}
    with scripted(lambda _asked: Answer(echo, status=status)) as server:
        settings = settings_for(server.url)
        with pytest.raises(BadCredentials, match="threatq_password") as caught:
            Client.from_settings(settings).call("GET", "/api/x")
    assert PASSWORD not in f"{caught.value!r} {caplog.text} {settings!r}"


def test_nothing_secret_is_logged_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    script = ThreatqScript(fine)
    script.expires_in = 0
    with scripted(script) as server:
        client = Client.from_settings(settings_for(server.url))
        client.call("GET", "/api/x")
        client.call("GET", "/api/x")
    assert "/api/token" in caplog.text
    for secret in (PASSWORD, "cid", "t1", "t2"):
        assert secret not in caplog.text


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
        Client.from_settings(settings_for(server.url)).call("GET", "/api/x")


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


def names(*pairs: tuple[int, str]) -> Answer:
    return Answer({"total": len(pairs), "data": [{"id": id_, "name": name} for id_, name in pairs]})


def lookups_at(server: Scripted, clock: Callable[[], float]) -> Lookups:
    return Lookups(Client.from_settings(settings_for(server.url)), clock=clock)


def test_names_are_found_in_any_case_and_read_once() -> None:
    with scripted(ThreatqScript(lambda _asked: names((10, "FQDN"), (14, "IP Address")))) as server:
        lookups = lookups_at(server, lambda: 0.0)
        assert [lookups.indicator_type(name) for name in ("fqdn", "IP address", "Nope")] == [10, 14, None]
        assert len(server.calls("/api/indicator/types")) == 1


def test_a_missing_name_and_an_old_table_are_read_again() -> None:
    now = [0.0]
    answer = [names((1, "A"))]
    with scripted(ThreatqScript(lambda _asked: answer[0])) as server:
        lookups = lookups_at(server, lambda: now[0])
        assert lookups.event_type("B") is None
        answer[0] = names((1, "A"), (2, "B"))
        now[0] = MISS_S
        assert lookups.event_type("B") == 2
        answer[0] = names((1, "A"), (9, "B"))
        assert lookups.event_type("B") == 2
        now[0] = MISS_S + TTL_S
        assert lookups.event_type("B") == 9


def test_a_table_of_many_pages_is_read_to_its_end() -> None:
    everything = [{"id": number, "name": f"T{number}"} for number in range(1_200)]

    def script(asked: Asked) -> Answer:
        at, size = int(asked.query["offset"]), int(asked.query["limit"])
        return Answer({"total": 1_200, "data": everything[at : at + size]})

    with scripted(ThreatqScript(script)) as server:
        assert lookups_at(server, lambda: 0.0).indicator_type("t1199") == 1_199
        assert len(server.calls("/api/indicator/types")) == 3


def test_a_bare_object_means_a_missing_right() -> None:
    with (
        scripted(ThreatqScript(lambda _asked: Answer({}))) as server,
        pytest.raises(MissingRights, match="indicator types"),
    ):
        lookups_at(server, lambda: 0.0).indicator_type("FQDN")


def test_an_unknown_status_lists_the_known_ones() -> None:
    with (
        scripted(ThreatqScript(lambda _asked: names((1, "Active"), (4, "Review")))) as server,
        pytest.raises(ConfigError, match="Active, Review"),
    ):
        lookups_at(server, lambda: 0.0).status("Revew")


@pytest.mark.parametrize(
    ("kinds", "collection"),
    [
        ([{"name": "asset", "display_name": "Asset", "collection": "asset"}], "asset"),
        ([{"name": "thing", "display_name": "Asset", "collection": "assets"}], "assets"),
        ([{"name": "malware", "display_name": "Malware", "collection": "malware"}], "asset"),
        ([], "asset"),
    ],
)
def test_the_endpoint_of_assets_is_discovered(kinds: list[dict[str, str]], collection: str) -> None:
    with scripted(ThreatqScript(lambda _asked: Answer({"data": kinds}))) as server:
        assert lookups_at(server, lambda: 0.0).asset_collection() == collection


def test_an_event_type_is_created_and_then_known() -> None:
    def script(asked: Asked) -> Answer:
        return Answer({"data": {"id": 40}}, status=201) if asked.method == "POST" else names((1, "Malware"))

    with scripted(ThreatqScript(script)) as server:
        lookups = lookups_at(server, lambda: 0.0)
        assert lookups.event_type("CloudTrail") is None
        assert lookups.create_event_type("CloudTrail") == 40
        assert lookups.event_type("cloudtrail") == 40


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
