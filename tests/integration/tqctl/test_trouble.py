"""In trouble every command of `tqctl` ends in a line or two that name what to do, with the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.logrhythm.tokens import mint
from tests.support.operator import Operator
from tests.support.sync_stage import Stage
from workers.ledger.ledger import Ledger

pytestmark = pytest.mark.integration

#: Commands that ask Redis, ThreatQ and LogRhythm, in the order in which they do.
OF_REDIS = (
    "status", "capacity", "jobs list", "jobs find x", "jobs show x", "dead list", "dead show x", "dead edit x",
    "dead replay x", "dead drop x --yes", "pause events", "resume events", "sync held", "sync approve x",
    "sync history",
)  # fmt: skip
OF_THREATQ = ("setup", "explain x.example")
OF_LOGRHYTHM = ("sync plan --inline", "lists show", "lists retire --yes", "explain x.example")

#: Longest line that a person at night reads.
MOST_CHARS = 400


@pytest.fixture
def with_services(configured: Operator, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """An operator whose environment names all three services."""
    settings = stage.runtime.settings
    for name in ("logrhythm_url", "logrhythm_owner", "sync_collections", "sync_dir", "settings_from"):
        monkeypatch.setenv(f"TQ_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("TQ_LOGRHYTHM_TOKEN", mint())
    return configured


def said(operator: Operator, words: str, *, code: int) -> str:
    """Return the few readable lines with which a command ends."""
    answer = operator.types(*words.split())
    assert answer.code == code, (words, answer)
    lines = answer.err.strip().splitlines()
    assert 1 <= len(lines) <= 2, (words, lines)
    assert max(map(len, lines)) < MOST_CHARS
    assert "Traceback" not in answer.err
    assert "timestamp=" not in answer.err
    return answer.err


@pytest.mark.parametrize("words", OF_REDIS)
def test_while_redis_is_away(with_services: Operator, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", "redis://127.0.0.1:1/0")
    assert "Is it running, and is TQ_REDIS_URL right?" in said(with_services, words, code=3)


@pytest.mark.parametrize("words", OF_REDIS)
def test_when_redis_refuses_the_user(
    with_services: Operator, monkeypatch: pytest.MonkeyPatch, redis_url: str, words: str
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", redis_url.replace("://", "://nobody:wrong@"))
    text = said(with_services, words, code=3)
    assert text.endswith("user is disabled; correct TQ_REDIS_URL or the ACL\n")


@pytest.mark.parametrize("words", OF_THREATQ)
def test_while_threatq_is_away(with_services: Operator, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setenv("TQ_THREATQ_URL", "http://127.0.0.1:1")
    assert "is it running, and is threatq_url right?" in said(with_services, words, code=3)


@pytest.mark.parametrize("words", OF_THREATQ)
def test_when_threatq_refuses_the_password(
    with_services: Operator, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("TQ_THREATQ_PASSWORD", "wrong")
    text = said(with_services, words, code=2)
    assert "threatq_client_id, threatq_email, threatq_password: ThreatQ does not accept" in text


@pytest.mark.parametrize("words", OF_LOGRHYTHM)
@pytest.mark.parametrize("token", ["expired", "nonsense"])
def test_when_the_token_of_logrhythm_is_no_good(
    with_services: Operator, monkeypatch: pytest.MonkeyPatch, token: str, words: str
) -> None:
    monkeypatch.setenv("TQ_LOGRHYTHM_TOKEN", mint(valid_s=-60) if token == "expired" else token)
    monkeypatch.setattr("producers.cli.follow.PATIENCE_S", 2.0)
    # A run that LogRhythm turns away waits until it is let in; what cannot even be sent is a wrong setting.
    waits = words.startswith("sync") and token == "expired"
    text = said(with_services, words, code=3 if waits else 2)
    assert "logrhythm_token" in text
    assert "Third Party Applications" in text


def test_a_plan_while_threatq_is_known_to_be_away_names_it_and_not_a_missing_worker(
    with_services: Operator, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("producers.cli.follow.PATIENCE_S", 0.0)
    ledger.service_away("threatq", "ThreatQ answers 503")
    assert "ThreatQ answers 503. The job is kept and goes on once that is over" in said(
        with_services, "sync plan", code=3
    )


def test_a_redis_url_that_cannot_be_read_is_a_line_of_the_check(
    with_services: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", "redis://host:port")
    answer = with_services.types("--json", "check")
    (line,) = answer.json
    assert (answer.code, line["remedy"]) == (2, "correct the setting that is named")
    assert "redis://host:port is no Redis URL" in line["found"]


def test_the_check_names_a_remedy_for_each_service_that_is_away(
    with_services: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("TQ_THREATQ_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TQ_LOGRHYTHM_URL", "http://127.0.0.1:1")
    answer = with_services.types("--json", "check")
    failed = {line["area"]: line["remedy"] for line in answer.json if line["state"] == "failed"}
    assert answer.code == 3
    assert failed["redis"].startswith("start it, or correct TQ_REDIS_URL")
    assert failed["threatq"].startswith("start it, or correct TQ_THREATQ_URL")
    assert all(failed.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("config threatq_statu", "threatq_statu: there is no such setting; near it: threatq_status"),
        ("jobs list --limit 0", "'0' is no number above 0"),
        ("dead list --limit -1", "'-1' is no number above 0"),
        ("jobs find x --scan many", "'many' is no number above 0"),
    ],
)
def test_a_slip_of_the_hand_is_named(with_services: Operator, words: str, told: str) -> None:
    answer = with_services.types(*words.split())
    assert (answer.code, told in answer.err) == (2, True), answer


def test_a_folder_without_settings_is_no_silent_default(with_services: Operator, tmp_path: Path) -> None:
    answer = with_services.types("-c", str(tmp_path / "typo"), "status", "--no-workers")
    assert answer.code == 0
    assert f"there is no {tmp_path}/typo/tq.yaml; the environment and the defaults count" in answer.err
