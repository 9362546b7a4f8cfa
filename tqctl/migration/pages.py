"""The earlier connectors' pages in ThreatQ: they go on as ours by their labels, or their fields become settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial

from msgspec import Struct

from tqctl.migration.adoption import Adoption
from tqctl.migration.checklist import ChecklistItem, by_hand, open_question, taken
from tqctl.shell import with_short_timeouts
from workers.core.errors import ConfigError, TqError
from workers.core.text import printable
from workers.settings.model import Settings
from workers.settings.page_fields import PageField, filled_in, nearest
from workers.settings.pages import (
    EVENTS_BUILDER,
    LOGRHYTHM,
    logrhythm_values,
    unknown_fields,
    with_logrhythm_page,
)
from workers.settings.values import Given
from workers.threatq.client import Client
from workers.threatq.connector import Connector, ConnectorPage, every_page


class PageKind(Struct, frozen=True):
    """A connector's page: the setting of its name, its fields, what is filled in, and the command that registers it.

    A page of another name is of this kind if it has all of `marks`: pages of feeds have a host or a collection, too.
    """

    setting: str
    fields: Sequence[PageField]
    values: Callable[[Mapping[str, str]], dict[str, str]]
    command: str
    marks: tuple[str, ...]

    def fits(self, page: ConnectorPage) -> bool:
        """Tell whether a page has the marks of this kind."""
        marks = [field for field in self.fields if field.name in self.marks]
        return all(len(unknown_fields([mark], page.fields)) < len(page.fields) for mark in marks)


KINDS = (
    PageKind(
        "connector_name",
        EVENTS_BUILDER,
        partial(filled_in, EVENTS_BUILDER),
        "tq-conn-events-builder",
        ("private_ips",),
    ),
    PageKind(
        "logrhythm_connector_name",
        LOGRHYTHM,
        logrhythm_values,
        "tq-conn-logrhythm",
        ("sync_collections", "logrhythm_token"),
    ),
)


def take_pages(adoption: Adoption) -> None:
    """Look at the pages of both connectors; what they say is offered where it does not count by itself."""
    settings = with_short_timeouts(adoption.settings)
    try:
        with closing(Client.from_settings(settings)) as client:
            pages = [(kind, _page(kind, client, getattr(settings, kind.setting), adoption)) for kind in KINDS]
    except TqError as error:
        adoption.items.append(open_question("pages", str(error), "run this again then", code=error.exit_code))
        return
    for kind, page in pages:
        if page is None:
            continue
        try:
            adoption.items += _items(page, kind, kind.values(page.fields))
            if settings.settings_from == "local":
                adoption.offer(_as_settings(page, kind))
        except ConfigError as error:
            adoption.items.append(open_question(f"page {page.name}", str(error), "correct it on the page"))


def _page(kind: PageKind, client: Client, name: str, adoption: Adoption) -> ConnectorPage | None:
    """Return the page of this name, else the one with the marks of its kind, whose name is wanted then."""
    if (page := Connector(client, name).find()) is not None:
        return page
    alike = [page for page in every_page(client) if kind.fits(page)]
    if len(alike) == 1:
        adoption.offer({kind.setting: Given(alike[0].name, f"page {alike[0].name} in ThreatQ")})
        return alike[0] if kind.setting in adoption.wanted else None
    if alike:
        names = ", ".join(printable(page.name) for page in alike[:5])
        adoption.items.append(
            open_question(f"page {name}", f"several may be it: {names}", f"set {kind.setting}")
        )
    else:
        adoption.items.append(by_hand(f"page {name}", f"{kind.command} registers it", "ThreatQ has none"))
    return None


def _items(page: ConnectorPage, kind: PageKind, values: Mapping[str, str]) -> Iterator[ChecklistItem]:
    what = f"page {page.name}"
    if values:
        yield taken(what, f"goes on as it is: {', '.join(values)}")
    else:
        yield open_question(what, "nothing that we know is filled in", "fill it in")
    for label in unknown_fields(kind.fields, page.fields):
        guess = nearest(kind.fields, label)
        remedy = f"is it {guess!r}? Name it so" if guess else "it has no effect"
        yield open_question(what, f"the field {printable(label)!r} is not known", remedy)
    if not page.is_enabled:
        yield by_hand(what, "enable it in ThreatQ once the earlier connector is stopped", "is disabled")


def _as_settings(page: ConnectorPage, kind: PageKind) -> dict[str, Given]:
    """Return what a page says as settings, for installations whose settings do not come from ThreatQ."""
    origin = f"page {page.name} in ThreatQ"
    values = kind.values(page.fields)
    if "logrhythm_host" in values:
        where = {
            "logrhythm_host": values["logrhythm_host"],
            "logrhythm_port": values.get("logrhythm_port", ""),
        }
        values["logrhythm_url"] = with_logrhythm_page(Settings(), where).logrhythm_url
    is_hidden = {name for name, text in values.items() if not text.strip("*•")}
    parts = {"logrhythm_host", "logrhythm_port"}
    return {name: Given(text, origin) for name, text in values.items() if name not in is_hidden | parts}
