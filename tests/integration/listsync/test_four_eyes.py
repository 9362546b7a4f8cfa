"""Four eyes: who started the run that found pending deletes may not approve them, whichever way that is tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sync_stage import Stage, write_config
from tests.support.trail import acts
from tqctl.main import main
from workers.core.errors import InputError
from workers.core.user import user_at_host
from workers.ledger.acts import Actor
from workers.ledger.audit import Audit
from workers.ledger.sync_approvals import PendingDelete, PendingDeletes

pytestmark = pytest.mark.integration


def pending_after(stage: Stage, *senders: str, four_eyes: bool = True) -> PendingDelete:
    """Return the pending deletes that were found by runs which these have started, one after the other."""
    stage.set(sync_delete_max_count=1, sync_four_eyes=four_eyes)
    stage.seed(50, types=["FQDN"])
    stage.sync()
    stage.expire(every=2)
    for sender in senders:
        stage.sync(sender=sender, mode="full")
    (pending,) = PendingDeletes(stage.redis).every()
    return pending


def approve(stage: Stage, pending: PendingDelete, name: str) -> PendingDelete:
    return PendingDeletes(stage.redis).approve(pending.id, Audit(stage.redis, Actor(name, "test")), now_ms=1)


def test_who_started_the_run_may_not_approve_and_another_may(stage: Stage) -> None:
    pending = pending_after(stage, "alice")
    for name in ("alice", "Alice"):
        with pytest.raises(InputError, match="another operator approves them"):
            approve(stage, pending, name)
    assert acts(stage.redis) == []
    assert approve(stage, pending, "bob").approved_by == "bob"


def test_the_first_who_asked_stays_the_one_however_often_it_is_run_later(stage: Stage) -> None:
    pending = pending_after(stage, "", "alice", "bob", "")
    assert pending.asked_by == "alice"
    assert approve(stage, pending, "bob").approved_ms


def test_what_the_schedule_has_found_may_be_approved_by_any_operator(stage: Stage) -> None:
    assert approve(stage, pending_after(stage, ""), "alice").approved_by == "alice"


def test_without_the_setting_the_one_who_asked_is_shown_and_may_approve(stage: Stage) -> None:
    pending = pending_after(stage, "alice", four_eyes=False)
    assert pending.asked_by == "alice"
    approve(stage, pending, "alice")


def test_tqctl_holds_to_it_whatever_its_own_settings_say(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pending = pending_after(stage, user_at_host())
    config = str(write_config(tmp_path / "config", stage.runtime.settings))
    assert main(["-c", config, "sync", "approve", pending.id]) == 2
    assert "another operator approves them" in capsys.readouterr().err
