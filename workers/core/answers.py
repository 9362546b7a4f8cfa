"""Which services have answered the work at hand: the only sign that one which was away is back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from workers.core.errors import MissingRights, Rejected

_answered: ContextVar[set[str] | None] = ContextVar("answered", default=None)


@contextmanager
def noting_answers() -> Iterator[set[str]]:
    """Give the set to which each service is added that answers a call of this thread inside the block."""
    services: set[str] = set()
    token = _answered.set(services)
    try:
        yield services
    finally:
        _answered.reset(token)


@contextmanager
def answer_of(service: str) -> Iterator[None]:
    """Note that `service` has answered, unless the block raises what is no word of the service's own.

    A refusal is its own word; a redirect, a page of a proxy and an error that passes are not.
    """
    try:
        yield
    except (Rejected, MissingRights):
        note_answer(service)
        raise
    note_answer(service)


def note_answer(service: str) -> None:
    """Note that `service` has answered the work that this thread does."""
    services = _answered.get()
    if services is not None:
        services.add(service)
