"""From a payload to the plan of its event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ConfigError, InputError
from workers.core.results import LeftOut
from workers.indicators.known_good.configured import private_only
from workers.indicators.model import Attribute, Indicator
from workers.payload.builder import FIELDS, plan_event
from workers.payload.options import DialectOptions, from_settings
from workers.payload.plan import EventPlan
from workers.payload.reading import Payload, read_payloads
from workers.settings.model import Settings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
GUIDE = Path(__file__).parents[2] / "fixtures" / "payload-example.json"
PRIVATE = DialectOptions(known_good=private_only("10.0.0.0/8, 192.168.0.0-192.168.255.255, fd00::/8"))


def plan(options: DialectOptions | None = None, **fields: Any) -> EventPlan:
    payload = {"event_name": "Title", "event_type": "Sighting", "event_happened_at": "2021-10-05T19:01:02Z"}
    return plan_event(payload | fields, received_at=NOW, options=options or DialectOptions())


def values(found: EventPlan) -> list[tuple[str, str]]:
    return [(indicator.type, indicator.value) for indicator in found.indicators]


def test_the_payload_of_the_guide_becomes_the_event_that_the_guide_promises() -> None:
    (payload,) = read_payloads(GUIDE.read_bytes(), max_bytes=1 << 20, lenient=False)
    assert isinstance(payload, Payload)

    found = plan_event(payload.body, received_at=NOW, options=DialectOptions())

    assert found.title == "AWS User Add Detection: CreateUser from 1.2.3.4 to random.random.com"
    assert found.type == "Sighting"
    assert found.happened_at == "2021-10-05 19:01:02"
    assert found.source == "AWS User Add Detection"
    assert found.attributes == (
        Attribute("Event Domain", "random.random.com"),
        Attribute("Target Domain", "rando-rando-1"),
        Attribute("User-Agent", "console.random.com"),
    )
    assert found.indicators == (Indicator("IP Address", "1.2.3.4", (Attribute("Role", "Source"),)),)
    assert found.identities == ("user@co.com",)
    assert found.malware == found.assets == found.warnings == found.left_out == ()
    assert found.overflow == ""
    assert json.loads(found.description) == payload.body["syslog_message"]


def test_source_and_target_of_one_indicator_are_merged_with_their_attributes() -> None:
    found = plan(
        uri_source="1.2.3.4:80",
        uri_source_attributes="Country<|US",
        uri_target="IP Address:1.2.3[.]4",
        uri_target_attributes="Country<|DE~|Country<|US",
    )
    assert [(attribute.name, attribute.value) for attribute in found.indicators[0].attributes] == [
        ("Port", "80"),
        ("Country", "US"),
        ("Role", "Source"),
        ("Country", "DE"),
        ("Role", "Target"),
    ]
    assert len(found.indicators) == 1


def test_attributes_of_a_side_without_indicators_stay_on_the_event() -> None:
    found = plan(uri_source=None, uri_source_attributes="Country<|US")
    assert found.attributes == (Attribute("Source Country", "US"),)
    assert "uri_source_attributes" in found.warnings[0]


@pytest.mark.parametrize("text", ["Wombat", "IP Address:300.1.1.1", "MD5:abc", "web01"])
def test_what_is_no_indicator_becomes_an_attribute_with_a_warning(text: str) -> None:
    found = plan(uri_source=text)
    assert found.indicators == ()
    assert found.attributes == (Attribute("Source", text),)
    assert "uri_source" in found.warnings[0]
    assert found.left_out[0].kept_as == "attribute"


@pytest.mark.parametrize(
    ("become", "attributes", "assets", "kept_as"),
    [
        ("asset", (Attribute("Source Private Address", "10.1.2.3"),), ("10.1.2.3",), "asset"),
        ("attribute", (Attribute("Source Private Address", "10.1.2.3"),), (), "attribute"),
        ("drop", (), (), "job"),
    ],
)
def test_a_private_address_becomes_what_the_setting_says(
    become: Literal["asset", "attribute", "drop"],
    attributes: tuple[Attribute, ...],
    assets: tuple[str, ...],
    kept_as: str,
) -> None:
    options = from_settings(Settings(private_ips="10.0.0.0/8", private_ips_become=become))
    found = plan(options, uri_source="IP Address:10.1.2.3, 8.7.6.5")
    assert values(found) == [("IP Address", "8.7.6.5")]
    assert found.attributes == attributes
    assert found.assets == assets
    assert found.left_out == (LeftOut("10.1.2.3", "a private address", kept_as),)


@pytest.mark.parametrize(
    "spelling",
    [
        "10.0.0.1", "10[.]0[.]0[.]1", "10(dot)0 (dot) 0[dot]1", "10.0.0.1:8080", "::ffff:10.0.0.1",
        "[::ffff:10.0.0.1]:443", "::ffff:a00:1", "64:ff9b::10.0.0.1", "2002:a00:1::", "fd00::1",
        "[FD00::1]:80", "fd12:0:0::1%eth0", "10.0.0.0/24", "10.2.3.4/31", "0.0.0.0/0", "fd00::/64", "fc00::/6",
        "::ffff:10.0.0.0/120", "http://10.0.0.1/x", "hxxp://10[.]0[.]0[.]1:81/x?y=z",
        "https://user:pw@10.0.0.1/",
        "http://[::ffff:10.0.0.1]/", "http://[fd00::1%25eth0]/", "http://167772161/", "http://0xA000001/",
        "http://012.0.0.1/", "http://10.1/", "http://10%2e0.0.1/", "http://１０.0.0.1/",
        "URL:10.0.0.1/path",
        "URL:http://10.0.0.1.", "http:\\\\10.0.0.1\\x", "String:10.0.0.1", "FQDN:10.0.0.1.",
        "Username:10.0.0.1", "String:http://10.0.0.1/", "Email Address:root@[10.0.0.1]", "IPv6 Address:10.0.0.1",
        '"10.0.0.1"',
        "CIDR:10.0.0.1", "\u200b10.0.0.1", "URL://10.0.0.1/x", "URL:http:///10.0.0.1/",
    ],
)  # fmt: skip
def test_no_spelling_of_a_private_address_becomes_an_indicator(spelling: str) -> None:
    found = plan(PRIVATE, uri_target=spelling)
    assert found.indicators == ()
    assert found.left_out


@given(
    address=st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=6, network="fd00::/8"),
    dress=st.sampled_from(
        ["{}", "[{}]", "{}:443", "[{}]:443", "http://{}/a", "http://[{}]:80/a", "IP Address:{}", "URL:{}/x",
         "{}/31", "String:{}", "{}, 8.8.8.8", "8.8.8.8;{}", "https://a:b@{}/", "Domain:{}",
         "hxxp://{}", "'{}'", "user@[{}]"]
    ),
    dot=st.sampled_from([".", "[.]", "(.)", "[dot]", "{.}", " [.] "]),
)  # fmt: skip
def test_no_dress_hides_a_private_address(address: Any, dress: str, dot: str) -> None:
    found = plan(PRIVATE, uri_source=dress.format(str(address).replace(".", dot)))
    assert [indicator for indicator in found.indicators if indicator.value != "8.8.8.8"] == []


def test_a_public_host_with_a_private_address_in_its_query_stays_an_indicator() -> None:
    found = plan(PRIVATE, uri_source="http://evil.example/?next=10.0.0.1")
    assert values(found) == [("URL", "http://evil.example/?next=10.0.0.1")]


@pytest.mark.parametrize("field", ["event_name", "event_type"])
@pytest.mark.parametrize("value", [None, "", "  \n", [], {}, True])
def test_an_event_without_title_or_type_is_refused_by_the_name_of_the_field(field: str, value: Any) -> None:
    with pytest.raises(InputError, match=field) as refused:
        plan(**{field: value})
    assert refused.value.field == field


@pytest.mark.parametrize("value", ["yesterday", "10/05/2021", True, {}, [1], "2021-13-01", 1e30, "9" * 21])
def test_a_time_that_cannot_be_read_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="event_happened_at"):
        plan(event_happened_at=value)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_time_is_the_time_of_receipt_with_a_warning(value: Any) -> None:
    found = plan(event_happened_at=value)
    assert found.happened_at == "2026-01-02 03:04:05"
    assert "event_happened_at" in found.warnings[0]


@pytest.mark.parametrize("slip", ["event_typ", "eventType", "Event_Type"])
def test_a_required_field_whose_name_is_misspelt_is_refused_with_the_name_that_came(slip: str) -> None:
    with pytest.raises(InputError, match=f'"{slip}" is in the payload: is it meant'):
        plan_event({"event_name": "Title", slip: "Sighting"}, received_at=NOW, options=PRIVATE)
    with pytest.raises(InputError, match=r"every event needs it$"):
        plan_event({"event_name": "Title", "kind": "x"}, received_at=NOW, options=PRIVATE)


def test_a_time_far_from_now_is_taken_with_a_warning() -> None:
    assert plan(event_happened_at="2036-01-01T00:00:00Z").warnings
    assert plan(event_happened_at=5).warnings
    assert not plan(event_happened_at="2026-01-02T09:00:00Z").warnings


def test_a_time_without_zone_is_in_the_configured_zone() -> None:
    options = from_settings(Settings(naive_timezone="Europe/Berlin"))
    assert plan(options, event_happened_at="2021-10-05 19:01:02").happened_at == "2021-10-05 17:01:02"


def test_a_zone_that_does_not_exist_is_an_error_of_the_configuration() -> None:
    for name in ("Mars/Base", "../etc/passwd", "/etc/localtime", "\x00"):
        with pytest.raises(ConfigError, match="naive_timezone"):
            from_settings(Settings(naive_timezone=name))


def test_an_absent_source_is_the_name_of_the_connector() -> None:
    assert plan().source == "Events Builder"
    assert plan(from_settings(Settings(connector_name="Mine")), event_source=" ").source == "Mine"


def test_nul_and_lone_surrogates_are_kept_as_escapes_with_a_warning() -> None:
    found = plan(event_name="a\x00b", event_attributes="n<|v\ud800", syslog_message={"k\x00": "\udfff😀"})
    assert found.title == "a\\u0000b"
    assert found.attributes == (Attribute("n", "v\\ud800"),)
    assert json.loads(found.description) == {"k\\u0000": "\\udfff😀"}
    assert "NUL" in found.warnings[0]


def test_a_backslash_u0000_in_a_text_is_no_nul() -> None:
    found = plan(event_name="regex \\u0000")
    assert found.title == "regex \\u0000"
    assert found.warnings == ()


def test_a_payload_deeper_than_64_levels_is_refused() -> None:
    deep: Any = "x"
    for _ in range(63):
        deep = [deep]
    assert plan(syslog_message=deep)
    with pytest.raises(InputError, match="64"):
        plan(syslog_message=[deep])
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InputError, match="64"):
        plan(syslog_message=deep)


@pytest.mark.parametrize(
    ("message", "description"),
    [
        (None, ""),
        ("", ""),
        ("<34>Oct 11 su: 'su root' failed", "<34>Oct 11 su: 'su root' failed"),
        ('{"a": 1}', '{\n  "a": 1\n}'),  # NiFi's ESCAPED strategy
        ('"{\\"a\\": 1}"', '{\n  "a": 1\n}'),  # escaped twice
        ("{broken", "{broken"),
        ("[a log line]", "[a log line]"),
        ([1, "ü"], '[\n  1,\n  "ü"\n]'),
        ({"n": 2**70}, '{\n  "n": 1180591620717411303424\n}'),
        (42, "42"),
    ],
)  # fmt: skip
def test_the_message_is_readable_in_the_description(message: Any, description: str) -> None:
    assert plan(syslog_message=message).description == description


def test_a_long_description_is_cut_with_a_notice_and_nothing_is_lost() -> None:
    message = "".join(chr(97 + at % 26) for at in range(70_000))
    found = plan(syslog_message=message)
    assert len(found.description) <= 65_500
    kept, _, notice = found.description.rpartition("\n")
    assert kept + found.overflow == message
    assert f"{len(found.overflow)} characters" in notice
    assert "65" in found.warnings[0]
    assert found.left_out[0].kept_as == "job"


def test_unknown_fields_are_shown_in_the_description_with_a_warning() -> None:
    found = plan(syslog_message="raw", severity="high")
    assert found.description == 'raw\n\nOther fields of the payload:\n{\n  "severity": "high"\n}'
    assert "severity" in found.warnings[0]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, ()),
        ("", ()),
        ("a@x.com", ("a@x.com",)),
        ("a@x.com, b@x.com", ("a@x.com", "b@x.com")),
        ("Doe, John", ("Doe, John",)),  # only a comma between addresses separates
        ("Doe, Joe <joe@co.com>", ("Doe, Joe <joe@co.com>",)),
        ("CN=Doe,OU=IT;x", ("CN=Doe,OU=IT;x",)),  # a distinguished name
        ("a;b~|c\nd;a", ("a", "b", "c", "d")),
        (["a", {"value": "b"}, None], ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        (7, ("7",)),
    ],
)
def test_identities_are_told_apart(value: Any, names: tuple[str, ...]) -> None:
    assert plan(identity=value).identities == names


def test_malware_is_separated_at_commas_too() -> None:
    assert plan(malware="Emotet, TrickBot;Ryuk").malware == ("Emotet", "TrickBot", "Ryuk")


def test_the_warnings_of_the_producer_stay_with_the_plan() -> None:
    payload = {"event_name": "T", "event_type": "S", "event_happened_at": 1_700_000_000}
    found = plan_event(payload, received_at=NOW, options=DialectOptions(), warnings=["odd"])
    assert found.warnings == ("odd",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
NASTY = st.text(st.sampled_from("~|<!:,;[]{}()./\\@=0123456789abcdefx%\n\x00\ud800 "), max_size=40)
ANY = JSON | NASTY


OPTIONAL = [*sorted(FIELDS - {"event_name", "event_type"}), "else"]


@given(
    st.fixed_dictionaries({"event_name": ANY, "event_type": ANY}, optional=dict.fromkeys(OPTIONAL, ANY)),
)
def test_any_payload_gives_a_plan_or_a_refusal_that_names_a_field(payload: dict[str, Any]) -> None:
    found = plan_or_refusal(payload)
    if isinstance(found, InputError):
        assert found.field in {"event_name", "event_type", "event_happened_at", "payload"}
    else:
        assert found.title
        assert found.type
        assert "\x00" not in repr(found)
        msgspec.json.encode(found)


def plan_or_refusal(payload: dict[str, Any]) -> EventPlan | InputError:
    try:
        return plan_event(payload, received_at=NOW, options=PRIVATE)
    except InputError as refused:
        return refused
