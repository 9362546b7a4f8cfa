"""A hand on the simulated ThreatQ for tests: HTTP with a token, and the levers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests
from msgspec import structs

from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from workers.settings.model import Secret, Settings
from workers.settings.page_fields import PageField
from workers.threatq.connector import Connector
from workers.threatq.service import connect


class SandboxThreatQ:
    """A running simulated ThreatQ: `url` and credentials for the client under test, levers for the test.

    Its calls of the API carry a valid token: `sandbox.get("/api/events")`.
    """

    client_id, email, password = CLIENT_ID, EMAIL, PASSWORD

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def settings(self, **more: Any) -> Settings:
        """The settings that reach it, and more."""
        login = Settings(
            threatq_url=self.url,
            threatq_client_id=self.client_id,
            threatq_email=self.email,
            threatq_password=Secret(self.password),
        )
        return structs.replace(login, **more)

    def fill_page(self, name: str, fields: Sequence[PageField], **change: Any) -> None:
        """Register a connector and change its page as an administrator would: `custom_fields={...}`."""
        caller = connect(self.settings()).caller
        page = Connector(caller, name).register(fields)
        if change:
            caller.call("PUT", f"/api/connectors/{page.id}", json=change)

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """Pull a lever: `control("faults", {"kind": "rate_limit", "next": 2})`."""
        answer = self.http.request(method, f"{self.url}/sandbox/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, kind: str, **fields: Any) -> Any:
        """Switch a fault on: `fault("drop_after", next=1, path="/api/events*")`."""
        return self.control("faults", {"kind": kind, **fields})

    def behave(self, **switches: Any) -> Any:
        """Change behaviour switches: `behave(event_key="none")`."""
        return self.control("behaviour", switches)

    def calls(self) -> dict[str, int]:
        """How often each route was called: `{"POST /api/events": 1}`."""
        counts: dict[str, int] = self.control("calls", method="GET")["by_route"]
        return counts

    def login(self) -> str:
        """A fresh bearer, by password."""
        body = {"grant_type": "password", "client_id": CLIENT_ID, "email": EMAIL, "password": PASSWORD}
        answer = self.http.post(f"{self.url}/api/token", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return str(answer.json()["access_token"])

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> requests.Response:
        """One call of the API with a token; `params` go into the query string."""
        if "Authorization" not in self.http.headers:
            self.login()
        return self.http.request(method, self.url + path, json=body, params=params, timeout=10)

    def get(self, path: str, **params: Any) -> Any:
        """The body of a GET that must succeed."""
        return self._body(self.call("GET", path, None, **params))

    def post(self, path: str, body: Any = None, **params: Any) -> Any:
        """The body of a POST that must succeed."""
        return self._body(self.call("POST", path, body, **params))

    def put(self, path: str, body: Any = None, **params: Any) -> Any:
        """The body of a PUT that must succeed."""
        return self._body(self.call("PUT", path, body, **params))

    def delete(self, path: str, body: Any = None) -> None:
        """A DELETE that must succeed."""
        self._body(self.call("DELETE", path, body))

    def titles(self) -> Counter[str]:
        """How often each title is among the events."""
        counts: Counter[str] = Counter()
        while rows := self.get("/api/events", limit=500, offset=counts.total())["data"]:
            counts.update(row["title"] for row in rows)
        return counts

    def reset(self) -> None:
        """A fresh installation without faults, and no token."""
        self.http.headers.pop("Authorization", None)
        self.control("reset")

    def _body(self, answer: requests.Response) -> Any:
        assert answer.ok, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None
