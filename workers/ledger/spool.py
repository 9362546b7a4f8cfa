"""What a producer keeps on disk while Redis is away: one file a job, whole or absent.

Several producers may use one folder. A file is claimed for delivery by renaming it; a claim whose owner died
is taken over, and delivering a job twice is harmless, because a job keeps its id here. Imports nothing large
and nothing that Windows lacks, because the Smart Response stubs use it too.

The sqlite3 of the standard library would save code, but its C library writes by itself: the tests of a disk that fills
up in the middle (tests/unit/ledger/test_spool.py) could not hold it, one damaged file would be the whole spool
instead of one job, and each click after a first outage would take 3 ms more to ask what waits (26.5 instead of 23.6,
median of 20 starts).
"""

from __future__ import annotations

import os
import time

from workers.core import light_json
from workers.core.errors import TqError
from workers.core.hashing import sha256_hex
from workers.core.jobs import Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from workers.ledger.accept import Accepted

#: Bytes that a spool may take on disk; beyond it nothing more is kept, so that it never fills the disk.
MOST_BYTES = 256 * 1024 * 1024

#: Bytes that the smallest file takes on most disks.
BLOCK = 4096

#: Jobs that are delivered in one call, at most.
BATCH = 100

#: Seconds after which a claimed file is taken over, as its owner must have died.
TAKEN_S = 300

#: Endings of a file that waits, of one that is being delivered, and of one that is being written.
WAITING, TAKEN, DRAFT = ".job", ".taken", ".tmp"

#: The folder in the spool for what cannot be read.
UNREADABLE = "unreadable"


class NotKept(TqError):
    """The job could not be kept on disk; send it again when Redis is back."""


class Delivery:
    """What one delivery did: jobs that the ledger has now, and files that were set aside with the reason."""

    __slots__ = ("delivered", "set_aside")

    def __init__(self) -> None:
        self.delivered: list[Job] = []
        self.set_aside: list[tuple[str, str]] = []


class Spool:
    """A folder of jobs that wait for Redis."""

    def __init__(self, folder: str, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self.most_bytes = most_bytes

    def keep(self, jobs: Sequence[Job]) -> None:
        """Keep all of `jobs`; raises NotKept after which none of them is kept that was not before."""
        from workers.core.files import write_whole

        new: list[str] = []
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            self._check_room(jobs)
            for job in jobs:
                path = os.path.join(self.folder, job.id + WAITING)
                if not os.path.exists(path):
                    new.append(path)
                write_whole(path, encode(job))
        except OSError as error:
            for path in new:
                _remove(path)
            raise NotKept(
                f"Redis is away and the spool {self.folder} cannot be written ({error.strerror}); "
                "nothing was kept. Make room or set TQ_SPOOL_DIR, then send this again"
            ) from error

    def waiting(self) -> int:
        """Return how many jobs wait, those that a process delivers just now among them."""
        return sum(1 for _ in self._entries(WAITING, TAKEN))

    def size(self) -> int:
        """Return how many bytes the waiting jobs take on disk."""
        return sum(max(_size(entry), BLOCK) for entry in self._entries(WAITING, TAKEN))

    def unreadable(self) -> int:
        """Return how many files were set aside because they could not be read."""
        return len(self.set_aside())

    def set_aside(self) -> list[str]:
        """Return the files that were set aside, as they could not be read or were refused."""
        folder = os.path.join(self.folder, UNREADABLE)
        try:
            return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        except OSError:
            return []

    def deliver(
        self,
        accept: Callable[[list[Job]], Sequence[Accepted]],
        *,
        at_once: int = BATCH,
        most: int | None = None,
        report: Delivery | None = None,
    ) -> Delivery:
        """Hand the oldest `most` jobs (None: all) to `accept`, `at_once` in a call; forget those that it takes.

        What `accept` raises is passed on, and the jobs of that call wait again; so do those of a slowed sender. A
        `report` that the caller made tells then what was delivered before.
        """
        report = report or Delivery()
        try:
            self._take_over()
            names = self._oldest_first()[:most]
        except OSError as error:
            report.set_aside.append((self.folder, f"it cannot be read ({error.strerror})"))
            return report
        for start in range(0, len(names), at_once):
            self._deliver_batch(names[start : start + at_once], accept, report)
        return report

    def _deliver_batch(
        self, names: list[str], accept: Callable[[list[Job]], Sequence[Accepted]], report: Delivery
    ) -> None:
        taken = dict(self._claimed(names, report))
        if not taken:
            return
        try:
            answers = accept(list(taken.values()))
        except BaseException:
            for path in taken:
                _rename(path, _waiting_name(path))
            raise
        for (path, job), answer in zip(taken.items(), answers, strict=True):
            if answer.slowed:
                _rename(path, _waiting_name(path))
            elif answer.conflict:
                self._set_aside(path, "its key was used before for something else", report)
            else:
                _remove(path)
                report.delivered.append(job)

    def _claimed(self, names: list[str], report: Delivery) -> Iterator[tuple[str, Job]]:
        mark = f".{int(time.time())}-{os.urandom(6).hex()}{TAKEN}"
        for name in names:
            path = os.path.join(self.folder, name)
            if not _rename(path, path + mark):
                continue
            try:
                yield path + mark, decode(_read(path + mark))
            except OSError as error:
                self._set_aside(path + mark, f"it cannot be read ({error.strerror})", report)
            except ValueError as error:
                self._set_aside(path + mark, str(error), report)

    def _set_aside(self, path: str, reason: str, report: Delivery) -> None:
        folder = os.path.join(self.folder, UNREADABLE)
        kept = os.path.join(folder, os.path.basename(_waiting_name(path)))
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.replace(path, kept)
        except OSError:
            kept = path
        report.set_aside.append((kept, reason))

    def _take_over(self) -> None:
        long_ago = time.time() - TAKEN_S
        for entry in self._entries(TAKEN):
            if _taken_at(entry.name) < long_ago:
                _rename(entry.path, _waiting_name(entry.path))
        for entry in self._entries(DRAFT):
            if _changed(entry) < long_ago:
                _remove(entry.path)

    def _oldest_first(self) -> list[str]:
        ages = [(_changed(entry), entry.name) for entry in self._entries(WAITING)]
        return [name for _, name in sorted(ages)]

    def _entries(self, *endings: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(self.folder) as entries:
                yield from (entry for entry in entries if entry.name.endswith(endings))
        except (FileNotFoundError, NotADirectoryError):
            return

    def _check_room(self, jobs: Sequence[Job]) -> None:
        size = self.size() + sum(max(len(job.body), BLOCK) for job in jobs)
        if size > self.most_bytes:
            raise NotKept(
                f"Redis is away and the spool {self.folder} is full ({self.most_bytes >> 20} MiB); "
                "nothing was kept. Start Redis, so that it is delivered, then send this again"
            )


def encode(job: Job) -> bytes:
    """Write `job` as the text of its file: a line with the digest of the rest, then JSON."""
    from workers.ledger.senders import sender_name

    fields = {
        "id": job.id,
        "kind": job.kind.name,
        "door": sender_name(job.producer, job.sender),
        "title": job.title,
        "trace": job.trace,
        "key": job.key,
        "key_window_s": job.key_window_s,
        "arguments": job.arguments,
        "warnings": job.warnings,
    }
    text = light_json.write(fields).encode()
    return _digest(text) + b"\n" + text


def decode(data: bytes) -> Job:
    """Read what `encode` wrote, with the id that the job had; raises ValueError when it is not whole."""
    digest, _, text = data.partition(b"\n")
    if digest != _digest(text):
        raise ValueError("it is cut short or was changed after it was written")
    try:
        fields: dict[str, Any] = light_json.read(text.decode())
        # In a file as in a record, the producer stands under its first name, and the sender behind it.
        job_id = fields.pop("id")
        fields["producer"], _, fields["sender"] = fields.pop("door").partition(" ")
        job = Job(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"it is not a job of this version ({type(error).__name__}: {error})") from error
    job.id = job_id
    return job


def default_folder(configured: str, config_folder: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the folder `configured`, else `spool` in `config_folder` ("": none), else one of the user."""
    if configured:
        return os.path.expanduser(configured)
    if config_folder:
        return os.path.join(config_folder, "spool")
    state = environ.get("LOCALAPPDATA") if os.name == "nt" else environ.get("XDG_STATE_HOME")
    return os.path.join(state or os.path.expanduser("~/.local/state"), "tq-workers", "spool")


def _digest(text: bytes) -> bytes:
    return sha256_hex(text).encode()


def _waiting_name(path: str) -> str:
    return path.rsplit(".", 2)[0]


def _taken_at(name: str) -> float:
    stamp = name.rsplit(".", 2)[-2].partition("-")[0]
    return float(stamp) if stamp.isdecimal() else 0.0


def _rename(path: str, to: str) -> bool:
    """Rename; False when another process was faster."""
    try:
        os.replace(path, to)
    except OSError:
        return False
    return True


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _changed(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return time.time()


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
