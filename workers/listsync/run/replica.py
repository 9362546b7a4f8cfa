"""What a run has gathered, also kept in Redis: where its host is killed, another one goes on and reads no page again.

Only what takes longer to gather than a time slice is kept so, and only while it is small beside what is free in Redis:
it is needed when a host dies, and reading again costs time and nothing else.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from workers.core.errors import ConfigError, ServiceAway
from workers.ledger import sync_keys
from workers.ledger.client import RedisClient
from workers.ledger.ledger import compress
from workers.ledger.sealing import opened
from workers.ledger.status import memory
from workers.listsync.plan.gather import Gathered, spill_folder
from workers.listsync.plan.spill import ENTRIES
from workers.listsync.run.run_folder import STALE_S, RunFolder, RunState

log = structlog.get_logger(__name__)

#: The most that one run keeps in Redis, and how many times that must be free in it.
MOST_BYTES, TIMES_FREE = 64 * 2**20, 8

#: Bytes of a file that are compressed and sent together.
CHUNK = 2 * 2**20


class Chunk(Struct, frozen=True, array_like=True):
    """A part of what was gathered: the number of the list, where in its file the part begins, and its content."""

    number: Annotated[int, Meta(ge=0, lt=10_000)]
    offset: Annotated[int, Meta(ge=0)]
    data: bytes


class Replica:
    """The files of one run in Redis; what Redis does not take costs the run nothing but that."""

    def __init__(self, redis: RedisClient, job_id: str) -> None:
        self._redis = redis
        self._chunks, self._state = sync_keys.gathered(job_id), sync_keys.state(job_id)

    def extend(self, folder: RunFolder, state: RunState) -> None:
        """Keep what has been gathered since the last time, and how far the run is."""
        if state.replicated is None:
            return
        try:
            for chunk in _new_chunks(folder, state.taken, state.replicated):
                packed = compress(msgspec.msgpack.encode(chunk))
                state.replica_bytes += len(packed)
                if not self._has_room(state.replica_bytes):
                    self.forget()
                    state.replicated = None
                    return
                self._redis.rpush(self._chunks, packed)
                self._redis.expire(self._chunks, STALE_S)
                state.replicated[chunk.number] = chunk.offset + len(chunk.data)
            self._redis.set(self._state, compress(msgspec.json.encode(state)), ex=STALE_S)
        except ServiceAway as error:
            log.info("not kept in Redis", reason=str(error))

    def restore(self, folder: RunFolder) -> RunState | None:
        """Fill a folder with what was gathered; return how far the run is, None where that is not kept.

        The lists are looked up anew: others may have written to them since.
        """
        text = self._redis.get(self._state)
        if text is None:
            return None
        folder.begin()
        try:
            state = msgspec.json.decode(_unpacked(text), type=RunState)
            for number in range(self._redis.llen(self._chunks)):
                for packed in self._redis.lrange(self._chunks, number, number):
                    _write(folder, msgspec.msgpack.decode(_unpacked(packed), type=Chunk))
        except (zlib.error, msgspec.MsgspecError, UnicodeError, ConfigError) as error:
            log.warning("what was gathered cannot be read", reason=str(error))
            return None
        state.lists, state.abandoned = None, []
        return state if _is_whole(folder, state) else None

    def forget(self) -> None:
        """Free what is kept."""
        self._redis.delete(self._state, self._chunks)

    def _has_room(self, size: int) -> bool:
        used, most = memory(self._redis)
        return size <= MOST_BYTES and (not most or size * TIMES_FREE <= most - used)


def _new_chunks(folder: RunFolder, taken: Gathered, replicated: dict[int, int]) -> Iterator[Chunk]:
    for number, (*_, size) in enumerate(taken.lists):
        offset = replicated.get(number, 0)
        if offset < size:
            with _entries(folder, number).open("rb") as file:
                file.seek(offset)
                while data := file.read(min(CHUNK, size - offset)):
                    yield Chunk(number, offset, data)
                    offset += len(data)


def _entries(folder: RunFolder, number: int) -> Path:
    return spill_folder(folder.gathered, number) / ENTRIES


def _unpacked(packed: bytes) -> bytes:
    inflating = zlib.decompressobj()
    return inflating.decompress(opened(packed), 2 * CHUNK)


def _write(folder: RunFolder, chunk: Chunk) -> None:
    path = _entries(folder, chunk.number)
    path.parent.mkdir(parents=True, exist_ok=True)
    # One that was killed between keeping and noting it has kept a part twice.
    with path.open("r+b" if path.exists() else "wb") as file:
        file.seek(chunk.offset)
        file.write(chunk.data)


def _is_whole(folder: RunFolder, state: RunState) -> bool:
    """Tell whether the files hold what the state says, and not less."""
    paths = [(_entries(folder, number), size) for number, (*_, size) in enumerate(state.taken.lists)]
    return all(path.exists() and path.stat().st_size >= size for path, size in paths)
