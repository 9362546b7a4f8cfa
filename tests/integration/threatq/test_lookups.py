"""The tables of names that ThreatQ has: read once, and again when a name is missing or the table is old."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.scripted import Answer, Asked, Scripted, scripted
from tests.support.threatq_script import ThreatqScript, settings_for
from workers.core.errors import ConfigError, MissingRights
from workers.threatq.client import Client
from workers.threatq.service import MISS_S, TTL_S, Lookups

pytestmark = pytest.mark.integration


def names(*pairs: tuple[int, str]) -> Answer:
    return Answer({"total": len(pairs), "data": [{"id": id_, "name": name} for id_, name in pairs]})


def lookups_at(server: Scripted, clock: Callable[[], float]) -> Lookups:
    return Lookups(Client.from_settings(settings_for(server.url)), clock=clock)


def test_names_are_found_in_any_case_and_read_once() -> None:
    with scripted(ThreatqScript(lambda _asked: names((10, "FQDN"), (14, "IP Address")))) as server:
        lookups = lookups_at(server, lambda: 0.0)
        assert [lookups.indicator_type(name) for name in ("fqdn", "IP address", "Nope")] == [10, 14, None]
        assert len(server.calls("/api/indicator/types")) == 1


def test_a_missing_name_and_an_old_table_are_read_again() -> None:
    now = [0.0]
    answer = [names((1, "A"))]
    with scripted(ThreatqScript(lambda _asked: answer[0])) as server:
        lookups = lookups_at(server, lambda: now[0])
        assert lookups.event_type("B") is None
        answer[0] = names((1, "A"), (2, "B"))
        now[0] = MISS_S
        assert lookups.event_type("B") == 2
        answer[0] = names((1, "A"), (9, "B"))
        assert lookups.event_type("B") == 2
        now[0] = MISS_S + TTL_S
        assert lookups.event_type("B") == 9


def test_a_table_of_many_pages_is_read_to_its_end() -> None:
    everything = [{"id": number, "name": f"T{number}"} for number in range(1_200)]

    def script(asked: Asked) -> Answer:
        at, size = int(asked.query["offset"]), int(asked.query["limit"])
        return Answer({"total": 1_200, "data": everything[at : at + size]})

    with scripted(ThreatqScript(script)) as server:
        assert lookups_at(server, lambda: 0.0).indicator_type("t1199") == 1_199
        assert len(server.calls("/api/indicator/types")) == 3


def test_a_bare_object_means_a_missing_right() -> None:
    with (
        scripted(ThreatqScript(lambda _asked: Answer({}))) as server,
        pytest.raises(MissingRights, match="indicator types"),
    ):
        lookups_at(server, lambda: 0.0).indicator_type("FQDN")


def test_an_unknown_status_lists_the_known_ones() -> None:
    with (
        scripted(ThreatqScript(lambda _asked: names((1, "Active"), (4, "Review")))) as server,
        pytest.raises(ConfigError, match="Active, Review"),
    ):
        lookups_at(server, lambda: 0.0).status("Revew")


@pytest.mark.parametrize(
    ("kinds", "collection"),
    [
        ([{"name": "asset", "display_name": "Asset", "collection": "asset"}], "asset"),
        ([{"name": "thing", "display_name": "Asset", "collection": "assets"}], "assets"),
        ([{"name": "malware", "display_name": "Malware", "collection": "malware"}], "asset"),
        ([], "asset"),
    ],
)
def test_the_endpoint_of_assets_is_discovered(kinds: list[dict[str, str]], collection: str) -> None:
    with scripted(ThreatqScript(lambda _asked: Answer({"data": kinds}))) as server:
        assert lookups_at(server, lambda: 0.0).asset_collection() == collection


def test_an_event_type_is_created_and_then_known() -> None:
    def script(asked: Asked) -> Answer:
        return Answer({"data": {"id": 40}}, status=201) if asked.method == "POST" else names((1, "Malware"))

    with scripted(ThreatqScript(script)) as server:
        lookups = lookups_at(server, lambda: 0.0)
        assert lookups.event_type("CloudTrail") is None
        assert lookups.create_event_type("CloudTrail") == 40
        assert lookups.event_type("cloudtrail") == 40
