"""What a worker tells of its rounds: for each job its wait and its attempt, and below them what was done for all."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Protocol

from workers.core.jobs import Job
from workers.core.spans import (
    ACCEPT,
    ATTEMPT,
    CONSUMER,
    FAILED,
    SERVER,
    WAIT,
    Span,
    SpanRecorder,
    SpanRef,
    SpanStatus,
    attributes,
    recorder,
    ref_of,
    sender_span,
)
from workers.ledger.accept import Accepted
from workers.ledger.records import Claim, Settlement

#: The producer that tells of the acceptance itself.
TELLS = "http"


def accept_spans(
    jobs: Sequence[Job], answers: Sequence[Accepted], began_ns: int, ended_ns: int
) -> list[Span]:
    """Return the acceptance of each job that is new; below the span that its sender named."""
    times = str(began_ns), str(ended_ns)
    spans = []
    # Of jobs that are refused together there is one answer.
    for job, accepted in zip(jobs, answers, strict=False):
        if accepted.created:
            ref = ref_of(accepted.id, job.trace, ACCEPT)
            values = attributes({"tq.job": accepted.id, "tq.kind": job.kind.name, "tq.entry": job.producer})
            parent = sender_span(job.trace)
            spans.append(Span(ref.trace_id, ref.span_id, "accept", *times, parent, SERVER, values))
    return spans


class Spans(Protocol):
    """Takes spans."""

    def add(self, spans: Sequence[Span]) -> None: ...


class Tracer:
    """Traces the rounds of one worker; each of its threads works on one round at a time."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def begin(self, claims: Sequence[Claim], asked_ns: int) -> None:
        """Begin a round: what this thread does from now on is done for `claims`, for which it asked at a time."""
        root = (
            attempt_of(claims[0]) if len(claims) == 1 else SpanRef(os.urandom(16).hex(), os.urandom(8).hex())
        )
        gathering = SpanRecorder(root)
        gathering.add("claim", asked_ns, time.time_ns(), [])
        recorder.set(gathering)

    def handled(self, settlements: Sequence[Settlement]) -> None:
        """Tell of the jobs of a round before they are settled: a worker that is killed then has told of them."""
        gathering = recorder.get()
        if gathering is None:
            return
        began_ns, now_ns = int(gathering.spans[0].end_time_unix_nano), time.time_ns()
        root = gathering.root if len(settlements) > 1 else None
        spans: list[Span] = []
        for settlement in settlements:
            spans += _of_job(settlement, began_ns, now_ns, root)
        self._spans.add(spans)

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """Tell what was done for the jobs of a round together, and end it."""
        gathering = recorder.get()
        recorder.set(None)
        if gathering is None:
            return
        spans = gathering.spans
        if len(settlements) > 1:
            links = [attempt_of(settlement.claim) for settlement in settlements]
            first = settlements[0].claim
            ref = (gathering.root.trace_id, gathering.root.span_id, f"round of {first.queue}")
            values = attributes({"tq.queue": first.queue, "tq.jobs": len(settlements)})
            times = (spans[0].start_time_unix_nano, str(time.time_ns()))
            spans.append(Span(*ref, *times, "", CONSUMER, values, links))
        self._spans.add(spans)


def attempt_of(claim: Claim) -> SpanRef:
    """Return the name of the span of this attempt at a job."""
    return ref_of(claim.id, claim.trace, ATTEMPT, claim.attempts)


def _of_job(settlement: Settlement, began_ns: int, now_ns: int, root: SpanRef | None) -> tuple[Span, Span]:
    claim = settlement.claim
    parent = sender_span(claim.trace)
    if claim.producer == TELLS:
        parent = ref_of(claim.id, claim.trace, ACCEPT).span_id
    wait, attempt = ref_of(claim.id, claim.trace, WAIT, claim.attempts), attempt_of(claim)
    began = str(began_ns)
    links = [root] if root else []
    if claim.attempts > 1:
        links.append(ref_of(claim.id, claim.trace, ATTEMPT, claim.attempts - 1))
    values = attributes(
        {
            "tq.job": claim.id,
            "tq.queue": claim.queue,
            "tq.entry": claim.producer,
            "tq.attempt": claim.attempts,
            "tq.state": settlement.state,
        }
    )
    status = SpanStatus(FAILED, settlement.entry.get("error") or "") if settlement.state == "dead" else None
    # Redis' clock may be ahead of ours.
    accepted = str(min(claim.accepted_ms * 1_000_000, began_ns))
    return (
        Span(wait.trace_id, wait.span_id, "queue wait", accepted, began, parent),
        Span(
            attempt.trace_id,
            attempt.span_id,
            claim.kind,
            began,
            str(now_ns),
            parent,
            CONSUMER,
            values,
            links,
            status,
        ),
    )
