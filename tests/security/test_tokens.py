"""Tokens of the HTTP entry point: least rights, strength, an end, and a change while it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from producers.http.problems import Problem
from producers.http.tokens import permitted, read_tokens
from sandbox.launch.processes import ROOT
from tests.support.browsing import Visitor
from tests.support.producers import BIN, READER, SCRAPER, SENDER, Shim, event
from tests.support.waiting import until
from workers.settings.model import Secret

pytestmark = pytest.mark.integration

OLD, NEW = "old-token-of-nifi", "new-token-of-nifi"


def status(shim: Shim, path: str, token: str) -> int:
    return shim.call("GET", path, token=token).status_code


def test_a_token_for_metrics_reads_metrics_and_nothing_else(shim: Shim) -> None:
    assert status(shim, "/metrics", SCRAPER) == 200
    assert status(shim, "/v1/jobs/000000000000000000000000", SCRAPER) == 403
    assert shim.post("/v1/events", event(), token=SCRAPER).status_code == 403


def test_a_token_that_sends_events_reads_neither_jobs_nor_metrics(shim: Shim) -> None:
    assert shim.post("/v1/events", event(), token=SENDER).status_code == 202
    assert status(shim, "/metrics", SENDER) == 403
    assert status(shim, "/v1/jobs/000000000000000000000000", SENDER) == 403


def test_a_token_that_reads_jobs_still_reads_metrics(shim: Shim) -> None:
    assert status(shim, "/metrics", READER) == 200


@pytest.mark.parametrize(
    "token", ["sesame", "aaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabcabcabc", "fifteen-letters"]
)
def test_an_entry_point_does_not_start_with_a_token_that_can_be_guessed(
    token: str, redis_url: str, tmp_path: Path
) -> None:
    environ = {**os.environ, "TQ_REDIS_URL": redis_url, "TQ_HTTP_TOKENS": f"nifi:events:{token}"}
    ran = subprocess.run(
        [BIN / "tq-http-shim", "-c", tmp_path, "--port", "0"],
        env=environ, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert "entry 1 (nifi) can be guessed" in ran.stdout + ran.stderr
    assert token not in ran.stdout + ran.stderr


def test_a_token_is_good_on_its_last_day_and_refused_after_it() -> None:
    today = datetime.now(UTC).date()
    for last_day, is_good in ((today, True), (today - timedelta(days=1), False)):
        holder = read_tokens(Secret(f"nifi:events:{OLD}:{last_day}")).find(f"Bearer {OLD}")
        if is_good:
            assert permitted(holder, "events").name == "nifi"
        else:
            with pytest.raises(Problem, match=f"the token nifi ended on {last_day}") as refused:
                permitted(holder, "events")
            assert refused.value.status == 401


class Rotating:
    """An entry point whose tokens are in a file."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.file = folder / "http-tokens"
        self.write(f"nifi:events:{OLD}, viewer:read:{READER}")
        self.shim = Shim(folder / "shim", redis_url, http_tokens="", http_tokens_file=str(self.file))

    def write(self, tokens: str) -> None:
        self.file.write_text(tokens)

    def log(self) -> str:
        return (self.shim.folder / "tq-http-shim.log").read_text()

    def sends(self, token: str) -> int:
        return self.shim.post("/v1/events", event(), token=token).status_code


@pytest.fixture
def rotating(tmp_path: Path, redis_url: str) -> Iterator[Rotating]:
    made = Rotating(tmp_path, redis_url)
    with made.shim:
        yield made


def test_a_new_token_counts_and_a_removed_one_ends_without_a_restart(rotating: Rotating) -> None:
    # given a sender with the old token
    assert (rotating.sends(OLD), rotating.sends(NEW)) == (202, 401)

    # when the new token stands beside it, both are good
    rotating.write(f"nifi:events:{OLD}, nifi:events:{NEW}, viewer:read:{READER}")
    until(lambda: rotating.sends(NEW) == 202, within_s=30)
    assert rotating.sends(OLD) == 202

    # when the old one is taken out, it ends
    rotating.write(f"nifi:events:{NEW}, viewer:read:{READER}")
    until(lambda: rotating.sends(OLD) == 401, within_s=30)
    assert rotating.sends(NEW) == 202


def test_a_session_ends_with_its_token(rotating: Rotating) -> None:
    visitor = Visitor(rotating.shim.url)
    visitor.sign_in(READER)
    assert not visitor.get("/").history

    # when the viewer's token is taken out
    rotating.write(f"nifi:events:{OLD}")

    # then its next page is the sign-in
    until(lambda: visitor.get("/").history, within_s=30)


def test_tokens_that_cannot_be_read_change_nothing_and_are_said_in_the_log(rotating: Rotating) -> None:
    rotating.write("nifi:everything:sesame")

    until(lambda: "the earlier ones stay" in rotating.log(), within_s=30)

    assert rotating.sends(OLD) == 202
    assert "sesame" not in rotating.log()


def test_a_token_that_ends_soon_is_said_in_the_log(rotating: Rotating) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)

    rotating.write(f"nifi:events:{OLD}:{tomorrow}")

    until(lambda: "a token ends soon" in rotating.log(), within_s=30)
    assert str(tomorrow) in rotating.log()


def made_tokens(folder: Path) -> dict[str, set[str]]:
    """Make a deployment's secrets; return what each token may."""
    subprocess.run([sys.executable, ROOT / "deploy" / "make_secrets.py", folder], check=True)
    known = read_tokens(Secret((folder / "http-tokens").read_text())).known
    return {holder.name: set(holder.scopes) for holder in known.values()}


def test_the_secrets_that_we_make_let_nifi_only_write_and_prometheus_only_scrape(tmp_path: Path) -> None:
    assert made_tokens(tmp_path) == {"nifi": {"events"}, "prometheus": {"metrics"}}


def test_prometheus_gets_a_token_beside_those_of_before(tmp_path: Path) -> None:
    (tmp_path / "http-tokens").write_text(f"siem:events:{OLD}\n")
    assert made_tokens(tmp_path) == made_tokens(tmp_path) == {"siem": {"events"}, "prometheus": {"metrics"}}
