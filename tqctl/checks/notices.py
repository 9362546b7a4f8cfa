"""Notices: is a receiver set, can it be reached, and did it take the last one?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tqctl.checks.line import CheckLine, failed_with, ok, warning
from workers.core.errors import TqError
from workers.core.text import counted, moment
from workers.ledger.admin import LedgerAdmin
from workers.notices.outbox import Attempted, Outbox
from workers.notices.policy import policy_of
from workers.notices.receivers import Receiver, configured
from workers.settings.model import Settings

AREA = "notices"

_TRY = "correct what is named, then try it: tqctl notices test"


def check_notices(admin: LedgerAdmin, settings: Settings) -> Iterator[CheckLine]:
    """Look at each receiver without sending it a notice; raises ServiceAway("redis")."""
    makers = list(configured(settings))
    if not makers:
        yield ok(AREA, "receivers", "none is set, so no operator is told of anything")
        return
    try:
        policy_of(settings)
    except TqError as error:
        yield failed_with(AREA, "settings", error)
    for name, make in makers:
        yield _reached(name, make, settings)
    yield from _delivered(Outbox(admin.redis))


def _reached(name: str, make: Callable[[Settings], Receiver], settings: Settings) -> CheckLine:
    try:
        return ok(AREA, name, make(settings).probe())
    except TqError as error:
        return failed_with(AREA, name, error, _TRY)


def _delivered(outbox: Outbox) -> Iterator[CheckLine]:
    for name, outcome in outbox.receivers().items():
        if outcome.error:
            yield _failing(name, outcome)
    if waiting := outbox.undelivered():
        finding = f"{counted(len(waiting), 'notice')} not delivered yet, tried again for a day"
        yield warning(AREA, "undelivered", finding, "tqctl notices show names them")


def _failing(name: str, outcome: Attempted) -> CheckLine:
    finding = f"the last attempt failed at {moment(outcome.at_ms)} UTC: {outcome.error}"
    return warning(AREA, f"{name}, last notice", finding, _TRY)
