"""One LogRhythm, as the sync uses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from typing import Any

from workers.config import Settings
from workers.errors import ConfigError
from workers.logrhythm.entries import Entries, Turn
from workers.logrhythm.failure import InvalidOwner
from workers.logrhythm.gateway import Gateway
from workers.logrhythm.lists import Lists
from workers.logrhythm.model import ListKind, ListSummary
from workers.logrhythm.patience import Patience
from workers.logrhythm.people import as_number, fetch_people, find_owner
from workers.logrhythm.token import Token, read_token

#: What the guide says must be true of the owner.
OWNER_RULE = (
    "the owner must be a Role that the LogRhythm administrator made (not another administrator): read access "
    "Public All Users, write access Public Global Administrator, owner LogRhythmAdmin; the token must be made "
    "with that administrator's login, too"
)


class LogRhythm:
    """Its lists, their entries, and who owns them.

    `turn` gives the lock that writers in all processes share. Usable from several threads at once.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        turn: Turn = nullcontext,
        patience: Patience | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.token: Token = read_token(settings.logrhythm_token)
        self.gateway = Gateway(settings, patience=patience, sleep=sleep)
        self.lists = Lists(
            self.gateway,
            entity=settings.logrhythm_entity,
            read_access=settings.logrhythm_read_access,
            write_access=settings.logrhythm_write_access,
        )
        self.entries = Entries(self.gateway, turn=turn)
        self._owner_setting, self._v751 = settings.logrhythm_owner, settings.logrhythm_v751

    @cached_property
    def owner(self) -> int:
        """The id of who owns our lists: the number that is set, the person of that name, or the token's user."""
        setting = self._owner_setting.strip()
        number = as_number(setting)
        if number is not None:
            return number
        if setting:
            return find_owner(fetch_people(self.gateway, v751=self._v751), setting).owner_id
        if self.token.uid is None:
            raise ConfigError("is not set, and the token names no user", field="logrhythm_owner")
        return self.token.uid

    def ensure_list(self, name: str, kind: ListKind) -> ListSummary:
        """Return the active list of this name, made if need be.

        If LogRhythm does not take the owner, the token's user is tried once; then InvalidOwner says what to do.
        """
        try:
            return self.lists.ensure(name, kind, owner=self.owner)
        except InvalidOwner as refused:
            return self._ensure_owned_by_bearer(name, kind, refused)

    def permissions(self) -> Any:
        """Return what the token's user may do; the cheapest call that needs a valid token."""
        return self.gateway.call("GET", "/permissions/")

    def close(self) -> None:
        """Close every connection."""
        self.gateway.close()

    def _ensure_owned_by_bearer(self, name: str, kind: ListKind, refused: InvalidOwner) -> ListSummary:
        tried = [str(self.owner)]
        try:
            if self.token.uid is not None and self.token.uid != self.owner:
                tried.append(str(self.token.uid))
                return self.lists.ensure(name, kind, owner=self.token.uid)
        except InvalidOwner:
            pass
        raise InvalidOwner(
            f'LogRhythm refuses user {" and ".join(tried)} as owner of {name!r} ("Invalid owner id"): {OWNER_RULE}',
            field="logrhythm_owner",
        ) from refused
