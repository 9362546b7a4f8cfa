"""Done jobs in their packed form: record, result and history as one text, compressed against what jobs have in common.

A packed record begins with "+", where one as it was accepted begins with a digit; the lines after that are the same,
the last two of them empty, so that earlier versions can still list it.
"""

from __future__ import annotations

import re
import zlib

from workers.core.jobs import MOST_BODY
from workers.ledger.accept import COMPRESSION
from workers.ledger.records import Head, inflate

#: What a packed record begins with.
MARK = b"+"

#: zlib's level: 1 leaves a fifth more of the guide's payload, 9 no less.
LEVEL = 6

#: Bytes of a dictionary, and of one sample in it: zlib looks 32 kB back at most.
MOST_WORDS, MOST_SAMPLE = 16_384, 4_096

#: Bytes of a record up to which a job is packed: a larger one gains little.
MOST_BYTES = 32_768

_EVENT_ID = re.compile(rb'"event_id": ?(\d+)')

#: The group of firings that a note names.
_GROUP = re.compile(rb'"group":{"id":"([0-9a-f]{24})"')


def is_packed(record: bytes) -> bool:
    """Tell whether a record, of which this may be the beginning, is packed."""
    return record.startswith(MARK)


def content(record: bytes, history: bytes) -> bytes:
    """Return what is compressed of a job: its trace, title, history and arguments; raises MalformedRecord."""
    head = Head.read(record)
    return b"%b\n%b\n%b%b" % (head.trace.encode(), head.title.encode(), history, inflate(head.body))


def pack(record: bytes, history: bytes, attempts: int, *, name: str, words: bytes) -> bytes:
    """Pack a done job against the dictionary `words`, which is found again by its `name`."""
    accepted, kind, queue, producer, _ = record.split(b"\n", 4)
    facts = b"%d %d %d %b" % (_event_id(history), attempts, len(history), name.encode())
    compressor = zlib.compressobj(LEVEL, wbits=-zlib.MAX_WBITS, zdict=words)
    packed = compressor.compress(content(record, history)) + compressor.flush()
    return b"\n".join((MARK + accepted, kind, queue, producer, b"", b"", facts, packed))


def _event_id(history: bytes) -> int:
    """Return the event that the last note names, 0 for none; Redis reads it here when it leaves a marker."""
    event_ids = _EVENT_ID.findall(history)
    return int(event_ids[-1]) if event_ids else 0


def dictionary_of(packed: bytes) -> str:
    """Return the name of the dictionary against which a job was packed."""
    return _facts(packed)[3].decode()


def unpack(packed: bytes, words: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the record as it was accepted, and the progress that it had when it was packed."""
    accepted, kind, queue, producer, _, _, _, compressed = packed.split(b"\n", 7)
    _, attempts, history_bytes, _ = _facts(packed)
    trace, title, rest = (
        zlib.decompressobj(-zlib.MAX_WBITS, zdict=words).decompress(compressed, 2 * MOST_BODY).split(b"\n", 2)
    )
    history, arguments = rest[: int(history_bytes)], rest[int(history_bytes) :]
    head = (accepted.removeprefix(MARK), kind, queue, producer, trace, title)
    record = b"\n".join((*head, zlib.compress(arguments, COMPRESSION)))
    progress = {b"state": b"done", b"attempts": attempts, b"history": history}
    # Done once more, it must not count in its group of firings again.
    group = _GROUP.findall(history)
    return record, {**progress, b"grouped": group[-1]} if group else progress


def history_of(packed: bytes, words: bytes | None) -> bytes:
    """Return the history of a packed job; of one whose dictionary is gone, a line with its event's id."""
    if words is None:
        return b'0 done {"event_id":%b}\n' % _facts(packed)[0]
    return unpack(packed, words)[1][b"history"]


def dictionary(samples: list[bytes]) -> bytes:
    """Make a dictionary of the contents of some jobs, the ones that matter most last."""
    words = b"".join(sample[:MOST_SAMPLE] for sample in samples)
    return words[-MOST_WORDS:]


def _facts(packed: bytes) -> list[bytes]:
    """Return the event's id, the attempts, the bytes of the history and the dictionary's name."""
    return packed.split(b"\n", 7)[6].split(b" ")
