"""The bare transfer of a sync: its pages and lists downloaded, its batches uploaded, by a loop that does no more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import requests

from sandbox.logrhythm.tokens import mint
from sandbox.threatq.control import value_of
from sandbox.threatq.model.defaults import CLIENT_ID, EMAIL, PASSWORD
from workers.logrhythm.model import entries

COLLECTION = "Bench"
TYPES = {
    "IP Address": "IP",
    "FQDN": "Host",
    "MD5": "GeneralValue",
    "SHA-1": "GeneralValue",
    "SHA-256": "GeneralValue",
}
QUERY = {"criteria": {}, "filters": {"status_name": "Active"}}


def uploads(size: int) -> list[tuple[str, bytes]]:
    """Return what a first fill sends, list by list: its type and the body of each call."""
    made = []
    for at, (name, kind) in enumerate(TYPES.items()):
        values = [value_of(name, number) for number in range(at, size, len(TYPES))]
        for start in range(0, len(values), 1000):
            body = entries(kind, values[start : start + 1000])
            made.append((name, msgspec.json.encode(body)))
    return made


class Bare:
    """Both services, called by hand."""

    def __init__(self, threatq: str, logrhythm: str) -> None:
        self.threatq, self.logrhythm = threatq, logrhythm
        self.http = requests.Session()
        self.http.trust_env = False

    def api(self, method: str, path: str, **arguments: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {mint()}", **arguments.pop("headers", {})}
        url = f"{self.logrhythm}/lr-admin-api{path}"
        answer = self.http.request(method, url, headers=headers, timeout=600, **arguments)
        answer.raise_for_status()
        return answer

    def lists(self) -> dict[str, str]:
        """Return the guid of each list."""
        return {
            item["name"]: item["guid"]
            for item in self.api("GET", "/lists/", headers={"pageSize": "1000"}).json()
        }

    def download(self) -> None:
        """Fetch every page and every list and forget it."""
        login = {"grant_type": "password", "client_id": CLIENT_ID, "email": EMAIL, "password": PASSWORD}
        token = self.http.post(f"{self.threatq}/api/token", json=login, timeout=60).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        cursor, read = b'"*"', 0
        body = {**QUERY, "fields": ["id", "value", "type", "score", "created_at"]}
        while True:
            answer = self.http.post(
                f"{self.threatq}/api/indicators/query",
                params={"limit": "1000", "sort": "id", "cursorMark": json.loads(cursor)},
                json=body,
                headers=headers,
                timeout=600,
            ).content
            read += 1000
            if read >= int(value_in(answer, rb'"total": ?(\d+)')):
                break
            cursor = value_in(answer, rb'"nextCursorMark": ?("[^"]*")')
        for guid in self.lists().values():
            with self.api(
                "GET", f"/lists/{guid}/", headers={"maxItemsThreshold": "2000000"}, stream=True
            ) as answer:
                for _ in answer.iter_content(128 * 1024):
                    pass

    def upload(self, bodies: list[tuple[str, bytes]], guids: dict[str, str]) -> None:
        """Send what was made before."""
        for name, body in bodies:
            headers = {"Content-Type": "application/json"}
            self.api("POST", f"/lists/{guids[name]}/items/", data=body, headers=headers)

    @contextmanager
    def scratch_lists(self) -> Iterator[dict[str, str]]:
        """Give an empty list of each type, gone afterwards."""
        guids = {}
        for name, kind in TYPES.items():
            body = {"name": f"scratch {name}", "list_type": kind, "values": ["x"]}
            made = self.http.post(f"{self.logrhythm}/sandbox/lists", json=body, timeout=60).json()
            guids[name] = made["guid"]
        yield guids
        self.forget(guids.values())

    def forget(self, guids: Iterable[str]) -> None:
        """Remove lists, as an administrator may do in LogRhythm."""
        for guid in guids:
            self.http.delete(f"{self.logrhythm}/sandbox/lists/{guid}", timeout=60).raise_for_status()


def value_in(answer: bytes, pattern: bytes) -> bytes:
    """Return the first group of `pattern` in an answer, without decoding the rest of it."""
    match = re.search(pattern, answer)
    if match is None:
        raise SystemExit(f"no {pattern!r} in {answer[:200]!r}")
    return match[1]
