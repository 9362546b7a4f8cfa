"""The manifest: what we put into a list, remembered as digests, so that we delete nothing else.

An entry costs 16 bytes. At that length two of a million entries share a digest with a chance below
10⁻²⁶, so a digest is as good as the entry itself.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from hashlib import blake2b
from itertools import chain, filterfalse

from workers.listsync.plan.spill import key_of, partitions

#: Bytes of one digest.
WIDTH = 16

Manifest = Mapping[int, bytes]
"""Packed digests by partition, each once and in any order; a partition without entries may be absent."""

_each_digest = struct.Struct(f"{WIDTH}s").iter_unpack


def digest(value: str) -> bytes:
    """Return the digest of an entry as it is spelled in the list."""
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=WIDTH).digest()


def unpack(packed: bytes | bytearray) -> frozenset[bytes]:
    """Return the digests of one partition."""
    return frozenset(_each(packed))


def _each(packed: bytes | bytearray) -> Iterator[bytes]:
    return chain.from_iterable(_each_digest(packed))


def pack(digests: Set[bytes]) -> bytes:
    """Return digests as one string of bytes."""
    return b"".join(digests)


def digests_of(batches: Iterable[list[str]], *, caseless: bool) -> dict[int, bytes]:
    """Return the digests of entries by partition, packed."""
    key = key_of(caseless)
    # Bytes beside each other: a million digests as objects take 90 MB.
    parts: defaultdict[int, bytearray] = defaultdict(bytearray)
    for values in batches:
        for part, value in zip(partitions(values, key), values, strict=True):
            parts[part] += digest(value)
    return {part: pack(unpack(digests)) for part, digests in parts.items()}


def with_added(packed: bytes, added: bytes) -> bytes:
    """Return one partition after entries were put into the list; write it before they are, so that a
    run that is killed in between still knows them as its own."""
    return packed + pack(unpack(added).difference(_each(packed))) if packed else added


def with_removed(packed: bytes, removed: bytes) -> bytes:
    """Return one partition after entries were deleted from the list."""
    return b"".join(filterfalse(unpack(removed).__contains__, _each(packed)))
