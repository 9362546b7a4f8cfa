"""Every reader on good texts with anything in them changed: it reads, or refuses with the error that it documents."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.security.fuzzed_texts import changed
from tests.security.readers import READERS

#: Texts for each reader; `make fuzz` takes 3,000, other ones in each run.
TEXTS = int(os.environ.get("FUZZED_TEXTS", "150"))

#: Texts that once ended in an error of a library.
FOUND = {
    "settings nested too deeply": ("the settings file", b"a: " + b"[" * 5_000),
    "a token that is no UTF-8": ("the tokens", b"abcdefghijklmnopqrst\xff"),
    "a saved query nested too deeply": ("ThreatQ's saved queries", b"[" * 5_000),
    "an entry nested too deeply": ("messages that Celery keeps", b"[" * 5_000),
    "an entry for an exchange that is no UTF-8": ("messages that Celery keeps", b'[{}, "\xff", "events"]'),
    "half a surrogate pair in an envelope's text": ("cloud events", b'{"id": "7", "data": "{\\ud800"}'),
    "claims nested too deeply": ("LogRhythm's token", b'{"a":' + b"[" * 5_000),
}


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=TEXTS, derandomize=TEXTS < 1_000, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_changed_text_is_read_or_refused_with_an_error_of_ours(name: str, data: st.DataObject) -> None:
    reader = READERS[name]
    text = data.draw(changed(reader.good))
    refusal = reader.refusal(text)
    assert refusal is None or str(refusal)


@pytest.mark.parametrize("name", READERS)
def test_an_unchanged_text_is_read(name: str) -> None:
    for text in READERS[name].good:
        assert READERS[name].refusal(text) is None


@pytest.mark.parametrize("found", FOUND)
def test_what_was_found_is_refused_with_an_error_of_ours(found: str) -> None:
    name, text = FOUND[found]
    reader = READERS[name]
    # What returns a reason raises none.
    assert reader.refusal(text) or reader.read(text)
