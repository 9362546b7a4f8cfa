"""Short names for texts of any length, for keys and folders."""

from __future__ import annotations

from hashlib import blake2b


def short(text: str) -> str:
    """Return 16 hex characters that stand for `text`."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
