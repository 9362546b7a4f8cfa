"""Alerts of LogRhythm's lists: raised by runs of the sync, ended by their page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.runbooks.conftest import Begin
from tests.support.sync_stage import MAPPING, Stage, write_config
from workers.ledger.sync_approvals import PendingDeletes

pytestmark = pytest.mark.integration


def test_pending_deletes_are_approved(begin: Begin, stage: Stage, tmp_path: Path) -> None:
    stage.set(sync_delete_max_count=1)
    stage.seed(50, types=["FQDN"])
    stage.sync()
    play = begin("TqDeletesPending")
    stage.expire(every=2)
    stage.sync()
    write_config(tmp_path, stage.runtime.settings)
    (pending,) = PendingDeletes(stage.redis).every()
    play.follow(ID=pending.id)
    while stage.consume():
        pass
    assert len(stage.lists()["ThreatQ: FQDN"]) == 25
    play.is_over()


def test_abandoned_lists_are_emptied_and_retired(begin: Begin, stage: Stage, tmp_path: Path) -> None:
    stage.seed(20, types=["FQDN", "MD5"])
    stage.sync()
    play = begin("TqListsAbandoned")
    stage.set(sync_collections=MAPPING + "  splitBy: scoreRange\n")
    stage.sync()
    write_config(tmp_path, stage.runtime.settings)
    play.follow()
    assert stage.lists()["ThreatQ: FQDN"] == set()
    play.is_over()
