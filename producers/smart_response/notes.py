"""What a job notes, as the stubs read it: the JSON of workers/core/results.py, for the type checker alone.

No stub loads this file when it runs; a test holds it against the structs that workers write.
"""

from __future__ import annotations

from typing import TypedDict


class IndicatorNote(TypedDict, total=False):
    """An indicator as ThreatQ holds it."""

    type: str
    value: str
    link: str
    status: str
    score: int | None
    score_label: str
    sources: list[str]
    attributes: list[tuple[str, str]]
    adversaries: list[str]
    created_at: str
    updated_at: str
    last_detected_at: str
    expires_at: str


class IndicatorRefNote(TypedDict, total=False):
    """An indicator of an event."""

    type: str
    value: str


class LeftOutNote(TypedDict, total=False):
    """What did not become what it was sent as."""

    what: str
    why: str


class EventNote(TypedDict, total=False):
    """What became of an alarm."""

    event_id: int
    link: str
    indicators: list[IndicatorRefNote]
    left_out: list[LeftOutNote]
    warnings: list[str]


class ActionNote(TypedDict, total=False):
    """What became of an action on an indicator."""

    said: str
    asked: str
    indicator: IndicatorNote
    notes: list[str]


class FailureNote(TypedDict, total=False):
    """Why a job is dead, refused, or waits."""

    reason: str


class Note(EventNote, ActionNote, FailureNote, total=False):
    """What any job of a stub can have noted."""
