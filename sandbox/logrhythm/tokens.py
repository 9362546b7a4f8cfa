"""JWT bearer tokens with LogRhythm's claims; the signature is not checked, the expiry is."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time

import msgspec
from msgspec import Struct

#: Signs the tokens that the sandbox hands out; nothing real trusts it.
SANDBOX_KEY = b"tq-sandbox"


class Claims(Struct, frozen=True):
    """What a token says about its bearer."""

    uid: int
    exp: float
    rid: str = "globalAdmin"
    sub: str = ""


def mint(
    uid: int = 12, *, role: str = "globalAdmin", login: str = "tqsync", valid_s: float = 365 * 86_400
) -> str:
    """Return a token for user `uid` that is valid for `valid_s` seconds from now (negative: expired)."""
    now = int(time.time())
    claims = {
        "uid": uid,
        "pid": uid,
        "sub": login,
        "rid": role,
        "deid": 1,
        "eids": [1, -100],
        "iss": "lr-auth",
        "cid": "threatq",
        "iat": now,
        "exp": int(now + valid_s),
    }
    signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
    signature = hmac.new(SANDBOX_KEY, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64(signature)}"


def bearer(header: str) -> Claims | None:
    """Return the claims of an `Authorization` header, or None if it holds no valid token."""
    scheme, _, token = header.partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return None
    try:
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(body, type=Claims)
    except (binascii.Error, msgspec.MsgspecError):
        return None
    return claims if claims.exp > time.time() else None


def _encode(part: dict[str, object]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
