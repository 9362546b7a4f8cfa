"""Answers of a service as a broken or hostile one would give them: recorded ones with something changed."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import requests

from tests.support.scripted import Answer, Asked, Script

#: What may stand in the place of any value.
STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 10**30, 1e308, "", "x" * 10_000, "\ud800", "\x00", [], {}, [[]], [None], {"": None},
    {"errors": {"a": ["b"]}}, [1] * 1_000,
)  # fmt: skip

STATUSES = (200, 201, 204, 206, 301, 302, 400, 401, 403, 404, 405, 409, 422, 429, 500, 502, 503, 504)


class Mutating:
    """Passes requests on to the service at `url`, and changes a `share` of the answers; `mutated` counts them."""

    def __init__(self, url: str, *, seed: int, share: float) -> None:
        self.url, self.share = url, share
        self.mutated = 0
        self._random = Random(seed)
        self._http = requests.Session()
        self._http.trust_env = False

    @property
    def script(self) -> Script:
        """What the scripted server does with each request."""
        return self._answer

    def _answer(self, asked: Asked) -> Answer:
        headers = {k: v for k, v in asked.headers.items() if k.lower() in ("authorization", "content-type")}
        real = self._http.request(
            asked.method,
            self.url + asked.path,
            params=asked.query,
            data=asked.body,
            headers=headers,
            timeout=30,
        )
        if self._random.random() >= self.share:
            return Answer(real.content or b"{}", real.status_code)
        self.mutated += 1
        return self._mutation(real)

    def _mutation(self, real: requests.Response) -> Answer:
        chance, status = self._random, real.status_code
        kind = chance.choice(("value", "value", "value", "bytes", "cut", "status", "deep", "drop", "long"))
        if kind == "drop":
            return Answer(drop=True)
        if kind == "status":
            return Answer(real.content or b"{}", chance.choice(STATUSES), {"Retry-After": "0"})
        body = real.content or b"{}"
        return Answer(getattr(self, f"_{kind}")(body), status)

    def _value(self, body: bytes) -> bytes:
        try:
            tree = json.loads(body)
        except ValueError:
            return self._bytes(body)
        places = list(_places(tree))
        if not places:
            return b"[]"
        parent, key = self._random.choice(places)
        if isinstance(parent, dict) and self._random.random() < 0.3:
            del parent[key]
        else:
            parent[key] = self._random.choice(STRANGE)
        return json.dumps(tree).encode()

    def _bytes(self, body: bytes) -> bytes:
        changed = bytearray(body)
        for _ in range(self._random.randint(1, 5)):
            changed[self._random.randrange(len(changed))] = self._random.randrange(256)
        return bytes(changed)

    def _cut(self, body: bytes) -> bytes:
        return body[: self._random.randrange(len(body))]

    def _deep(self, body: bytes) -> bytes:
        return b'{"data":' * self._random.choice((60, 900, 100_000)) + body

    def _long(self, body: bytes) -> bytes:
        return b'{"data": [' + b"{}," * self._random.choice((10, 1_000, 1_000_001)) + b"{}]}"


def _places(tree: Any) -> Any:
    """Yield where each value of a JSON tree stands: its container and key."""
    if isinstance(tree, dict | list):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield tree, key
            yield from _places(value)
