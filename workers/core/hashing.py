"""SHA-256 as Python itself brings them: loading OpenSSL for it would cost a stub 5 ms each click."""

from __future__ import annotations

import sys

try:
    from _sha2 import sha256
except ImportError:
    try:
        # Where Python 3.11 has it.
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data`."""
    # Where OpenSSL is loaded anyway, it does the same eight times as fast.
    loaded = sys.modules.get("hashlib")
    return str((loaded.sha256 if loaded else sha256)(data).hexdigest())
