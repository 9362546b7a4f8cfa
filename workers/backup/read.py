"""What a backup reads from Redis, in an order in which nothing that moves meanwhile slips through.

Each job is read at one moment, with the index that names it. A job's key is there from its acceptance until a marker
takes its place, so that one round over all keys finds each job that was accepted before; what becomes a job is read
before that round, and the markers after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from workers.backup.families import JOB, is_left_out
from workers.backup.format import JobPart, KeyPart, MarkersPart, Part
from workers.ledger import keys
from workers.ledger.client import RedisClient
from workers.ledger.connection import now_ms, run, send
from workers.ledger.markers import TEXTS
from workers.ledger.scripts import Script

if TYPE_CHECKING:
    from workers.ledger.accept import Word

#: Reads jobs, each with its progress and its place.
READ_JOBS = Script("read_jobs", when_full=True)

#: Keys that Redis looks at in one call, jobs and texts that are read in one, and values of a larger key.
KEYS_A_CALL, JOBS_A_CALL, TEXTS_A_CALL, VALUES_A_CALL = 1_000, 50, 256, 200

#: Fields of a hash that are read in one call: those of a manifest may have half a megabyte each.
FIELDS_A_CALL = 16

#: What is gone, as PEXPIRETIME has it; what does not expire is -1 there and 0 in a backup.
_GONE = -2


class Snapshot:
    """Reads one Redis, by the page; raises ServiceAway("redis")."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self.taken_ms = now_ms(redis)

    def parts(self) -> Iterator[Part]:
        """Yield all that a backup holds of Redis."""
        yield from self._for_the_bridge()
        yield from self._all_keys()
        # A job may have been packed against a text that came after the round had begun.
        names = [keys.DICTIONARIES, *map(keys.dictionary, self._texts(keys.DICTIONARIES))]
        yield from self._keys([name.encode() for name in names])
        yield from self._markers()

    def _texts(self, name: str) -> list[str]:
        return [field.decode() for field in self._redis.hgetall(name)]

    def _for_the_bridge(self) -> Iterator[Part]:
        """Yield what becomes jobs, in the order of its way: from the lists into the hands of a bridge."""
        bridges = sorted(bridge.decode() for bridge in self._redis.smembers(keys.INGEST_BRIDGES))
        sources = (keys.INGEST_RPUSH, keys.INGEST_LPUSH)
        taken = (keys.ingest_taken(source, bridge) for bridge in bridges for source in sources)
        # What waits for a slowed sender comes out of a bridge's hands and goes back into them.
        ways = (keys.INGEST_DEFERRED, *sources, keys.INGEST_STREAM, *taken, keys.INGEST_DEFERRED)
        for name in ways:
            # Each is asked for when its turn comes: it may have come into being meanwhile.
            yield from self._keys([name.encode()])

    def _all_keys(self) -> Iterator[Part]:
        for names in self._scanned("SCAN", "MATCH", f"{keys.PREFIX}*", "COUNT", KEYS_A_CALL):
            ids = {match[1] for name in names if (match := JOB.fullmatch(name))}
            yield from self._jobs(sorted(ids))
            yield from self._keys([name for name in names if _is_for_the_round(name)])

    def _jobs(self, ids: Sequence[bytes]) -> Iterator[Part]:
        for some in _pages(ids, JOBS_A_CALL):
            names = [keys.DONE, keys.DEAD, keys.REFUSED_JOBS]
            for row in run(self._redis, READ_JOBS, names, [keys.PREFIX, *some]):
                yield _job_part(row)

    def _keys(self, names: Sequence[bytes]) -> Iterator[Part]:
        for some in _pages(names, VALUES_A_CALL):
            asked: list[tuple[Word, ...]] = [
                word for name in some for word in (("TYPE", name), ("PEXPIRETIME", name))
            ]
            facts = send(self._redis, asked)
            kinds = dict(zip(some, map(bytes.decode, facts[::2]), strict=True))
            texts = self._values([name for name in some if kinds[name] == "string"])
            for name, expires_ms in zip(some, facts[1::2], strict=True):
                if expires_ms != _GONE:
                    yield from self._key(name, kinds[name], max(expires_ms, 0), texts.get(name))

    def _values(self, names: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the texts under some names; what is gone meanwhile, or of another type, is absent."""
        texts = send(self._redis, [("MGET", *names)])[0] if names else []
        return {name: text for name, text in zip(names, texts, strict=True) if text is not None}

    def _key(self, name: bytes, kind: str, expires_ms: int, text: bytes | None) -> Iterator[Part]:
        if kind == "string":
            if text is not None:
                yield KeyPart(name, kind, expires_ms, [text], 1)
        elif kind == "list":
            yield from self._list(name, expires_ms)
        elif kind == "stream":
            yield from self._stream(name, expires_ms)
        elif kind == "hash":
            yield from self._hash(name, expires_ms)
        elif kind in ("set", "zset"):
            yield from self._members(name, kind, expires_ms)

    def _hash(self, name: bytes, expires_ms: int) -> Iterator[Part]:
        (fields,) = send(self._redis, [("HKEYS", name)])
        for page, is_last in _with_last(_pages(fields, FIELDS_A_CALL)):
            (values,) = send(self._redis, [("HMGET", name, *page)])
            items = [
                word
                for field, value in zip(page, values, strict=True)
                if value is not None
                for word in (field, value)
            ]
            yield KeyPart(name, "hash", expires_ms, items, len(items) // 2, is_last)

    def _members(self, name: bytes, kind: str, expires_ms: int) -> Iterator[Part]:
        """Yield the members of a set, or scores and members of a sorted one."""
        if kind == "set":
            for members in self._scanned("SSCAN", "COUNT", VALUES_A_CALL, name=name):
                yield KeyPart(name, kind, expires_ms, members, len(members))
            return
        for pairs in self._scanned("ZSCAN", "COUNT", VALUES_A_CALL, name=name):
            items = [word for member, score in pairs for word in (repr(score).encode(), member)]
            yield KeyPart(name, kind, expires_ms, items, len(pairs))

    def _scanned(self, command: str, *options: Word, name: bytes = b"") -> Iterator[list[Any]]:
        """Yield what a command finds that goes round by a cursor, a page at a time."""
        cursor = -1
        while cursor:
            words = (command, name, max(cursor, 0)) if name else (command, max(cursor, 0))
            ((cursor, page),) = send(self._redis, [(*words, *options)])
            cursor = int(cursor)
            yield page

    def _list(self, name: bytes, expires_ms: int) -> Iterator[Part]:
        """Yield a list from the end at which it grows: what is taken from the other one meanwhile shifts nothing."""
        from_left = name == keys.INGEST_LPUSH.encode()
        offset = 0
        while True:
            end = offset + VALUES_A_CALL
            first, last = (offset, end - 1) if from_left else (-end, -offset - 1)
            (items,) = send(self._redis, [("LRANGE", name, first, last)])
            if items:
                yield KeyPart(name, "list" if from_left else "reversed", expires_ms, items, len(items))
            if len(items) < VALUES_A_CALL:
                return
            offset = end

    def _stream(self, name: bytes, expires_ms: int) -> Iterator[Part]:
        after, is_last = b"-", False
        while not is_last:
            (page,) = send(self._redis, [("XRANGE", name, after, "+", "COUNT", VALUES_A_CALL)])
            is_last = len(page) < VALUES_A_CALL
            items = [word for entry_id, words in page for word in _entry(entry_id, words)]
            yield KeyPart(name, "stream", expires_ms, items, len(page), is_last)
            after = b"(" + page[-1][0] if page else after

    def _markers(self) -> Iterator[Part]:
        for start in range(0, TEXTS, TEXTS_A_CALL):
            names = [f"{number:04x}" for number in range(start, start + TEXTS_A_CALL)]
            (texts,) = send(self._redis, [("MGET", *map(keys.ended, names))])
            yield from (MarkersPart(name, text) for name, text in zip(names, texts, strict=True) if text)


def _job_part(row: list[Any]) -> Part:
    job_id, record, progress, index, score, expires_ms = row
    lives_until = max(expires_ms, 0)
    if record is None:
        # What is remembered of a job that was dropped.
        name = keys.progress(job_id.decode()).encode()
        return KeyPart(name, "hash", lives_until, progress, len(progress) // 2)
    return JobPart(job_id, record, progress, index.decode(), int(float(score)), lives_until)


def _is_for_the_round(name: bytes) -> bool:
    """Tell whether a key is read where the round over all comes to it, as nothing else reads it."""
    if name.startswith(keys.INGEST_PREFIX.encode()):
        return name == keys.INGEST_BRIDGES.encode()
    return not (JOB.fullmatch(name) or is_left_out(name))


def _entry(entry_id: bytes, words: Any) -> list[bytes]:
    flat = [word for pair in words.items() for word in pair] if isinstance(words, dict) else list(words)
    return [entry_id, str(len(flat)).encode(), *flat]


def _pages(items: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _with_last(pages: Iterator[Sequence[bytes]]) -> Iterator[tuple[Sequence[bytes], bool]]:
    before = next(pages, None)
    for page in pages:
        if before is not None:
            yield before, False
        before = page
    if before is not None:
        yield before, True
