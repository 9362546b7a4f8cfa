"""The owner of new lists against the simulated Admin API: found by name, or replaced by one that may own lists."""

from __future__ import annotations

import pytest

from sandbox.logrhythm.config import PEOPLE, LogRhythmConfig, Person
from sandbox.logrhythm.tokens import mint
from tests.support.logrhythm_lists import HASHES
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from workers.core.errors import ConfigError
from workers.logrhythm.errors import InvalidOwner
from workers.settings.model import Secret

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("name", "number"),
    [
        # as the console shows an individual
        ("Doe, Jane", 13),
        # as people write it
        ("Jane Doe", 13),
        ("ThreatQ Sync", 12),
        ("threatq sync", 12),
        (" ThreatQ Sync ", 12),
        # a number needs no look-up
        ("-100", -100),
        ("4711", 4711),
        # nothing: the token's user
        ("", 12),
    ],
)
def test_the_owner_is_found_as_the_console_shows_it(
    logrhythm: SandboxLogRhythm, name: str, number: int
) -> None:
    assert logrhythm.client(logrhythm_owner=name).owner == number


def test_up_to_7_4_the_login_of_the_person_owns_lists() -> None:
    with running_logrhythm(LogRhythmConfig(mode="7.4")) as sandbox:
        assert sandbox.client(logrhythm_v751=False).owner == 5


@pytest.mark.parametrize("loginless", ["zero", "absent"])
def test_up_to_7_4_a_person_without_a_login_owns_lists_by_its_own_number(loginless: str) -> None:
    with running_logrhythm(LogRhythmConfig(mode="7.4", people=(Person(id=16, last="Grid Only"),))) as sandbox:
        sandbox.control("behaviour", {"loginless": loginless})
        assert sandbox.client(logrhythm_v751=False, logrhythm_owner="Grid Only").owner == 16


@pytest.mark.parametrize(("mode", "v751"), [("7.4", True), ("7.5.1", False)])
def test_the_other_people_endpoint_is_asked_when_the_version_is_set_wrongly(mode: str, v751: bool) -> None:
    with running_logrhythm() as sandbox:
        sandbox.control("behaviour", {"mode": mode})
        assert sandbox.client(logrhythm_v751=v751).owner in (5, 12)


def test_an_unknown_owner_is_answered_with_those_that_there_are(logrhythm: SandboxLogRhythm) -> None:
    with pytest.raises(
        ConfigError, match=r"logrhythm_owner: .*no person called 'Treat Sync'.*'ThreatQ Sync'"
    ):
        _ = logrhythm.client(logrhythm_owner="Treat Sync").owner
    with pytest.raises(ConfigError, match="retired"):
        _ = logrhythm.client(logrhythm_owner="former role").owner


def test_a_name_that_two_people_have_is_refused_with_their_numbers() -> None:
    people = (*PEOPLE, Person(id=21, last="Twin"), Person(id=22, last="Twin"))
    with running_logrhythm(LogRhythmConfig(people=people)) as sandbox:
        client = sandbox.client(logrhythm_owner="Twin")
        with pytest.raises(ConfigError, match=r"more than one person.*number 21.*number 22"):
            _ = client.owner


def test_people_beyond_the_first_page_are_found() -> None:
    crowd = tuple(Person(id=1000 + number, last=f"Role {number}") for number in range(1005))
    with running_logrhythm(LogRhythmConfig(people=(*PEOPLE, *crowd))) as sandbox:
        assert sandbox.client(logrhythm_owner="Role 1004").owner == 2004
        assert sandbox.calls("GET /users/") == 2


def test_an_owner_that_logrhythm_refuses_gives_way_to_the_user_of_the_token(
    logrhythm: SandboxLogRhythm,
) -> None:
    made = logrhythm.client(logrhythm_owner="Borrowed Role").ensure_list("ThreatQ: MD5", HASHES)
    assert made.owner == 12


def test_a_list_whose_owner_left_can_still_be_retired_and_revived(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fill("ThreatQ: MD5", owner=15)
    client = logrhythm.client(logrhythm_owner="14")
    retired = client.retire_list(client.ensure_list("ThreatQ: MD5", HASHES))
    assert (retired.owner, retired.is_retired) == (12, True)
    assert client.ensure_list("ThreatQ: MD5", HASHES).owner == 12


def test_when_neither_may_own_lists_the_guides_rule_is_told(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client(logrhythm_owner="Borrowed Role", logrhythm_token=Secret(mint(uid=77)))
    with pytest.raises(
        InvalidOwner, match=r"user 14 and 77 .*Public Global Administrator, owner LogRhythmAdmin"
    ):
        client.ensure_list("ThreatQ: MD5", HASHES)
