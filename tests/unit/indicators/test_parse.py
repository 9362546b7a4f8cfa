"""Indicator types, normal forms and inference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.core.errors import InputError
from workers.indicators.model import Attribute, Indicator
from workers.indicators.parse import Misfit, infer_type, read_indicator, spellings
from workers.indicators.refang import refang
from workers.indicators.types import INDICATOR_TYPES, match_type, require_type


def test_threatq_has_34_types() -> None:
    assert len(set(INDICATOR_TYPES)) == 34


@pytest.mark.parametrize("name", INDICATOR_TYPES)
def test_a_type_is_matched_without_regard_to_case_blanks_and_dashes(name: str) -> None:
    for spelled in (name, name.upper(), f" {name.lower()} ", name.replace(" ", "_"), name.replace(" ", "-")):
        assert match_type(spelled) == name
    assert match_type(name.replace("-", "").replace(" ", "")) == name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ip", "IP Address"),
        ("IPv4", "IP Address"),
        ("ipv4-address", "IP Address"),
        ("ipv6", "IPv6 Address"),
        ("domain", "FQDN"),
        ("Hostname", "FQDN"),
        ("host_name", "FQDN"),
        ("sha256", "SHA-256"),
        ("sha-1", "SHA-1"),
        ("SHA1", "SHA-1"),
        ("email", "Email Address"),
        ("e-mail", "Email Address"),
        ("url", "URL"),
        ("uri", "URL"),
        ("File name", "Filename"),
        ("useragent", "User-agent"),
        ("CIDR", "CIDR Block"),
        ("mac", "MAC Address"),
    ],
)
def test_the_usual_other_names_are_known(name: str, meant: str) -> None:
    assert match_type(name) == require_type(name) == meant


@pytest.mark.parametrize("name", ["", "http", "wombat", "x" * 10_000, "\x00"])
def test_an_unknown_type_is_none_and_required_lists_the_known_ones(name: str) -> None:
    assert match_type(name) is None
    with pytest.raises(InputError, match="x509 Subject") as refused:
        require_type(name)
    assert len(str(refused.value)) < 800


def test_a_slip_of_the_pen_gets_a_hint() -> None:
    with pytest.raises(InputError, match='Did you mean "SHA-256"'):
        require_type("sha265")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hxxp://bad[.]example", "http://bad.example"),
        ("hXXps[://]bad(dot)example[/]x", "https://bad.example/x"),
        ("h**p://bad.example", "http://bad.example"),
        ("fxp://bad.example", "ftp://bad.example"),
        ("1[.]2[.]3[.]4", "1.2.3.4"),
        ("1.2.3[.4", "1.2.3.4"),
        ("1\\.2\\.3\\.4", "1.2.3.4"),
        ("bad [dot] example", "bad.example"),
        ("joe[@]bad[.]example", "joe@bad.example"),
        ("joe (at) bad {.} example", "joe@bad.example"),
        ("“bad.example”", "bad.example"),
        ("\u200bbad.example\ufeff", "bad.example"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("http://bad.example/a(b)[c]{d}", "http://bad.example/a(b)[c]{d}"),
    ],
)
def test_a_defanged_value_is_armed_again(written: str, meant: str) -> None:
    assert refang(written) == meant


@given(st.text(st.sampled_from("hxtpXs:/[](){}.\\ dotatDOTAT@*\"'"), max_size=40))
def test_any_text_can_be_armed(text: str) -> None:
    assert isinstance(refang(text), str)


@pytest.mark.parametrize(
    ("kind", "value", "found", "normal"),
    [
        ("IP Address", " 1.2.3.4 ", "IP Address", "1.2.3.4"),
        ("IP Address", "::ffff:1.2.3.4", "IP Address", "1.2.3.4"),  # one address, one spelling
        ("IP Address", "2001:0DB8:0::1", "IPv6 Address", "2001:db8::1"),
        ("IPv6 Address", "1.2.3.4", "IP Address", "1.2.3.4"),
        ("IP Address", "1.2.3.0/24", "CIDR Block", "1.2.3.0/24"),
        ("CIDR Block", "1.2.3.4/24", "CIDR Block", "1.2.3.0/24"),
        ("FQDN", "BAD[.]Example.", "FQDN", "bad.example"),
        ("FQDN", "_dmarc.bad.example", "FQDN", "_dmarc.bad.example"),
        ("FQDN", "münchen.example", "FQDN", "münchen.example"),
        ("FQDN", "xn--bcher-kva.xn--p1ai", "FQDN", "xn--bcher-kva.xn--p1ai"),
        ("FQDN", "1.2.3.4", "IP Address", "1.2.3.4"),
        ("MD5", "A" * 32, "MD5", "a" * 32),
        ("SHA-512", "A" * 128, "SHA-512", "a" * 128),
        ("CVE", "cve_2021_44228", "CVE", "CVE-2021-44228"),
        ("CVE", "2021-44228", "CVE", "CVE-2021-44228"),
        ("ASN", "as13335", "ASN", "AS13335"),
        ("MAC Address", "00-1A-2B-3C-4D-5E", "MAC Address", "00:1a:2b:3c:4d:5e"),
        ("MAC Address", "001a.2b3c.4d5e", "MAC Address", "00:1a:2b:3c:4d:5e"),
        ("Email Address", "Joe Bad <joe@BAD.example>", "Email Address", "joe@bad.example"),
        ("Email Address", "mailto:joe@bad.example", "Email Address", "joe@bad.example"),
        ("URL", "HXXP://User@BAD.example:80/Path?Q=1#F", "URL", "http://User@bad.example:80/Path?Q=1#F"),
        ("URL", "bad.example/x", "URL", "bad.example/x"),
        ("URL", "http://intranet/x", "URL", "http://intranet/x"),
        ("URL", "http://[2001:db8::1]:80/", "URL", "http://[2001:db8::1]:80/"),
        ("String", "  any [.] text ", "String", "any [.] text"),
        ("Password", "hxxp[.]", "Password", "hxxp[.]"),  # only addresses are armed again
    ],
)
def test_a_value_comes_in_its_normal_form(kind: str, value: str, found: str, normal: str) -> None:
    assert read_indicator(kind, value) == Indicator(found, normal)


def test_a_port_becomes_an_attribute() -> None:
    port = (Attribute("Port", "443"),)
    assert read_indicator("ip", "1.2.3.4:443") == Indicator("IP Address", "1.2.3.4", port)
    assert read_indicator("ip", "[2001:db8::1]:443") == Indicator("IPv6 Address", "2001:db8::1", port)
    assert read_indicator("fqdn", "bad.example:443") == Indicator("FQDN", "bad.example", port)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("IP Address", "1.2.3"),
        ("IP Address", "1.2.3.400"),
        ("IP Address", "1.2.3.4:99999"),
        ("IP Address", "2001:db8::1%eth0, x"),
        ("CIDR Block", "1.2.3.0/33"),
        ("FQDN", "web01"),
        ("FQDN", "-bad.example"),
        ("FQDN", "a" * 64 + ".example"),
        ("FQDN", ".".join(["a" * 50] * 6) + ".example"),
        ("Email Address", "joe@web01"),
        ("Email Address", "joe"),
        ("MD5", "a" * 31),
        ("MD5", "g" * 32),
        ("SHA-1", "a" * 64),
        ("CVE", "CVE-21-1"),
        ("URL", "http://"),
        ("URL", "javascript:alert(1)"),
        ("URL", "http://1.2.3.999/"),
        ("MAC Address", "00:1a:2b"),
        ("String", "  "),
        ("wombat", "x"),
        (None, "web01"),
        (None, ""),
    ],
)
def test_a_value_that_does_not_fit_says_why(kind: str | None, value: str) -> None:
    found = read_indicator(kind, value)
    assert isinstance(found, Misfit)
    assert found.why


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("1.2.3.4", "IP Address"),
        ("1.2.3[.]4:80", "IP Address"),
        ("2001:db8::1", "IPv6 Address"),
        ("10.0.0.0/8", "CIDR Block"),
        ("https://bad.example/", "URL"),
        ("bad.example/x", "URL"),
        ("joe@bad.example", "Email Address"),
        ("a" * 32, "MD5"),
        ("a" * 40, "SHA-1"),
        ("a" * 64, "SHA-256"),
        ("a" * 96, "SHA-384"),
        ("a" * 128, "SHA-512"),
        ("CVE-2021-44228", "CVE"),
        ("00:1a:2b:3c:4d:5e", "MAC Address"),
        ("AS13335", "ASN"),
        ("HKLM\\Software\\Bad", "Registry Key"),
        ("C:\\Windows\\bad.exe", "File Path"),
        ("\\\\server\\share\\x", "File Path"),
        ("invoice 2021.pdf", "Filename"),
        ("setup.exe", "Filename"),
        ("bad.example", "FQDN"),
        ("web01", None),
        ("some text", None),
        ("", None),
    ],
)
def test_a_bare_value_shows_its_type(value: str, kind: str | None) -> None:
    found = read_indicator(None, value)
    assert (found.type if isinstance(found, Indicator) else None) == kind


@given(st.sampled_from([None, *INDICATOR_TYPES]), st.text(max_size=40))
def test_any_value_is_an_indicator_or_a_misfit(kind: str | None, value: str) -> None:
    found = read_indicator(kind, value)
    assert found.value if isinstance(found, Indicator) else found.why


@given(
    st.sampled_from(INDICATOR_TYPES),
    st.from_regex(r"([a-z]{1,5}\.){1,3}com(:80)?(/x)?", fullmatch=True)
    | st.ip_addresses().map(str)
    | st.text(max_size=20),
)  # fmt: skip
def test_a_normal_form_is_its_own_normal_form(kind: str, value: str) -> None:
    once = read_indicator(kind, value)
    if isinstance(once, Indicator) and not once.attributes:
        assert read_indicator(once.type, once.value) == once


@given(st.text(max_size=40))
def test_the_type_of_any_text_is_known_or_none(text: str) -> None:
    assert infer_type(text) in {None, *INDICATOR_TYPES}


def test_a_url_may_be_stored_without_its_scheme() -> None:
    assert spellings("URL", "http://bad.example/x") == ("http://bad.example/x", "bad.example/x")
    assert "https://bad.example/x" in spellings("URL", "bad.example/x")
    assert spellings("FQDN", "bad.example") == ("bad.example",)
