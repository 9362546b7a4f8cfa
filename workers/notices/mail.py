"""A notice goes out as an e-mail: SMTP with STARTTLS or TLS, a certificate that is verified, and a login."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.policy import SMTP as WIRE
from email.utils import parseaddr

from workers.core.errors import BadCredentials, ConfigError, Rejected, ServiceAway
from workers.core.http_session import existing_file
from workers.core.text import counted, printable
from workers.core.urls import is_loopback
from workers.notices.messages import as_mail
from workers.notices.notice import Notice
from workers.settings.model import Settings, require

#: Seconds for each answer of the mail server.
TIMEOUT_S = 5.0

#: The usual port of each kind of security.
PORTS = {"starttls": 587, "tls": 465, "none": 25}

#: Characters of an answer that are shown.
MOST_SHOWN = 200

#: The name of the service in errors.
SERVICE = "notices_smtp"


class Mailer:
    """The mail server that the settings name; raises ConfigError where it cannot be used as it is set."""

    name = "mail"

    def __init__(self, settings: Settings) -> None:
        require(settings, "notices_smtp_host", "notices_mail_from", "notices_mail_to")
        self._settings = settings
        self._sender = _address(settings.notices_mail_from, "notices_mail_from")
        self._recipients = [
            _address(text, "notices_mail_to") for text in settings.notices_mail_to.split(",") if text.strip()
        ]
        self._port = settings.notices_smtp_port or PORTS[settings.notices_smtp_security]
        self._context = _context(settings)
        if settings.notices_smtp_security == "none" and settings.notices_smtp_user:
            _refuse_in_the_clear(settings.notices_smtp_host)

    def send(self, notice: Notice) -> str:
        """Send a notice to all recipients; return what the server answered.

        Raises ServiceAway where it does not answer, BadCredentials and ConfigError for a login or a certificate that is
        wrong, Rejected where it refuses the mail or a recipient.
        """
        settings = self._settings
        mail = as_mail(notice, settings.public_url, sender=self._sender, recipients=self._recipients)
        with self._connection() as server:
            _expect(server.mail(self._sender))
            answers = {recipient: server.rcpt(recipient) for recipient in self._recipients}
            refused = [
                f"{recipient} ({_shown(*answer)})"
                for recipient, answer in answers.items()
                if answer[0] >= 400
            ]
            if len(refused) < len(answers):
                answer = server.data(mail.as_bytes(policy=WIRE))
                _expect(answer)
        if refused:
            raise Rejected(f"{settings.notices_smtp_host} refuses {', '.join(refused)}")
        return f"{settings.notices_smtp_host} answered {_shown(*answer)} for {counted(len(answers), 'recipient')}"

    def probe(self) -> str:
        """Reach the server and log in without a mail; return that it is ready. Raises as `send` does."""
        with self._connection() as server:
            _expect(server.noop())
        return f"{self._settings.notices_smtp_host} is ready for mail"

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        host, port = self._settings.notices_smtp_host, self._port
        try:
            with self._opened(host, port) as server:
                yield server
        except ssl.SSLCertVerificationError as error:
            raise ConfigError(
                f"the certificate of {host} cannot be verified ({error.verify_message}); name the authority that "
                "signed it with TQ_NOTICES_SMTP_CA_FILE",
                field="notices_smtp_ca_file",
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise ConfigError(f"{host}: {error}", field="notices_smtp_security") from error
        except smtplib.SMTPAuthenticationError as error:
            words = _shown(error.smtp_code, error.smtp_error)
            raise BadCredentials(
                SERVICE, f"{host} does not accept the login: {words}", field="notices_smtp_user"
            ) from error
        except smtplib.SMTPResponseException as error:
            raise Rejected(f"{host} refuses: {_shown(error.smtp_code, error.smtp_error)}") from error
        except (OSError, smtplib.SMTPException) as error:
            words = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ServiceAway(
                SERVICE, f"{host} port {port} does not answer as a mail server: {words}"
            ) from error

    def _opened(self, host: str, port: int) -> smtplib.SMTP:
        settings = self._settings
        if settings.notices_smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=self._context)
        else:
            server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        try:
            if settings.notices_smtp_security == "starttls":
                server.starttls(context=self._context)
            if settings.notices_smtp_user:
                server.login(settings.notices_smtp_user, settings.notices_smtp_password.reveal())
            else:
                server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server


def _context(settings: Settings) -> ssl.SSLContext:
    file = existing_file(settings.notices_smtp_ca_file, setting="notices_smtp_ca_file")
    try:
        return ssl.create_default_context(cafile=file or None)
    except ssl.SSLError as error:
        raise ConfigError(f"{file} holds no certificate (PEM)", field="notices_smtp_ca_file") from error


def _address(text: str, setting: str) -> str:
    address = parseaddr(text.strip())[1]
    if "@" not in address or " " in address or not (address.isascii() and text.strip().isprintable()):
        raise ConfigError(f"{text.strip()!r} is no e-mail address; write name@example.com", field=setting)
    return address


def _refuse_in_the_clear(host: str) -> None:
    if not is_loopback(host):
        raise ConfigError(
            "none sends the password in the clear; use starttls or tls, or leave notices_smtp_user empty",
            field="notices_smtp_security",
        )


def _expect(answer: tuple[int, bytes]) -> None:
    if answer[0] >= 400:
        raise smtplib.SMTPResponseException(*answer)


def _shown(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return printable(f"{code} {' '.join(words.split())}")[:MOST_SHOWN]
