"""A backup as a file: written beside its place and then renamed into it, read from the beginning to the end."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from workers.backup.encryption import AGE, decrypt, encrypt, is_encrypted, recipients_of
from workers.backup.families import counted
from workers.backup.format import FORMAT, Contents, FilePart, Header, Part, Reader, written
from workers.backup.read import Snapshot
from workers.core.errors import ConfigError, InputError
from workers.core.files import OWNER_ONLY, sync_folder
from workers.core.user import user_at_host
from workers.ledger import backup_keys
from workers.ledger.acts import Auditor
from workers.ledger.client import RedisClient

if TYPE_CHECKING:
    from workers.ledger.accept import Word

#: Bytes that are read at once.
BLOCK = 65_536

#: What a backup is called unless it is told: sorted by name, the newest is the last.
NAME = "tq-backup-%Y%m%dT%H%M%SZ"

_USUAL = re.compile(r"tq-backup-\d{8}T\d{6}Z(?:\.age)?")


def make(
    redis: RedisClient,
    path: Path,
    files: Iterable[FilePart],
    audit: Auditor,
    *,
    encrypt_to: Sequence[str] = (),
) -> dict[str, int]:
    """Write a backup of Redis and of `files` to `path`, note that in Redis, and return how many there were of what.

    Raises InputError where it cannot be written, ConfigError for a key, ServiceAway("redis"); `path` is then as it was.
    """
    recipients = recipients_of(encrypt_to) if encrypt_to else []
    snapshot = Snapshot(redis)
    header = Header(FORMAT, version("tq-workers"), snapshot.taken_ms)
    counts: Counter[str] = Counter()
    blocks = written(header, chain(files, snapshot.parts()), counted, counts)
    with _whole(path) as file:
        if recipients:
            encrypt(_Blocks(blocks), file, recipients)
        else:
            for block in blocks:
                file.write(block)
    noted: dict[str, Word] = {"at": snapshot.taken_ms, "by": user_at_host(), "file": str(path.absolute())}
    redis.hset(backup_keys.BACKUP, mapping=noted)
    audit.record("backup", str(path.absolute()), encrypted="yes" if recipients else "no")
    return dict(counts)


def read(path: Path, take: Callable[[Part], None], *, key: Path | None = None) -> Contents:
    """Give every part of a backup to `take` and return what it says of itself; raises InputError, ConfigError.

    What is damaged is known at the end, so read it once before something is done with it.
    """
    reader = Reader(take)
    try:
        with path.open("rb") as file:
            sealed = is_encrypted(file.read(len(AGE)))
            file.seek(0)
            if sealed:
                decrypt(file, reader, _needed(key, path))
            else:
                while block := file.read(BLOCK):
                    reader.write(block)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}", field="FILE") from error
    return msgspec.structs.replace(reader.contents(), is_encrypted=sealed)


class _Blocks:
    """What is written, for one who reads."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, b""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        while not self._rest and (block := next(self._blocks, None)) is not None:
            self._rest = block
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def _needed(key: Path | None, path: Path) -> Path:
    if key is None:
        raise ConfigError(f"{path} is encrypted; name the file with the secret key", field="--key")
    return key


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file that only its owner may read, and put it at `path` once all of it is on the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        draft.replace(path)
        sync_folder(str(path.parent))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}", field="--out") from error
    finally:
        draft.unlink(missing_ok=True)


def forget_older(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` backups of their usual names in a folder; return which went.

    Raises InputError.
    """
    older = sorted(path for path in folder.iterdir() if _USUAL.fullmatch(path.name))[:-keep]
    for path in older:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{path} cannot be removed: {error.strerror}", field="--keep") from error
    return older


def usual_name(*, encrypted: bool) -> str:
    """Return what a backup of now is called."""
    return time.strftime(NAME, time.gmtime()) + (".age" if encrypted else "")
