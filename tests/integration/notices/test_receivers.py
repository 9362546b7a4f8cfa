"""Notices reach a real mail server and a real webhook, or the error says what to do."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from sandbox.launch.redis_server import free_port
from tests.support.notices import PASSWORD, USER, running_hook, running_mail_server
from tests.support.waiting import until
from workers.core.errors import BadCredentials, ConfigError, Rejected, ServiceAway
from workers.notices.mail import Mailer
from workers.notices.notice import Finding, Notice
from workers.notices.webhook import Webhook, in_thread
from workers.settings.model import Secret, Settings

pytestmark = pytest.mark.integration

NOTICE = Notice(
    "began", Finding("dead_letters", "", 3, "3 dead letters", "3 jobs died.", "tqctl dead list"), 1_000, 1_000
)


def mailer(port: int, ca: str, **fields: Any) -> Mailer:
    usual: dict[str, Any] = {
        "notices_smtp_host": "127.0.0.1",
        "notices_smtp_port": port,
        "notices_smtp_ca_file": ca,
        "notices_mail_from": "tq-workers <tq@example.com>",
        "notices_mail_to": "ops@example.com, soc@example.com",
    }
    return Mailer(Settings(**(usual | fields)))


def webhook(url: str, **fields: Any) -> Webhook:
    return Webhook(Settings(notices_webhook_url=Secret(url), **fields))


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_arrives_over_a_verified_connection_after_a_login(security: str, tmp_path: Path) -> None:
    with running_mail_server(tmp_path, security=security, login=security == "starttls") as (
        mailbox,
        port,
        ca,
    ):
        login = {"notices_smtp_user": USER, "notices_smtp_password": Secret(PASSWORD)}
        sender = mailer(port, ca, notices_smtp_security=security, **(login if security == "starttls" else {}))
        answer = sender.send(NOTICE)

    (mail,) = mailbox.mails
    assert mail["Subject"] == "[tq-workers] 3 dead letters"
    assert mail["To"] == "ops@example.com, soc@example.com"
    assert "tqctl dead list" in mail.get_content()
    assert mailbox.was_secured == [True]
    assert answer == "127.0.0.1 answered 250 queued as 4711 for 2 recipients"


def test_a_mail_goes_in_the_clear_only_where_that_is_set_and_then_without_a_login(tmp_path: Path) -> None:
    with running_mail_server(tmp_path, security="none") as (mailbox, port, _):
        mailer(port, "", notices_smtp_security="none").send(NOTICE)
        with pytest.raises(ConfigError, match="STARTTLS"):
            mailer(port, "").send(NOTICE)
    assert len(mailbox.mails) == 1
    with pytest.raises(ConfigError, match="none sends the password in the clear"):
        mailer(
            25, "", notices_smtp_host="mail.example.com", notices_smtp_security="none", notices_smtp_user="u"
        )


def test_a_certificate_that_is_not_trusted_gets_neither_a_login_nor_a_mail(tmp_path: Path) -> None:
    with (
        running_mail_server(tmp_path) as (mailbox, port, _),
        pytest.raises(ConfigError, match=r"notices_smtp_ca_file: the certificate of .* cannot be verified"),
    ):
        mailer(port, "", notices_smtp_user=USER, notices_smtp_password=Secret(PASSWORD)).send(NOTICE)
    assert mailbox.mails == []


def test_a_wrong_password_is_named_and_not_shown(tmp_path: Path) -> None:
    with (
        running_mail_server(tmp_path, login=True) as (_, port, ca),
        pytest.raises(BadCredentials, match="does not accept the login: 535") as refused,
    ):
        mailer(port, ca, notices_smtp_user=USER, notices_smtp_password=Secret("wrong-one")).send(NOTICE)
    assert "wrong-one" not in str(refused.value)


def test_a_recipient_that_is_unknown_is_named_and_the_others_get_the_mail(tmp_path: Path) -> None:
    with running_mail_server(tmp_path) as (mailbox, port, ca):
        mailbox.unknown = {"soc@example.com"}
        with pytest.raises(Rejected, match=r"refuses soc@example.com \(550 no such user here\)"):
            mailer(port, ca).send(NOTICE)
    assert len(mailbox.mails) == 1


def test_a_mail_server_that_is_away_is_said_to_be_away() -> None:
    with pytest.raises(ServiceAway, match="does not answer as a mail server: Connection refused"):
        mailer(free_port(), "").send(NOTICE)


@pytest.mark.parametrize("text", ["ops", "ops@example.com\r\nBcc: x@example.com", "a b@example.com"])
def test_what_is_no_address_is_refused_before_anything_is_sent(text: str) -> None:
    with pytest.raises(ConfigError, match="notices_mail_to"):
        mailer(25, "", notices_mail_to=text)


def test_a_webhook_gets_json_and_its_answer_is_told() -> None:
    with running_hook() as hook:
        answer = webhook(hook.url, notices_webhook_authorization=Secret("Bearer abc")).send(NOTICE)

    assert hook.posts[0]["title"] == "3 dead letters"
    assert hook.headers[0]["Authorization"] == "Bearer abc"
    assert answer == "127.0.0.1 answered 200 ok"


@pytest.mark.parametrize(("form", "key"), [("slack", "text"), ("teams", "attachments")])
def test_a_webhook_gets_the_form_that_is_set(form: str, key: str) -> None:
    with running_hook() as hook:
        webhook(hook.url, notices_webhook_form=form).send(NOTICE)
    assert key in hook.posts[0]


def test_tls_of_a_webhook_is_verified(tmp_path: Path) -> None:
    with running_hook(tls=tmp_path) as hook:
        webhook(hook.url, notices_webhook_ca_file=str(tmp_path / "certificate.pem")).send(NOTICE)
        with pytest.raises(ConfigError, match="certificate cannot be verified"):
            webhook(hook.url).send(NOTICE)
    assert len(hook.posts) == 1


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (404, Rejected, "127.0.0.1 refuses the notice: 404 no_service"),
        (302, Rejected, "127.0.0.1 refuses the notice: 302"),
        (429, ServiceAway, "127.0.0.1 answers 429"),
        (503, ServiceAway, "127.0.0.1 answers 503"),
    ],
)
def test_what_a_webhook_refuses_is_told_without_its_address(
    status: int, error: type[Exception], words: str
) -> None:
    with running_hook() as hook:
        hook.status, hook.body = status, "no_service"
        with pytest.raises(error, match=words) as refused:
            webhook(hook.url).send(NOTICE)
    assert "/services/" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://hooks.example.com/services/T0", "hooks.example.com", "https://"])
def test_an_address_that_cannot_be_a_webhook_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="notices_webhook_url") as refused:
        webhook(url)
    assert "T0" not in str(refused.value)


def test_the_address_of_a_webhook_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with running_hook() as hook, caplog.at_level(logging.DEBUG):
        in_thread(lambda: print(webhook(hook.url).send(NOTICE)))
        until(lambda: hook.posts)

    assert "/services/" not in caplog.text
