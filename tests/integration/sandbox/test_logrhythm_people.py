"""People and contexts of the simulated LogRhythm against what was recorded of the real one."""

from __future__ import annotations

import pytest

from sandbox.logrhythm.config import LogRhythmConfig
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm, summary_of

pytestmark = pytest.mark.integration


def test_every_person_of_7_4_has_a_user_that_of_number_0_without_a_login() -> None:
    with running_logrhythm(LogRhythmConfig(mode="7.4")) as logrhythm:
        persons = {person["id"]: person for person in logrhythm.api("GET", "/persons/").json()}
        assert (persons[12]["user"]["id"], persons[15]["user"]) == (5, {"id": 0})
        logrhythm.control("behaviour", {"loginless": "absent"})
        assert "user" not in logrhythm.api("GET", "/persons/15/").json()


@pytest.mark.parametrize(
    ("query", "ids"), [("id=12", [12]), ("id=12&id=13", [12, 13]), ("id=13,99", [13]), ("id=99", [])]
)
def test_users_are_found_by_their_ids(logrhythm: SandboxLogRhythm, query: str, ids: list[int]) -> None:
    assert [user["id"] for user in logrhythm.api("GET", f"/users/?{query}").json()] == ids


def test_all_logins_come_in_pages(logrhythm: SandboxLogRhythm) -> None:
    logins = logrhythm.api("GET", "/users/user-logins?count=100").json()

    assert {"login": "LAB\\tqsync", "userId": 12}.items() <= logins[1].items()
    assert [login["userId"] for login in logins] == [-100, 12, 13, 14]
    assert len(logrhythm.api("GET", "/users/user-logins/?offset=1&count=2").json()) == 2


@pytest.mark.parametrize("context", ["MACAddress", "Command"])
def test_newer_versions_know_more_contexts(logrhythm: SandboxLogRhythm, context: str) -> None:
    body = summary_of("ThreatQ: MD5", useContext=[context])
    assert logrhythm.api("POST", "/lists/", body).status_code == 201
    logrhythm.control("behaviour", {"mode": "7.4"})
    assert logrhythm.api("POST", "/lists/", {**body, "name": "Other"}).status_code == 400
