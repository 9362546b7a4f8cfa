"""Enqueue jobs one by one: `python -m benchmarks.peers.send MODULE COUNT PER_S FIRST`; prints when each was due.

With a rate of 0 as fast as they are taken. Open loop: a job is due at its time, whatever became of those before it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from typing import Any


async def _send(peer: Any, count: int, per_s: float, first: int) -> dict[str, Any]:
    if hasattr(peer, "start"):
        await peer.start()
    # The first one makes the connections.
    await peer.send("-1")
    due_s, began = {}, time.monotonic() + 0.1
    await asyncio.sleep(0.1)
    for place in range(count):
        due = began + place / per_s if per_s else began
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        due_s[await peer.send(str(first + place)) or str(first + place)] = due
    return {"due_s": due_s, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    module, count, per_s, first = sys.argv[1:]
    sent = asyncio.run(_send(importlib.import_module(module), int(count), float(per_s), int(first)))
    print(json.dumps(sent))
