"""Addresses of services: names and URLs in, one URL out, and nothing that sends a password in the clear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import ConfigError
from workers.urls import service_url, without_password


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
        st.characters(exclude_characters="/?#@:", min_codepoint=33, max_codepoint=126), min_size=1
    )
)
def test_a_password_in_a_url_is_never_shown(password: str) -> None:
    assert without_password(f"redis://user:{password}@host/0") == "redis://user:***@host/0"
    assert without_password("redis://host:6379/0") == "redis://host:6379/0"
