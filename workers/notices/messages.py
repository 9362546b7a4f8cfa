"""A notice as its receivers read it: generic JSON, Slack's text, Teams' Adaptive Card, an e-mail."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from workers.core.text import age, moment, printable
from workers.notices.notice import Finding, Notice

#: Characters of a title: a mail's subject and a card's first line stay readable.
MOST_TITLE = 150

#: What opens the status page, as a button or a link.
OPEN = "Open the status page"

#: The notice by which an operator tries the way to a receiver.
TRIAL = Finding(
    "dead_letters",
    "trial",
    0,
    "A trial notice",
    "Nothing is wrong: an operator asked for it (tqctl notices test).",
    "Nothing is to be done.",
)


def title(notice: Notice) -> str:
    """Return the notice in one line."""
    what = printable(notice.finding.title)[:MOST_TITLE]
    lasted_s = (notice.at_ms - notice.since_ms) / 1000
    if notice.event == "over":
        return f"Over: {what} (it took {age(lasted_s)})"
    return f"Still: {what} (for {age(lasted_s)})" if notice.event == "still" else what


def lines(notice: Notice) -> list[str]:
    """Return what is said below the title: what is wrong and what to do; of what is over, when it was."""
    if notice.event == "over":
        return [f"From {moment(notice.since_ms)} to {moment(notice.at_ms)} UTC. Nothing is to be done."]
    return [notice.finding.text, notice.finding.remedy]


def link(notice: Notice, public_url: str) -> str:
    """Return where the status page shows it; "" where its address is not set."""
    return f"{public_url}{notice.finding.path}" if public_url else ""


def as_json(notice: Notice, public_url: str) -> dict[str, Any]:
    """Return the notice for a program: an incident's notices share `key`."""
    finding = notice.finding
    return {
        "source": "tq-workers",
        "event": notice.event,
        "key": finding.key,
        "cause": finding.cause,
        "subject": finding.subject,
        "count": finding.count,
        "title": title(notice),
        "text": finding.text,
        "remedy": finding.remedy,
        "since": _iso(notice.since_ms),
        "at": _iso(notice.at_ms),
        "link": link(notice, public_url),
    }


def as_slack(notice: Notice, public_url: str) -> dict[str, Any]:
    """Return the notice for a Slack incoming webhook (or Mattermost's): text in mrkdwn."""
    text = "\n".join([f"*{_slack(title(notice))}*", *map(_slack, lines(notice))])
    address = link(notice, public_url)
    return {"text": f"{text}\n<{_slack(address)}|{OPEN}>" if address else text}


def as_teams(notice: Notice, public_url: str) -> dict[str, Any]:
    """Return the notice for a Teams workflow ("When a Teams webhook request is received"): an Adaptive Card."""
    colour = "Good" if notice.event == "over" else "Attention"
    head = {
        "type": "TextBlock",
        "size": "Medium",
        "weight": "Bolder",
        "color": colour,
        "text": _card(title(notice)),
    }
    body = [head, *({"type": "TextBlock", "text": _card(line)} for line in lines(notice))]
    address = link(notice, public_url)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{**block, "wrap": True} for block in body],
        "actions": [{"type": "Action.OpenUrl", "title": OPEN, "url": address}] if address else [],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def as_mail(notice: Notice, public_url: str, *, sender: str, recipients: list[str]) -> EmailMessage:
    """Return the notice as an e-mail that no autoresponder answers."""
    mail = EmailMessage()
    mail["Subject"] = f"[tq-workers] {title(notice)}"
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or None)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join(filter(None, [*lines(notice), link(notice, public_url)])) + "\n")
    return mail


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _slack(text: str) -> str:
    """Return text in which Slack sees no mention and no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _card(text: str) -> str:
    """Return text in which Teams sees no link of Markdown: a collection may have any name."""
    return text.replace("[", "\\[").replace("]", "\\]")
