"""What the scripts promise of groups of firings, as plain Python; time stands still but for windows that end.

The scripts run beside it step by step (tests/integration/ledger/test_group_reference.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from workers.ledger.groups import Verdict


class Shot(NamedTuple):
    """A firing: its job, its group ("" for none), when it happened, its values, and how severe it was."""

    id: str
    group: str
    happened_at: str
    values: tuple[str, ...]
    severity: int


class Expected(NamedTuple):
    """What a firing is told to do: as `Placement`, without the wait."""

    verdict: Verdict
    is_limited: bool
    group: str
    event: int
    opener: str


@dataclass
class GroupFacts:
    """What is known of one group; `told` is how many firings its event knows of."""

    opener: str
    is_limited: bool
    event: int = 0
    count: int = 0
    told: int = 0
    more: int = 0
    first: str = ""
    last: str = ""
    severity: int = 0
    values: Counter[str] = field(default_factory=Counter)


class ReferenceGroups:
    """The groups of one source, of which so many firings are let through; `open_jobs` are those that may open one."""

    def __init__(self, *, most_values: int, let_through: int) -> None:
        self.most_values, self.let_through = most_values, let_through
        self.groups: dict[str, GroupFacts] = {}
        #: The group that is open under the name of what its firings share; "over" for those above the limit.
        self.open: dict[str, str] = {}
        self.through: set[str] = set()
        self.counted: dict[str, str] = {}
        self.open_jobs: set[str] = set()

    def enter(self, shot: Shot, other_id: str) -> Expected:
        """Tell a firing what it does; one that has opened a group before opens another one under `other_id`."""
        if shot.group and (place := self._join(shot.group, shot.id, is_limited=False)):
            return place
        if shot.id not in self.through and len(self.through) >= self.let_through:
            return self._join("over", shot.id, is_limited=True) or self._open(
                "over", shot.id, other_id, is_limited=True
            )
        self.through.add(shot.id)
        if shot.group:
            return self._open(shot.group, shot.id, other_id, is_limited=False)
        return Expected("alone", False, "", 0, "")

    def _join(self, name: str, job_id: str, *, is_limited: bool) -> Expected | None:
        group_id = self.open.get(name)
        if group_id is None:
            return None
        group = self.groups[group_id]
        if group.opener == job_id:
            return Expected("open", is_limited, group_id, group.event, "")
        if group.event:
            return Expected("join", is_limited, group_id, group.event, "")
        if group.opener in self.open_jobs:
            return Expected("wait", is_limited, group_id, 0, group.opener)
        group.opener = job_id
        return Expected("open", is_limited, group_id, 0, "")

    def _open(self, name: str, job_id: str, other_id: str, *, is_limited: bool) -> Expected:
        group_id = other_id if job_id in self.groups else job_id
        assert group_id not in self.groups
        self.open[name], self.groups[group_id] = group_id, GroupFacts(job_id, is_limited)
        return Expected("open", is_limited, group_id, 0, "")

    def settle(self, shots: Sequence[tuple[Shot, str, int]]) -> None:
        """Count firings that are done together: each with its group ("" for none) and the event that it made (0)."""
        fresh: dict[str, Counter[str]] = {}
        for shot, group_id, event in shots:
            if not group_id:
                continue
            group = self.groups[group_id]
            if event and event != group.event:
                group.event, group.told = event, 1
            if self.counted.get(shot.id) == group_id:
                continue
            self.counted[shot.id] = group_id
            group.count += 1
            group.first = min(filter(None, (group.first, shot.happened_at)))
            group.last = max(group.last, shot.happened_at)
            group.severity = max(group.severity, shot.severity)
            fresh.setdefault(group_id, Counter()).update(shot.values)
        for group_id, values in fresh.items():
            self._keep(self.groups[group_id], values)

    def _keep(self, group: GroupFacts, values: Counter[str]) -> None:
        """Keep the values for which there is room; which of several new ones are kept is left to the script."""
        new = [value for value in values if value not in group.values]
        room = self.most_values - len(group.values)
        # The tests give all new values of one call the same count, so that it does not matter which are kept.
        for value in new[max(room, 0) :]:
            group.more += values.pop(value)
        group.values.update(values)

    def close(self, name: str) -> None:
        """Let the window of the group that is open under a name end."""
        self.open.pop(name, None)
