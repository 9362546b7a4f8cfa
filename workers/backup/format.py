"""The file of a backup: two lines that say what it is, then its parts, compressed; the last one has their checksum.

Values are kept by their types, not as Redis dumps them, since what a newer Redis dumps an older one does not read.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from workers.core.errors import InputError

#: The first line of a backup, and the version of what follows that we write and read.
MAGIC, FORMAT = b"tq-workers backup\n", 1

#: zlib's level: arguments and done jobs are compressed already, so a higher one gains little and takes twice the time.
LEVEL = 1

#: Bytes of the length before each part, of a part, of the second line, and of what is inflated at once.
LENGTH_BYTES, MOST_PART, MOST_HEADER, INFLATED_AT_ONCE = 4, 256 * 1024 * 1024, 4_096, 1_048_576

T = TypeVar("T")


class Header(Struct, frozen=True):
    """Who wrote the backup, in which format, and when it was begun (ms of Redis' clock)."""

    format: int
    version: str
    taken_ms: int


class JobPart(Struct, frozen=True, array_like=True, tag="job"):
    """A job as it was at one moment: its record, its progress, and its score in the index that named it.

    `index` is done, dead, refused, or open; `expires_ms` is 0 for what does not expire.
    """

    id: bytes
    record: bytes
    progress: list[bytes]
    index: str
    score: int
    expires_ms: int


class KeyPart(Struct, frozen=True, array_like=True, tag="key"):
    """A key, or some of what it holds: names or scores and values in turn, as its `kind` has them.

    A list is read from the end at which it grows: "list" from its left one, "reversed" from its right one. An entry of
    a stream is its id, how many words follow, and these. `count` says how many values or entries it holds; `is_last`
    that no more of the key follows.
    """

    name: bytes
    kind: str
    expires_ms: int
    items: list[bytes]
    count: int
    is_last: bool = True


class MarkersPart(Struct, frozen=True, array_like=True, tag="markers"):
    """The markers of the jobs whose ids begin with `name` (workers/ledger/markers.py)."""

    name: str
    markers: bytes


class FilePart(Struct, frozen=True, array_like=True, tag="file"):
    """A file of the settings, by its name below their folder."""

    name: str
    content: bytes


class EndPart(Struct, frozen=True, array_like=True, tag="end"):
    """How many there were of what, and the SHA-256 of the two lines and of all parts."""

    counts: dict[str, int]
    digest: str


Part = JobPart | KeyPart | MarkersPart | FilePart | EndPart


class Contents(Struct, frozen=True):
    """What a whole backup says of itself, and whether it was encrypted."""

    header: Header
    counts: dict[str, int]
    digest: str
    is_encrypted: bool = False


def written(
    header: Header, parts: Iterable[Part], count: Callable[[Part], tuple[str, int]], counts: Counter[str]
) -> Iterator[bytes]:
    """Yield a backup, some kB at a time; `count` says what a part counts as, and `counts` how many there were."""
    encoder, compressor, digest = msgspec.msgpack.Encoder(), zlib.compressobj(LEVEL), hashlib.sha256()
    lines = MAGIC + msgspec.json.encode(header) + b"\n"
    digest.update(lines)
    yield lines
    for part in parts:
        data = _framed(encoder.encode(part))
        digest.update(data)
        name, number = count(part)
        counts[name] += number
        yield compressor.compress(data)
    yield compressor.compress(_framed(encoder.encode(EndPart(dict(counts), digest.hexdigest()))))
    yield compressor.flush()


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(LENGTH_BYTES) + data


class Reader:
    """Takes a backup's bytes as they come and gives its parts to `take`, but for the last; raises InputError.

    What is damaged or cut off is found by `contents` at the latest: nothing that was taken before is to be believed.
    """

    def __init__(self, take: Callable[[Part], None]) -> None:
        self._take = take
        self._digest, self._inflating = hashlib.sha256(), zlib.decompressobj()
        self._header: Header | None = None
        self._end: EndPart | None = None
        self._waiting = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Part)

    def write(self, data: bytes) -> int:
        """Read the next bytes; return how many there were."""
        rest: bytes = data if self._header else self._read_header(data)
        while rest:
            try:
                self._waiting += self._inflating.decompress(rest, INFLATED_AT_ONCE)
            except zlib.error as error:
                raise damaged(str(error)) from error
            rest = self._inflating.unconsumed_tail
            self._read_parts()
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is read is taken at once."""

    def contents(self) -> Contents:
        """Return what the backup says of itself, now that all of it was read."""
        if self._header is None or self._end is None or not self._inflating.eof:
            raise damaged("it is cut off")
        if self._inflating.unused_data:
            raise damaged("something follows its end")
        if self._end.digest != self._digest.hexdigest():
            raise damaged("its checksum is another one")
        return Contents(self._header, self._end.counts, self._end.digest)

    def _read_header(self, data: bytes) -> bytes:
        self._waiting += data
        first, _, rest = bytes(self._waiting).partition(b"\n")
        if not MAGIC.startswith(first[: len(MAGIC)]):
            raise InputError("this is no backup of tq-workers; name a file that tqctl backup has written")
        line, is_whole, rest = rest.partition(b"\n")
        if not is_whole:
            if len(self._waiting) > MOST_HEADER:
                raise damaged("its second line does not end")
            return b""
        self._header = _known(line)
        self._digest.update(MAGIC + line + b"\n")
        self._waiting.clear()
        return rest

    def _read_parts(self) -> None:
        start, waiting = 0, self._waiting
        while len(waiting) >= start + LENGTH_BYTES:
            length = int.from_bytes(waiting[start : start + LENGTH_BYTES])
            if length > MOST_PART:
                raise damaged(f"a part of {length} bytes")
            end = start + LENGTH_BYTES + length
            if len(waiting) < end:
                break
            self._read(bytes(waiting[start:end]))
            start = end
        del waiting[:start]

    def _read(self, frame: bytes) -> None:
        part = decoded(self._decoder.decode, frame[LENGTH_BYTES:])
        if self._end:
            raise damaged("something follows its end")
        if isinstance(part, EndPart):
            self._end = part
            return
        self._digest.update(frame)
        self._take(part)


def decoded(decode: Callable[[bytes], T], data: bytes) -> T:
    """Return what `decode` makes of `data`; raises InputError."""
    try:
        return decode(data)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise damaged(str(error)) from error


def damaged(why: str) -> InputError:
    """Return the error of a file that cannot be believed."""
    return InputError(f"the backup is damaged ({why}); nothing of it can be used, take another one")


def _known(line: bytes) -> Header:
    """Read the second line; raises InputError for a newer format, whatever else that line says."""

    class Version(Struct):
        format: int
        version: str = "a newer version"

    version = decoded(msgspec.json.Decoder(Version).decode, line)
    if version.format > FORMAT:
        raise InputError(
            f"the backup has format {version.format} and was written by tq-workers {version.version}; this version "
            f"reads format {FORMAT}. Install that version or a newer one and restore with it"
        )
    return decoded(msgspec.json.Decoder(Header).decode, line)
