"""Jobs as an operator reads them: one with all that is known of it, and many as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import to_builtins

from producers.cli.tables import Grid, Shown
from workers.core.text import age, moment
from workers.ledger.records import Record

#: Characters of a title or reason that a table shows.
SHORT = 60


def summaries(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return what a list of jobs says about each."""
    return [
        {
            "id": record.id,
            "kind": record.kind,
            "door": record.producer,
            "state": record.state,
            "title": record.title,
            "accepted_ms": record.accepted_ms,
            "attempts": record.attempts,
            "last_ms": record.history[-1].at_ms if record.history else None,
            "reason": record.reason or None,
        }
        for record in records
    ]


def grid(title: str, jobs: Sequence[dict[str, Any]], nothing: str = "no job") -> Grid:
    """Return summaries as a table."""
    columns = ("job", "kind", "producer", "state", "accepted (UTC)", "tries", "title", "reason")
    rows = [
        [
            job["id"],
            job["kind"],
            job["door"],
            job["state"],
            moment(job["accepted_ms"]),
            str(job["attempts"]),
            short(job["title"]),
            short(job["reason"] or ""),
        ]
        for job in jobs
    ]
    return Grid(title, columns, rows, nothing)


def whole(record: Record, arguments: dict[str, Any] | None) -> dict[str, Any]:
    """Return all that is known of a job."""
    value: dict[str, Any] = to_builtins(record)
    return {**value, "arguments": arguments}


def words(value: dict[str, Any]) -> Iterator[Shown]:
    """Yield all that is known of a job, for a person."""
    yield f"{value['id']}  {value['kind']}  {value['title']}"
    yield f"  state     {value['state']}" + _due(value)
    yield f"  producer  {value['door']}" + (f", sender {value['sender']}" if value["sender"] else "")
    yield f"  accepted  {moment(value['accepted_ms'])} UTC"
    if value["trace"]:
        yield f"  trace     {value['trace']}"
    yield f"  attempts  {value['attempts']}" + (f", lost {value['lost']} workers" if value["lost"] else "")
    before = value["accepted_ms"]
    for entry in value["history"]:
        took = age(max(0.0, (entry["at_ms"] - before) / 1000))
        before = entry["at_ms"]
        yield f"  {moment(entry['at_ms'])}  {entry['state']} (after {took})"
        yield from _note(entry["note"])
    if value["arguments"] is None:
        yield "  its arguments are no longer kept, or only another key or a newer version reads them"
        return
    yield "  arguments"
    yield from ("    " + line for line in json.dumps(value["arguments"], indent=2).splitlines())


def short(text: str) -> str:
    """Return the beginning of a text, on one line."""
    text = " ".join(text[: 2 * SHORT].split())
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _due(value: dict[str, Any]) -> str:
    since = f" since {moment(value['since_ms'])} UTC" if value["since_ms"] is not None else ""
    again = f", looked at again at {moment(value['due_ms'])} UTC" if value["due_ms"] is not None else ""
    return since + again


def _note(note: dict[str, Any]) -> Iterator[str]:
    for name, inner in note.items():
        if name == "traceback":
            yield from (f"      {line}" for line in str(inner).rstrip().splitlines())
        else:
            text = inner if isinstance(inner, str) else json.dumps(inner)
            yield f"      {name}: {text}"
