"""The Redis that a single machine brings along: on a fixed port, behind a password, keeping what it accepted."""

from __future__ import annotations

import hashlib
import os
import secrets
from urllib.parse import urlsplit

#: Its user, by which a URL is known to name it.
USER = "embedded"

#: Random bytes in its password; no person types it.
STRENGTH = 24

#: What its user may do: all but what concerns the server itself, and what `tqctl check` looks at.
RIGHTS = "+@all -@admin -@dangerous +info +config|get +acl|whoami +acl|log +function|list +function|load"

#: Which part of the machine's memory it may use, and how many bytes at least.
SHARE, LEAST_BYTES = 0.25, 256 * 1024 * 1024


def new_url(port: int) -> str:
    """Return the URL of one that is to be, with a new password."""
    return f"redis://{USER}:{secrets.token_urlsafe(STRENGTH)}@127.0.0.1:{port}/0"


def is_embedded(redis_url: str) -> bool:
    """Tell whether a URL names the Redis that we start ourselves."""
    parts = urlsplit(redis_url)
    return parts.username == USER and parts.hostname == "127.0.0.1"


def redis_conf(redis_url: str, maxmemory: int) -> str:
    """Return what its configuration file says beside the port and the folder.

    Without a password a client may ask whether the server is there, and nothing else. The file holds the password's
    digest alone.
    """
    digest = hashlib.sha256((urlsplit(redis_url).password or "").encode()).hexdigest()
    return "\n".join(
        (
            "user default on nopass sanitize-payload resetkeys resetchannels -@all +ping",
            f"user {USER} on #{digest} sanitize-payload allkeys allchannels {RIGHTS}",
            f"maxmemory {maxmemory}",
            "loglevel warning",
            "",
        )
    )


def memory_for_redis() -> int:
    """Return the bytes that it may use on this machine."""
    bytes_here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(int(bytes_here * SHARE), LEAST_BYTES)
