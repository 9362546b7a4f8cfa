"""What LogRhythm's JW token says about itself; its signature is LogRhythm's business."""

from __future__ import annotations

import base64
import binascii

import msgspec
from msgspec import Struct

from workers.core.errors import ConfigError
from workers.settings.model import Secret

#: Where a new token is made; part of every message about one.
HOW_TO_RENEW = "make a new one in the console: Deployment Manager > Third Party Applications"


#: What it is called where several things that end are told of.
DISPLAY_NAME = "LogRhythm's JW token"


class Token(Struct, frozen=True):
    """The claims that concern us: the bearer's user id, login and role, and when it ends (Unix time)."""

    uid: int | None = None
    sub: str = ""
    rid: str = ""
    exp: float | None = None

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds until the token ends (negative: since it ended), None if it never does."""
        return None if self.exp is None else self.exp - now


def read_token(secret: Secret) -> Token:
    """Return a token's claims; raises ConfigError if it is none."""
    if not secret:
        raise ConfigError(f"is not set; {HOW_TO_RENEW}", field="logrhythm_token")
    parts = secret.reveal().strip().split(".")
    try:
        claims = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(claims, type=Token)
    except (IndexError, ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
        # The chain is cut because the cause may quote the token.
        raise ConfigError(
            f"is no JW token (three parts with dots between); copy the whole of it, or {HOW_TO_RENEW}",
            field="logrhythm_token",
        ) from None
