"""The token of ThreatQ against a server that misbehaves on purpose: fetched once, renewed in time, never shown."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.threatq.model.defaults import PRIVATE_CLIENT_ID, PRIVATE_CLIENT_SECRET
from tests.support.sandbox_threatq import SandboxThreatQ
from tests.support.scripted import Answer, Asked, scripted
from tests.support.threatq_script import PASSWORD, ThreatqScript, fine, settings_for
from workers.core.errors import BadCredentials, ConfigError
from workers.settings.model import Secret
from workers.threatq.auth import AccessTokens
from workers.threatq.client import Client
from workers.threatq.transport import Transport

pytestmark = pytest.mark.integration


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


def test_client_credentials_go_by_basic_authentication_and_their_grant_in_query_and_form() -> None:
    with scripted(ThreatqScript(fine)) as server:
        settings = settings_for(server.url, threatq_client_secret=Secret("shh"))
        Client.from_settings(settings).call("GET", "/api/x")
        login = server.calls("/api/token")[0]
    assert login.query == {"grant_type": "client_credentials"}
    assert login.body == b"grant_type=client_credentials"
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert login.headers["Authorization"] == "Basic Y2lkOnNoaA=="


@pytest.mark.parametrize("place", ["everywhere", "query", "form"])
def test_a_private_client_logs_in_wherever_its_grant_is_looked_for(
    threatq_sandbox: SandboxThreatQ, place: str
) -> None:
    threatq_sandbox.behave(client_grant=place)
    settings = threatq_sandbox.settings(
        threatq_client_id=PRIVATE_CLIENT_ID, threatq_client_secret=Secret(PRIVATE_CLIENT_SECRET)
    )
    assert (
        Client.from_settings(settings).call("GET", "/api/users/current")["data"]["email"] == PRIVATE_CLIENT_ID
    )


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
