"""Signing in to the simulated ThreatQ: every variant that clients use."""

from __future__ import annotations

import pytest

from sandbox.threatq.model.defaults import (
    CLIENT_ID,
    EMAIL,
    PASSWORD,
    PRIVATE_CLIENT_ID,
    PRIVATE_CLIENT_SECRET,
)

pytestmark = pytest.mark.integration

LOGIN = {"email": EMAIL, "password": PASSWORD}
CLIENT = {"grant_type": "password", "client_id": CLIENT_ID}
BASIC = (PRIVATE_CLIENT_ID, PRIVATE_CLIENT_SECRET)


@pytest.mark.parametrize(
    "request_parts",
    [
        # client in the query, person in the JSON body
        {"params": CLIENT, "json": LOGIN},
        # everything in the JSON body
        {"json": {**CLIENT, **LOGIN}},
        # everything in a form
        {"data": {**CLIENT, **LOGIN}},
        # client in both
        {"params": CLIENT, "json": {**CLIENT, **LOGIN}},
        # a private client by Basic, with nothing else
        {"params": {"grant_type": "client_credentials"}, "auth": BASIC},
        # a private client whose library also sends a list
        {"params": {"grant_type": "client_credentials"}, "auth": BASIC, "json": list(BASIC)},
        # a private client with a form body
        {"data": {"grant_type": "client_credentials"}, "auth": BASIC},
    ],
)
def test_every_variant_of_the_grants_gives_a_bearer_that_works(threatq_sandbox, request_parts):
    answer = threatq_sandbox.http.post(f"{threatq_sandbox.url}/api/token", timeout=5, **request_parts)

    assert answer.status_code == 200
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert threatq_sandbox.http.get(f"{threatq_sandbox.url}/api/objects", headers=bearer, timeout=5).ok


@pytest.mark.parametrize(
    "wrong", [{"password": "x"}, {"email": "x"}, {"client_id": "x"}, {"grant_type": "x"}]
)
def test_a_bad_login_is_a_400(threatq_sandbox, wrong):
    answer = threatq_sandbox.http.post(
        f"{threatq_sandbox.url}/api/token", json={**CLIENT, **LOGIN, **wrong}, timeout=5
    )

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_refresh_token_gives_a_new_bearer_once(threatq_sandbox):
    first = threatq_sandbox.http.post(
        f"{threatq_sandbox.url}/api/token", json={**CLIENT, **LOGIN}, timeout=5
    ).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

    def again():
        return threatq_sandbox.http.post(f"{threatq_sandbox.url}/api/token", params=refresh, timeout=5)

    assert again().json()["access_token"] != first["access_token"]
    assert again().status_code == 400


def test_the_life_of_a_token_is_told_and_kept(threatq_sandbox):
    threatq_sandbox.behave(expires_in=0)

    threatq_sandbox.login()

    assert threatq_sandbox.call("GET", "/api/objects").status_code == 401


def test_no_token_and_a_revoked_token_are_a_401(threatq_sandbox):
    assert threatq_sandbox.http.get(f"{threatq_sandbox.url}/api/objects", timeout=5).status_code == 401
    threatq_sandbox.login()
    threatq_sandbox.control("tokens/revoke")

    assert threatq_sandbox.call("GET", "/api/objects").status_code == 401


def test_a_changed_password_no_longer_signs_in(threatq_sandbox):
    threatq_sandbox.control("password", {"login": EMAIL, "secret": "another"})

    answer = threatq_sandbox.http.post(
        f"{threatq_sandbox.url}/api/token", json={**CLIENT, **LOGIN}, timeout=5
    )

    assert answer.status_code == 400
