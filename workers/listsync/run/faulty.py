"""Lists on which LogRhythm fails: the others are done first, and one that never works does not keep a run for ever."""

from __future__ import annotations

from workers.core.errors import ServiceAway
from workers.listsync.run.run import Run
from workers.listsync.run.run_folder import ListState
from workers.logrhythm.errors import Fault

#: Times that LogRhythm may fail on one list, with the pauses of a job that waits in between; the next run tries again.
MOST_FAULTS = 5


class ListFault(ServiceAway):
    """LogRhythm fails on one list."""

    def __init__(self, list_name: str, fault: Fault) -> None:
        super().__init__("logrhythm", str(fault))
        self.list_name = list_name


class FaultyLists:
    """The lists that wait for the job's next try, each because LogRhythm has just failed on it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._faults: dict[str, ListFault] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._faults

    def without(self, lists: list[ListState]) -> list[ListState]:
        """Return the lists that can be worked on; raises ListFault when none is left that can."""
        well = [item for item in lists if item.name not in self]
        if lists and not well:
            raise self._faults[lists[-1].name]
        return well

    def add(self, fault: ListFault) -> None:
        """Let a list wait, or at last give it up for this run.

        Raises ServiceAway where LogRhythm does not answer for others either: then the whole run waits.
        """
        run = self._run
        item = next(item for item in run.lists if item.name == fault.list_name)
        run.tools.logrhythm.lists.named([item.name], common=item.name)
        item.faults += 1
        self._faults[item.name] = fault
        if item.faults >= MOST_FAULTS:
            run.fail(item, f"{fault}; so it did {item.faults} times while it answered for other lists")
        run.save()
