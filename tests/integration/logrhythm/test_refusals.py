"""What LogRhythm refuses, and when it is away: what is tried again, and what the error says."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from sandbox.logrhythm.tokens import mint
from tests.support.logrhythm_lists import HASHES, ITEMS_ADDED, everything, put
from tests.support.sandbox_logrhythm import SandboxLogRhythm, running_logrhythm
from tests.support.scripted import Answer, scripted
from workers.core.errors import BadCredentials, ConfigError, MissingRights, ServiceAway, Throttled
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.errors import Deadlock
from workers.settings.model import Secret

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("fault", "times"), [("deadlocks", 3), ("drop_before", 3), ("drop_after", 3), ("too_many", 1)]
)
def test_what_passes_by_itself_is_tried_again_and_writes_everything_once(
    logrhythm: SandboxLogRhythm, fault: str, times: int
) -> None:
    client = logrhythm.client()
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    logrhythm.fault(items_only=True, skip=1, **{fault: times})
    assert put(client, made, map(str, range(3_000))).entry_count == 3_000
    assert logrhythm.calls(ITEMS_ADDED) == 3 + times
    assert len(logrhythm.slept) == times


def test_a_pause_that_logrhythm_asks_for_is_kept_or_left_to_the_job(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client()
    logrhythm.fault(too_many=1, retry_after=4)
    client.permissions()
    assert logrhythm.slept == [4]
    logrhythm.fault(too_many=1, retry_after=120)
    with pytest.raises(Throttled) as caught:
        client.permissions()
    assert caught.value.after == 120
    assert logrhythm.slept == [4]


@pytest.mark.parametrize("asked", [None, 2])
def test_a_logrhythm_that_wants_fewer_calls_gets_one_more_and_is_left_to_the_breaker(
    logrhythm: SandboxLogRhythm, asked: int | None
) -> None:
    client = logrhythm.client()
    logrhythm.fault(too_many=99, retry_after=asked)
    with pytest.raises(Throttled) as caught:
        client.permissions()
    assert caught.value.after == asked
    assert len(logrhythm.slept) == 1


def test_tries_have_an_end(logrhythm: SandboxLogRhythm) -> None:
    client = logrhythm.client(tries=3)
    made = client.ensure_list("ThreatQ: MD5", HASHES)
    logrhythm.fault(deadlocks=99)
    with pytest.raises(Deadlock):
        put(client, made, ["a"])
    assert logrhythm.calls(ITEMS_ADDED) == 3


def test_a_redirect_is_not_followed_with_the_token(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fill("ThreatQ: MD5", "a")
    target = logrhythm.client().ensure_list("ThreatQ: MD5", HASHES)
    with (
        scripted(lambda _asked: Answer({})) as elsewhere,
        scripted(lambda _asked: Answer({}, status=307, headers={"Location": elsewhere.url})) as server,
        closing(LogRhythm(logrhythm.settings(logrhythm_url=server.url))) as client,
    ):
        with pytest.raises(ConfigError, match="redirects are not followed"):
            client.permissions()
        with pytest.raises(ConfigError, match="redirects are not followed"):
            everything(client, target, at_most=10)
    assert (len(server.asked), elsewhere.asked) == (2, [])


def test_a_token_that_is_not_accepted_names_the_setting_and_the_remedy(logrhythm: SandboxLogRhythm) -> None:
    expired = mint(valid_s=-5)
    client = logrhythm.client(logrhythm_token=Secret(expired))
    with pytest.raises(BadCredentials, match=r"logrhythm_token: .*Third Party Applications") as caught:
        client.permissions()
    assert expired not in str(caught.value)


def test_a_token_may_have_been_copied_with_the_blanks_around_it(logrhythm: SandboxLogRhythm) -> None:
    assert logrhythm.client(logrhythm_token=Secret(f" {mint()}\r\n")).permissions()


def test_a_missing_right_is_said(logrhythm: SandboxLogRhythm) -> None:
    guid = logrhythm.fill("ThreatQ: MD5", owner=-100)["guid"]
    client = logrhythm.client(logrhythm_token=Secret(mint(99, role="restrictedAdmin")))
    found = client.lists.find("ThreatQ: MD5")
    assert found is not None
    assert found.guid == guid
    with pytest.raises(MissingRights, match="Public Global Administrator"):
        put(client, found, ["a"])


def test_logrhythm_away_is_not_our_fault(logrhythm: SandboxLogRhythm) -> None:
    logrhythm.fault(errors=1)
    with pytest.raises(ServiceAway, match="503: upstream connect error"):
        logrhythm.client().permissions()
    logrhythm.fault(latency_ms=2_000)
    with pytest.raises(ServiceAway, match=r"does not answer GET /permissions/ within 0.2 s"):
        logrhythm.client(logrhythm_read_timeout_s=0.2).permissions()
    with pytest.raises(ServiceAway, match="cannot be reached"):
        logrhythm.client(logrhythm_url="http://127.0.0.1:9").permissions()


def test_its_own_certificate_is_trusted_when_named_and_refused_otherwise(tmp_path: Path) -> None:
    with running_logrhythm(tls=tmp_path) as sandbox:
        assert sandbox.url.startswith("https://")
        assert sandbox.client().permissions()["role"] == "globalAdmin"
        with pytest.raises(ConfigError, match=r"logrhythm_ca_file: .*self.signed certificate"):
            sandbox.client(logrhythm_ca_file="").permissions()
        with pytest.raises(ConfigError, match="is not there"):
            sandbox.client(logrhythm_ca_file=str(tmp_path / "none.pem"))
