"""The queue enrichment: an analyst's action is carried out as soon as a thread is free."""

from __future__ import annotations

from workers.actions.handler import FALSE_POSITIVE, carry_out
from workers.consumer import QueueHandler
from workers.core.results import IndicatorDetails
from workers.leases import Attempt
from workers.ledger.records import Claim, Settlement
from workers.listsync.run.addition import add_soon
from workers.listsync.run.removal import remove_soon
from workers.runtime import runtime
from workers.tasks.names import Teller, indicator_names
from workers.tasks.queue import needed_by_all, task_for


def handle(attempt: Attempt) -> list[Settlement]:
    """Carry out each action with what is kept out as it is set now."""
    process = runtime()
    with needed_by_all():
        threatq, dialect = process.threatq, process.dialect()
    return carry_out(attempt, threatq, dialect, process.audit, _follow_up)


def _follow_up(claim: Claim, indicator: IndicatorDetails) -> None:
    """Have LogRhythm's lists forget an indicator at once, or take in an added one, where that is set."""
    process = runtime()
    if claim.kind == "indicators.whitelist" and process.settings.sync_whitelist_at_once:
        remove_soon(process.ledger, claim, indicator.type, indicator.value)
    verdict = str(claim.known_arguments().get("verdict", ""))
    if verdict == FALSE_POSITIVE and process.settings.sync_false_positive_at_once:
        remove_soon(process.ledger, claim, indicator.type, indicator.value, verdict=verdict)
    if claim.kind == "indicators.add" and process.settings.sync_add_at_once:
        add_soon(process.ledger, claim, indicator.type, indicator.value)


#: One action at a time, so that waiting analysts are served by all threads side by side.
work = task_for(QueueHandler("enrichment", handle, 1), afterwards=Teller("enrichment", indicator_names))
