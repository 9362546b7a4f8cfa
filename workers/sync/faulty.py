"""Lists on which LogRhythm fails: the others are done first, and one that never works does not keep a run for ever."""

from __future__ import annotations

from workers.errors import ServiceAway
from workers.logrhythm.failure import Fault
from workers.sync.run import Run
from workers.sync.state import ListState

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
        well = [one for one in lists if one.name not in self]
        if lists and not well:
            raise self._faults[lists[-1].name]
        return well

    def add(self, fault: ListFault) -> None:
        """Let a list wait, or at last give it up for this run.

        Raises ServiceAway where LogRhythm does not answer for others either: then the whole run waits.
        """
        run, one = self._run, next(one for one in self._run.lists if one.name == fault.list_name)
        run.tools.logrhythm.lists.named([one.name], common=one.name)
        one.faults += 1
        if one.faults >= MOST_FAULTS:
            one.error = f"{fault}; so it did {one.faults} times while it answered for other lists"
            run.progress.tell(one.name, "failed", 0, None)
        self._faults[one.name] = fault
        run.save()
