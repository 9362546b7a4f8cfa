"""One LogRhythm, as the sync uses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from typing import Any

from workers.core.errors import ConfigError
from workers.core.http_session import Observer, observe_nothing
from workers.core.retry import RetryPolicy
from workers.logrhythm.entries import Entries, Turn
from workers.logrhythm.errors import InvalidOwner
from workers.logrhythm.lists import Lists
from workers.logrhythm.model import ListKind, ListSummary
from workers.logrhythm.owners import Person, as_number, fetch_people, find_owner
from workers.logrhythm.token import Token, read_token
from workers.logrhythm.transport import RETRY, LogRhythmTransport
from workers.settings.model import Settings

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
        policy: RetryPolicy = RETRY,
        sleep: Callable[[float], object] = time.sleep,
        observe: Observer = observe_nothing,
    ) -> None:
        self.token: Token = read_token(settings.logrhythm_token)
        self.transport = LogRhythmTransport(settings, policy=policy, sleep=sleep, observe=observe)
        self.lists = Lists(
            self.transport,
            entity=settings.logrhythm_entity,
            read_access=settings.logrhythm_read_access,
            write_access=settings.logrhythm_write_access,
        )
        self.entries = Entries(self.transport, turn=turn)
        self._owner_setting, self._v751 = settings.logrhythm_owner, settings.logrhythm_v751

    @cached_property
    def owner(self) -> int:
        """The id of who owns our lists: the number that is set, the person of that name, or the token's user."""
        number = as_number(self._owner_setting)
        if number is not None:
            return number
        if self.person is not None:
            return self.person.owner_id
        if self.token.uid is None:
            raise ConfigError("is not set, and the token names no user", field="logrhythm_owner")
        return self.token.uid

    @cached_property
    def person(self) -> Person | None:
        """The person whose name is set as owner; None where a number is set, or nothing."""
        setting = self._owner_setting.strip()
        if not setting or as_number(setting) is not None:
            return None
        return find_owner(fetch_people(self.transport, v751=self._v751), setting)

    def ensure_list(self, name: str, kind: ListKind) -> ListSummary:
        """Return the active list of this name, made if need be.

        If LogRhythm does not take the owner, the token's user is tried once; then InvalidOwner says what to do.
        """
        return self._owned(name, lambda owner: self.lists.ensure(name, kind, owner=owner))

    def retire_list(self, target: ListSummary) -> ListSummary:
        """Retire a list; LogRhythm has no way to delete one. The owner is treated as in `ensure_list`."""
        return self._owned(target.name, lambda owner: self.lists.retire(target, owner=owner))

    def permissions(self) -> Any:
        """Return what the token's user may do; the cheapest call that needs a valid token."""
        return self.transport.call("GET", "/permissions/")

    def close(self) -> None:
        """Close every connection."""
        self.transport.close()

    def _owned(self, name: str, change: Callable[[int], ListSummary]) -> ListSummary:
        """Do `change` with our owner, then with the token's user if LogRhythm does not take ours."""
        tried = [self.owner]
        if self.token.uid is not None and self.token.uid != self.owner:
            tried.append(self.token.uid)
        for owner in tried:
            try:
                return change(owner)
            except InvalidOwner as error:
                refused = error
        raise InvalidOwner(
            f"LogRhythm refuses user {' and '.join(map(str, tried))} as owner of {name!r} "
            f'("Invalid owner id"): {OWNER_RULE}',
            field="logrhythm_owner",
        ) from refused
