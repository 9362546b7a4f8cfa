"""What the version before has put into lists is known after an upgrade, and what this one does after the way back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import to_builtins

from tests.support.sync_stage import Stage, write_config
from workers.ledger.audit import Audit
from workers.ledger.connection import now_ms
from workers.ledger.sync_approvals import PendingDeletes
from workers.logrhythm.model import entries

pytestmark = pytest.mark.acceptance

#: What is run of the folder that it is started in: tq-conn-logrhythm, and tqctl as the version before had it.
SYNC = "import sys; from producers.logrhythm import main; sys.exit(main())"
CONTROL = "import sys; from workers.ctl.main import main; sys.exit(main())"

LIST = "ThreatQ: FQDN"


def run(root: Path, program: str, config: Path, *words: str) -> str:
    """Run a command of the version before, which must succeed."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("TQ_")}
    ended = subprocess.run(
        [sys.executable, "-c", program, "-c", str(config), *words],
        env={**environ, "HOME": str(config), "XDG_CONFIG_HOME": str(config)},
        cwd=root, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def waiting(stage: Stage) -> str:
    """Return the id of the one pending delete."""
    (pending,) = PendingDeletes(stage.redis).every()
    return pending.id


def test_manifests_approvals_and_records_outlive_an_upgrade_and_the_way_back(
    previous: Path, stage: Stage, tmp_path: Path
) -> None:
    # Given a list that the version before has filled, an entry of an analyst in it, and deletes that wait for approval
    stage.seed(60, types=["FQDN"])
    stage.set(sync_delete_max_count=5)
    config = write_config(tmp_path / "config", stage.runtime.settings)
    run(previous, SYNC, config, "--inline")
    by_hand = to_builtins(entries("Host", ["by-hand.example"]))
    stage.logrhythm.api("POST", f"/lists/{stage.guid(LIST)}/items/", by_hand)
    stage.expire(2)
    run(previous, SYNC, config, "--inline")
    assert len(stage.lists()[LIST]) == 61
    done = stage.admin.ids("done")
    # When this version takes its place: the deletes are approved, and a run carries them out by the older manifest
    PendingDeletes(stage.redis).approve(waiting(stage), Audit(stage.redis), now_ms=now_ms(stage.redis))
    assert stage.sync()["lists"][0]["deletes"] == 30
    assert len(stage.lists()[LIST]) == 31
    # then the entry of the analyst stays, and what the version before has done can be looked up
    assert "by-hand.example" in stage.lists()[LIST]
    assert [record.state for record in stage.admin.records(done)] == ["done", "done"]
    # When this version lets deletes wait, and the version before comes back and approves them
    stage.expire(3)
    stage.sync()
    run(previous, CONTROL, config, "sync", "approve", waiting(stage))
    run(previous, SYNC, config, "--inline")
    # Then the list is what the collection is, and the entry of the analyst stays
    left = stage.lists()[LIST]
    assert "by-hand.example" in left
    assert len(left) - 1 == stage.sync()["read"]
