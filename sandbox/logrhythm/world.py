"""What one simulated LogRhythm consists of while it runs."""

from __future__ import annotations

from collections import Counter
from typing import cast

from starlette.requests import Request

from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.faults import Faults
from sandbox.logrhythm.replies import Refused
from sandbox.logrhythm.store import Store, StoredList
from sandbox.logrhythm.tokens import Claims, bearer
from sandbox.logrhythm.vocabulary import GLOBAL_ROLES


class World:
    """Configuration, lists, faults, call counters, and who is writing where."""

    def __init__(self, config: LogRhythmConfig) -> None:
        self.config = config
        self.store = Store()
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.writing: set[str] = set()

    def caller(self, request: Request) -> Claims:
        """Return who calls, or raise the 401."""
        claims = bearer(request.headers.get("authorization", ""))
        if claims is None:
            raise Refused(401, "Unauthorized")
        return claims

    def list_of(self, request: Request) -> StoredList:
        """Return the list that the path names, or raise the 404."""
        stored = self.store.get(request.path_params["guid"])
        if stored is None:
            raise Refused(404, "List not found")
        return stored

    def check_rights(self, claims: Claims, stored: StoredList) -> None:
        """Raise the 403 unless the caller may write to the list."""
        access = stored.summary["writeAccess"]
        owns = stored.summary.get("owner") == claims.uid
        if claims.rid not in GLOBAL_ROLES and not owns and access in ("Private", "PublicGlobalAdmin"):
            raise Refused(403, "Insufficient permissions to update the list")

    def owner_name(self, owner: object) -> str:
        """Return the name of a list's owner as the console shows it."""
        return next((one.full_name for one in self.config.people if one.id == owner), str(owner))


def world_of(request: Request) -> World:
    """Return the world that this application serves."""
    return cast(World, request.app.state.world)
