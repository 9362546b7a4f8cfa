"""Why a connection failed, in the operating system's words."""

from __future__ import annotations


def cause(error: BaseException) -> str:
    """Return the words at the bottom of an error, in brackets and without URLs; "" where there are none."""
    seen: set[int] = set()
    found = ""
    at: object = error
    while isinstance(at, BaseException) and id(at) not in seen:
        seen.add(id(at))
        if isinstance(at, OSError) and at.strerror:
            found = f" ({at.strerror})"
        at = at.__cause__ or at.__context__ or getattr(at, "reason", None)
    return found
