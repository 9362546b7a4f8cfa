"""The memory of the HTTP entry point has a bound, whatever many bodies at once become when they are inflated."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from pathlib import Path

import pytest

from tests.support.producers import TOKEN, Shim
from workers.settings.model import Settings

pytestmark = pytest.mark.integration

#: Bodies that are sent at once, and megabytes that the process may ever have had.
BODIES, MOST_MB = 512, 400

LIMIT = Settings().http_max_body_bytes


def bomb(unit: bytes, begin: bytes = b"", end: bytes = b"") -> bytes:
    """Return what inflates to the limit exactly or to a little less."""
    return gzip.compress(begin + unit * ((LIMIT - len(begin) - len(end)) // len(unit)) + end, 1)


#: What a body inflates to, by name.
BOMBS = {
    "numbers": bomb(b"1,", b"[", b"1]"),
    "empty objects a line": bomb(b"{}\n"),
    "one object with many numbers": bomb(b"1.5,", b'{"a": [', b"1]}"),
    "blanks": bomb(b" "),
}


async def send(port: int, body: bytes, statuses: Counter[int]) -> None:
    """Send a body and count the status of its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/events HTTP/1.1\r\nHost: tq\r\nAuthorization: Bearer {TOKEN}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    line = await asyncio.wait_for(reader.readline(), 120)
    statuses[int(line.split()[1])] += 1
    writer.transport.abort()


async def send_at_once(port: int, body: bytes) -> Counter[int]:
    """Send so many bodies at once."""
    statuses: Counter[int] = Counter()
    await asyncio.gather(*(send(port, body, statuses) for _ in range(BODIES)))
    return statuses


def highest_mb(shim: Shim) -> float:
    """Return the most memory that the process has had."""
    lines = Path(f"/proc/{shim.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1_024


@pytest.mark.parametrize("kind", BOMBS)
def test_many_bodies_at_once_that_inflate_to_their_limit_stay_within_memory(
    kind: str, redis_url: str, tmp_path: Path
) -> None:
    with Shim(tmp_path, redis_url, http_max_requests=str(BODIES)) as shim:
        # When as many come as there are places for requests
        statuses = asyncio.run(send_at_once(shim.port, BOMBS[kind]))
        # Then each is refused for what it is, or asked to come later
        assert set(statuses) <= {400, 413, 422, 503}
        assert statuses.total() == BODIES
        assert highest_mb(shim) < MOST_MB
        # And the next sender is served
        assert shim.call("GET", "/healthz").status_code == 200


def test_the_item_limit_holds_while_a_body_is_read(redis_url: str, tmp_path: Path) -> None:
    with Shim(tmp_path, redis_url) as shim:
        for body in (b"{}" * 5_000_000, b"{} " * 3_000_000, b"[" + b"0," * 5_000_000 + b"0]"):
            answer = shim.post("/v1/events", body)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_many_items")
        assert highest_mb(shim) < MOST_MB
