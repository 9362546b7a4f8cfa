"""`tqctl notices`: what operators are told of now, and a trial of the way to each receiver."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from typing import Any

from producers.cli.tables import Grid, Shown
from tqctl.shell import Shell, columns_of
from workers.core.errors import ConfigError, TqError
from workers.core.text import moment
from workers.ledger.connection import now_ms
from workers.notices.messages import TRIAL
from workers.notices.notice import Notice
from workers.notices.outbox import Outbox
from workers.notices.policy import policy_of
from workers.notices.receivers import Receiver, configured
from workers.settings.model import Settings

#: What to do where nothing is told to any operator.
HOW = "set TQ_NOTICES_WEBHOOK_URL, or TQ_NOTICES_SMTP_HOST, _MAIL_FROM and _MAIL_TO (docs/notices.md)"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    show = actions.add_parser("show", help="what is told now, what is not delivered yet, what is muted")
    show.set_defaults(run=run_show)
    test = actions.add_parser("test", help="send a trial notice and say what each receiver answers")
    test.set_defaults(run=run_test)


def run_show(shell: Shell, _options: Namespace) -> int:
    """Show the notices of the fleet."""
    policy, outbox = policy_of(shell.settings), Outbox(shell.admin.redis)
    last = outbox.receivers()
    value = {
        "receivers": [
            {
                "name": name,
                "at_ms": last[name].at_ms if name in last else None,
                "answer": last[name].answer if name in last else "",
                "error": last[name].error if name in last else "",
            }
            for name in sorted({*last, *(name for name, _ in configured(shell.settings))})
        ],
        "incidents": [
            {
                "key": key,
                "title": incident.finding.title,
                "since_ms": incident.since_ms,
                "sent_ms": incident.sent_ms,
            }
            for key, incident in sorted(outbox.incidents().items())
        ],
        "undelivered": [
            {"receiver": item.receiver, "title": item.notice.finding.title, "tries": item.tries}
            for item in outbox.undelivered()
        ],
        "muted": sorted(policy.muted(now_ms(shell.admin.redis))),
    }
    shell.show(value, _words)
    return 0


def _words(value: dict[str, Any]) -> Iterator[Shown]:
    rows = [[row["name"], moment(row["at_ms"]), row["error"] or row["answer"]] for row in value["receivers"]]
    yield Grid(
        "Receivers", ("receiver", "last attempt (UTC)", "what it answered"), rows, f"none is set: {HOW}"
    )
    rows = [[row["title"], moment(row["since_ms"]), moment(row["sent_ms"])] for row in value["incidents"]]
    yield Grid("What is told", ("notice", "since (UTC)", "told (UTC)"), rows, "nothing")
    if value["undelivered"]:
        rows = [columns_of(row, "receiver", "title", "tries") for row in value["undelivered"]]
        yield Grid("Not delivered yet", ("receiver", "notice", "attempts"), rows)
    if value["muted"]:
        yield f"muted: {', '.join(value['muted'])}"


def run_test(shell: Shell, _options: Namespace) -> int:
    """Send a trial notice to each receiver; return the exit code of the one that fares worst."""
    settings = shell.settings
    policy_of(settings)
    makers = list(configured(settings))
    if not makers:
        raise ConfigError(f"no receiver of notices is set; {HOW}")
    now = now_ms(shell.admin.redis)
    tried = [_tried(name, make, settings, Notice("began", TRIAL, now, now)) for name, make in makers]
    shell.show([answer for answer, _ in tried], _answers)
    return max(code for _, code in tried)


def _tried(
    name: str, make: Callable[[Settings], Receiver], settings: Settings, notice: Notice
) -> tuple[dict[str, str], int]:
    try:
        return {"receiver": name, "answer": make(settings).send(notice), "error": ""}, 0
    except TqError as error:
        return {"receiver": name, "answer": "", "error": str(error)}, error.exit_code


def _answers(tried: list[dict[str, str]]) -> Iterator[Shown]:
    for answer in tried:
        yield f"{answer['receiver']}: {answer['answer'] or 'not sent: ' + answer['error']}"
