"""The connectors' pages in ThreatQ: enabled, and with fields that mean something to us?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tqctl.checks.line import CheckLine, failed, ok, warning
from workers.core.text import printable
from workers.settings.page_fields import PageField, nearest
from workers.settings.pages import EVENTS_BUILDER, LOGRHYTHM, unknown_fields
from workers.threatq.connector import ConnectorPage

AREA = "threatq"

#: How many fields of a page a line names.
MOST_NAMED = 5


def events_builder_lines(page: ConnectorPage) -> Iterator[CheckLine]:
    """Look at the Events Builder's page; its `id` is 0 where it was never registered."""
    yield _events_enabled(page)
    yield from _strange_fields(page, EVENTS_BUILDER)


def logrhythm_lines(page: ConnectorPage) -> Iterator[CheckLine]:
    """Look at LogRhythm's page; its `id` is 0 where it was never registered."""
    yield _sync_enabled(page)
    yield from _strange_fields(page, LOGRHYTHM)


def _events_enabled(page: ConnectorPage) -> CheckLine:
    if page.is_enabled:
        return ok(AREA, "connector", f"{page.name} is enabled")
    if page.id:
        return failed(
            AREA,
            "connector",
            f"{page.name} is disabled: its payloads wait",
            "enable it in ThreatQ (Integrations, category Labs)",
            code=2,
        )
    return failed(
        AREA,
        "connector",
        f"{page.name} was never registered: its payloads wait",
        "run tqctl setup",
        code=2,
    )


def _sync_enabled(page: ConnectorPage) -> CheckLine:
    if page.is_enabled:
        return ok(AREA, "list sync", f"{page.name} is enabled")
    if page.id:
        return warning(
            AREA, "list sync", f"{page.name} is disabled: no list is synced", "enable it in ThreatQ"
        )
    return ok(AREA, "list sync", f"{page.name} is not registered, so nothing is synced")


def _strange_fields(page: ConnectorPage, fields: Sequence[PageField]) -> Iterator[CheckLine]:
    """Warn of an enabled page whose fields, all or some, say nothing to us: what stands there would be ignored."""
    unknown = unknown_fields(fields, page.fields)
    if not page.is_enabled:
        return
    if len(unknown) == len(page.fields):
        labels = ", ".join(f"{field.label!r}" for field in fields[:MOST_NAMED])
        others = f"; it has {_named(unknown)}" if unknown else ""
        yield warning(
            AREA,
            f"fields of {page.name}",
            f"the page has none of the fields that we know ({labels}){others}: the settings here count alone",
            "is it another connector's page? Set its name, or set settings_from to local",
        )
    elif unknown:
        guesses = [f"{label!r} for {guess!r}" for label in unknown if (guess := nearest(fields, label))]
        yield warning(
            AREA,
            f"fields of {page.name}",
            f"the page has fields that we do not know, and ignores what stands there: {_named(unknown)}",
            f"is it {', '.join(guesses[:MOST_NAMED])}? Name it as in the guide"
            if guesses
            else "see tqctl config",
        )


def _named(labels: Sequence[str]) -> str:
    names = ", ".join(repr(printable(label)[:60]) for label in labels[:MOST_NAMED])
    rest = len(labels) - MOST_NAMED
    return names + (f" and {rest} more" if rest > 0 else "")
