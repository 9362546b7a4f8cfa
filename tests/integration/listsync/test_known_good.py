"""Benign and own values of a data collection stay out of the lists, and sightings of our own alarms make none grow."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path

import pytest
from msgspec import structs

from tests.integration.cli.test_events_builder import NOWHERE, Builder
from tests.support.planted import OWN_ASSETS, benign, malicious
from tests.support.producers import Shim
from tests.support.sync_stage import COLLECTION, MAPPING, Stage
from workers.consumer import QueueHandler, consume
from workers.core.errors import ConfigError
from workers.core.jobs import Job
from workers.events.handler import make_events
from workers.indicators.model import Indicator
from workers.listsync.plan.decisions import Decisions
from workers.listsync.plan.settings import collections_of
from workers.listsync.run.explain import Explainer
from workers.listsync.run.run import Options, Tools
from workers.payload.indicator_fields import read_uris

pytestmark = pytest.mark.integration

#: Days for which lists raise alarms, alarms make sightings, and sightings feed the lists.
DAYS = 30


def feed(stage: Stage, values: list[str], status: str = "Active") -> list[Indicator]:
    """Bring values into ThreatQ as a feed does that checks nothing."""
    readings = (reading for value in values for reading in read_uris(value) if isinstance(reading, Indicator))
    indicators = list({(item.type, item.value): item for item in readings}.values())
    for start in range(0, len(indicators), 200):
        rows = [
            {"value": item.value, "type": {"name": item.type}, "status": {"name": status}}
            for item in indicators[start : start + 200]
        ]
        stage.threatq.post("/api/indicators/consume", rows)
    return indicators


def test_no_benign_value_of_a_collection_becomes_an_entry_and_no_malicious_one_is_lost(stage: Stage) -> None:
    # given a collection with hundreds of benign and own values among malicious ones
    stage.set(own_assets=OWN_ASSETS)
    stage.share()
    good, bad = feed(stage, benign()), feed(stage, malicious())

    # when it is synced
    result = stage.sync()

    # then the lists hold the malicious ones that LogRhythm has lists for, and nothing else
    entries = {value for values in stage.lists().values() for value in values}
    options = Options.of(stage.runtime.settings)
    wanted = {options.types[item.type].normal(item.value) for item in bad if item.type in options.types}
    assert entries == wanted
    # and what was kept out is counted by the list that did it
    kept_out = [
        item for item in good if item.type in options.types and options.types[item.type].normal(item.value)
    ]
    assert sum(result["known_good"].values()) == len(kept_out)
    assert {"ours", "private-addresses", "top-domains", "dns-servers"} <= result["known_good"].keys()
    assert (
        f"On the list ours: {result['known_good']['ours']} kept out of the lists (docs/known-good.md)"
        in result["notes"]
    )


def test_explain_says_which_list_keeps_a_value_out(stage: Stage) -> None:
    stage.share()
    feed(stage, ["google.com"])
    settings = stage.runtime.settings
    explainer = Explainer(stage.redis, Options.of(settings), Tools.of(stage.runtime, settings))
    (explanation,) = explainer.explain("google.com", collections_of(settings))
    assert explanation.in_collection
    assert explanation.places == ()
    assert explanation.why.startswith("google.com is on the list top-domains (")


def test_a_setting_restores_the_lists_as_they_were(stage: Stage) -> None:
    stage.share()
    feed(stage, ["google.com", "10.1.2.3"])
    stage.set(known_good=False, own_private_ranges=False)
    assert stage.sync()["adds"] == 2


def test_what_a_collection_of_threatq_names_is_ours(stage: Stage) -> None:
    # given a collection with what is ours
    stage.threatq.control(
        "collections",
        {"name": "Own systems", "query": {"criteria": {}, "filters": {"status_name": "Whitelisted"}}},
    )
    feed(stage, ["corp-own.ru", "185.10.20.0/24"], status="Whitelisted")
    stage.set(own_assets_collection="Own systems")
    # when values of its domain and network are in the other collection, or in a payload
    stage.share()
    feed(stage, ["vpn.corp-own.ru", "185.10.20.30", "evil.ru"])
    # then they are kept out of both
    assert stage.sync()["known_good"] == {"ours": 2}
    assert stage.runtime.dialect().known_good.judge("FQDN", "mail.corp-own.ru") is not None


def test_entries_know_what_a_collection_names_once_a_worker_has_read_it(
    stage: Stage, redis_url: str, tmp_path: Path
) -> None:
    # given a collection with what is ours, and a host that has the setting
    whitelisted = {"criteria": {}, "filters": {"status_name": "Whitelisted"}}
    stage.threatq.control("collections", {"name": "Own systems", "query": whitelisted})
    feed(stage, ["corp-own.ru"], status="Whitelisted")
    stage.set(own_assets_collection="Own systems")
    builder = Builder(tmp_path, redis_url)

    about = {"event_name": "a", "event_type": "b", "uri_target": "vpn.corp-own.ru"}

    def explained(redis: str = redis_url) -> subprocess.CompletedProcess[str]:
        setting = {"TQ_OWN_ASSETS_COLLECTION": "Own systems", "TQ_REDIS_URL": redis}
        return builder("-p", json.dumps(about), "--explain", **setting)

    # when no worker has told it, that is said
    untold = explained()
    assert "Indicator    FQDN: vpn.corp-own.ru" in untold.stdout
    assert "(Own systems); it is not known here: no worker has told it lately" in untold.stderr
    # when one has read it, it counts
    stage.runtime.collected_assets()
    told = explained()
    assert "Asset        vpn.corp-own.ru" in told.stdout
    assert told.stderr == ""
    with Shim(tmp_path / "shim", redis_url, own_assets_collection="Own systems") as shim:
        (item,) = shim.post("/v1/events:validate", about).json()["items"]
    assert item["plan"]["assets"] == ["vpn.corp-own.ru"]
    # and of Redis that is away, that is said
    assert "it is not known here: Redis cannot be reached" in explained(NOWHERE).stderr


def test_a_collection_of_ours_that_is_not_there_stops_the_work_with_its_name(stage: Stage) -> None:
    stage.set(own_assets_collection="Own systms")
    with pytest.raises(ConfigError, match="Own systms"):
        stage.runtime.dialect()


def test_thirty_days_of_lists_alarms_and_sightings_make_nothing_of_ours_an_entry(stage: Stage) -> None:
    # given lists of everything that is in ThreatQ, of any status
    everything = {"criteria": {}, "filters": {}}
    stage.set(own_assets=OWN_ASSETS, sync_collections=MAPPING.replace(COLLECTION, "Everything"))
    stage.share("Everything", everything)
    feed(
        stage,
        [
            "77.77.77.77",
            "evil.ru",
            "http://evil.ru/gate.php",
            "mallory@evil.ru",
            "9e107d9d372bb6826bd81d3542a419d6",
        ],
    )
    stage.sync("Everything")
    lists, known = stage.lists(), indicators(stage)
    # when each entry raises an alarm a day that names our hosts, people and addresses, and each becomes a sighting
    for day in range(DAYS):
        alarms = [alarm(day, number, value) for number, value in enumerate(entries(lists))]
        stage.runtime.ledger.accept(alarms)
        work_on_events(stage)
        stage.sync("Everything")
        # then no list has grown, and ThreatQ holds no indicator more
        assert stage.lists() == lists, day
    assert indicators(stage) == known


def entries(lists: dict[str, set[str]]) -> list[str]:
    """Return the entries of all lists."""
    return sorted(value for values in lists.values() for value in values)


def alarm(day: int, number: int, value: str) -> Job:
    """Return the sighting of an alarm on a list's entry, with what of ours such an alarm names."""
    observed = {
        "SIP": f"10.{day}.{number}.7",
        "DIP": f"185.10.20.{day}, 8.8.8.8",
        "SHostName": f"ws{day}.corp-own.ru",
        "DHostName": f"srv{number}.ad.corp-own.ru",
        "Recipient": f"ann{day}@corp-own.ru",
        "Sender": f"news{number}@mail-own.ru",
        "URL": f"https://intranet.corp-own.ru/{day}, https://www.google.com/",
        "Object": value,
    }
    arguments = {
        "alarm_id": f"{day}-{number}",
        "alarm_name": "ThreatQ Blocklist",
        "alarm_date": f"2026-03-{day + 1:02} 12:00:00",
        "observed": observed,
    }
    return Job("sightings.add", arguments, producer="test", title="alarm")


def work_on_events(stage: Stage) -> None:
    """Make the sightings, as a worker does."""
    runtime = stage.runtime
    handle = partial(make_events, threatq=runtime.threatq, options=runtime.dialect())
    while consume(
        QueueHandler("events", handle, 100), runtime.ledger, runtime.leases, stopping=lambda: False
    ):
        pass


def indicators(stage: Stage) -> set[tuple[str, str]]:
    """Return type and value of each indicator in ThreatQ."""
    rows = stage.threatq.get("/api/indicators", limit="1000", **{"with": "type"})["data"]
    return {(row["type"]["name"], row["value"]) for row in rows}


def test_a_command_of_a_host_that_does_not_know_what_is_ours_puts_nothing_of_ours_into_the_lists(
    stage: Stage,
) -> None:
    # given a worker that knows what is ours, and a command with the settings of a host that does not
    asked = structs.asdict(Decisions.of(stage.runtime.settings))
    stage.set(own_assets=OWN_ASSETS)
    stage.share()
    feed(stage, ["vpn.corp-own.ru", "evil.ru"])
    # when that command starts a run
    result = stage.sync(settings=asked)
    # then the worker keeps it out
    assert result["known_good"] == {"ours": 1}
