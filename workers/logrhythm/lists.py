"""Finding, making and retiring lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from workers.core.errors import Rejected, ServiceAway
from workers.logrhythm.errors import NameTaken, endless
from workers.logrhythm.model import ListKind, ListSummary, changed_list, new_list, summary
from workers.logrhythm.transport import LogRhythmTransport

#: Lists asked for in one page; what public clients use. A server may give fewer.
PAGE_SIZE = 1000

#: Pages after which a listing is taken to be one without end.
MOST_PAGES = 1_000

#: A page with fewer lists than LogRhythm's own default is surely the last.
LEAST_FULL_PAGE = 100

#: Text that means itself where LogRhythm reads "name or regex", and that a header can carry.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 :_-]*[A-Za-z0-9]")

#: Shorter name filters are refused.
MIN_FILTER_CHARS = 3


class Lists:
    """The lists of one LogRhythm."""

    def __init__(
        self, transport: LogRhythmTransport, *, entity: str, read_access: str, write_access: str
    ) -> None:
        self._transport = transport
        self._entity, self._read_access, self._write_access = entity, read_access, write_access

    def every(self, *, name_part: str = "") -> Iterator[ListSummary]:
        """Yield all lists, retired ones too, page by page; `name_part` narrows them as LogRhythm likes."""
        seen: set[str] = set()
        headers = {"pageSize": str(PAGE_SIZE), **({"name": name_part} if name_part else {})}
        for number in range(1, MOST_PAGES + 1):
            page = self._transport.call("GET", "/lists/", headers={**headers, "pageNumber": str(number)})
            new = [item for item in _summaries(page) if item.guid not in seen]
            yield from new
            seen.update(item.guid for item in new)
            # A page may be short because the server caps it below what we asked; only these two are an end.
            if not new or len(page) < LEAST_FULL_PAGE:
                return
        raise endless("/lists/", len(seen))

    def find(self, name: str) -> ListSummary | None:
        """Return the list of exactly this name: an active one before a retired, a public one before a private.

        LogRhythm's own filter also finds `ThreatQ: FQDN: High` for `ThreatQ: FQDN`. Raises Rejected if
        several lists of this name remain.
        """
        return self.named([name], common=name).get(name)

    def named(self, names: Collection[str], *, common: str) -> dict[str, ListSummary]:
        """Return those lists of exactly these names that exist; each as `find` chooses it.

        `common` is what the names begin with: all are found in one listing.
        """
        candidates: dict[str, list[ListSummary]] = {}
        for candidate in self.every(name_part=name_filter(common)):
            if candidate.name in names:
                candidates.setdefault(candidate.name, []).append(candidate)
        return {name: _the_one(name, lists) for name, lists in candidates.items()}

    def create(self, name: str, kind: ListKind, *, owner: int) -> ListSummary:
        """Make an empty list; raises NameTaken if a public one is called so, InvalidOwner for a wrong owner."""
        request = new_list(
            name,
            kind,
            owner=owner,
            entity=self._entity,
            read_access=self._read_access,
            write_access=self._write_access,
        )
        return summary(self._transport.call("POST", "/lists/", body=request))

    def ensure(self, name: str, kind: ListKind, *, owner: int) -> ListSummary:
        """Return the active list of this name: found, brought back from retirement, or made.

        When another client makes it in between, or our own answer was lost, the list that is there is taken.
        """
        existing = self.find(name)
        if existing is None:
            try:
                return self.create(name, kind, owner=owner)
            except NameTaken:
                existing = self.find(name)
                if existing is None:
                    raise
        return self.revive(existing, owner=owner) if existing.is_retired else existing

    def retire(self, target: ListSummary, *, owner: int) -> ListSummary:
        """Retire a list, which is all that LogRhythm offers instead of deleting; its entries stay in it.

        The owner is set too: one who may not own lists any more would spoil every change.
        """
        return self._change(target, status="Retired", owner=owner)

    def revive(self, target: ListSummary, *, owner: int) -> ListSummary:
        """Make a retired list active again."""
        return self._change(target, status="Active", owner=owner)

    def _change(self, target: ListSummary, **changes: object) -> ListSummary:
        return summary(self._transport.call("POST", "/lists/", body=changed_list(target, **changes)))


def name_filter(name: str) -> str:
    """Return the longest part of `name` that is safe in the name header, or "" if none is long enough.

    Headers are Latin-1 and LogRhythm may read them as a regular expression, so anything unusual is left out:
    the filter then finds more lists, never fewer.
    """
    longest = max(_PLAIN.findall(name), key=len, default="")
    return longest if len(longest) >= MIN_FILTER_CHARS else ""


def _summaries(page: object) -> list[ListSummary]:
    if not isinstance(page, list):
        raise ServiceAway("logrhythm", "LogRhythm answers GET /lists/ with something that is no array")
    return [summary(row) for row in page]


def _the_one(name: str, lists: list[ListSummary]) -> ListSummary:
    lists.sort(key=_rank)
    if len(lists) > 1 and _rank(lists[0]) == _rank(lists[1]):
        raise Rejected(
            f"LogRhythm has {len(lists)} lists called {name!r}; rename or retire all but the one that the "
            "sync may change"
        )
    return lists[0]


def _rank(target: ListSummary) -> tuple[bool, bool]:
    return (target.is_retired, not target.is_public)
