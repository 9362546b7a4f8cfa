"""One call of the API as the handlers see it: who asks, for what, with which parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from sandbox.threatq.model.behaviour import Behaviour
from sandbox.threatq.model.defaults import Account
from sandbox.threatq.model.kinds import KINDS, Kind
from sandbox.threatq.model.multipart import Upload
from sandbox.threatq.model.store import Store


class Answer(msgspec.Struct, frozen=True):
    """A status and a JSON body; None is an empty body, bytes are sent as they are."""

    body: Any
    status: int = 200
    headers: dict[str, str] = {}


class Refused(Exception):
    """Ends a call with this answer."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.answer = Answer(body, status)


class System(Protocol):
    """What handlers reach of the simulated ThreatQ."""

    behaviour: Behaviour
    store: Store


class Call(msgspec.Struct, frozen=True):
    """A request with a valid token; `body` is parsed JSON, the fields of a form, or None; `file` came with a form."""

    threatq: System
    account: Account
    path: dict[str, Any]
    query: dict[str, str]
    body: Any
    file: Upload | None = None

    @property
    def kind(self) -> Kind:
        """The kind of object that the path names."""
        return kind_of(self.path["collection"])

    @property
    def fields(self) -> dict[str, Any]:
        """The body as an object; parameters in the query string stand in for missing fields."""
        if self.body is not None and not isinstance(self.body, dict):
            raise refused("body", "The body must be a JSON object.")
        return {**self.query, **(self.body or {})}

    @property
    def items(self) -> list[Any]:
        """The body as a list; one object is a list of one."""
        return self.body if isinstance(self.body, list) else [self.fields]

    def number(self, name: str, default: int) -> int:
        """A whole number from the query string."""
        try:
            return int(self.query.get(name, default))
        except ValueError:
            raise refused(name, f"The {name} must be an integer.") from None


Handler = Callable[[Call], Answer]


def kind_of(collection: str) -> Kind:
    """The kind with this endpoint; 404 if there is none."""
    if collection not in KINDS:
        raise not_found()
    return KINDS[collection]


def listing(rows: list[Any], total: int | None = None, status: int = 200) -> Answer:
    """A collection's envelope."""
    return Answer({"total": len(rows) if total is None else total, "data": rows}, status)


def single(row: Any, status: int = 200) -> Answer:
    """One object's envelope."""
    return Answer({"data": row}, status)


def refused(field: str, message: str) -> Refused:
    """A validation failure in the form of a field map."""
    return Refused(400, {"data": {"errors": {field: [message]}}})


def not_found() -> Refused:
    """What an unknown id or endpoint answers."""
    return Refused(404, {"errors": ["Not found."]})
