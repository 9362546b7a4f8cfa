"""The manifest in Redis: a large list's digests are fetched once, a partition at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import Redis

from workers.listsync.plan.diff import diff
from workers.listsync.plan.manifest import WIDTH, digest, digests_of
from workers.listsync.plan.spill import PARTS, Spill
from workers.listsync.run import manifests as manifests_module
from workers.listsync.run.manifests import Manifests

pytestmark = pytest.mark.integration


def spilled(folder: Path, entries: list[str]) -> Spill:
    spill = Spill(folder)
    spill.extend(entries)
    return spill


@pytest.fixture(params=[0, 10**9], ids=["fetched", "in redis"])
def manifests(request: pytest.FixtureRequest, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Manifests:
    """Manifests whose partitions are fetched to be changed, and then those that Redis itself changes."""
    monkeypatch.setattr(manifests_module, "FEW", request.param)
    return Manifests(redis, "https://logrhythm.example")


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


def test_a_manifest_is_the_same_whether_redis_changes_it_or_its_partitions_are_fetched(
    manifests: Manifests,
) -> None:
    entries = [f"{number}.example" for number in range(2_000)]

    manifests.added("guid", "ThreatQ: FQDN", digests_of([entries[:1_000]], caseless=False))
    manifests.added("guid", "ThreatQ: FQDN", digests_of([entries[900:1_500]], caseless=False))
    manifests.removed("guid", "ThreatQ: FQDN", digests_of([entries[:100], entries[1_400:]], caseless=False))

    stored = manifests.of("guid") or {}
    assert sum(len(stored[part]) for part in stored) == 1_300 * WIDTH
    assert manifests.ours("guid", entries, caseless=False) == set(map(digest, entries[100:1_400]))


def test_a_digest_that_only_two_others_together_hold_is_not_found(redis: Redis) -> None:
    manifests = Manifests(redis, "https://logrhythm.example")
    (part, packed), *_ = digests_of([[f"{n}.example" for n in range(100)]], caseless=False).items()
    across = packed[8 : 8 + WIDTH]
    manifests.added("guid", "ThreatQ: FQDN", {part: packed})

    manifests.removed("guid", "ThreatQ: FQDN", {part: across})
    assert (manifests.of("guid") or {})[part] == packed
    manifests.added("guid", "ThreatQ: FQDN", {part: across})
    assert (manifests.of("guid") or {})[part] == packed + across


def test_a_few_changes_of_a_large_list_move_only_themselves(redis: Redis) -> None:
    # given a list of twenty thousand
    manifests = Manifests(redis, "https://logrhythm.example")
    entries = [f"{number}.example" for number in range(20_000)]
    manifests.added("guid", "ThreatQ: FQDN", digests_of([entries], caseless=False))
    before = redis.info("stats")

    # when as much changes as a delta run changes
    manifests.ours("guid", entries[:100], caseless=False)
    manifests.removed("guid", "ThreatQ: FQDN", digests_of([entries[:100]], caseless=False))
    manifests.added("guid", "ThreatQ: FQDN", digests_of([["new.example"]], caseless=False))

    after = redis.info("stats")
    moved = sum(
        int(after[name]) - int(before[name]) for name in ("total_net_input_bytes", "total_net_output_bytes")
    )
    assert moved < 20_000


def test_what_a_run_adds_is_ours_from_the_note_on_and_in_the_manifest_once_it_is_carried_out(
    redis: Redis, manifests: Manifests
) -> None:
    entries = [f"{number}.example" for number in range(2_000)]
    old, new, gone = (
        digests_of([some], caseless=False) for some in (entries[:1_000], entries[1_000:], entries[:500])
    )
    manifests.added("guid", "ThreatQ: FQDN", old)

    # while it is written, and after a kill
    manifests.added("guid", "ThreatQ: FQDN", new, noted_ms=1)
    assert manifests.ours("guid", entries, caseless=False) == set(map(digest, entries))

    # a call that was repeated changes nothing
    for _ in range(2):
        manifests.carried_out("guid", new, gone)
        assert manifests.ours("guid", entries, caseless=False) == set(map(digest, entries[500:]))
    stored = manifests.of("guid") or {}
    assert sum(len(stored[part]) for part in stored) == 1_500 * WIDTH
    assert not [key for key in redis.keys("*") if b"added" in key]


def test_what_a_killed_run_only_noted_is_forgotten_or_taken_in_by_the_next(redis: Redis) -> None:
    manifests = Manifests(redis, "https://logrhythm.example")
    manifests.added("guid", "ThreatQ: FQDN", digests_of([["a", "b"]], caseless=False), noted_ms=1)

    manifests.removed("guid", "ThreatQ: FQDN", digests_of([["a"]], caseless=False))
    manifests.take_in("guid", "ThreatQ: FQDN", before_ms=2, caseless=False)

    assert manifests.ours("guid", ["a", "b"], caseless=False) == {digest("b")}
    assert not [key for key in redis.keys("*") if b"added" in key]
