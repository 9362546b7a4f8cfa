"""Addresses of services: names and URLs in, one URL out, and nothing that sends a password in the clear."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.core.errors import ConfigError
from workers.core.urls import service_url, shown_url, without_passwords


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("threatq.example.com", "https://threatq.example.com"),
        (" ThreatQ.Example.com/ ", "https://threatq.example.com"),
        ("threatq:8443", "https://threatq:8443"),
        ("https://threatq.example.com/base/", "https://threatq.example.com/base"),
        ("10.1.2.3", "https://10.1.2.3"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_a_host_becomes_a_url(text: str, url: str) -> None:
    assert service_url(text, setting="threatq_url") == url


def test_the_port_of_the_service_is_used_where_none_is_named() -> None:
    assert service_url("lr", setting="logrhythm_url", port=8501) == "https://lr:8501"
    assert service_url("lr:9", setting="logrhythm_url", port=8501) == "https://lr:9"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://threatq.example.com", "plain http"),
        ("http://127.0.0.1.evil.example", "plain http"),
        ("ftp://threatq", "no scheme"),
        ("https://me:secret@threatq", "user or password"),
        ("https://threatq/?a=b", "query"),
        ("threatq:70000", "port"),
        ("threat q", "no host name"),
        ("https://", "no host name"),
        ("-", "no host name"),
    ],
)
def test_what_is_no_safe_address_is_refused_by_the_name_of_its_setting(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        service_url(text, setting="threatq_url")

    assert str(caught.value).startswith("threatq_url: ")
    assert "secret" not in str(caught.value)


@given(text=st.text(max_size=60))
def test_any_text_becomes_a_url_that_stays_itself_or_is_refused(text: str) -> None:
    try:
        url = service_url(text, setting="threatq_url")
    except ConfigError:
        return
    assert service_url(url, setting="threatq_url") == url


@given(
    password=st.text(
        st.characters(exclude_characters='/?#@:"', min_codepoint=33, max_codepoint=126), min_size=1
    )
)
def test_a_password_of_a_url_in_a_text_is_never_shown(password: str) -> None:
    assert without_passwords(f"to redis://user:{password}@host/0") == "to redis://user:***@host/0"
    assert without_passwords("redis://host:6379/0") == "redis://host:6379/0"


def test_what_follows_a_url_with_a_port_is_no_password() -> None:
    text = '{"url": "http://host:8070", "mail": "me@example.com"} http://host:1 by me@example.com'
    assert without_passwords(text) == text


@given(password=st.text(min_size=1))
@example("//")
def test_a_setting_shows_no_password_however_badly_its_url_is_written(password: str) -> None:
    assert shown_url(f"redis://user:{password}@host/0") == "redis://user:***@host/0"
    assert shown_url(f"redis//:{password}@host").endswith("***@host")


@pytest.mark.parametrize(
    "url", ["redis://host:6379/0", "sentinel://user@a:1,b:2/0?master=m", "unix:///run/redis"]
)
def test_a_url_without_a_password_is_shown_as_it_is(url: str) -> None:
    assert shown_url(url) == url


def test_a_service_whose_url_cannot_be_read_is_named_without_its_password() -> None:
    with pytest.raises(ConfigError) as caught:
        service_url("https://me:hunter2@[bad", setting="threatq_url")
    assert "hunter2" not in str(caught.value)
