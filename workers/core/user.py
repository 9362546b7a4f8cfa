"""Who runs this process, as the system tells; light, because a Smart Response command loads it for each click."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: Characters of a user or sender that are kept.
MOST_NAME = 100


def user_at_host(environ: Mapping[str, str] = os.environ) -> str:
    """Return the user as user@host; behind sudo, and where it was another, also the one who called it."""
    name, caller = _user(environ), environ.get("SUDO_USER", "")
    shown = f"{caller} as {name}" if caller not in ("", name) else name
    return bounded_name(f"{shown}@{_host(environ)}")


def sent_by(source: str, user: str) -> str:
    """Return the sender of a job: the source that a payload names, "" for none, and the user, "" for unknown."""
    return bounded_name(" by ".join(filter(None, (source, user))))


def bounded_name(text: str) -> str:
    """Return a name from outside on one line, without what a terminal would obey, and not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MOST_NAME]).split())[:MOST_NAME]


def _user(environ: Mapping[str, str]) -> str:
    """Return the user of the process, not of the environment, which a user can set."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        # Windows has no such list, and a container's user is often a number without a name.
        return environ.get("USERNAME") or environ.get("USER") or "unknown"


def _host(environ: Mapping[str, str]) -> str:
    return os.uname().nodename if hasattr(os, "uname") else environ.get("COMPUTERNAME", "")
