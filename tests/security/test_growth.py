"""No reader takes the square of the length of what it is given."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from producers.http.request import inflate
from tests.security.corpus import BEGINNINGS, UNITS, repeated
from tests.security.growth import LONG, grows_too_fast
from tqctl.bundle import Mask
from workers.core.times import read_time
from workers.core.urls import without_passwords
from workers.indicators.addresses import parse_private_ips
from workers.indicators.parse import read_indicator
from workers.indicators.types import match_type
from workers.listsync.plan.mapping import parse_mapping
from workers.payload.attributes import read_attributes
from workers.payload.builder import plan_event
from workers.payload.cloudevents import unwrap
from workers.payload.indicator_fields import read_uris
from workers.payload.intake import Intake
from workers.payload.options import from_settings
from workers.payload.reading import read_payloads
from workers.settings.model import Settings

LIMIT = 4_194_304

INTAKE = Intake("http", LIMIT)

OPTIONS = from_settings(Settings(private_ips="10.0.0.0/8"))


def plan_with(field: str) -> Callable[[str], object]:
    """Return what plans an event of which one field holds a text."""

    def read(text: str) -> object:
        payload = {"event_name": "a", "event_type": "b", "event_happened_at": 1, field: text}
        return plan_event(payload, received_at=datetime.now(UTC), options=OPTIONS)

    return read


#: Readers of whole messages, which get every repetition behind every beginning.
WHOLE: dict[str, Callable[[str], object]] = {
    "payloads": lambda text: read_payloads(text, max_bytes=LIMIT),
    "payloads above the limit": lambda text: read_payloads(text, max_bytes=1_000),
    "intake": lambda text: INTAKE.jobs(text.encode("utf-8", "surrogatepass")),
}

#: Beginnings behind which a repetition costs most; all of them by `make fuzz`.
USUAL = ("alone", "in an object") if LONG < 1_000_000 else tuple(BEGINNINGS)

#: Readers of one field.
FIELDS: dict[str, Callable[[str], object]] = {
    "payloads from a terminal": lambda text: read_payloads(text, max_bytes=LIMIT, lenient=True),
    "attributes": lambda text: read_attributes(text, field="event_attributes"),
    "times": read_time,
    "indicator fields": read_uris,
    "indicators": lambda text: read_indicator(None, text),
    "indicator types": match_type,
    "private addresses": parse_private_ips.__wrapped__,
    "cloud events": lambda text: unwrap({"specversion": "1.0", "data": text}, max_bytes=LIMIT),
    "passwords in addresses": without_passwords,
    "texts of a support bundle": Mask([]),
    "names of an event": plan_with("event_name"),
    "identities": plan_with("identity"),
    "messages": plan_with("syslog_message"),
}


@pytest.mark.parametrize("reader", WHOLE)
@pytest.mark.parametrize("unit", UNITS)
def test_a_message_is_read_in_time_that_grows_with_its_length(reader: str, unit: str) -> None:
    # Given a repetition, alone and behind what a message begins with
    for name in USUAL:
        # Then twice as much of it takes about twice the time
        assert not (why := grows_too_fast(WHOLE[reader], repeated(UNITS[unit], BEGINNINGS[name]))), (
            f"{name}: {why}"
        )


@pytest.mark.parametrize("reader", FIELDS)
def test_a_field_is_read_in_time_that_grows_with_its_length(reader: str) -> None:
    wrong = {name: grows_too_fast(FIELDS[reader], repeated(unit)) for name, unit in UNITS.items()}
    assert not {name: why for name, why in wrong.items() if why}


def test_a_range_of_private_addresses_is_read_in_time_that_grows_with_its_length() -> None:
    read = parse_private_ips.__wrapped__
    assert not grows_too_fast(read, lambda size: f"10.0.0.1{' ' * size}10.0.0.2")


@pytest.mark.parametrize("member", [b"", b"a", b"{}\n"])
def test_gzip_of_many_members_is_inflated_in_time_that_grows_with_its_length(member: bytes) -> None:
    packed = gzip.compress(member)
    assert not grows_too_fast(
        lambda data: inflate(data, most_bytes=LIMIT),
        lambda size: packed * (size // len(packed)),
        short=262_144,
        long=1_048_576,
    )


def test_attributes_of_many_segments_are_read_in_time_that_grows_with_their_length() -> None:
    # Given segments without a name, each of which belongs to the value before it
    assert not grows_too_fast(
        lambda text: read_attributes(text, field="event_attributes"),
        repeated(UNITS["segments without a name"]),
        short=131_072,
        long=524_288,
    )


def test_a_mapping_is_read_in_time_that_grows_with_its_length() -> None:
    def read(text: str) -> object:
        return parse_mapping(text, ("IP Address",))

    wrong = {
        name: grows_too_fast(read, repeated(UNITS[name]))
        for name in ("anchors of YAML", "aliases of YAML", "comments", "blanks", "tags of YAML", "dots")
    }
    assert not {name: why for name, why in wrong.items() if why}
