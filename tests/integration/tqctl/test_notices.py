"""`tqctl notices` and the lines of `tqctl check` about receivers: there, away, refusing, and set wrong."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from sandbox.launch.redis_server import free_port
from tests.support.notices import Hook, running_hook
from tests.support.operator import Operator
from workers.ledger import keys
from workers.notices.notifier import Notifier
from workers.settings.model import Secret, Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    with running_hook() as hook:
        monkeypatch.setenv("TQ_NOTICES_WEBHOOK_URL", hook.url)
        yield hook


def test_a_trial_is_sent_and_what_was_answered_is_said(operator: Operator, hook: Hook) -> None:
    answer = operator.types("notices", "test")

    assert (answer.code, answer.out) == (0, "webhook: 127.0.0.1 answered 200 ok\n")
    assert hook.posts[0]["title"] == "A trial notice"


def test_a_receiver_that_refuses_or_is_away_is_named_and_the_others_are_tried(
    operator: Operator, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.status = 404
    monkeypatch.setenv("TQ_NOTICES_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("TQ_NOTICES_SMTP_PORT", str(free_port()))
    monkeypatch.setenv("TQ_NOTICES_MAIL_FROM", "tq@example.com")
    monkeypatch.setenv("TQ_NOTICES_MAIL_TO", "ops@example.com")

    answer = operator.types("notices", "test")

    assert answer.code == 3
    assert "webhook: not sent: 127.0.0.1 refuses the notice: 404 ok" in answer.out
    assert "does not answer as a mail server: Connection refused" in answer.out


def test_without_a_receiver_a_trial_says_what_to_set(operator: Operator) -> None:
    answer = operator.types("notices", "test")

    assert answer.code == 2
    assert "no receiver of notices is set; set TQ_NOTICES_WEBHOOK_URL" in answer.err


def test_what_is_told_and_what_is_not_delivered_is_shown(
    operator: Operator, redis: Redis, hook: Hook
) -> None:
    redis.zadd(keys.DEAD, {"job": 1})
    hook.status = 503
    notifier = Notifier(redis, Settings(notices_webhook_url=Secret(hook.url)))
    notifier.look()
    notifier.deliver()

    shown = operator.asks("notices", "show")

    assert shown["receivers"][0]["error"] == "127.0.0.1 answers 503 ok"
    assert shown["incidents"][0]["title"] == "1 dead letter"
    assert shown["undelivered"] == [{"receiver": "webhook", "title": "1 dead letter", "tries": 1}]
    assert "127.0.0.1 answers 503 ok" in operator.types("notices", "show").out


def lines(operator: Operator) -> dict[str, tuple[str, str]]:
    answer = operator.types("--json", "check", "--only", "notices")
    return {line["what"]: (line["state"], line["found"]) for line in answer.json}


def test_check_says_that_no_operator_is_told(operator: Operator) -> None:
    assert lines(operator) == {"receivers": ("ok", "none is set, so no operator is told of anything")}


def test_check_reaches_a_receiver_without_a_notice(operator: Operator, hook: Hook) -> None:
    assert lines(operator) == {"webhook": ("ok", "127.0.0.1 answers")}
    assert hook.posts == []


def test_check_names_a_receiver_that_is_broken(
    operator: Operator, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}/services/T0"
    monkeypatch.setenv("TQ_NOTICES_WEBHOOK_URL", url)
    redis.zadd(keys.DEAD, {"job": 1})
    notifier = Notifier(redis, Settings(notices_webhook_url=Secret(url)))
    notifier.look()
    notifier.deliver()

    found = lines(operator)

    assert {what: state for what, (state, _) in found.items()} == {
        "webhook": "failed",
        "webhook, last notice": "warning",
        "undelivered": "warning",
    }
    assert not [text for _, text in found.values() if "T0" in text]


def test_check_names_a_setting_of_notices_that_is_wrong(
    operator: Operator, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQ_NOTICES_MUTED", "dead_leters")

    state, finding = lines(operator)["settings"]

    assert (state, "did you mean dead_letters?" in finding) == ("failed", True)


def test_the_address_of_a_webhook_and_the_password_of_the_mail_server_are_shown_nowhere(
    operator: Operator, hook: Hook, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TQ_NOTICES_SMTP_PASSWORD", "mail-password-of-the-tests")
    archive = tmp_path / "bundle.tar.gz"

    assert operator.types("support-bundle", "--out", str(archive)).code == 0
    shown = operator.types("config").out

    with tarfile.open(archive) as bundle:
        files = [bundle.extractfile(member) for member in bundle.getmembers()]
        texts = [shown, *(file.read().decode() for file in files if file)]
    assert [text for text in texts if "/services/T0" in text or "mail-password-of-the-tests" in text] == []
