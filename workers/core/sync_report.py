"""The report of a run of the list sync: one value that command, status page, tqctl, notices, metrics and docs read.

A field says itself what it means; a count of a list also has the heading under which tables show it. The names of the
fields are those of the JSON that HTTP and `--json` answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct, field


def _count(heading: str, planned: str, means: str) -> Meta:
    """Describe a count: its heading in a report, in the plan of a dry run, and its meaning."""
    return Meta(title=heading, description=means, extra={"planned": planned})


def _is(means: str) -> Meta:
    return Meta(description=means)


class ListResult(Struct, frozen=True, kw_only=True):
    """What a run did to one list, or would do."""

    name: Annotated[str, _is("the list's name")]
    now: Annotated[int, _count("Before", "Now", "its entries before the run")]
    adds: Annotated[int, _count("Added", "Add", "entries that were added")]
    deletes: Annotated[int, _count("Deleted", "Delete", "entries that were deleted")]
    after: Annotated[int, _count("After", "After", "its entries after the run, as planned")]
    pending: Annotated[int, _count("Pending", "Pending", "deletes that wait for an approval")] = field(
        default=0, name="held"
    )
    foreign: Annotated[int, _count("Foreign", "Foreign", "entries of others")] = 0
    left_out: Annotated[int, _count("Left out", "Left out", "entries for which the list has no room")] = 0
    entry_count: Annotated[int | None, _is("what LogRhythm counted after the last write")] = None
    error: Annotated[str, _is("why the list could not be synced")] = ""

    @property
    def entries(self) -> int:
        """The entries that the list has now: as LogRhythm counts, else as planned."""
        return self.after if self.entry_count is None else self.entry_count


class CollectionPart(Struct, frozen=True):
    """What one of several data collections brought to their union."""

    name: Annotated[str, _is("the data collection")]
    declared: Annotated[
        int | None, _is("how many indicators ThreatQ says it holds, null where it does not say")
    ]
    read: Annotated[int, _is("how many were read")]
    usable: Annotated[int, _is("how many of them fit a list")]
    lists: Annotated[dict[str, int], _is("how many by list")]

    @property
    def sentence(self) -> str:
        """The same as a sentence."""
        return f"Data collection {self.name}: {self.read:,} indicators, {self.usable:,} of them for the lists"


class AbandonedList(Struct, frozen=True):
    """A list of ours that no data collection feeds any more."""

    name: Annotated[str, _is("the list's name")]
    entries: Annotated[int, _is("how many entries it has")]

    @property
    def sentence(self) -> str:
        """The same as a sentence, with what to do."""
        return (
            f"{self.name} is abandoned: no data collection feeds it any more, and LogRhythm goes on alarming on its "
            f"{self.entries:,} entries; tqctl lists retire --abandoned"
        )


class RunResult(Struct, frozen=True, kw_only=True):
    """What became of a run, or would become of it. Its JSON has the sums of its lists, too."""

    job: Annotated[str, _is("the job that did it")]
    collection: Annotated[str, _is("the data collection, or several with a plus between")]
    status: Annotated[str, _is("done, errors (some lists failed), planned (a dry run), or cancelled")]
    method: Annotated[str, _is("add or full")]
    plan: Annotated[str, _is("the digest of what it did, list by list")]
    began_ms: Annotated[int, _is("when it began, in Unix milliseconds")]
    seconds: Annotated[float, _is("how long it took")]
    declared: Annotated[int | None, _is("how many indicators ThreatQ declared, null where it does not say")]
    read: Annotated[int, _is("how many were read")]
    unsupported: Annotated[dict[str, int], _is("indicators for which there is no list, by type")] = {}
    kept_out: Annotated[dict[str, int], _is("indicators that are kept out of the lists, by status")] = {}
    known_good: Annotated[
        dict[str, int], _is("known-good and own ones that are kept out, by the list that did it")
    ] = {}
    parts: Annotated[tuple[CollectionPart, ...], _is("what each of several data collections brought")] = ()
    lists: Annotated[tuple[ListResult, ...], _is("what was done to each list")] = ()
    notes: Annotated[tuple[str, ...], _is("what the numbers leave open, in sentences")] = ()
    settings: Annotated[dict[str, Any], _is("the settings that decided, whichever worker did it")] = {}
    abandoned: Annotated[tuple[AbandonedList, ...], _is("lists of ours that nothing feeds any more")] = ()
    kind: Annotated[
        Literal["full", "delta"],
        _is("full: it read everything; delta: what had changed, which `read` counts"),
    ] = "full"
    why: Annotated[str, _is("why it was of that kind")] = ""
    full_ms: Annotated[int, _is("when the last full run ended, this one too, in Unix milliseconds")] = 0

    @property
    def adds(self) -> int:
        """The entries that were added to all lists."""
        return sum(result.adds for result in self.lists)

    @property
    def deletes(self) -> int:
        """The entries that were deleted from all lists."""
        return sum(result.deletes for result in self.lists)

    @property
    def pending(self) -> int:
        """The deletes of all lists that wait for an approval."""
        return sum(result.pending for result in self.lists)

    @property
    def failed(self) -> list[str]:
        """The names of the lists that could not be synced."""
        return [result.name for result in self.lists if result.error]

    @property
    def is_planned(self) -> bool:
        """Whether nothing was written: a dry run."""
        return self.status == "planned"

    @property
    def ended_ms(self) -> float:
        """When it ended, in Unix milliseconds."""
        return self.began_ms + self.seconds * 1000


class Count(Struct, frozen=True):
    """A count of a list that tables show: the name of the field, its name in JSON, and its headings."""

    field: str
    key: str
    heading: str
    planned: str

    def of(self, result: ListResult) -> int:
        """Return this count of a list."""
        return int(getattr(result, self.field))


def _counts() -> Iterable[Count]:
    hints = get_type_hints(ListResult, include_extras=True)
    for each in msgspec.structs.fields(ListResult):
        meta = hints[each.name].__metadata__[0]
        if meta.title:
            yield Count(each.name, each.encode_name, meta.title, meta.extra["planned"])


#: Every count of a list, in the order of tables.
COUNTS = tuple(_counts())

#: The counts that change from run to run, as metrics show them.
CHANGES = tuple(count for count in COUNTS if count.field in ("adds", "deletes", "pending", "left_out"))

#: Counts that a report shows only where a list has some.
RARE = ("foreign", "left_out")


def columns(results: Iterable[ListResult], *, planned: bool = False) -> list[Count]:
    """Return the counts that a table of these lists shows: a plan's all of them, a report's without empty rare ones."""
    results = list(results)
    return [
        count
        for count in COUNTS
        if planned or count.field not in RARE or any(count.of(result) for result in results)
    ]


def as_json(run: RunResult) -> dict[str, Any]:
    """Return a report as JSON, wherever it is shown or kept."""
    return {**msgspec.to_builtins(run), "adds": run.adds, "deletes": run.deletes}


def read(text: bytes) -> RunResult:
    """Read a report that was kept; keys of a newer version are skipped."""
    return msgspec.json.decode(text, type=RunResult)


def last_of_each(runs: Iterable[RunResult]) -> dict[str, RunResult]:
    """Return the last run of each collection that wrote, by its name; `runs` are newest first."""
    last: dict[str, RunResult] = {}
    for run in runs:
        if not run.is_planned:
            last.setdefault(run.collection, run)
    return last
