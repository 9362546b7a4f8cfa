"""Taking over the lists of another connector: what stands in them becomes ours, once, and a full sync may delete it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from workers.listsync.plan.diff import diff
from workers.listsync.plan.gather import Gathering
from workers.listsync.plan.manifest import digests_of
from workers.listsync.plan.mapping import ListFamily
from workers.listsync.plan.spill import PARTS, Spill
from workers.listsync.run.abandoned import read_whole
from workers.listsync.run.run import Options, Tools
from workers.logrhythm.model import ListSummary
from workers.threatq.collections import find_collection, read_pages


class Takeover(Struct, frozen=True):
    """What stands in a list that the sync feeds: how many entries, how many of them are ours already.

    Of the others `stays` are in a data collection and `goes` are in none: those go with the next full sync.
    """

    list: str
    entries: int
    ours: int
    stays: int
    goes: int
    samples: tuple[str, ...] = ()


def look(
    tools: Tools, options: Options, collection: ListFamily, folder: Path, *, take: bool = False
) -> Iterator[Takeover]:
    """Yield what there is to take over in each list that exists; with `take`, it is ours afterwards.

    Reads the whole of each collection and list; raises ServiceAway and ConfigError. No run of the collections may be
    under way.
    """
    names = collection.lists(options.types)
    existing = tools.logrhythm.lists.named(names, common=collection.base_name)
    wanted = _wanted(tools, options, collection, folder / "wanted") if existing else {}
    for number, (name, target) in enumerate(sorted(existing.items())):
        caseless = options.types[names[name].type].caseless
        path = folder / str(number)
        present = read_whole(tools, target, path / "present", caseless=caseless)
        yield _compare(tools, target, present, wanted.get(name) or Spill(path / "nothing"), path)
        if take:
            parts = (list(present.values(part)) for part in range(PARTS))
            tools.manifests.added(target.guid, name, digests_of(parts, caseless=caseless), caseless=caseless)


def _wanted(tools: Tools, options: Options, collection: ListFamily, folder: Path) -> dict[str, Spill]:
    gathering = Gathering(
        collection.base_name,
        options.types,
        options.bands,
        folder,
        keeps_out=options.keeps_out,
        known_good=options.known_good,
    )
    for mapped in collection.collections:
        for page in read_pages(tools.threatq, find_collection(tools.threatq, mapped.name)):
            gathering.take(page.rows, mapped.split_by)
    gathering.close()
    return gathering.wanted


def _compare(tools: Tools, target: ListSummary, present: Spill, wanted: Spill, folder: Path) -> Takeover:
    manifest = tools.manifests.of(target.guid) or {}
    left = diff(wanted, present, manifest, folder / "left")
    not_ours = diff(Spill(folder / "none"), present, manifest, folder / "not-ours").foreign.count
    goes = left.foreign.count
    return Takeover(
        list=target.name,
        entries=present.count,
        ours=present.count - not_ours,
        stays=not_ours - goes,
        goes=goes,
        samples=left.foreign.samples,
    )
