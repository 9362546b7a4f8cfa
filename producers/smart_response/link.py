"""A stub's way to the ledger: a bare socket where the URL is plain, else redis-py."""

from __future__ import annotations

from producers.smart_response.redis_client import Connection, RedisError, away, read_url
from workers.core import light_json
from workers.core.errors import ServiceAway
from workers.ledger.accept import COMPRESSION, NO_SCRIPT, Acceptance, Accepted, drive, is_unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from producers.smart_response.notes import Note

    #: A state that ends the waiting (done, dead, refused, waiting; paused: as its queue is) and what was noted.
    Outcome = tuple[str, Note]

    class Link(Protocol):
        """What a stub does with the ledger; raises ServiceAway("redis")."""

        def accept(self, jobs: Sequence[Job]) -> list[Accepted]:
            """Write jobs into the ledger; raises Busy when there are too many."""

        def outcome(self, job_id: str, wait_s: float) -> Outcome | None:
            """Wait for what becomes of a job; None: nothing within the time."""

        def names(self, queue: str) -> KnownNames:
            """Return what ThreatQ knows by name, as a worker told lately."""

        def away(self, service: str) -> str:
            """Return why no worker calls a service now; "" while it is well."""

        def paused(self, queue: str) -> str:
            """Return since when a queue is paused, why and by whom; "" where it is not."""

        def close(self) -> None:
            """Hang up."""

    from producers.smart_response.settings import StubSettings
    from workers.core.jobs import Job
    from workers.ledger.accept import Word
    from workers.ledger.known_names import KnownNames

_NOT_WAITED = "the command did not wait for the outcome"

#: The types that are nearly always asked for: the table of all types, whose import takes a millisecond, is not needed.
USUAL_TYPES = ("IP Address", "FQDN", "URL", "MD5", "SHA-1", "SHA-256", "Email Address", "Filename")

#: Bytes of a job's arguments up to which they are not compressed.
MOST_STORED = 1_000

#: Seconds after which we look whether waiting makes sense; an idle worker answers sooner.
FIRST_LOOK_S = 1.0


class BareLink:
    """The ledger over one socket."""

    def __init__(self, connection: Connection, settings: StubSettings) -> None:
        self._connection = connection
        self._acceptance = Acceptance(
            most_open=settings.max_open_jobs,
            most_memory_percent=settings.memory_percent,
            replicas=settings.replicas,
            by_function=True,
            compress=stored,
        )

    def accept(self, jobs: Sequence[Job]) -> list[Accepted]:
        """Write jobs into the ledger, those of one queue all or none; raises Busy when there are too many."""
        return drive(self._acceptance.flow(jobs), self._send) if jobs else []

    def outcome(self, job_id: str, wait_s: float) -> Outcome | None:
        """Wait for what becomes of a job; a user who may only accept learns nothing."""
        from workers.ledger.history import wait_for_outcome

        note = wait_for_outcome(self._send, job_id, wait_s)
        return None if note is None else (note.state, light_json.read(note.text.decode()))

    def names(self, queue: str) -> KnownNames:
        """Return what ThreatQ knows by name, as a worker told lately."""
        from workers.ledger.known_names import names_flow

        return drive(names_flow(queue), self._send)

    def away(self, service: str) -> str:
        """Return why no worker calls a service now; "" while it is well."""
        from workers.ledger import keys

        reason: bytes | None = self._send([("HGET", keys.away(service), "reason")])[0]
        return (reason or b"").decode(errors="replace")

    def paused(self, queue: str) -> str:
        """Return since when a queue is paused, why and by whom; "" where it is not."""
        from workers.ledger.pauses import pause_flow

        return drive(pause_flow(queue), self._send)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _send(self, commands: list[tuple[Word, ...]]) -> list[Any]:
        try:
            return [_answer(answer) for answer in self._connection.call_all(commands)]
        except RedisError as error:
            raise away(error) from error


def stored(data: bytes) -> bytes:
    """Return `data` in the form of zlib's, as it is: what a stub sends is too short to pay for loading zlib."""
    if len(data) > MOST_STORED:
        import zlib

        return zlib.compress(data, COMPRESSION)
    low, high = 1, 0
    for byte in data:
        low = (low + byte) % 65_521
        high = (high + low) % 65_521
    size = len(data).to_bytes(2, "little") + (65_535 - len(data)).to_bytes(2, "little")
    return b"\x78\x01\x01" + size + data + (high << 16 | low).to_bytes(4, "big")


def _answer(answer: Any) -> Any:
    if isinstance(answer, RedisError):
        if is_unknown(str(answer)):
            return NO_SCRIPT
        raise answer
    return answer


class WideLink:
    """The ledger through redis-py, for Sentinel and whatever else only it can reach."""

    def __init__(self, settings: StubSettings) -> None:
        from workers.ledger.admin import LedgerAdmin
        from workers.ledger.connection import connect as connect_redis
        from workers.ledger.ledger import Ledger

        redis = connect_redis(settings.redis_url)
        self._admin = LedgerAdmin(redis)
        self._ledger = Ledger(
            redis,
            most_open=settings.max_open_jobs,
            most_memory_percent=settings.memory_percent,
            replicas=settings.replicas,
            by_function=True,
        )

    def accept(self, jobs: Sequence[Job]) -> list[Accepted]:
        """Write jobs into the ledger; raises Busy when there are too many."""
        return self._ledger.accept(jobs)

    def outcome(self, job_id: str, wait_s: float) -> Outcome | None:
        """Wait for what becomes of a job."""
        from typing import cast

        entry = self._admin.outcome(job_id, wait_s=wait_s)
        return None if entry is None else (entry.state, cast("Note", entry.note))

    def names(self, queue: str) -> KnownNames:
        """Return what ThreatQ knows by name, as a worker told lately."""
        from workers.ledger.connection import follow
        from workers.ledger.known_names import names_flow

        return follow(self._ledger.redis, names_flow(queue))

    def away(self, service: str) -> str:
        """Return why no worker calls a service now; "" while it is well."""
        return self._admin.away(service).get("reason", "")

    def paused(self, queue: str) -> str:
        """Return since when a queue is paused, why and by whom; "" where it is not."""
        return self._admin.why_paused(queue)

    def close(self) -> None:
        """Hang up."""
        self._ledger.redis.close()


def connect(settings: StubSettings) -> Link:
    """Connect to the ledger; raises ServiceAway("redis"), and ConfigError for a URL that cannot be read."""
    address = read_url(settings.redis_url)
    return WideLink(settings) if address is None else BareLink(Connection(address), settings)


def check_type(link: Link, job: Job) -> None:
    """Raise InputError for an indicator type that ThreatQ has not; asks for its names only where it is not a usual one.

    All else is left to the worker, which needs more than a stub can load.
    """
    asked = job.arguments.get("type")
    if not asked or asked in USUAL_TYPES:
        return
    from workers.indicators.types import fold, match_type, unknown_type

    if match_type(asked):
        return
    try:
        types = link.names(job.kind.queue).types
    except ServiceAway:
        # Accepting finds that as well, and says it better; a user of an older ACL may not know the names.
        return
    if types and fold(asked) not in map(fold, types):
        link.close()
        raise unknown_type(asked, types)


def outcome(link: Link, accepted: Accepted, queue: str, wait_s: float) -> Outcome:
    """Return the state that ends a wait with what was noted; "waiting" has the reason for not knowing more.

    "paused" is waiting for an operator who lets `queue` go on. A job that was known before may have come to its end
    already, so it is looked at even without waiting.
    """
    if accepted.state:
        note: Note = {"event_id": accepted.event_id}
        return accepted.state, {**note, "link": accepted.link} if accepted.link else note
    if wait_s <= 0 and accepted.created:
        return _not_known(_NOT_WAITED)
    try:
        known = _awaited(link, accepted.id, queue, wait_s)
    except ServiceAway as error:
        return _not_known(str(error) if wait_s > 0 else _NOT_WAITED)
    except KeyboardInterrupt:
        return _not_known("the command stopped waiting for the outcome")
    late = f"the workers have not come to it within {wait_s:g} s" if wait_s > 0 else _NOT_WAITED
    return known or _not_known(late)


def _awaited(link: Link, job_id: str, queue: str, wait_s: float) -> Outcome | None:
    """Wait for the outcome; while the queue is paused, or ThreatQ is known to be away, only for a moment."""
    known = link.outcome(job_id, min(wait_s, FIRST_LOOK_S))
    if known is not None and known[0] != "waiting":
        return known
    if wait_s > 0 and (why := link.paused(queue)):
        return "paused", {"reason": why}
    if known is not None or wait_s <= FIRST_LOOK_S:
        return known
    if reason := link.away("threatq"):
        return _not_known(reason)
    return link.outcome(job_id, wait_s - FIRST_LOOK_S)


def _not_known(reason: str) -> Outcome:
    return "waiting", {"reason": reason}
