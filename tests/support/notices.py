"""What takes notices in the tests: a real mail server and a real HTTP one, whose answers a test decides."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Event
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from sandbox.launch.redis_server import free_port
from sandbox.launch.tls import self_signed
from tests.support.http_thread import QuietHandler, serving

#: The login that the mail server takes.
USER, PASSWORD = "notices", "a password of the tests"


class Hook:
    """A webhook on a port of its own; `status` and `body` are what it answers, `posts` what it was sent.

    It answers while `may_answer` is set.
    """

    def __init__(self) -> None:
        self.status, self.body = 200, "ok"
        self.posts: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.may_answer = Event()
        self.may_answer.set()

    def take(self, method: str, headers: dict[str, str], body: bytes) -> None:
        """Note a request."""
        if method == "POST":
            self.posts.append(json.loads(body))
            self.headers.append(headers)


@contextmanager
def running_hook(tls: Path | None = None, port: int = 0) -> Iterator[Hook]:
    """Run a webhook; in the folder `tls` it keeps a certificate of its own."""
    hook = Hook()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            hook.take(self.command, dict(self.headers), body)
            hook.may_answer.wait(timeout=30)
            self.send_response(hook.status)
            answer = hook.body.encode()
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command == "POST":
                self.wfile.write(answer)

        do_HEAD = do_POST

    with serving(Handler, port=port, tls=tls) as url:
        hook.url = f"{url}/services/T0/B0/secret"
        yield hook


class Mailbox:
    """What the mail server has taken; it refuses the recipients in `unknown`."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.unknown: set[str] = set()
        self.was_secured: list[bool] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient or refuse it."""
        if address in self.unknown:
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append(mail)
        assert server.transport is not None
        self.was_secured.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 queued as 4711"


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=False)


@contextmanager
def running_mail_server(
    folder: Path, *, security: str = "starttls", login: bool = False
) -> Iterator[tuple[Mailbox, int, str]]:
    """Run a mail server; yields what it takes, its port, and the file of the authority of its certificate."""
    files = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files["ssl_certfile"], files["ssl_keyfile"])
    mailbox = Mailbox()
    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=context if security == "tls" else None,
        tls_context=context if security == "starttls" else None,
        require_starttls=security == "starttls",
        authenticator=_authenticate,
        auth_required=login,
        auth_require_tls=security == "starttls",
    )
    controller.start()
    try:
        yield mailbox, controller.port, files["ssl_certfile"]
    finally:
        controller.stop()
