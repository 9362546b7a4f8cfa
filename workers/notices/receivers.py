"""Who is told: the receivers that the operator's settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from workers.notices.mail import Mailer
from workers.notices.notice import Notice
from workers.notices.webhook import Webhook
from workers.settings.model import Settings


class Receiver(Protocol):
    """Takes notices; `send` and `probe` return what it answered and raise TqError where it did not take it."""

    name: str

    def send(self, notice: Notice) -> str: ...

    def probe(self) -> str: ...


def configured(settings: Settings) -> Iterator[tuple[str, Callable[[Settings], Receiver]]]:
    """Yield the name of each receiver that is set, and what makes it; making it raises ConfigError."""
    if settings.notices_webhook_url:
        yield Webhook.name, Webhook
    if settings.notices_mail_to or settings.notices_smtp_host:
        yield Mailer.name, Mailer
