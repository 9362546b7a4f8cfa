"""Which services have answered the work at hand: the only sign that one which was away is back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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


def note_answer(service: str) -> None:
    """Note that `service` has answered the work that this thread does."""
    services = _answered.get()
    if services is not None:
        services.add(service)
