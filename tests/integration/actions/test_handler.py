"""The actions against a ThreatQ that speaks HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sandbox_threatq import SandboxThreatQ
from workers.actions.handler import act
from workers.core.errors import ConfigError, InputError
from workers.core.results import ActionResult
from workers.indicators.known_good.configured import private_only
from workers.payload.options import DialectOptions, from_settings
from workers.settings.model import Settings
from workers.threatq.service import ThreatQ, connect

pytestmark = pytest.mark.integration

LOGRHYTHM = [{"name": "LogRhythm"}]

#: Nothing is kept out; a private network is; what the defaults keep out is.
PLAIN = DialectOptions()
PRIVATE = DialectOptions(known_good=private_only("10.0.0.0/8"))
DEFAULTS = from_settings(Settings())
FORCIBLE = from_settings(Settings(known_good_override=True))


def do(
    threatq: ThreatQ,
    action: str,
    type_: str,
    value: str,
    *,
    options: DialectOptions = PLAIN,
    **arguments: Any,
) -> ActionResult:
    """Carry out one action."""
    return act(f"indicators.{action}", {"type": type_, "value": value, **arguments}, threatq, options)


def stored(sandbox: SandboxThreatQ, value: str) -> dict[str, Any]:
    """The one indicator of this value, with everything on it."""
    (row,) = sandbox.get(
        "/api/indicators", value=value, **{"with": "status,type,sources,attributes,attributes.sources"}
    )["data"]
    return dict(row)


def attributes(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and value of each attribute."""
    return [(attribute["name"], attribute["value"]) for attribute in row["attributes"]]


@pytest.mark.parametrize(
    ("bands", "label"), [("10,9,7,5", "Medium"), ("10,8,7,5", "High"), ("10,9,8,2", "Medium")]
)
def test_a_score_is_called_as_the_lists_call_it(
    threatq_sandbox: SandboxThreatQ, bands: str, label: str
) -> None:
    # Given an indicator of score 8, and bounds that the operator has set for the lists
    item = {"value": "bad.example", "type": {"name": "FQDN"}, "status": {"name": "Active"}}
    (made,) = threatq_sandbox.post("/api/indicators/consume", [item])["data"]
    threatq_sandbox.put(f"/api/indicator/{made['id']}/scores", {"manual_score": 8})
    threatq = connect(threatq_sandbox.settings(sync_score_bands=bands))
    # When it is looked up
    found = do(threatq, "lookup", "FQDN", "bad.example").indicator
    # Then its score has the name of the list that it belongs into
    assert found is not None
    assert found.score_label == label


def test_an_added_indicator_has_the_configured_status_our_source_and_the_attributes(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    # When an unknown address is added
    report = do(threatq, "add", "ip", "77.77.77.77", attributes=[["Confidence", "High"]])
    # Then ThreatQ holds it as it was asked for
    row = stored(threatq_sandbox, "77.77.77.77")
    assert row["type"]["name"] == "IP Address"
    assert row["status"]["name"] == "Active"
    assert [source["name"] for source in row["sources"]] == ["LogRhythm"]
    assert attributes(row) == [("Confidence", "High")]
    assert report.found
    assert report.said == "Created with status Active"


def test_adding_a_known_indicator_adds_the_source_and_the_attributes_and_leaves_the_status(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given an indicator from a feed
    feed = {"value": "bad.example", "type": {"name": "FQDN"}, "status": {"name": "Active"}}
    threatq_sandbox.post("/api/indicators/consume", [{**feed, "sources": [{"name": "Feed X"}]}])
    # When it is added twice
    for _ in range(2):
        report = do(threatq, "add", "domain", "BAD[.]example", attributes=[["Confidence", "High"]])
    # Then it is the same indicator, with our source and attribute once
    row = stored(threatq_sandbox, "bad.example")
    assert row["status"]["name"] == "Active"
    assert [source["name"] for source in row["sources"]] == ["Feed X", "LogRhythm"]
    assert attributes(row) == [("Confidence", "High")]
    assert report.said == "Was in ThreatQ already"


def test_a_lookup_tells_score_status_sources_attributes_and_the_link(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given an indicator that a person has scored
    item = {
        "value": "bad.example",
        "type": {"name": "FQDN"},
        "status": {"name": "Active"},
        "sources": [{"name": "Feed X"}],
        "attributes": [{"name": "Country", "value": "US"}],
    }
    (made,) = threatq_sandbox.post("/api/indicators/consume", [item])["data"]
    threatq_sandbox.put(f"/api/indicator/{made['id']}/scores", {"manual_score": 8})
    # When it is looked up
    found = do(threatq, "lookup", "hostname", "bad.example").indicator
    # Then all of that is told
    assert found is not None
    assert (found.score, found.score_label, found.status) == (8, "Medium", "Active")
    assert found.sources == ("Feed X",)
    assert found.attributes == (("Country", "US"),)
    assert found.link.endswith(f"/indicators/{made['id']}/details")
    assert found.created_at


def test_a_lookup_of_what_threatq_does_not_hold_is_an_answer_too(threatq: ThreatQ) -> None:
    report = do(threatq, "lookup", "MD5", "9e107d9d372bb6826bd81d3542a419d6")
    assert not report.found
    assert report.said == "Not in ThreatQ"


@pytest.mark.parametrize("stored", ["bad.example/a?b=1", "http://bad.example/a?b=1"])
@pytest.mark.parametrize("asked", ["bad.example/a?b=1", "hxxp://bad[.]example/a?b=1"])
def test_a_url_is_found_with_and_without_its_scheme(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ, stored: str, asked: str
) -> None:
    threatq_sandbox.post("/api/indicators/consume", [{"value": stored, "type": {"name": "URL"}}])
    found = do(threatq, "lookup", "url", asked).indicator
    assert found is not None
    assert found.value == stored


@pytest.mark.parametrize("strip", ["always", "never"])
def test_a_url_is_added_once_even_if_threatq_drops_its_scheme(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ, strip: str
) -> None:
    threatq_sandbox.behave(strip_scheme=strip)
    first = do(threatq, "add", "URL", "http://bad.example/a").indicator
    second = do(threatq, "mark", "URL", "http://bad.example/a", verdict="true positive").indicator
    assert first is not None
    assert second is not None
    assert (second.id, second.value) == (first.id, first.value)


def test_a_repeated_action_calls_nothing_that_changes_anything(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given an indicator that was added and marked
    for _ in range(2):
        threatq_sandbox.control("calls", method="DELETE")
        do(threatq, "add", "FQDN", "bad.example", attributes=[["Confidence", "High"]])
        do(threatq, "mark", "FQDN", "bad.example", verdict="true positive")
    # Then doing so again only reads
    assert {route.split()[0] for route in threatq_sandbox.calls()} == {"GET"}


def test_a_value_is_found_in_the_type_that_was_asked_for(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    for type_ in ("String", "Filename"):
        threatq_sandbox.post("/api/indicators/consume", [{"value": "evil.exe", "type": {"name": type_}}])
    found = do(threatq, "lookup", "filename", "evil.exe").indicator
    assert found is not None
    assert found.type == "Filename"


def test_an_ipv6_address_asked_for_as_ip_address_is_found(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    threatq_sandbox.post(
        "/api/indicators/consume", [{"value": "2001:db8::7", "type": {"name": "IPv6 Address"}}]
    )
    report = do(threatq, "lookup", "IP Address", "2001:0DB8:0::7")
    assert report.found
    assert report.notes == ("taken as IPv6 Address, which the value is",)


@pytest.mark.parametrize(
    ("verdict", "name"), [("true positive", "True Positive"), ("false positive", "False Positive")]
)
def test_a_mark_creates_what_is_missing_and_says_yes(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ, verdict: str, name: str
) -> None:
    for _ in range(2):
        do(threatq, "mark", "FQDN", "bad.example", verdict=verdict)
    row = stored(threatq_sandbox, "bad.example")
    assert attributes(row) == [(name, "Yes")]
    assert row["status"]["name"] == "Active"
    assert [source["name"] for source in row["attributes"][0]["sources"]] == ["LogRhythm"]


def test_a_mark_that_creates_keeps_the_port_that_was_typed(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    do(threatq, "mark", "ip", "77.77.77.77:8443", verdict="true positive")
    assert attributes(stored(threatq_sandbox, "77.77.77.77")) == [("Port", "8443"), ("True Positive", "Yes")]


def test_an_attribute_that_another_source_gave_is_given_by_us_too(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    theirs = {"name": "Confidence", "value": "High", "sources": [{"name": "Red team"}]}
    item = {"value": "bad.example", "type": {"name": "FQDN"}, "attributes": [theirs]}
    threatq_sandbox.post("/api/indicators/consume", [item])
    do(threatq, "add", "FQDN", "bad.example", attributes=[["Confidence", "High"]])
    (attribute,) = stored(threatq_sandbox, "bad.example")["attributes"]
    assert [source["name"] for source in attribute["sources"]] == ["Red team", "LogRhythm"]


def test_a_status_that_threatq_does_not_have_is_a_wrong_setting_and_nothing_is_made(
    threatq_sandbox: SandboxThreatQ,
) -> None:
    threatq = connect(threatq_sandbox.settings(logrhythm_status="Nonsense"))
    with pytest.raises(ConfigError, match="no indicator status 'Nonsense'; it has Active"):
        do(threatq, "add", "FQDN", "bad.example")
    assert threatq_sandbox.get("/api/indicators")["data"] == []


def test_whitelisting_a_network_says_what_it_does_not_do(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    threatq_sandbox.post("/api/indicators/consume", [{"value": "1.2.3.0/24", "type": {"name": "CIDR Block"}}])
    (note,) = do(threatq, "whitelist", "cidr", "1.2.3.0/24").notes
    assert "ThreatQ needs a whitelist rule" in note


def test_a_new_verdict_withdraws_our_own_opposite_one(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    do(threatq, "mark", "FQDN", "bad.example", verdict="true positive")
    report = do(threatq, "mark", "FQDN", "bad.example", verdict="false positive")
    assert attributes(stored(threatq_sandbox, "bad.example")) == [("False Positive", "Yes")]
    assert report.notes == ("the earlier verdict True Positive from LogRhythm was withdrawn",)


def test_a_new_verdict_leaves_the_opposite_one_of_another_source(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given a verdict from another team, that was ours as well
    theirs = {"name": "True Positive", "value": "Yes", "sources": [{"name": "Red team"}, *LOGRHYTHM]}
    item = {"value": "bad.example", "type": {"name": "FQDN"}, "attributes": [theirs]}
    threatq_sandbox.post("/api/indicators/consume", [item])
    # When ours is the opposite
    report = do(threatq, "mark", "FQDN", "bad.example", verdict="false positive")
    # Then both stand and the analyst is told
    row = stored(threatq_sandbox, "bad.example")
    assert attributes(row) == [("True Positive", "Yes"), ("False Positive", "Yes")]
    assert report.notes == ("also marked as True Positive by Red team, LogRhythm; that was left as it is",)


def test_whitelisting_changes_the_status_and_a_repeated_ingest_keeps_it(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given an active indicator
    item = {"value": "good.example", "type": {"name": "FQDN"}, "status": {"name": "Active"}}
    threatq_sandbox.post("/api/indicators/consume", [item])
    # When it is whitelisted, and its feed brings it again
    report = do(threatq, "whitelist", "fqdn", "good.example")
    threatq_sandbox.post("/api/indicators/consume", [item])
    # Then it stays whitelisted
    assert stored(threatq_sandbox, "good.example")["status"]["name"] == "Whitelisted"
    assert report.said == "Whitelisted; its status was Active"


def test_whitelisting_what_is_not_there_creates_nothing_and_says_so(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    with pytest.raises(InputError, match=r"value: FQDN good\.example is not in ThreatQ"):
        do(threatq, "whitelist", "FQDN", "good.example")
    assert threatq_sandbox.get("/api/indicators")["data"] == []


@pytest.mark.parametrize("arguments", [{"action": "add"}, {"action": "mark", "verdict": "true positive"}])
def test_a_private_address_never_becomes_an_indicator(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ, arguments: dict[str, str]
) -> None:
    with pytest.raises(InputError, match=r"10\.1\.2\.3 is a private address"):
        do(threatq, type_="URL", value="http://10.1.2.3/x", options=PRIVATE, **arguments)
    assert threatq_sandbox.get("/api/indicators")["data"] == []


@pytest.mark.parametrize(
    ("options", "force", "why"),
    [
        (
            DEFAULTS,
            False,
            r"value: google\.com is on the list \S+ \(.+\), and is not sent to ThreatQ; .* --force",
        ),
        (DEFAULTS, True, "force: is not allowed here; .* known_good_override"),
    ],
)
def test_a_known_good_value_is_refused_with_the_list_and_what_helps(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ, options: DialectOptions, force: bool, why: str
) -> None:
    with pytest.raises(InputError, match=why):
        do(threatq, "add", "FQDN", "google.com", options=options, **({"force": True} if force else {}))
    assert threatq_sandbox.get("/api/indicators")["data"] == []


def test_a_known_good_value_is_added_by_force_where_that_is_allowed_and_says_what_it_is(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    do(threatq, "add", "FQDN", "google.com", options=FORCIBLE, force=True)
    ((name, title),) = attributes(stored(threatq_sandbox, "google.com"))
    assert (name, bool(title)) == ("Warning List", True)


def test_force_adds_nothing_that_is_ours(threatq: ThreatQ) -> None:
    with pytest.raises(InputError, match=r"10\.1\.2\.3 is a private address, and is not sent to ThreatQ$"):
        do(threatq, "add", "ip", "10.1.2.3", options=FORCIBLE, force=True)


def test_a_known_good_value_may_be_marked_where_it_is_and_is_not_made_for_it(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ
) -> None:
    # Given ThreatQ without google.com, then with it, from a feed
    with pytest.raises(InputError, match=r"google\.com is on the list"):
        do(threatq, "mark", "FQDN", "google.com", options=DEFAULTS, verdict="false positive")
    item = {"value": "google.com", "type": {"name": "FQDN"}, "status": {"name": "Active"}}
    threatq_sandbox.post("/api/indicators/consume", [item])
    # When an analyst marks it as a false positive
    do(threatq, "mark", "FQDN", "google.com", options=DEFAULTS, verdict="false positive")
    # Then it is one
    assert attributes(stored(threatq_sandbox, "google.com")) == [("False Positive", "Yes")]


@pytest.mark.parametrize("layout", ["first", "second"])
def test_types_and_statuses_are_found_by_name_whatever_their_ids(
    threatq: ThreatQ, threatq_sandbox: SandboxThreatQ, layout: str
) -> None:
    threatq_sandbox.control("reset", {"id_layout": layout})
    do(threatq, "add", "SHA256", "A" * 64)
    do(threatq, "whitelist", "sha-256", "a" * 64)
    row = stored(threatq_sandbox, "a" * 64)
    assert (row["type"]["name"], row["status"]["name"]) == ("SHA-256", "Whitelisted")


def test_an_unknown_type_lists_the_known_ones(threatq: ThreatQ) -> None:
    with pytest.raises(InputError, match=r"(?s)IP Adress.*Did you mean \"IP Address\".*x509 Subject"):
        do(threatq, "lookup", "IP Adress", "1.2.3.4")


def test_a_value_that_does_not_fit_its_type_says_so(threatq: ThreatQ) -> None:
    with pytest.raises(InputError, match='value: "web 01" is no indicator of type IP Address'):
        do(threatq, "add", "IP Address", "web 01")


def test_a_value_that_is_longer_than_a_request_line_is_found_all_the_same(threatq: ThreatQ) -> None:
    value = "x" * 20_000
    do(threatq, "add", "String", value)
    found = do(threatq, "lookup", "String", value).indicator
    assert found is not None
    assert found.value == value
    assert not do(threatq, "lookup", "String", value + "y").found


def test_what_is_no_text_is_looked_for_as_escapes_and_shown_as_such(threatq: ThreatQ) -> None:
    assert do(threatq, "lookup", "String", "caf\udce9").asked == "String caf\\udce9"
    with pytest.raises(InputError) as refused:
        do(threatq, "lookup", "ip", "1.2.3.\udcff")
    str(refused.value).encode()
