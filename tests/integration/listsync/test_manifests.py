"""The manifest in Redis: a large list's digests are fetched once, a partition at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from workers.listsync.plan.diff import diff
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.spill import PARTS, Spill
from workers.listsync.run.manifests import Manifests

pytestmark = pytest.mark.integration


def spilled(folder: Path, entries: list[str]) -> Spill:
    spill = Spill(folder)
    spill.extend(entries)
    return spill


def test_a_comparison_fetches_each_partition_of_the_manifest_once(redis: Redis, tmp_path: Path) -> None:
    # given a list of which something leaves in every partition
    entries = [f"{number}.example" for number in range(2_000)]
    manifests = Manifests(redis, "https://logrhythm.example")
    manifests.added("guid", "ThreatQ: FQDN", digests_of([entries], caseless=False))
    redis.config_resetstat()

    changes = diff(
        spilled(tmp_path / "wanted", entries[::2]),
        spilled(tmp_path / "present", entries),
        manifests.of("guid"),
        tmp_path / "changes",
    )

    assert changes.gone.count == 1_000
    calls = {name: stats["calls"] for name, stats in redis.info("commandstats").items()}
    assert calls["cmdstat_hget"] == PARTS
    assert sum(calls.values()) <= PARTS + 4
