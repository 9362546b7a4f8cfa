"""Handing jobs over to the ledger, or to the spool while Redis is away; what was spooled before goes first.

An item of the quarantine goes the same way once it can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from workers.core.errors import InputError, ServiceAway
from workers.core.jobs import Job
from workers.ledger.accept import Accepted
from workers.ledger.audit import Audit
from workers.ledger.client import RedisClient
from workers.ledger.connection import connect, follow
from workers.ledger.known_names import names_flow
from workers.ledger.ledger import Ledger, open_ledger
from workers.ledger.quarantine import Quarantine
from workers.ledger.spool import BATCH, Delivery, Spool, default_folder
from workers.ledger.told_assets import told_flow
from workers.payload.intake import Intake, accepted_only, refused_only
from workers.settings.loading import Loaded

#: Seconds that Redis may take to answer a person at a terminal, who else waits for the spool.
ANSWER_TIMEOUT_S = 2.0

#: accepted: new; known: the ledger had it; conflict: its key was used before for something else; spooled: on disk.
Status = Literal["accepted", "known", "conflict", "spooled"]


class Handed(Struct, frozen=True):
    """One job, the id under which it is known, and where it is now.

    `event_id` and `link`: a known job was done so long ago that nothing else is kept of it; None and "" for every
    other one.
    """

    job: Job
    id: str
    status: Status
    event_id: int | None = None
    link: str = ""


class HandedOver(Struct, frozen=True):
    """What became of each job in order, why some were spooled (None: none was), and what was delivered before.

    `away` may tell that one sender is slowed down; then the jobs of others are in the ledger.
    """

    handed: list[Handed]
    away: ServiceAway | None
    earlier: Delivery


def ledger_of(loaded: Loaded) -> Ledger:
    """Return the ledger that the settings name, with the patience of a command; nothing is called yet."""
    settings = loaded.settings
    redis = connect(settings.redis_url, answer_timeout_s=ANSWER_TIMEOUT_S, retries=0)
    return open_ledger(redis, settings, by_function=True)


def with_event_types(intake: Intake, redis: RedisClient) -> Intake:
    """Return `intake` with the event types that a worker told lately; as it is where Redis does not tell."""
    try:
        names = follow(redis, names_flow("events"))
    except ServiceAway:
        return intake
    return replace(intake, event_types=names.types, creates_types=names.creates)


def told_assets(redis: RedisClient, collection: str) -> tuple[tuple[str, ...], str]:
    """Return what is ours by a data collection, as a worker told lately, and why that is not known, else ""."""
    if not collection:
        return (), ""
    try:
        values = follow(redis, told_flow(collection))
        reason = "no worker has told it lately" if values is None else ""
    except ServiceAway as error:
        values, reason = None, str(error)
    return values or (), reason


def spool_of(loaded: Loaded) -> Spool:
    """Return the spool that the settings name."""
    folder = str(loaded.path.parent) if loaded.has_file else ""
    return Spool(default_folder(loaded.settings.spool_dir, folder))


def hand_over(jobs: Sequence[Job], ledger: Ledger, spool: Spool) -> HandedOver:
    """Have the ledger accept what is spooled and then `jobs`; spool what it does not take now.

    Raises NotKept when neither took them.
    """
    answers: list[Accepted] = []
    earlier, away = Delivery(), None
    accept = partial(ledger.accept, apart=True)
    try:
        at_once = min(BATCH, ledger.acceptance.most_open)
        earlier = spool.deliver(accept, at_once=at_once)
        for start in range(0, len(jobs), at_once):
            answers += accept(jobs[start : start + at_once])
    except ServiceAway as error:
        away = error
    handed = list(map(_handed, jobs, answers))
    handed += [Handed(job, job.id, "spooled") for job in jobs[len(handed) :]]
    if spooled := [each.job for each in handed if each.status == "spooled"]:
        spool.keep(spooled)
    slowed = next((answer.slowed for answer in answers if answer.slowed), None)
    return HandedOver(handed, away or slowed, earlier)


def _handed(job: Job, answer: Accepted) -> Handed:
    if answer.slowed:
        return Handed(job, answer.id, "spooled")
    if answer.conflict:
        return Handed(job, answer.id, "conflict")
    event_id = answer.event_id if answer.state else None
    return Handed(job, answer.id, "accepted" if answer.created else "known", event_id, answer.link)


def release(
    item_id: str,
    *,
    quarantine: Quarantine,
    ledger: Ledger,
    intake: Intake,
    audit: Audit,
    repaired: bytes | None = None,
    mapping: str | None = None,
) -> list[Accepted]:
    """Accept what is in a quarantined item, or `repaired` in its place, and drop the item.

    The jobs keep the producer and the sender that the item came through. It is read by the mapping that its sender
    named, unless `mapping` names another one ("": whichever is for it). Raises InputError, and keeps the item, while
    a part of it cannot be read or is not accepted.
    """
    item = quarantine.item(item_id)
    if item is None:
        raise InputError(f"no item {item_id} is in the quarantine; it may have been released before")
    parts = replace(intake, producer=item.producer).jobs(
        item.raw if repaired is None else repaired,
        mapping=item.mapping if mapping is None else mapping,
    )
    if refused := refused_only(parts):
        raise InputError(f"item {item_id} is still refused: {refused[0].detail}")
    jobs = accepted_only(parts)
    if item.producer == "http":
        for job in jobs:
            # The name of the token.
            job.sender = item.source
    answers = ledger.accept(jobs)
    if conflict := next((answer for answer in answers if answer.conflict), None):
        raise InputError(
            f"item {item_id} is still refused: job {conflict.id} has its CloudEvents source and id and another "
            "payload; correct the id, or drop the item"
        )
    corrected = repaired not in (None, item.raw)
    quarantine.released(item_id, audit, jobs=[answer.id for answer in answers], corrected=corrected)
    return answers
