"""A hand on the simulated LogRhythm for tests: settings for the client under test, and the levers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from msgspec import structs

from sandbox.launch.tls import self_signed
from sandbox.logrhythm.app import create_app
from sandbox.logrhythm.config import LogRhythmConfig
from sandbox.logrhythm.tokens import mint
from sandbox.serving import Site, running
from workers.logrhythm.client import LogRhythm
from workers.logrhythm.transport import RETRY
from workers.settings.model import Secret, Settings


class SandboxLogRhythm:
    """A running simulated LogRhythm; `slept` holds every pause that our clients made."""

    def __init__(self, url: str, ca_file: str = "") -> None:
        self.url, self.ca_file = url, ca_file
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = ca_file or True
        self.http.headers["Authorization"] = f"Bearer {mint()}"
        self.slept: list[float] = []
        self._clients: list[LogRhythm] = []

    def settings(self, **fields: Any) -> Settings:
        """The settings that reach this LogRhythm, changed by `fields`."""
        plain: dict[str, Any] = {
            "logrhythm_url": self.url,
            "logrhythm_token": Secret(mint()),
            "logrhythm_owner": "ThreatQ Sync",
            "logrhythm_ca_file": self.ca_file,
        }
        return Settings(**{**plain, **fields})

    def client(self, *, tries: int = 8, **fields: Any) -> LogRhythm:
        """A client whose pauses are noted instead of slept; closed with the sandbox."""
        made = LogRhythm(
            self.settings(**fields), policy=structs.replace(RETRY, tries=tries), sleep=self.slept.append
        )
        self._clients.append(made)
        return made

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """One call of the Admin API with a token."""
        return self.http.request(
            method,
            f"{self.url}/lr-admin-api{path}",
            json=body,
            headers=headers,
            timeout=10,
            allow_redirects=False,
        )

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """Pull a lever: `control("faults", {"deadlocks": 2})`."""
        answer = self.http.request(method, f"{self.url}/sandbox/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, **faults: Any) -> None:
        """Let something go wrong: `fault(deadlocks=2)`."""
        self.control("faults", faults)

    def fill(self, name: str, *values: str, **fields: Any) -> Any:
        """Put values into a list without the API; returns its summary."""
        return self.control("lists", {"name": name, "values": values, **fields})

    def values(self, guid: str) -> list[str]:
        """What a list holds."""
        values: list[str] = self.control(f"lists/{guid}/values", method="GET")
        return values

    def calls(self, route: str) -> int:
        """How often a route was called: `calls("POST /lists/{id}/items/")`."""
        return int(self.control("calls", method="GET")["by_route"].get(route, 0))

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()
        self.http.close()


@contextmanager
def running_logrhythm(
    config: LogRhythmConfig | None = None, tls: Path | None = None
) -> Iterator[SandboxLogRhythm]:
    """Serve a LogRhythm of its own on a free port; over https with its certificate in `tls`."""
    files: dict[str, Any] = self_signed(tls) if tls else {}
    site = Site("logrhythm", create_app(config), **files)
    with running(site):
        sandbox = SandboxLogRhythm(site.url, files.get("ssl_certfile", ""))
        try:
            yield sandbox
        finally:
            sandbox.close()


def summary_of(name: str, **changes: Any) -> dict[str, Any]:
    """The least that a new list needs."""
    least = {
        "name": name,
        "listType": "GeneralValue",
        "autoImportOption": {"enabled": False, "usePatterns": False, "replaceExisting": False},
        "readAccess": "PublicAll",
        "writeAccess": "PublicGlobalAdmin",
        "restrictedRead": False,
        "entityName": "Global Entity",
        "needToNotify": False,
        "doesExpire": False,
        "owner": 12,
    }
    return {**least, **changes}
