"""What the simulated services need for a list sync: indicators, a data collection, and LogRhythm's page filled in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from msgspec import structs

from sandbox.logrhythm.tokens import mint
from workers.config import Secret, Settings
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.model import ListSummary
from workers.pages import LOGRHYTHM
from workers.threatq.connector import Connector
from workers.threatq.service import connect

#: The data collection and the list names of the guide.
COLLECTION = "LogRhythm-IOCList"
MAPPING = f'---\n{COLLECTION}:\n  baseName: "ThreatQ: "\n'

#: Indicators that are filled in; enough to see something, few enough to be there at once.
INDICATORS = 2_500


class Rehearsal:
    """The levers of both simulated services."""

    def __init__(self, settings: Settings, ready_file: Path) -> None:
        self.settings = settings
        self._caller = connect(settings).caller
        self.logrhythm: str = json.loads(ready_file.read_text())["logrhythm"]

    def prepare(self) -> None:
        """Fill ThreatQ, share a collection, and do as LogRhythm's administrator does on the connector's page."""
        self.seed(INDICATORS, start=0)
        query = {"criteria": {}, "filters": {"status_name": "Active"}}
        self._threatq("collections", {"name": COLLECTION, "query": query})
        name = self.settings.logrhythm_connector_name
        Connector(self._caller, name).register(LOGRHYTHM)
        page = {
            "logrhythm_host": self.logrhythm,
            "logrhythm_owner": "ThreatQ Sync",
            "logrhythm_token": mint(),
            "sync_collections": MAPPING,
            "sync_method": "full",
        }
        self._threatq("connector", {"name": name, "is_active": True, "custom_fields": page})

    def seed(self, count: int, *, start: int) -> None:
        """Add active indicators of the guide's five types, number `start` and those that follow."""
        self._threatq("seed", {"indicators": count, "start": start})

    def expire(self, every: int) -> None:
        """Let each n-th indicator expire, so that it leaves the collection."""
        self._threatq("expire", {"every": every})

    def lists(self) -> list[ListSummary]:
        """Return LogRhythm's lists as it describes them."""
        settings = structs.replace(
            self.settings, logrhythm_url=self.logrhythm, logrhythm_token=Secret(mint()), logrhythm_ca_file=""
        )
        logrhythm = LogRhythm(settings)
        try:
            return list(logrhythm.lists.every())
        finally:
            logrhythm.close()

    def _threatq(self, lever: str, body: dict[str, Any]) -> None:
        self._caller.call("POST", f"/sandbox/{lever}", json=body)
