"""Odd forms of benign, own and malicious values, as logs, tickets and tools write them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.planted import OWN_ASSETS
from workers.payload.builder import plan_event
from workers.payload.options import from_settings
from workers.payload.plan import EventPlan
from workers.settings.model import Settings

OPTIONS = from_settings(Settings(own_assets=OWN_ASSETS))

#: Forms of addresses inside of others: mapped, NAT64, 6to4, numbers; then URLs, shares, mail, names, hashes.
BENIGN = [
    r"::ffff:8.8.8.8",
    r"::ffff:0808:0808",
    r"64:ff9b::8.8.8.8",
    r"64:ff9b::808:808",
    r"64:ff9b::a00:1",
    r"2002:a00:1::1",
    r"2002:7f00:1::",
    r"::ffff:7f00:1",
    r"0:0:0:0:0:ffff:10.1.2.3",
    r"0000:0000:0000:0000:0000:0000:0000:0001",
    r"[::1]:8080",
    r"fe80::1%eth0",
    r"FD00::1",
    r"2A0B:1234:0::5",
    r"2a0b:1234::5/64",
    r"2001:4860:4860:0:0:0:0:8888",
    r"[2001:4860:4860::8888]:53",
    r"::/0",
    r"10.0.0.0-10.0.0.255",
    r"0x08080808",
    r"134744072",
    r"2130706433",
    r"017700000001",
    r"127.1",
    r"10[.]1[.]2[.]3:8080",
    r"(10.1.2.3)",
    r"<10.1.2.3>",
    r"[10.1.2.3]:443",
    r"http://[::ffff:10.0.0.1]/x",
    r"http://134744072/",
    r"http://0x7f.1/",
    r"http://127.1/",
    r"hxxp[://]10[.]1[.]2[.]3/x",
    r"tcp://10.1.2.3:443",
    r"ssh://root@10.1.2.3",
    r"https://user:pass@185.10.20.7/x",
    r"https://user:pass@portal.corp-own.ru/x",
    r"HTTPS://PORTAL.CORP-OWN.RU/X",
    r"http://portal。corp-own。ru/",
    r"portal．corp-own．ru",
    r"portal(dot)corp-own(dot)ru",
    r"//portal.corp-own.ru/x",
    r"https://www.google.com?",
    r"https://www.google.com/#",
    r"https://user@www.google.com/",
    r"http://www.google.com:80/",
    r"GOOGLE.COM.",
    r"\\dc01\c$\x.exe",
    r"\\portal.corp-own.ru\share\1.dll",
    r"\\10.1.2.3\share\x.dll",
    r"\\185.10.20.7\c$\x.exe",
    r"smb://dc01/share",
    r"ann@sub.corp-own.ru",
    r"mailto:ann@corp-own.ru",
    r"<ann@mail-own.ru>",
    r"ann[at]corp-own[.]ru",
    r"ANN@CORP-OWN.RU",
    r"DC01",
    r"dc01:445",
    r"printer.home.arpa",
    r"7.20.10.185.in-addr.arpa",
    r"kubernetes.default.svc",
    r"metadata.google.internal",
    r"рф",
    r"xn--p1ai",
    r"//www.google.com/",
    r"//10.0.0.5/x",
    r"//185.10.20.7",
    r"*.google.com",
    r"FQDN:*.co.uk",
    r"*.corp-own.ru",
    r"http:\\www.google.com",
    r"http:\\dc01.corp-own.ru\x",
    r"https:/10.1.2.3/x",
    r"URL://www.google.com/",
    r"IP Address:0x0a000001",
    r"IP Address:0x08.0x08.0x08.0x08",
    r"IP Address:134744072",
    # An error code, a mask and a time, which may be addresses, too.
    r"0x80070005",
    r"0xdeadbeef",
    r"1700000000",
    r"MD5=d41d8cd98f00b204e9800998ecf8427e",
    r"sha1:DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
]

EMPTY = [hashlib.new(name).hexdigest() for name in hashlib.algorithms_guaranteed if name[:5] != "shake"]

PLACEHOLDERS = [digit * length for digit in "0fF" for length in (32, 40, 64, 96, 128)]

#: What becomes an indicator, and which.
MALICIOUS = {
    "::ffff:45.77.1.2": "45.77.1.2",
    "64:ff9b::45.77.1.2": "64:ff9b::2d4d:102",
    "[2a03:4000::1]:443": "2a03:4000::1",
    "(45.77.1.2)": "45.77.1.2",
    "<hxxp://evil[.]ru/a>": "http://evil.ru/a",
    "hxxp://45[.]77[.]1[.]2/x,y;z": "http://45.77.1.2/x,y;z",
    "xn--80ak6aa92e.com": "xn--80ak6aa92e.com",
    "evil．ru": "evil.ru",
    "http://evil。ru/a。b": "http://evil.ru/a。b",
    r"\\evil.ru\share\x.dll": r"\\evil.ru\share\x.dll",
    "https://portal.corp-own.ru@evil.ru/x": "https://portal.corp-own.ru@evil.ru/x",
    "https://evil.ru/portal.corp-own.ru": "https://evil.ru/portal.corp-own.ru",
    "https://www.google.com/url?q=https://evil.ru": "https://www.google.com/url?q=https://evil.ru",
    "https://mega.nz/#F!abc": "https://mega.nz/#F!abc",
    "corp-own.ru@evil.ru": "corp-own.ru@evil.ru",
    "ann@corp-own.ru.evil.ru": "ann@corp-own.ru.evil.ru",
    "dc01.evil.ru": "dc01.evil.ru",
    "8.8.8.8.evil.ru": "8.8.8.8.evil.ru",
    "//evil.ru/x": "evil.ru/x",
    "//evil.ru": "evil.ru",
    "URL://evil.ru/x": "evil.ru/x",
    "*.evil.ru": "evil.ru",
    r"http:\\evil.ru": "http://evil.ru",
    r"hxxp:\\evil[.]ru\a\b?c=\d": r"http://evil.ru/a/b?c=\d",
    "https:/evil.ru/x": "https://evil.ru/x",
    "IP Address:0x2d4d0102": "45.77.1.2",
    "IP Address:0x2D.0x4D.0x1.0x2": "45.77.1.2",
    "IP Address:759660802": "45.71.129.2",
    "http://0x2d4d0102/x": "http://0x2d4d0102/x",
    "SHA-1=9E107D9D372BB6826BD81D3542A419D6AABBCCDD": "9e107d9d372bb6826bd81d3542a419d6aabbccdd",
    "52.95.110.1": "52.95.110.1",
}


def planned(value: str) -> EventPlan:
    """The plan of a payload that names this value."""
    payload = {"event_name": "Beacon", "event_type": "Alert", "uri_target": value}
    return plan_event(payload, received_at=datetime(2026, 1, 2, tzinfo=UTC), options=OPTIONS)


@pytest.mark.parametrize("value", [*BENIGN, *EMPTY, *PLACEHOLDERS])
def test_no_form_of_a_benign_value_becomes_an_indicator(value: str) -> None:
    assert planned(value).indicators == ()


@pytest.mark.parametrize(("value", "indicator"), MALICIOUS.items())
def test_no_form_of_a_malicious_value_is_lost(value: str, indicator: str) -> None:
    assert [made.value for made in planned(value).indicators] == [indicator]


@given(
    st.from_regex(r"(?!xn--)[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\.(ru|com|biz)){1,2}", fullmatch=True),
    st.ip_addresses(v=4),
    st.from_regex(r"([a-z0-9_-][a-z0-9./_-]{0,20})?", fullmatch=True),
)
def test_an_odd_spelling_becomes_what_the_plain_one_does(name: str, ip: IPv4Address, path: str) -> None:
    pairs = [
        (f"//{name}/{path}", f"URL:{name}/{path}"),
        (f"//{ip}/x{path}", f"URL:{ip}/x{path}"),
        (rf"http:\\{name}\{path}", f"http://{name}/{path}"),
        (f"http:/{ip}/{path}", f"http://{ip}/{path}"),
        (f"//{name}", f"FQDN:{name}"),
        (f"*.{name}", f"FQDN:{name}"),
        (f"IP Address:0x{int(ip):08x}", f"IP Address:{ip}"),
    ]
    for odd, plain in pairs:
        assert _values(odd) == _values(plain), odd


@given(
    st.from_regex(
        r"0x[0-9a-f]{1,16}|[0-9]{1,12}|\*[a-z*.]{0,8}|//[a-z0-9]{0,9}(/[a-z]{0,5})?", fullmatch=True
    )
)
def test_a_number_or_a_pattern_without_a_type_is_no_indicator(text: str) -> None:
    assert _values(text) <= ({("FQDN", text.removeprefix("*."))} if text[:2] == "*." else set())


def _values(value: str) -> set[tuple[str, str]]:
    return {(made.type, made.value) for made in planned(value).indicators}


def test_a_number_that_may_be_an_address_is_left_out_with_the_remedy() -> None:
    (left_out,) = planned("0x2d4d0102").left_out
    assert 'write "IP Address:45.77.1.2"' in left_out.why


def test_the_hashes_of_a_file_as_sysmon_writes_them_are_each_an_indicator() -> None:
    made = planned(f"MD5={'a1' * 16},SHA256={'b2' * 32},IMPHASH={'c3' * 16}")
    assert [(i.type, i.value) for i in made.indicators] == [("MD5", "a1" * 16), ("SHA-256", "b2" * 32)]


def test_a_path_on_a_server_of_ours_makes_that_an_asset() -> None:
    assert planned(r"\\dc01\c$\x.exe").assets == ("dc01",)
