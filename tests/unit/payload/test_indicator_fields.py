"""The fields that name indicators."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.indicators.model import Attribute, Indicator
from workers.payload.indicator_fields import Unread, read_uris

IP, IP6, URL, FQDN = "IP Address", "IPv6 Address", "URL", "FQDN"


def read(value: Any) -> list[tuple[str, str]]:
    return [
        ("?", item.text) if isinstance(item, Unread) else (item.type, item.value) for item in read_uris(value)
    ]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        # none
        (None, []),
        ("", []),
        (" \n ", []),
        ([], []),
        ({}, []),
        ("URL:", []),
        # one with its type
        ("IP Address:1.2.3.4", [(IP, "1.2.3.4")]),
        ("ip_address : 1.2.3.4", [(IP, "1.2.3.4")]),
        ("SHA-256:" + "A" * 64, [("SHA-256", "a" * 64)]),
        ("URL:http://bad.example:8080/a:b?c=d,e;f", [(URL, "http://bad.example:8080/a:b?c=d,e;f")]),
        ("IP Address:2001:DB8::1", [(IP6, "2001:db8::1")]),
        ("Email Address:Joe@Bad.Example", [("Email Address", "Joe@bad.example")]),
        ("User-agent:Mozilla/5.0 (X11; Linux), like Gecko", [("User-agent", "Mozilla/5.0 (X11; Linux), like Gecko")]),
        ("Registry Key:HKLM\\Software\\A,B", [("Registry Key", "HKLM\\Software\\A,B")]),
        # one without
        ("2001:db8::1", [(IP6, "2001:db8::1")]),
        ("[2001:db8::1]:443", [(IP6, "2001:db8::1")]),
        ("1.2.3.4:8080", [(IP, "1.2.3.4")]),
        ("http://bad.example/x", [(URL, "http://bad.example/x")]),
        ("hxxps://bad[.]example/x", [(URL, "https://bad.example/x")]),
        ("bad.example/x?y=1", [(URL, "bad.example/x?y=1")]),
        ("Bad.Example.", [(FQDN, "bad.example")]),
        ("1.2.3.0/24", [("CIDR Block", "1.2.3.0/24")]),
        ("d41d8cd98f00b204e9800998ecf8427e", [("MD5", "d41d8cd98f00b204e9800998ecf8427e")]),
        ("CVE-2021-44228", [("CVE", "CVE-2021-44228")]),
        ("file://server/share", [(URL, "file://server/share")]),  # `file` is a type's other name, `file://` is not
        # several
        ("1.2.3.4~|bad.example\nMD5:" + "a" * 32, [(IP, "1.2.3.4"), (FQDN, "bad.example"), ("MD5", "a" * 32)]),
        ("IP Address:1.2.3.4, 5.6.7.8;9.9.9.9 8.8.8.8",
         [(IP, "1.2.3.4"), (IP, "5.6.7.8"), (IP, "9.9.9.9"), (IP, "8.8.8.8")]),
        ("1.2.3.4, bad.example", [(IP, "1.2.3.4"), (FQDN, "bad.example")]),
        ("IP Address:1.2.3.4,URL:http://a.example/,b;FQDN:b.example",
         [(IP, "1.2.3.4"), (URL, "http://a.example/,b"), (FQDN, "b.example")]),
        ("URL:http://a.example/,http://b.example/", [(URL, "http://a.example/"), (URL, "http://b.example/")]),
        ("https://a.example/x, https://b.example/y", [(URL, "https://a.example/x"), (URL, "https://b.example/y")]),
        ("1.2.3.4:80, hxxps://evil[.]example/x", [(IP, "1.2.3.4"), (URL, "https://evil.example/x")]),
        ("hxxps[://]evil[.]example/a,b,5.6.7.8|hxxp://c[.]example/?q=1;2",
         [(URL, "https://evil.example/a,b"), (IP, "5.6.7.8"), (URL, "http://c.example/?q=1;2")]),
        ("1.2.3.0/24,5.6.7.0/24", [("CIDR Block", "1.2.3.0/24"), ("CIDR Block", "5.6.7.0/24")]),
        ("1.2.3.4 http://bad.example/x", [(IP, "1.2.3.4"), (URL, "http://bad.example/x")]),
        ("evil [.] example, bad[.]example", [(FQDN, "evil.example"), (FQDN, "bad.example")]),
        ("1.2.3.4, unknown", [(IP, "1.2.3.4"), ("?", "unknown")]),
        ("https://a.example/x, unknown", [(URL, "https://a.example/x"), ("?", "unknown")]),
        ("Joe <joe@a.example>, Ann <ann@b.example>",
         [("Email Address", "joe@a.example"), ("Email Address", "ann@b.example")]),
        ("x.exe, y.exe", [("Filename", "x.exe"), ("Filename", "y.exe")]),
        # one with a comma or a blank of its own
        ("https://a.example/maps/@48.1,11.5,12z?x=1;2|3", [(URL, "https://a.example/maps/@48.1,11.5,12z?x=1;2|3")]),
        ("http://a.example/my file.txt", [(URL, "http://a.example/my file.txt")]),
        ("C:\\a, b\\c.exe", [("File Path", "C:\\a, b\\c.exe")]),
        ("report, final.exe", [("Filename", "report, final.exe")]),
        (["1.2.3.4", "FQDN:a.example", {"type": "ip", "value": "5.6.7.8"}, None],
         [(IP, "1.2.3.4"), (FQDN, "a.example"), (IP, "5.6.7.8")]),
        ('[{"type": "IP Address", "value": "1.2.3.4"}]', [(IP, "1.2.3.4")]),  # NiFi's ESCAPED strategy
        ({"type": None, "value": "1.2.3.4"}, [(IP, "1.2.3.4")]),
        # what is no indicator stays whole
        ("web01", [("?", "web01")]),
        ("Wombat:1", [("?", "Wombat:1")]),
        ("IP Address:unknown", [("?", "IP Address:unknown")]),
        ("some words, and more", [("?", "some words, and more")]),
        ("1.2.3.4 and more", [("?", "1.2.3.4 and more")]),
        ("IP Address:1.2.3.4, broken", [(IP, "1.2.3.4"), ("?", "broken")]),
        ({"ip": "1.2.3.4"}, [("?", '{"ip": "1.2.3.4"}')]),
    ],
)  # fmt: skip
def test_indicators_are_read(value: Any, found: list[tuple[str, str]]) -> None:
    assert read(value) == found


@pytest.mark.parametrize("value", ["1.2.3.4:8080", "IP Address:1.2.3.4:8080", "ip:1.2.3[.]4:8080"])
def test_the_port_of_an_address_becomes_an_attribute(value: str) -> None:
    assert read_uris(value) == [Indicator(IP, "1.2.3.4", (Attribute("Port", "8080"),))]


@given(st.lists(st.ip_addresses().filter(lambda ip: ip.version == 4 or ip.ipv4_mapped is None), min_size=1, max_size=5),
       st.sampled_from(["~|", "\n", ", ", ",", ";", " ", ", IP Address:", "~|ip:"]))  # fmt: skip
def test_addresses_are_told_apart_whatever_stands_between_them(addresses: list[Any], gap: str) -> None:
    found = read("IP Address:" + gap.join(map(str, addresses)))
    assert found == [(IP if address.version == 4 else IP6, str(address)) for address in addresses]


#: Hosts, and paths as they are: with commas, semicolons and bars, which end no URL.
HOSTS = st.from_regex(r"[a-z]{3,8}\.(com|example|co\.uk)", fullmatch=True)
PATHS = st.from_regex(r"(/[a-z@=?&.,;|]{0,9}[a-z]){1,3}", fullmatch=True)
URLS = st.builds("{}://{}{}".format, st.sampled_from(["http", "https", "ftp"]), HOSTS, PATHS)
VALUES = st.one_of(
    URLS.map(lambda url: (URL, url)),
    HOSTS.map(lambda host: (FQDN, host)),
    st.ip_addresses(v=4).map(lambda address: (IP, str(address))),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True).map(lambda text: ("MD5", text)),
    HOSTS.map(lambda host: ("Email Address", f"joe@{host}")),
)


@given(URLS)
def test_a_url_with_commas_stays_one_value(url: str) -> None:
    assert read(url) == read(f"URL:{url}") == [(URL, url)]


@given(st.lists(VALUES, min_size=2, max_size=6), st.sampled_from([", ", "; ", " | ", "\n", "~|", " ,"]))
def test_values_of_any_type_are_told_apart_whatever_stands_between_them(
    values: list[tuple[str, str]], gap: str
) -> None:
    assert read(gap.join(value for _, value in values)) == values


@given(st.lists(URLS, min_size=2, max_size=5), st.sampled_from([",", ";", "|", ", ", " "]), st.booleans())
def test_urls_are_told_apart_even_where_no_blank_stands_between_them(
    urls: list[str], gap: str, is_defanged: bool
) -> None:
    shown = [url.replace("http", "hxxp").replace(".", "[.]") for url in urls] if is_defanged else urls
    assert read(gap.join(shown)) == [(URL, url) for url in urls]


@given(st.text(st.sampled_from("aAqz09.:/[]()@~|,;<>\\ \n-_%💀") | st.characters(), max_size=60))
def test_any_text_is_read_and_no_letter_gets_lost(text: str) -> None:
    joined = "".join(
        item.text if isinstance(item, Unread) else repr(item) for item in read_uris(text)
    ).lower()
    # What names a type and no value (`mail:`) says nothing; only one of these names has a q.
    assert "q" not in text or "q" in joined or "fqdn" in text.lower()


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=9), lambda inner: st.lists(inner)
       | st.dictionaries(st.sampled_from(["type", "value", "x"]), inner), max_leaves=6))  # fmt: skip
def test_any_json_is_read(value: Any) -> None:
    for item in read_uris(value):
        assert item.text if isinstance(item, Unread) else item.value
