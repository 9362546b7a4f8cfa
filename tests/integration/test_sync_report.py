"""What a command prints of a run."""

from __future__ import annotations

import pytest
from redis import Redis

from producers.follow import End
from producers.sync_report import show
from workers.ledger.desk import Desk
from workers.listsync.batches import Batches
from workers.listsync.listing import Listing
from workers.listsync.plan import ListPlan, Source, SyncPlan
from workers.sync.plans import keep_plan

pytestmark = pytest.mark.integration

#: What a terminal would obey.
CLEAR = "\x1b[2J"


def test_nothing_that_others_named_steers_the_terminal(
    redis: Redis, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given a plan with an entry of somebody else's, a type and a collection that hold commands to a terminal
    one = ListPlan(
        id="1", name="T: MD5", type="MD5", bucket="", exists=True, now=1, wanted=0,
        foreign=Batches("", 1, "", (f"x{CLEAR}",)),
    )  # fmt: skip
    source = Source(Listing(1, 1), 1, {f"Type{CLEAR}": 7})
    keep_plan(
        redis, "job", SyncPlan(id="2", collection=f"[red]C{CLEAR}", method="add", source=source, lists=(one,))
    )
    # When it is shown
    show(desk, End("C", "job", "done", {"status": "planned", "lists": []}))
    # Then each is there as text
    printed = capsys.readouterr().out
    assert CLEAR not in printed
    for text in (r"[red]C\x1b[2J", r"x\x1b[2J", r"Type\x1b[2J"):
        assert text in printed
