"""A document that is not in the guide's dialect gets its mapping; its job keeps it as sent, and the mapping's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from workers.core.errors import InputError
from workers.mappings.apply import apply_mapping, elements
from workers.mappings.envelopes import Choose, opened, with_line
from workers.mappings.expressions import TakesTooLong
from workers.mappings.matching import GENERIC, Mappings
from workers.mappings.model import Mapping as EventMapping
from workers.mappings.syslog import is_line

Outcome = TypeVar("Outcome")

#: The argument of a job that names its mapping, and what it holds.
ARGUMENT, NAME, VERSION = "mapping", "name", "version"

#: What that also holds where a corrected mapping was replayed over the job: the event that the job made before.
EVENT = "event_id"

#: Documents of one message on which a mapping may take too long: a thousand would keep all other senders waiting.
MOST_SLOW = 2

#: The fields by which a payload of the dialect is known although it lacks its name; no other format has them.
_DIALECT_ALONE = {
    "event_source", "event_attributes", "uri_source", "uri_source_attributes", "uri_target", "uri_target_attributes",
    "syslog_message",
}  # fmt: skip


#: Those that other formats have too, and fields beside them by which a document may be of such a one.
_DIALECT_SHARED = frozenset(("event_name", "event_type", "identity", "malware"))
_FEWEST_OWN = 3


class NoMapping(InputError):
    """No mapping is for this document."""


class MappedDocument(Struct, frozen=True):
    """What a job keeps, and the payload that it becomes; of the guide's dialect both are the same, with no mapping."""

    document: dict[str, Any]
    payload: dict[str, Any]
    mapping: EventMapping | None = None

    @property
    def beside(self) -> dict[str, Any]:
        """What the job says of its mapping; a worker that does not have it leaves the job to others."""
        return {ARGUMENT: {NAME: self.mapping.name, VERSION: self.mapping.version}} if self.mapping else {}


class Patience:
    """Ends the work of a mapping that takes too long on the documents of one message."""

    def __init__(self) -> None:
        self._slow: Counter[str] = Counter()

    def choose(self, mappings: Mappings, document: dict[str, Any]) -> EventMapping | None:
        """Return the mapping that is for a document, None where none is; raises InputError."""
        return self._counted(lambda: mappings.choose(document, self._check))

    def elements(self, mapping: EventMapping, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the documents that a document holds; raises InputError."""
        self._check(mapping)
        return self._counted(lambda: elements(mapping, document))

    def mapped(self, mapping: EventMapping, element: dict[str, Any]) -> MappedDocument:
        """Return the event of a document; raises InputError."""
        self._check(mapping)
        event = self._counted(lambda: apply_mapping(mapping, element))
        return MappedDocument(element, event.payload, mapping)

    def _counted(self, act: Callable[[], Outcome]) -> Outcome:
        try:
            return act()
        except TakesTooLong as error:
            self._slow[error.mapping] += 1
            raise

    def _check(self, mapping: EventMapping) -> None:
        if self._slow[mapping.name] >= MOST_SLOW:
            raise InputError(
                f"mapping {mapping.name} was not tried: it took too long on {MOST_SLOW} other documents of this "
                f"message. Correct it (tqctl mapping explain --mapping {mapping.name} FILE), then send this again"
            )


def is_dialect(payload: dict[str, Any]) -> bool:
    """Tell whether a payload is in the guide's dialect, complete or not."""
    named = "event_name" in payload or not _DIALECT_ALONE.isdisjoint(payload)
    return named and not is_line(payload)


def is_foreign(payload: dict[str, Any], choose: Choose, *, generic: bool) -> bool:
    """Tell whether a payload of the dialect's names is of a format that has a mapping, or none and is taken so."""
    return _may_be_foreign(payload) and (generic or choose(payload) is not None)


def _may_be_foreign(payload: dict[str, Any]) -> bool:
    """Tell whether a payload has the dialect's names by chance: no time and no value of it, and fields of its own."""
    if "event_happened_at" in payload or not _DIALECT_ALONE.isdisjoint(payload):
        return False
    return len(payload.keys() - _DIALECT_SHARED) >= _FEWEST_OWN


def map_document(
    document: dict[str, Any],
    mappings: Mappings,
    *,
    name: str = "",
    generic: bool = False,
    patience: Patience | None = None,
) -> list[MappedDocument | InputError]:
    """Return the events of a document by the mapping `name`, else by the one that is for it, and why some are none.

    One that no mapping is for may be an envelope; then each document inside gets its own. `generic`: one that is none
    either becomes a generic event. `patience` is that of the message. Raises InputError for the whole.
    """
    patience = patience or Patience()
    choose = partial(patience.choose, mappings)
    mapping = mappings.named(name) if name else choose(document)
    if mapping is None and (inside := opened(document, choose)):
        return [event for inner in inside for event in _each(inner, mappings, generic, patience)]
    if mapping is None and generic:
        mapping, document = mappings.named(GENERIC), with_line(document)
    if mapping is None:
        raise _no_mapping(document, mappings)
    return [_mapped(mapping, element, patience) for element in patience.elements(mapping, document)]


def _each(
    document: dict[str, Any], mappings: Mappings, generic: bool, patience: Patience
) -> Sequence[MappedDocument | InputError]:
    try:
        return map_document(document, mappings, generic=generic, patience=patience)
    except InputError as error:
        return [error]


def _mapped(
    mapping: EventMapping, element: dict[str, Any], patience: Patience
) -> MappedDocument | InputError:
    try:
        return patience.mapped(mapping, element)
    except InputError as error:
        return error


def _no_mapping(document: dict[str, Any], mappings: Mappings) -> NoMapping:
    nearest = ", ".join(map(str, mappings.nearest(document)))
    return NoMapping(
        "is missing or empty; every event needs it. No mapping is for this document either; the nearest are "
        f"{nearest or 'none'}. Name one, or write one of your own (docs/mappings.md)",
        field="event_name",
    )


def mapping_of(arguments: Mapping[str, Any]) -> str:
    """Return the name and the version of a job's mapping as people read them, "" where it has none."""
    wanted = arguments.get(ARGUMENT)
    return f"{wanted[NAME]}, version {wanted[VERSION]}" if wanted else ""


def mapping_name(arguments: Mapping[str, Any]) -> str:
    """Return the name of a job's mapping, "" where it has none."""
    return str(arguments.get(ARGUMENT, {}).get(NAME, ""))


def with_mapping(arguments: Mapping[str, Any], mapping: EventMapping, event_id: int = 0) -> dict[str, Any]:
    """Return the arguments of a job that is to be done again by `mapping`, which made `event_id` before, 0 for none."""
    event = {EVENT: event_id} if event_id else {}
    return {**arguments, ARGUMENT: {NAME: mapping.name, VERSION: mapping.version, **event}}


def earlier_event(arguments: Mapping[str, Any]) -> int:
    """Return the event that a job made before a corrected mapping was replayed over it, 0 for none."""
    return int(arguments.get(ARGUMENT, {}).get(EVENT, 0))
