"""Random histories of a ThreatQ and a LogRhythm with syncs in between, held against what a full run would do.

What is checked after each sync does not come from the product: the entries that the collection wants are read from
ThreatQ as it is, and who put an entry into a list is noted by watching the lists.
"""

from __future__ import annotations

import random
from typing import Any

from sandbox.threatq.control import value_of
from tests.support.sync_stage import MAPPING, ListValues, Stage
from workers.ledger.audit import Audit
from workers.ledger.sync_approvals import PendingDeletes

#: Indicators at the beginning.
FIRST = 40

TYPES = ("FQDN", "MD5", "URL")

STATUSES = ("Active", "Active", "Expired", "Review", "Whitelisted")


class DeltaHistory:
    """One history; everything that happens follows from the seed."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.chance = stage, random.Random(seed)
        self.made = FIRST
        for session in (stage.threatq.http, stage.logrhythm.http):
            # A sync on a busy machine takes longer than the services keep a connection.
            session.headers["Connection"] = "close"
        #: Entries that others put into a list while they were not in it.
        self.foreign: set[tuple[str, str]] = set()
        #: Whether lists were edited by hand so that their counts did not show it: the next full run finds it.
        self.is_hidden = self.was_edited = False
        #: Lists in which others had put entries unseen, so that more than those do not count as ours.
        self.disowned: set[str] = set()
        self.kinds: list[str] = []
        self.told: list[str] = []
        self.split_by = self.chance.choice(("tqtype", "score", "scoreRange"))
        stage.set(
            sync_collections=f"{MAPPING}  splitBy: {self.split_by}\n",
            sync_method=self.chance.choice(("full", "full", "full", "add")),
            sync_delete_max_count=self.chance.choice((3, 1_000)),
            sync_delete_max_percent=10.0,
        )
        stage.seed(FIRST, types=TYPES[:2], days=2)

    def play(self, steps: int) -> None:
        """Let things happen and sync, several times, until one was a delta run, with a full run at the end."""
        self.sync()
        for step in range(5 * steps):
            # In one history of a thousand each of eight syncs has a reason to be a full run.
            if step >= steps and "delta" in self.kinds:
                break
            for _ in range(self.chance.randrange(4)):
                act = self.chance.choice(self._acts)
                self.told.append(act.__name__)
                act(self)
            self.sync()
        self.sync(mode="full")

    def sync(self, **arguments: Any) -> None:
        """Sync once and check what it did."""
        before = self.stage.lists()
        result = self.stage.sync(**arguments)
        self.told.append(f"{result['kind']}: {result['why']}")
        self.kinds.append(result["kind"])
        after, wanted = self.stage.lists(), self.wanted()
        self._check_deletes(before, after, wanted)
        self.is_hidden = result["kind"] == "delta" and (self.is_hidden or self.was_edited)
        self.was_edited = False
        self.disowned |= {name for name in after if f"were in {name} before" in result["why"]}
        if not self.is_hidden:
            for name, values in wanted.items():
                assert values <= after.get(name, set()), (name, values - after.get(name, set()), self.told)
            self._check_rest(after, wanted)

    def _check_deletes(self, before: ListValues, after: ListValues, wanted: ListValues) -> None:
        for name, values in before.items():
            for value in values - after[name]:
                assert self.stage.runtime.settings.sync_method == "full", (name, value, self.told)
                assert value not in wanted.get(name, set()), (name, value, self.told)
                assert (name, value) not in self.foreign, (name, value, self.told)

    def _check_rest(self, after: ListValues, wanted: ListValues) -> None:
        """What is in a list and not wanted is of others, or waits for an approval, or the method only adds."""
        waits = {pending.list for pending in PendingDeletes(self.stage.redis).every()}
        for name, values in after.items():
            rest = {value for value in values - wanted.get(name, set()) if (name, value) not in self.foreign}
            if rest and name not in self.disowned and self.stage.runtime.settings.sync_method == "full":
                assert name in waits, (name, rest, self.told)

    def wanted(self) -> ListValues:
        """Return what the lists must have, from ThreatQ as it is."""
        wanted: ListValues = {}
        for row in self._rows():
            if row["status"] == "Active" and row["type"] in TYPES:
                value = row["value"] if row["type"] == "URL" else row["value"].lower()
                wanted.setdefault(self._list(row), set()).add(value)
        return wanted

    def _list(self, row: dict[str, Any]) -> str:
        name, score = f"ThreatQ: {row['type']}", row.get("score") or 0
        if self.split_by == "tqtype":
            return name
        if self.split_by == "score":
            return f"{name}: {score or 'Not Scored'}"
        bands = ((10, "Very High"), (9, "High"), (7, "Medium"), (5, "Low"), (1, "Very Low"))
        return f"{name}: {next((band for least, band in bands if score >= least), 'Not Scored')}"

    def _rows(self) -> list[dict[str, Any]]:
        fields = ["id", "value", "type", "status", "score"]
        rows: list[dict[str, Any]] = self.stage.threatq.post(
            "/api/indicators/query", {"fields": fields}, limit=1000
        )["data"]
        return rows

    def _any_id(self) -> int:
        return int(self.chance.choice(self._rows())["id"])

    def come(self) -> None:
        """Some indicators come."""
        count = self.chance.randrange(1, 6)
        self.stage.seed(count, start=self.made, types=[self.chance.choice(TYPES)])
        self.made += count

    def change_status(self) -> None:
        """Some indicators change their status."""
        for _ in range(self.chance.randrange(1, 8)):
            self.stage.threatq.call(
                "PUT", f"/api/indicators/{self._any_id()}", {"status": self.chance.choice(STATUSES)}
            )

    def change_score(self) -> None:
        """An indicator gets another score."""
        self.stage.threatq.call(
            "PUT", f"/api/indicator/{self._any_id()}/scores", {"manual_score": self.chance.randrange(11)}
        )

    def rename(self) -> None:
        """An indicator gets another value."""
        self.made += 1
        self.stage.threatq.call(
            "PUT", f"/api/indicators/{self._any_id()}", {"value": value_of("MD5", 10_000 + self.made)}
        )

    def delete(self) -> None:
        """An indicator is deleted for good."""
        self.stage.threatq.call("DELETE", f"/api/indicators/{self._any_id()}")

    def twin(self) -> None:
        """An indicator comes whose value differs from another one in capitals alone."""
        value = value_of("FQDN", self.chance.randrange(0, FIRST, 2)).upper()
        self.stage.threatq.call(
            "POST", "/api/indicators/consume/new", [{"value": value, "type": "FQDN", "status": "Active"}]
        )

    def touch(self) -> None:
        """A feed brings an indicator that is there."""
        self.stage.threatq.call(
            "POST",
            "/api/indicators/consume/new",
            [
                {
                    "value": value_of("FQDN", self.chance.randrange(0, FIRST, 2)),
                    "type": "FQDN",
                    "status": "Active",
                }
            ],
        )

    def put_by_hand(self) -> None:
        """An analyst puts an entry into a list, perhaps one that ThreatQ will have next."""
        lists = self.stage.lists()
        name = self.chance.choice(sorted(lists) or ["ThreatQ: FQDN"])
        value = self.chance.choice(
            (f"by-hand-{self.chance.randrange(5)}.example", value_of("FQDN", self.made))
        )
        if name in lists and "FQDN" in name:
            if value not in lists[name]:
                self.foreign.add((name, value))
            self.stage.logrhythm.fill(name, value)
            self.was_edited = True

    def take_by_hand(self) -> None:
        """An analyst takes an entry out of a list."""
        lists = {name: values for name, values in self.stage.lists().items() if values}
        if lists:
            name = self.chance.choice(sorted(lists))
            value = self.chance.choice(sorted(lists[name]))
            self.foreign.discard((name, value))
            body = {"items": [{"value": value, "listItemType": "StringValue", "listItemDataType": "String"}]}
            self.stage.logrhythm.api("DELETE", f"/lists/{self.stage.guid(name)}/items/", body)
            self.was_edited = True

    def approve(self) -> None:
        """An operator approves what waits."""
        for pending in PendingDeletes(self.stage.redis).every():
            if not pending.doubt:
                PendingDeletes(self.stage.redis).approve(pending.id, Audit(self.stage.redis), now_ms=1)

    def configure(self) -> None:
        """An administrator changes a setting."""
        self.stage.set(sync_delete_max_count=self.chance.choice((2, 4, 1_000)))

    _acts = (
        *(
            come,
            come,
            change_status,
            change_status,
            change_status,
            change_score,
            change_score,
            touch,
            touch,
            twin,
        ),
        *(rename, delete, put_by_hand, take_by_hand, approve, configure),
    )
