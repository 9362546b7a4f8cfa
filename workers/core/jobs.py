"""The contract: which jobs exist, on which queue they run, and how a job gets its id.

Imports nothing but the standard library's smallest parts, because a Smart Response stub pays for every
import each time an analyst clicks.
"""

from __future__ import annotations

import os

from workers.core import light_json
from workers.core.hashing import sha256_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

#: The queues, each with workers of its own, so that a long sync never makes an analyst wait.
QUEUES = ("events", "enrichment", "sync", "upkeep")

#: The queues that can be paused. Without upkeep nothing would be woken again.
PAUSABLE = tuple(queue for queue in QUEUES if queue != "upkeep")

#: Bytes of a job's arguments, as JSON, beyond which none is accepted and no worker inflates them.
MOST_BODY = 16_777_216

#: Seconds in which a repeated click answers the first click's job.
REPEAT_WINDOW_S = 60


class Kind:
    """One kind of job: its name, its queue, its arguments, and for how long an equal one counts as the same.

    `window_s` None: equal arguments are the same job for as long as the ledger remembers it. `shows` is what its
    service has shown to be able to do when one is done: kinds that show the same speak for one another. `beside` are
    arguments that say how a job is done, not what it is.
    """

    __slots__ = ("beside", "name", "queue", "shows", "takes", "window_s")

    def __init__(
        self,
        name: str,
        queue: str,
        takes: str,
        window_s: int | None = None,
        *,
        shows: str = "",
        beside: str = "",
    ) -> None:
        self.name = name
        self.queue = queue
        self.beside = tuple(beside.split())
        self.takes = frozenset((*takes.split(), *self.beside))
        self.window_s = window_s
        self.shows = shows or queue

    @property
    def is_action(self) -> bool:
        """Whether an analyst asked for it: what is wrong with it is told to who asked, and needs no operator."""
        return self.name.startswith(("indicators.", "sightings."))

    @property
    def is_prompt(self) -> bool:
        """Whether an analyst waits for it: where its worker is killed, another one takes it over within seconds."""
        return self.name.startswith(("indicators.", "lists.add", "lists.remove"))


KINDS = {
    kind.name: kind
    for kind in (
        Kind("events.create", "events", "payload warnings", beside="mapping"),
        # An event is told of the firings that joined its group. It shows nothing, since no event is made.
        Kind("events.update", "events", "group after again", shows="updates"),
        Kind("sightings.add", "events", "alarm_id alarm_name alarm_date observed"),
        Kind("indicators.add", "enrichment", "type value attributes force", REPEAT_WINDOW_S),
        # A ThreatQ that can be read may still take no change.
        Kind("indicators.lookup", "enrichment", "type value", REPEAT_WINDOW_S, shows="lookups"),
        Kind("indicators.mark", "enrichment", "type value verdict", REPEAT_WINDOW_S),
        Kind("indicators.whitelist", "enrichment", "type value", REPEAT_WINDOW_S),
        Kind("lists.sync", "sync", "collection dry_run settings mode", REPEAT_WINDOW_S),
        Kind("lists.remove", "sync", "type value verdict", REPEAT_WINDOW_S),
        Kind("lists.add", "sync", "type value", REPEAT_WINDOW_S),
    )
}


def shows(kind: str) -> str:
    """Return what a done job of `kind` shows; one that a newer version left in the ledger speaks for itself alone."""
    return KINDS[kind].shows if kind in KINDS else kind


class Job:
    """A request in the form in which the ledger takes it.

    `id` is a digest of kind and arguments where equal arguments are always the same job, else random.
    `digest` tells equal arguments apart from different ones. `key` is what the sender calls the request
    (an Idempotency-Key, a CloudEvents source and id), or "". `warnings` are the producer's; they stay with the job
    but make it no other job, as do the arguments that its kind takes `beside`. `sender` names who sent it, where
    several send through one producer. `texts` are what `canonical` and `compact` make of the others, where the caller
    has them already. Of the arguments only their text is kept: jobs come by the hundred, and what they were read from
    is many times as large.
    """

    __slots__ = (
        "body",
        "digest",
        "id",
        "key",
        "key_window_s",
        "kind",
        "producer",
        "sender",
        "title",
        "trace",
        "warnings",
    )

    def __init__(
        self,
        kind: str,
        arguments: dict[str, Any],
        *,
        producer: str,
        sender: str = "",
        title: str = "",
        trace: str = "",
        key: str = "",
        key_window_s: int = 86_400,
        warnings: Sequence[str] = (),
        texts: tuple[bytes, bytes] | None = None,
    ) -> None:
        self.kind = KINDS[kind]
        self.producer, self.sender = producer, sender
        self.title = title
        self.trace = trace
        beside = {name: arguments[name] for name in self.kind.beside if name in arguments}
        if beside:
            arguments = {name: value for name, value in arguments.items() if name not in beside}
        # The body is in the sender's order, which people read; the digest alone does not see it.
        ordered, self.body = texts or (canonical(arguments), compact(arguments))
        self.digest = digest(kind, ordered)
        if beside:
            self.body = b"%b,%b" % (self.body[:-1], compact(beside)[1:])
        self.warnings = list(warnings)
        if warnings:
            self.body = b'%b,"warnings":%b}' % (self.body[:-1], compact(self.warnings))
        self.key, self.key_window_s = key, key_window_s
        if self.kind.window_s is None:
            self.id = self.digest
        else:
            self.id = os.urandom(12).hex()
            if not key:
                self.key, self.key_window_s = self._subject(arguments), self.kind.window_s

    def _subject(self, arguments: dict[str, Any]) -> str:
        """Return what the last action on the same indicator is kept under, so that only that one is repeated."""
        if not self.kind.name.startswith("indicators."):
            return self.digest
        about = {name: arguments.get(name) for name in ("type", "value")}
        return "about:" + digest("about", canonical(about))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, read anew at each call."""
        arguments: dict[str, Any] = light_json.read(self.body.decode())
        if self.warnings:
            del arguments["warnings"]
        return arguments


def compact(value: Any) -> bytes:
    """Write `value` as JSON text in ASCII, without blanks, its keys in their own order."""
    return light_json.write(value).encode()


def canonical(arguments: dict[str, Any]) -> bytes:
    """Write `arguments` as the one JSON text that equal arguments share: sorted, compact, ASCII."""
    return light_json.write(arguments, sort_keys=True).encode()


def digest(kind: str, body: bytes) -> str:
    """Return 24 hex characters that name this kind with this body."""
    return sha256_hex(kind.encode() + b"\n" + body)[:24]
