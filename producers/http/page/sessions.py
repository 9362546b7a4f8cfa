"""Who is signed in: a random cookie, and behind its digest in Redis the token that it stands for."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import cast

from msgspec import Struct
from redis import Redis

from producers.http.tokens import ANYBODY, Caller, Tokens
from workers.ledger import keys
from workers.ledger.ledger import answering

#: Seconds after which everybody signs in again: a working day.
SESSION_S = 8 * 3600


class Session(Struct, frozen=True):
    """Somebody signed in: the name of the session in Redis, who it is, and what each of his forms must carry."""

    id: str
    caller: Caller
    csrf: str

    def may(self, scope: str) -> bool:
        """Tell whether this person may do what needs `scope`."""
        return scope in self.caller.scopes


class Sessions:
    """Sessions in Redis; raises ServiceAway("redis"). A token that is taken out of the settings ends its sessions."""

    def __init__(self, redis: Redis, tokens: Tokens) -> None:
        self.redis = redis
        self.tokens = tokens

    def open(self, token: str) -> str:
        """Open a session for a token that was found good; return the text of its cookie."""
        cookie = secrets.token_urlsafe(32)
        key = keys.session(_digest(cookie))
        with answering():
            pipe = self.redis.pipeline()
            pipe.hset(key, mapping={"token": _digest(token), "csrf": secrets.token_urlsafe(32)})
            pipe.expire(key, SESSION_S)
            pipe.execute()
        return cookie

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie while it and its token are good."""
        if not cookie:
            return None
        session_id = _digest(cookie)
        with answering():
            token, csrf = cast(
                "list[bytes | None]", self.redis.hmget(keys.session(session_id), "token", "csrf")
            )
        if token is None or csrf is None:
            return None
        caller = self._holder(token.decode())
        return Session(session_id, caller, csrf.decode()) if caller and "read" in caller.scopes else None

    def close(self, session: Session) -> None:
        """Forget a session."""
        with answering():
            self.redis.delete(keys.session(session.id))

    def say(self, session: Session, text: str) -> None:
        """Leave a sentence for the next page that this person sees."""
        with answering():
            # A session that ended meanwhile must not come back as a hash that never expires.
            if self.redis.exists(keys.session(session.id)):
                self.redis.hset(keys.session(session.id), "said", text)

    def said(self, session: Session) -> str:
        """Return the sentence that was left, once."""
        with answering():
            pipe = self.redis.pipeline()
            pipe.hget(keys.session(session.id), "said")
            pipe.hdel(keys.session(session.id), "said")
            text = pipe.execute()[0]
        return text.decode() if text else ""

    def _holder(self, token_digest: str) -> Caller | None:
        if self.tokens.open_to_all:
            return ANYBODY
        return self.tokens.known.get(bytes.fromhex(token_digest))


def same(one: str, other: str) -> bool:
    """Compare two texts that nobody may guess, in constant time; empty ones are never the same."""
    return bool(one) and hmac.compare_digest(one.encode(), other.encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
