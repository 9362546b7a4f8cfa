"""Tokens that change while the HTTP entry point runs: the files that may hold them are looked at again and again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from anyio.to_thread import run_sync

from producers.http.tokens import ApiTokens, read_tokens
from workers.core.errors import ConfigError, ServiceAway
from workers.ledger.acts import Auditor, named
from workers.settings.loading import Loaded

log = structlog.get_logger("tq.http")

#: Seconds between two looks; a change counts at the second look that sees it, as its writer may still be at it.
LOOK_EVERY_S = 2.0

#: Seconds before a token's end from which the log warns: two weeks to make a new one.
RENEW_WITHIN_S = 14 * 86_400.0

#: What tells one state of a file from another; None where there is no file.
_Stamp = tuple[int, int, int] | None


class TokenFiles:
    """Puts the tokens of changed settings into `tokens`; wrong ones are logged, and the earlier ones stay."""

    def __init__(
        self,
        tokens: ApiTokens,
        loaded: Loaded,
        read: Callable[[], Loaded],
        environ: Mapping[str, str],
        audit: Auditor | None,
    ) -> None:
        self._tokens = tokens
        self._audit = audit
        self._read = read
        file = environ.get("TQ_HTTP_TOKENS_FILE")
        self._paths = [loaded.path, *([Path(file)] if file else [])]
        self._seen = self._counted = self._stamps()
        warn_of_endings(tokens)

    async def watch(self) -> None:
        """Look at the files until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await run_sync(self.look)

    def look(self) -> None:
        """Take the tokens over from files that have changed and are no longer being written."""
        stamps = self._stamps()
        if stamps == self._seen and stamps != self._counted:
            self._counted = stamps
            self._take_over()
        self._seen = stamps

    def _take_over(self) -> None:
        try:
            changed = read_tokens(self._read().settings.http_tokens)
            if not changed.known:
                raise ConfigError("no token is left", field="http_tokens (TQ_HTTP_TOKENS)")
        except ConfigError as error:
            log.error("changed tokens cannot be read, the earlier ones stay", reason=str(error))
            return
        if changed.known == self._tokens.known:
            return
        self._tokens.known = changed.known
        names = sorted({holder.name for holder in changed.known.values()})
        log.info("tokens have changed", names=names)
        try:
            if self._audit:
                self._audit.record("settings", "http_tokens", tokens=named(names))
        except ServiceAway as error:
            log.warning("that tokens have changed is not in the audit trail", reason=str(error))
        warn_of_endings(self._tokens)

    def _stamps(self) -> list[_Stamp]:
        return [_stamp(path) for path in self._paths]


def warn_of_endings(tokens: ApiTokens) -> None:
    """Log a warning for each token that has ended or ends soon."""
    for holder in tokens.known.values():
        left_s = holder.seconds_left(time.time())
        if left_s < RENEW_WITHIN_S:
            log.warning(
                "a token has ended" if left_s <= 0 else "a token ends soon",
                token=holder.name,
                last_day=str(holder.last_day),
            )


def _stamp(path: Path) -> _Stamp:
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
