"""The second half of a scene: a simulated LogRhythm, a data collection, and what the lists must hold in the end."""

from __future__ import annotations

import json
from typing import Any

import requests

from chaos.account import Account
from chaos.scene import Scene
from sandbox.logrhythm.tokens import mint
from workers.core.jobs import Job

COLLECTION = "Chaos"

#: The types of the guide's table; the indicators are spread evenly over them.
TYPES = ("IP Address", "FQDN", "MD5", "SHA-1", "SHA-256")

#: The call with which entries are written.
WRITES = "POST /lists/{id}/items/"


class ListScene:
    """LogRhythm's side of a scene, with `each` indicators of each type in ThreatQ."""

    def __init__(self, scene: Scene, each: int) -> None:
        self.scene, self.each = scene, each
        self.url = json.loads((scene.folder / "sandbox.json").read_text())["logrhythm"]
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {mint()}"
        scene.queue = "sync"
        scene.judge = self.judge
        scene.processes.environ |= self._environ()
        scene.lever("seed", {"indicators": each * len(TYPES)})
        query = {"criteria": {}, "filters": {"status_name": "Active"}}
        scene.lever("collections", {"name": COLLECTION, "query": query})
        #: Jobs by their ids, in order.
        self.jobs: list[str] = []

    def lever(self, path: str, body: Any = None, *, verb: str = "POST") -> Any:
        """Pull a lever of the simulated LogRhythm."""
        answer = self.http.request(verb, f"{self.url}/sandbox/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def start(self) -> str:
        """Have a sync accepted."""
        key = f"sync {len(self.jobs)}"
        job = Job("lists.sync", {"collection": COLLECTION, "dry_run": False}, producer="chaos", key=key)
        self.jobs.append(self.scene.ledger.accept([job])[0].id)
        return self.jobs[-1]

    def grow(self, more: int) -> None:
        """Put `more` indicators of each type into the collection."""
        self.scene.lever("seed", {"indicators": more * len(TYPES), "start": self.each * len(TYPES)})
        self.each += more

    def until_writing(self, calls: int) -> None:
        """Return once so many calls have written entries."""
        self.scene.until(lambda: self.calls(WRITES) >= calls, "entries are written", within_s=120)

    def calls(self, route: str = "") -> int:
        """Return how often LogRhythm, or one route of it, was called."""
        report = self.lever("calls", verb="GET")
        return int(report["by_route"].get(route, 0) if route else report["total"])

    def guids(self) -> dict[str, str]:
        """Return the lists that LogRhythm holds and uses, name -> guid."""
        answer = self.http.get(f"{self.url}/lr-admin-api/lists/", headers={"pageSize": "1000"}, timeout=10)
        return {item["name"]: item["guid"] for item in answer.json() if item["status"] == "Active"}

    def judge(self, account: Account) -> None:
        """Compare the lists with the collection: entries that are missing, and entries that are there twice.

        A list that is not in use is not incomplete if the last run's report names it and says why.
        """
        account.accepted = len(self.jobs)
        for record in self.scene.admin.records(self.jobs):
            account.done += record.state == "done"
            account.dead += record.state == "dead"
            account.lost += record.state not in ("done", "dead")
            told = [
                f"{item['name']}: {item['error']}"
                for item in record.result.get("lists", ())
                if item.get("error")
            ]
            account.notes += told
        reported = [note for note in record.result.get("notes", ()) if "retired" in note]
        account.notes += reported
        lists = self.guids()
        for name in (f"ThreatQ: {type}" for type in TYPES):
            values = self.lever(f"lists/{lists[name]}/values", verb="GET") if name in lists else []
            account.doubled += len(values) - len(set(values))
            if not any(name in note for note in reported):
                account.incomplete += max(0, self.each - len(set(values)))

    def _environ(self) -> dict[str, str]:
        return {
            "TQ_SETTINGS_FROM": "local",
            "TQ_LOGRHYTHM_URL": self.url,
            "TQ_LOGRHYTHM_TOKEN": mint(),
            "TQ_LOGRHYTHM_OWNER": "ThreatQ Sync",
            "TQ_SYNC_COLLECTIONS": f'{COLLECTION}:\n  baseName: "ThreatQ: "\n',
            "TQ_SYNC_METHOD": "full",
            "TQ_SYNC_DIR": str(self.scene.folder / "sync"),
            "TQ_SYNC_INTERVAL_S": "0",
        }
