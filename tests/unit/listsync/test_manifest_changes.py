"""A manifest's partition after changes: the same whether few of its digests change or many."""

from __future__ import annotations

import random

import pytest

from workers.listsync.plan import manifest
from workers.listsync.plan.manifest import WIDTH, among, digest, pack, unpack, with_added, with_removed


def packed(numbers: range) -> bytes:
    return pack({digest(f"entry {number}") for number in numbers})


@pytest.mark.parametrize("few", [1, 10**9])
def test_entries_are_added_once_and_removed_whichever_way_is_quicker(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "FEW", few)
    before = packed(range(1_000))
    added = with_added(before, packed(range(995, 1_005)))
    assert (len(added), unpack(added)) == (1_005 * WIDTH, unpack(packed(range(1_005))))
    assert unpack(with_removed(added, packed(range(990, 2_000)))) == unpack(packed(range(990)))
    assert unpack(with_removed(added, packed(range(10)))) == unpack(packed(range(10, 1_005)))


def test_a_digest_that_only_two_others_together_hold_is_not_found() -> None:
    chance = random.Random(5)
    one, two = chance.randbytes(WIDTH), chance.randbytes(WIDTH)
    across = (one + two)[8:24]
    assert with_removed((one + two) * 100, across) == (one + two) * 100
    assert with_added((one + two) * 100, across).endswith(across)


def test_which_entries_a_manifest_holds_is_told_by_their_digests() -> None:
    parts = manifest.digests_of([["a", "b"]], caseless=False)
    assert among(parts, ["a", "c"], caseless=False) == {digest("a")}
