"""What of a payload is never stored: rules, and what they take out of values and of texts."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import ConfigError
from workers.settings.redaction import REDACTED, redaction_of

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("rules", "payload", "cleaned"),
    [
        # by name, at any depth, whatever the case, and within lists
        ("password", {"a": {"Password": SECRET}}, {"a": {"Password": REDACTED}}),
        ("password", {"a": [{"password": SECRET}, 7]}, {"a": [{"password": REDACTED}, 7]}),
        ("password", {"password": {"of": [SECRET]}}, {"password": REDACTED}),
        # by path: only below this one
        ("user.name", {"user": {"name": SECRET}, "name": "x"}, {"user": {"name": REDACTED}, "name": "x"}),
        ("user.*", {"user": {"a": SECRET, "b": 1}}, {"user": {"a": REDACTED, "b": REDACTED}}),
        ("*.ssn", {"ssn": "top", "x": {"ssn": SECRET}}, {"ssn": "top", "x": {"ssn": REDACTED}}),
        # attributes in the forms of the dialect
        (
            "password",
            {"event_attributes": f"user<|bob~|Password<|{SECRET}"},
            {"event_attributes": f"user<|bob~|Password<|{REDACTED}"},
        ),
        (
            "password",
            {"event_attributes": [{"name": "password", "value": SECRET}]},
            {"event_attributes": [{"name": "password", "value": REDACTED}]},
        ),
        # JSON within a text
        (
            "password",
            {"log": f'{{"password": "{SECRET}", "x": 1}}'},
            {"log": f'{{"password": "{REDACTED}", "x": 1}}'},
        ),
        # patterns, wherever they are found; several rules, by commas or lines
        (r"/\d{3}-\d{2}-\d{4}/", {"log": "ssn 123-45-6789."}, {"log": f"ssn {REDACTED}."}),
        ("a, /x{1,2}y/\nb", {"a": 1, "b": 2, "c": "xxy"}, {"a": REDACTED, "b": REDACTED, "c": REDACTED}),
        (r"/a\/b/", {"c": "a/b"}, {"c": REDACTED}),
        # nothing
        ("password", {"passwords": "kept", "n": None}, {"passwords": "kept", "n": None}),
        ("", {"password": SECRET}, {"password": SECRET}),
    ],
)
def test_rules_take_out_what_they_name(rules: str, payload: dict[str, Any], cleaned: dict[str, Any]) -> None:
    redaction = redaction_of(rules)
    assert redaction.value(payload) == cleaned
    assert redaction.value(cleaned) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        f'{{"password": "{SECRET}',
        f'{{"password": "{SECRET}\\',
        f'{{"password" : {{"of": "{SECRET}"}}, "x',
        f'{{"log": "{{\\"password\\":\\"{SECRET}\\"}}", "x": ',
        f'[{{"a": 1}}, {{"PASSWORD":"{SECRET}"}} x',
        f'"password": {SECRET}}}',
    ],
)
def test_what_cannot_be_read_is_kept_without_it_too(text: str) -> None:
    cleaned = redaction_of("user.password").raw(text.encode())
    assert SECRET.encode() not in cleaned
    assert REDACTED.encode() in cleaned


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32"])
def test_bytes_keep_their_encoding(encoding: str) -> None:
    raw = f'{{"password": "{SECRET}", "x": "é'.encode(encoding)
    cleaned = redaction_of("password").raw(raw)
    assert SECRET not in cleaned.decode(encoding)
    assert cleaned.decode(encoding).endswith('"x": "é')
    untouched = b"\xff\xfe\x00 no text \x80"
    assert redaction_of("password").raw(untouched) == untouched


def test_the_data_of_a_cloud_event_in_base64_is_looked_into() -> None:
    event = {
        "specversion": "1.0",
        "data_base64": base64.b64encode(json.dumps({"password": SECRET}).encode()).decode(),
    }
    cleaned = redaction_of("password").value(event)
    assert json.loads(base64.b64decode(cleaned["data_base64"])) == {"password": REDACTED}
    assert redaction_of("password").value({"data_base64": "no base64!"}) == {"data_base64": REDACTED}


@pytest.mark.parametrize("rules", ["/(/", "a, /b", "/a/b", ",,"])
def test_a_rule_that_cannot_be_read_is_refused(rules: str) -> None:
    with pytest.raises(ConfigError, match="redact"):
        redaction_of(rules)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON), JSON)
def test_a_field_that_is_named_is_never_left_and_others_keep_their_place(
    others: dict[str, Any], value: Any
) -> None:
    cleaned = redaction_of("kept out").value({**others, "kept out": value})
    assert cleaned["kept out"] == REDACTED
    assert cleaned.keys() == others.keys() | {"kept out"}
