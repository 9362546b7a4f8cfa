"""What the ledger hands out and takes back, as values."""

from __future__ import annotations

import json
import zlib
from typing import Any, Literal, Self

from msgspec import Struct, field
from msgspec.structs import replace

from workers.core.errors import InputError, MalformedRecord, NeedsNewerWorker
from workers.core.jobs import KINDS, MOST_BODY
from workers.core.results import Failure, Success, SyncOverlap, SyncSkipped, as_note, read_note
from workers.core.retry import RetryPolicy
from workers.ledger.sealing import opened, why_locked

#: "refused" is an answer to who asked for what cannot be done; "dead" is what an operator must look at.
State = Literal["accepted", "running", "waiting", "done", "dead", "refused"]

#: Seconds after which it is looked again whether a setting has been corrected or a connector enabled.
RECHECK_S = 30.0

#: How long a job waits for a right that the account lacks, or a setting that it alone needs, before each next try.
RECHECK = RetryPolicy(first_s=RECHECK_S, most_s=900.0)

#: The format of a record: what its body is. Another one stands behind the kind, so that each version can read the
#: lines before the body and leave a body that it does not know alone.
RECORD_VERSION = 1

#: The kind of a record that is none: nothing of it is believed, and all that is not its body goes on.
MALFORMED = "malformed"

#: The last moment that a calendar knows, in ms since 1970.
_LAST_MS = 253_402_300_799_000


class Head(Struct, frozen=True):
    """The lines of a job's record, and the compressed arguments behind them (b"" where they were not read)."""

    accepted_ms: int
    kind: str
    queue: str
    producer: str
    trace: str
    title: str
    body: bytes
    version: int = RECORD_VERSION
    sender: str = ""

    @classmethod
    def read(cls, record: bytes) -> Self:
        """Take a record, or its beginning, apart; of one that is malformed, all of it is the body."""
        try:
            return cls._read(record)
        except ValueError:
            title = "a record that cannot be read"
            return cls(0, MALFORMED, "", "", "", title, record, version=RECORD_VERSION + 1)

    @classmethod
    def _read(cls, record: bytes) -> Self:
        accepted_ms, *lines, body = record.split(b"\n", 6)
        kind, queue, producer, trace, title = (line.decode() for line in lines)
        kind, _, version = kind.partition(" ")
        producer, _, sender = producer.partition(" ")
        when_ms = int(accepted_ms)
        if not 0 <= when_ms <= _LAST_MS:
            raise ValueError(f"{when_ms} is no time")
        return cls(when_ms, kind, queue, producer, trace, title, body, _version(version), sender)

    @property
    def arguments(self) -> dict[str, Any] | None:
        """The arguments, decoded anew at each call; None where this version or its keys cannot read them."""
        if self.version > RECORD_VERSION or why_locked(self.body):
            return None
        try:
            return read_body(self.body)
        except MalformedRecord:
            return None


def _version(text: str) -> int:
    if not text:
        return RECORD_VERSION
    return int(text) if text.isdecimal() else RECORD_VERSION + 1


class Claim(Struct, frozen=True):
    """A job that is ours until its lease ends.

    `life` names the run of Redis that handed it out; `accepted_ms` is Redis's clock; `attempts` counts this one;
    `lost` counts the workers that died with it; `solo_failures` how often it failed by itself while others like it
    were done; `sender` is who sent it, where several send through one producer.
    """

    id: str
    kind: str
    queue: str
    producer: str
    title: str
    trace: str
    accepted_ms: int
    attempts: int
    lost: int
    solo_failures: int
    token: str
    body: bytes
    life: str = ""
    version: int = RECORD_VERSION
    sender: str = ""

    @classmethod
    def from_row(cls, row: list[Any], queue: str, token: str) -> Self:
        """Read one row of the claim script's answer."""
        job_id, record, attempts, lost, solo_failures, life = row
        head = Head.read(record)
        return cls(
            id=job_id.decode(),
            kind=head.kind,
            queue=queue,
            producer=head.producer,
            title=head.title,
            trace=head.trace,
            accepted_ms=head.accepted_ms,
            attempts=attempts,
            lost=lost,
            solo_failures=solo_failures,
            token=token,
            body=head.body,
            life=life.decode(),
            version=head.version,
            sender=head.sender,
        )

    @property
    def unknown(self) -> str:
        """What of this job this version does not know, "" where it knows all; its arguments are not looked at."""
        if self.kind not in KINDS:
            return f"the kind {self.kind}"
        return f"version {self.version} of a job's record" if self.version > RECORD_VERSION else ""

    @property
    def locked(self) -> str:
        """Why its content cannot be decrypted here, "" where it can."""
        return why_locked(self.body)

    def known_arguments(self) -> dict[str, Any]:
        """Decode the job's arguments; raises NeedsNewerWorker for one that this version does not know."""
        arguments = self.arguments
        if unknown := arguments.keys() - KINDS[self.kind].takes:
            raise NeedsNewerWorker(f"the field {', '.join(sorted(unknown))} of {self.kind}")
        return arguments

    @property
    def arguments(self) -> dict[str, Any]:
        """The job's arguments, decoded anew at each call."""
        return read_body(self.body)


class GroupJoin(Struct, frozen=True):
    """What a firing adds to its group: when it happened, as ThreatQ takes times, and its values, `more` not among them.

    `event` is the id of the event that it made for the group, 0 where it joins one. After `update` ms the event is told
    of it; `most` values are kept. The group keeps the `severity` of the highest `rank`; that of 0 counts for none.
    """

    group: str
    happened_at: str
    values: tuple[str, ...]
    update: int
    most: int
    more: int = 0
    event: int = 0
    limited: bool = False
    severity: str = ""
    rank: int = 0


class GroupTold(Struct, frozen=True):
    """What the event of a group was told: so many firings and values; `is_closed`: it is in ThreatQ no more."""

    group: str
    told: int
    told_values: int
    update: int
    is_closed: bool = False


class Settlement(Struct, frozen=True):
    """What became of a claim: its new state, what to remember, and after how many seconds to look again.

    "deferred" is waiting that counts as no attempt, "interrupted" waiting for something that is not the job's fault
    after the work may have begun, "suspected" waiting for a service that failed on this job alone, "misconfigured"
    waiting for a right or a setting that it needs, "blocked" waiting as its whole queue does; that is not noted.
    `group` is what it changes of a group of firings where it is done.
    """

    claim: Claim
    state: State | Literal["deferred", "interrupted", "suspected", "misconfigured", "blocked"]
    entry: dict[str, Any] = field(default_factory=dict)
    delay_s: float = 0.0
    group: GroupJoin | GroupTold | None = None


def done(claim: Claim, result: Success, group: GroupJoin | GroupTold | None = None) -> Settlement:
    """Settle `claim` as done with its result, and with what that changes of a group of firings."""
    return Settlement(claim, "done", as_note(result), group=group)


def dead(claim: Claim, failure: Failure | str) -> Settlement:
    """Settle `claim` as never going to work as it is; of a failure, the reason may be all there is."""
    return Settlement(claim, "dead", as_note(Failure(failure) if isinstance(failure, str) else failure))


def refused(claim: Claim, error: InputError) -> Settlement:
    """Settle `claim` as what its sender must correct; it expires by itself and concerns no operator."""
    return Settlement(claim, "refused", as_note(Failure(str(error), field=error.field or None)))


def waiting(claim: Claim, reason: str, delay_s: float, *, service: str | None = None) -> Settlement:
    """Settle `claim` as to be tried again in `delay_s` seconds, or when `service` is back."""
    failure = Failure(reason, service=service, again_in_s=round(delay_s, 1))
    return Settlement(claim, "waiting", as_note(failure), delay_s)


def suspected(claim: Claim, reason: str, delay_s: float, *, service: str) -> Settlement:
    """Let `claim` wait for a service that failed while it worked on nothing else."""
    return replace(waiting(claim, reason, delay_s, service=service), state="suspected")


def deferred(claim: Claim, reason: str, delay_s: float, *, service: str | None = None) -> Settlement:
    """Let `claim`, on which no work has begun, wait for something else, without counting an attempt."""
    return replace(waiting(claim, reason, delay_s, service=service), state="deferred")


def needs_newer(claim: Claim, what: str) -> Settlement:
    """Let `claim` wait for a worker that knows `what`: a newer one, as long as there are workers of two versions."""
    reason = f"needs a newer worker: this one does not know {what}"
    failure = Failure(reason, error=NeedsNewerWorker.__name__, again_in_s=RECHECK_S)
    return Settlement(claim, "deferred", as_note(failure), RECHECK_S)


def interrupted(claim: Claim, reason: str, delay_s: float = 0.0) -> Settlement:
    """Let `claim`, on which work may have begun, wait for something that is not its own fault."""
    return replace(waiting(claim, reason, delay_s), state="interrupted")


def misconfigured(claim: Claim, reason: str) -> Settlement:
    """Let `claim` wait for a right or a setting that it needs and others may not, longer each time."""
    waits = interrupted(claim, reason, RECHECK.pause_s(claim.attempts))
    return replace(waits, state="misconfigured")


def blocked(claim: Claim) -> Settlement:
    """Give `claim` back to a queue that waits as a whole, or whose jobs of this kind do."""
    return Settlement(claim, "blocked")


def released(claim: Claim, delay_s: float = 0.0) -> Settlement:
    """Give `claim`, on which no work has begun, back as if it had not been claimed."""
    return Settlement(claim, "accepted", {}, delay_s)


class Entry(Struct, frozen=True):
    """One line of a job's history: when (ms of Redis's clock), the state it came to, and what was noted."""

    at_ms: int
    state: State
    note: dict[str, Any]


class Record(Struct, frozen=True):
    """All that the ledger knows of one job; `due_ms` is None when it is done, dead or refused.

    `since_ms` is when it first had to wait after it last came further, None while it does not wait.
    """

    id: str
    kind: str
    queue: str
    #: As programs have always read it.
    producer: str = field(name="door")
    state: State
    title: str
    trace: str
    accepted_ms: int
    attempts: int
    lost: int
    due_ms: int | None
    since_ms: int | None
    history: list[Entry]
    #: Who sent it: a token's name, or user@host; "" where the producer does not know.
    sender: str = ""
    #: Why no job of its queue, or of its kind, is done as things are set; "" where that is not so, or it has ended.
    queue_waits: str = ""
    #: Since when its queue is paused, why and by whom; "" where it is not, or the job has ended.
    paused: str = ""

    @property
    def result(self) -> dict[str, Any]:
        """What the last settlement noted, as JSON; empty while there was none."""
        return self.history[-1].note if self.history else {}

    @property
    def outcome(self) -> Success | Failure | None:
        """The same as a value; None while there was none, and for what another version noted in another shape."""
        return read_note(self.kind, self.history[-1].state, self.result) if self.history else None

    @property
    def reason(self) -> str:
        """Why it is dead, waits or was not to be done; "" for a job that was carried out."""
        if stands_still := self.paused or self.queue_waits:
            return stands_still
        outcome = self.outcome
        return outcome.reason if isinstance(outcome, Failure | SyncSkipped | SyncOverlap) else ""


class Suspension(Struct, frozen=True):
    """Why the ledger itself paused a queue: since when (ms), how many `dead` of how many, and the last one's reason."""

    since_ms: int
    dead: int
    of: int
    reason: str


def read_body(body: bytes) -> dict[str, Any]:
    """Decode a job's stored arguments; raises MalformedRecord, ConfigError for a key that is not here."""
    try:
        # The standard library's decoder takes the lone surrogates that a payload may hold; msgspec's does not.
        arguments = json.loads(inflate(opened(body)))
    except (ValueError, RecursionError) as error:
        raise MalformedRecord(f"its arguments are no JSON: {error}") from error
    if not isinstance(arguments, dict):
        raise MalformedRecord("its arguments are JSON, and no object")
    return arguments


def inflate(body: bytes) -> bytes:
    """Return a job's arguments as JSON; raises MalformedRecord for more than `MOST_BODY` bytes of it."""
    inflating = zlib.decompressobj()
    try:
        text = inflating.decompress(body, MOST_BODY)
    except zlib.error as error:
        raise MalformedRecord(f"its arguments cannot be inflated: {error}") from error
    if not inflating.eof:
        raise MalformedRecord(f"its arguments are cut off, or more than {MOST_BODY} bytes")
    return text
