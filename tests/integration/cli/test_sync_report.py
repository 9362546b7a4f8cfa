"""What a command prints of a run."""

from __future__ import annotations

import pytest
from redis import Redis

from producers.cli.follow import End
from producers.cli.sync_report import show
from workers.core.sync_report import RunResult
from workers.ledger.admin import LedgerAdmin
from workers.listsync.plan import render
from workers.listsync.plan.batches import Batches
from workers.listsync.plan.guard import Listing
from workers.listsync.plan.plan import CollectionSource, ListPlan, SyncPlan
from workers.listsync.run.stored_plans import keep_plan

pytestmark = pytest.mark.integration

#: What a terminal would obey.
CLEAR = "\x1b[2J"


def test_nothing_that_others_named_steers_the_terminal(
    redis: Redis, admin: LedgerAdmin, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a plan with an entry of another user, a type and a collection that hold commands to a terminal
    planned = ListPlan(
        id="1", name="T: MD5", type="MD5", bucket="", exists=True, now=1, wanted=0,
        foreign=Batches("", 1, "", (f"x{CLEAR}",)),
    )  # fmt: skip
    source = CollectionSource(Listing(1, 1), 1, {f"Type{CLEAR}": 7})
    plan = SyncPlan(id="2", collection=f"[red]C{CLEAR}", method="add", source=source, lists=(planned,))
    keep_plan(redis, "job", plan)
    # When it is shown
    result = RunResult(
        job="job", collection=f"[red]C{CLEAR}", status="planned", method="add", plan="2", began_ms=0, seconds=1,
        declared=1, read=1, notes=tuple(render.notes(plan)),
    )  # fmt: skip
    show(admin, End("C", "job", "done", result))
    # Then each is there as text
    printed = capsys.readouterr().out
    assert CLEAR not in printed
    for text in (r"[red]C\x1b[2J", r"x\x1b[2J", r"Type\x1b[2J"):
        assert text in printed
