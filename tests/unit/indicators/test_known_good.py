"""What is known to be good, special or ours, and what only looks like it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from tests.support.planted import OWN_ASSETS, benign, malicious
from workers.core.errors import ConfigError
from workers.indicators.known_good.configured import known_good_of
from workers.indicators.known_good.judge import KnownGood, Verdict
from workers.indicators.known_good.lists import SHIPPED, read_list, shipped_lists
from workers.indicators.known_good.public_suffixes import public_suffixes
from workers.settings.model import Settings

DEFAULTS = known_good_of(Settings())

#: What is ours: a domain, e-mail addresses of another, a network, a host.
OURS = known_good_of(Settings(own_assets="corp.example, @mail.example\n 203.0.113.0/24; dc01"))


def said(type_: str, value: str, settings: Settings | None = None) -> tuple[str, str] | None:
    """What is said of a value: the action and the list."""
    verdict = (known_good_of(settings) if settings else DEFAULTS).judge(type_, value)
    return (verdict.action, verdict.list) if verdict else None


@pytest.mark.parametrize(
    ("type_", "value", "name"),
    [
        ("IP Address", "10.1.2.3", "private-addresses"),
        ("IPv6 Address", "fd12::1", "private-addresses"),
        ("IP Address", "127.0.0.1", "special-addresses"),
        ("IP Address", "169.254.1.1", "special-addresses"),
        ("IP Address", "255.255.255.255", "special-addresses"),
        ("IPv6 Address", "::1", "special-addresses"),
        ("IPv6 Address", "fe80::1", "special-addresses"),
        ("IPv6 Address", "ff02::1", "special-addresses"),
        ("IPv6 Address", "::ffff:127.0.0.1", "special-addresses"),
        ("CIDR Block", "224.0.0.0/4", "special-addresses"),
        ("MAC Address", "ff:ff:ff:ff:ff:ff", "special-addresses"),
        ("IP Address", "8.8.8.8", "dns-servers"),
        ("IPv6 Address", "2606:4700:4700::1111", "dns-servers"),
        ("URL", "https://8.8.8.8/dns-query", "dns-servers"),
        ("String", "8.8.8.8", "dns-servers"),
        ("FQDN", "co.uk", "public-suffixes"),
        ("FQDN", "duckdns.org", "public-suffixes"),
        ("FQDN", "xn--55qx5d.cn", "public-suffixes"),
        ("FQDN", "公司.cn", "public-suffixes"),
        ("FQDN", "dc01.corp.local", "special-names"),
        ("URL", "http://localhost:8080/x", "special-names"),
        ("Email Address", "root@mail.internal", "special-names"),
        ("FQDN", "google.com", "top-domains"),
        ("FQDN", "WWW.Google.com.", "top-domains"),
        ("FQDN", "ｇｏｏｇｌｅ.com", "top-domains"),
        ("URL", "https://www.wikipedia.org/", "top-domains"),
        ("FQDN", "en.wikipedia.org", "top-domains"),
        ("FQDN", "pastebin.com", "top-domains"),
        ("URL", "http://ocsp.digicert.com/MFEwTzBN", "infrastructure"),
        ("FQDN", "0.europe.pool.ntp.org", "infrastructure"),
        ("URL", "http://www.w3.org/2000/svg", "infrastructure"),
        ("MD5", "D41D8CD98F00B204E9800998ECF8427E", "empty-files"),
        ("SHA-384", "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
         "empty-files"),
    ],
)  # fmt: skip
def test_what_is_benign_is_blocked_by_a_list(type_: str, value: str, name: str) -> None:
    assert said(type_, value) == ("block", name)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        # the guides' own examples
        ("IP Address", "1.2.3.4"),
        ("IP Address", "77.77.77.77"),
        # what others put on hosts of known names
        ("FQDN", "evil.github.io"),
        ("FQDN", "evil.duckdns.org"),
        ("FQDN", "login-microsoft.sharepoint.com"),
        ("FQDN", "bucket.s3.amazonaws.com"),
        ("URL", "https://drive.google.com/uc?id=1"),
        ("URL", "https://raw.githubusercontent.com/a/b/main/c.ps1"),
        ("URL", "https://pastebin.com/raw/x"),
        ("URL", "https://storage.googleapis.com/bucket/x.html"),
        ("URL", "http://www.wikipedia.org@evil.ru/"),
        ("URL", "google.com/url?q=http://evil.ru"),
        # what looks like a known name
        ("FQDN", "google.com.evil.ru"),
        ("FQDN", "g00gle.com"),
        ("FQDN", "раураl.com"),
        ("FQDN", "notgoogle.com"),
        ("FQDN", "localhost.evil.ru"),
        ("FQDN", "hidden.onion"),
        ("Email Address", "evil@gmail.com"),
        ("Email Address", "ceo@evil.co.uk"),
        ("Filename", "google.com"),
        ("CIDR Block", "185.220.101.0/24"),
        ("MD5", "9e107d9d372bb6826bd81d3542a419d6"),
    ],
)  # fmt: skip
def test_what_is_malicious_is_on_no_list(type_: str, value: str) -> None:
    assert said(type_, value) is None


@pytest.mark.parametrize(
    ("type_", "value", "name"),
    [
        ("FQDN", "evil.example", "documentation"),
        ("URL", "http://www.example.com/x", "documentation"),
        ("IP Address", "192.0.2.7", "documentation"),
        ("IP Address", "52.95.110.1", "amazon-aws"),
        ("IP Address", "104.16.1.1", "cloudflare"),
        ("MD5", "44d88612fea8a8f36de82e1278abb02f", "eicar"),
    ],
)
def test_clouds_and_documentation_are_informed_of(type_: str, value: str, name: str) -> None:
    assert said(type_, value) == ("inform", name)


@pytest.mark.parametrize(
    ("type_", "value", "part"),
    [
        ("FQDN", "corp.example", "corp.example"),
        ("FQDN", "dc01.ad.corp.example", "dc01.ad.corp.example"),
        ("URL", "https://vpn.corp.example/login", "vpn.corp.example"),
        ("Email Address", "Ann@corp.example", "Ann@corp.example"),
        ("Email Address", "ann@mail.example", "ann@mail.example"),
        ("IP Address", "203.0.113.9", "203.0.113.9"),
        ("CIDR Block", "203.0.112.0/22", "203.0.112.0/22"),
        ("URL", "http://dc01/x", "dc01"),
    ],
)
def test_what_is_ours_is_known_by_its_domain_network_or_name(type_: str, value: str, part: str) -> None:
    verdict = OURS.judge(type_, value)
    assert verdict is not None
    assert (verdict.list, verdict.part, verdict.is_ours) == ("ours", part, True)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("FQDN", "corp.example.evil.ru"),
        ("FQDN", "evilcorp.ru"),
        ("FQDN", "dc01.evil.ru"),
        ("IP Address", "198.41.1.1"),
    ],
)
def test_what_resembles_ours_is_not(type_: str, value: str) -> None:
    assert OURS.judge(type_, value) is None


@pytest.mark.parametrize("own", ["bücher.de", "BÜCHER.de", "xn--bcher-kva.de", "*.bücher.de", "@bücher.de"])
@pytest.mark.parametrize("domain", ["bücher.de", "Xn--Bcher-Kva.de"])
def test_a_domain_of_ours_is_ours_in_letters_and_as_dns_has_it(own: str, domain: str) -> None:
    values = [("Email Address", f"ann@{domain}")]
    values += [("FQDN", f"www.{domain}"), ("URL", f"https://{domain}/x")] if own[0] != "@" else []
    for type_, value in values:
        assert said(type_, value, Settings(own_assets=own)) == ("block", "ours")


@pytest.mark.parametrize(
    ("own", "type_", "value"),
    [
        ("185.10.20.*", "IP Address", "185.10.20.7"),
        ("185.10.*", "IP Address", "185.10.77.7"),
        ("https://portal.corp.ru/", "FQDN", "portal.corp.ru"),
        ("https://portal.corp.ru:8443", "URL", "https://portal.corp.ru/login"),
        ("https://shared.ru/corp", "URL", "https://shared.ru/corp"),
        ("joe@shared.ru", "Email Address", "joe@shared.ru"),
        (r"\\dc07\c$", "URL", "http://dc07/x"),
    ],
)
def test_what_is_ours_may_be_written_as_a_url_a_share_or_with_stars(own: str, type_: str, value: str) -> None:
    assert said(type_, value, Settings(own_assets=own)) == ("block", "ours")
    # A URL or an address says nothing of its neighbours.
    assert said("URL", "https://shared.ru/evil", Settings(own_assets=own)) is None


@pytest.mark.parametrize(
    "own",
    ["185.10.20", "300.1.2.3", "10.0.0.0/33", "185.10.20.x", "corp*.ru", "*", "corp.ru:443", "corp.ru/x", r"A\ann"],
)  # fmt: skip
def test_what_cannot_be_ours_is_refused_with_the_setting_and_the_remedy(own: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f'own_assets (TQ_OWN_ASSETS): "{own}" is no domain')):
        known_good_of(Settings(own_assets=f"corp.ru, {own}"))
    # What a collection of ThreatQ holds is taken as it is.
    assert known_good_of(Settings(), collected=(own,)).judge("FQDN", "evil.ru") is None


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("FQDN", "*.google.com"),
        ("URL", "//www.google.com/"),
        ("URL", "http:\\\\www.google.com\\"),
        ("URL", "http://*.google.com/"),
        ("IP Address", "0x08080808"),
        ("IP Address", "134744072"),
    ],
)
def test_what_threatq_holds_in_an_odd_spelling_is_kept_out_too(type_: str, value: str) -> None:
    verdict = DEFAULTS.judge(type_, value)
    assert verdict
    assert verdict.action == "block"


def test_settings_turn_off_the_lists_and_the_private_ranges() -> None:
    old = Settings(known_good=False, own_private_ranges=False)
    for type_, value in (("IP Address", "10.1.2.3"), ("IP Address", "8.8.8.8"), ("FQDN", "co.uk")):
        assert said(type_, value, old) is None


@pytest.mark.parametrize(
    ("actions", "domain", "url"),
    [
        ("top-domains=inform", ("inform", "top-domains"), ("inform", "top-domains")),
        ("top-domains=allow", None, None),
        ("top-domains/URL=allow", ("block", "top-domains"), None),
        ("top-domains=allow, top-domains/FQDN=block", ("block", "top-domains"), None),
    ],
)
def test_a_setting_says_what_a_list_does_for_all_types_or_one(
    actions: str, domain: tuple[str, str] | None, url: tuple[str, str] | None
) -> None:
    settings = Settings(known_good_actions=actions)
    assert said("FQDN", "pastebin.com", settings) == domain
    assert said("URL", "https://pastebin.com/", settings) == url


@pytest.mark.parametrize(
    ("actions", "why"),
    [
        ("top-domain=block", '"top-domain=block" names no list; there are '),
        ("top-domains=drop", "names no action; there are block, inform, allow"),
        ("top-domains/Wombat=block", 'names no indicator type of ThreatQ ("Wombat")'),
        ("top-domains", "is not of the form list=action or list/type=action"),
    ],
)
def test_a_wrong_action_is_an_error_that_names_it_and_the_setting(actions: str, why: str) -> None:
    with pytest.raises(ConfigError) as error:
        known_good_of(Settings(known_good_actions=actions))
    assert why in str(error.value)
    assert "TQ_KNOWN_GOOD_ACTIONS" in str(error.value)


def test_a_folder_adds_lists_of_ones_own_and_exceptions_and_is_read_again_once_changed(
    tmp_path: Path,
) -> None:
    # Given a list of partners, and one of exceptions
    partners = tmp_path / "partners.txt"
    partners.write_text(
        "# title: partners\n# a comment\n.partner.com\n@friend.com\nsetup.exe\nhttps://x.com/a\n1.2.3.0/24\n"
    )
    (tmp_path / "exceptions.txt").write_text("# action: allow\npastebin.com\n")
    settings = Settings(known_good_dir=str(tmp_path))
    # Then their values are kept out, whatever they are, and exceptions let through
    for type_, value in (("FQDN", "a.partner.com"), ("URL", "http://partner.com/x"), ("Email Address", "a@friend.com"),
                         ("Filename", "setup.exe"), ("URL", "http://x.com/A/"), ("IP Address", "1.2.3.4")):  # fmt: skip
        assert said(type_, value, settings) == ("block", "partners")
    assert said("URL", "http://x.com/b", settings) is None
    assert said("FQDN", "pastebin.com", settings) is None
    # And what is changed counts from then on
    partners.write_text("# action: inform\nother.com\n")
    assert said("FQDN", "other.com", settings) == ("inform", "partners")
    assert said("FQDN", "a.partner.com", settings) is None


def test_a_list_of_ones_own_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "top-domains.txt").write_text("only.com\n")
    settings = Settings(known_good_dir=str(tmp_path))
    assert said("FQDN", "only.com", settings) == ("block", "top-domains")
    assert said("FQDN", "pastebin.com", settings) is None


def test_a_folder_or_a_head_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known_good_dir"):
        known_good_of(Settings(known_good_dir=str(tmp_path / "nowhere")))
    (tmp_path / "mine.txt").write_text("# action: forbid\n")
    with pytest.raises(ConfigError, match="the list mine: Invalid enum value 'forbid'"):
        known_good_of(Settings(known_good_dir=str(tmp_path)))


def test_each_shipped_list_says_what_it_is_and_where_and_when_it_comes_from() -> None:
    assert len(shipped_lists()) == len(list(SHIPPED.glob("*.txt")))
    for known in shipped_lists():
        assert known.about.title
        assert known.about.source
        assert known.about.version


@given(
    st.from_regex(
        r"([a-z0-9]{1,5}\.){0,3}(com|co\.uk|ck|www\.ck|kawasaki\.jp|github\.io|jp|bd|s3\.amazonaws\.com)",
        fullmatch=True,
    )
)
def test_a_public_suffix_is_what_the_library_says(name: str) -> None:
    by_library = PublicSuffixList(only_icann=True, accept_unknown=False).is_public(name)
    is_suffix = known_good_of(Settings()).judge("FQDN", name)
    by_companies = name in public_suffixes().names
    assert (is_suffix is not None and is_suffix.action == "block") or not (by_library or by_companies)


@given(
    st.text(max_size=60),
    st.sampled_from(["FQDN", "URL", "IP Address", "Email Address", "String", "MD5", "Filename"]),
)
def test_any_text_is_judged(value: str, type_: str) -> None:
    verdict = DEFAULTS.judge(type_, value)
    assert verdict is None or verdict.title


#: Everything that says what is blocked: own values of each kind, and lists that say otherwise than they were made for.
STRICT = known_good_of(
    Settings(
        own_assets=f"{OWN_ASSETS}, 2002:c000:204::/48",
        private_ips="100.64.0.0/10, 2a0b:1234::1-2a0b:1234::50",
        known_good_actions="documentation=block, amazon-aws/FQDN=block, top-domains=inform, eicar/MD5=block",
    )
)


ODD_NAMES = (
    "10.0x7f",
    "10.1",
    "fe80::1%eth0.com",
    "google.com.",
    " Google.com ",
    "ｇｏｏｇｌｅ.com",
    "a.ck",
    "www.ck",
    "*.google.com",
    "0x08080808",
    "134744072",
)


def blocked_singly(known_good: KnownGood, type_: str, values: Collection[str]) -> dict[str, Verdict]:
    verdicts = ((value, known_good.judge(type_, value)) for value in values)
    return {value: verdict for value, verdict in verdicts if verdict and verdict.action == "block"}


@pytest.mark.parametrize(
    "type_", ["FQDN", "IP Address", "IPv6 Address", "MD5", "SHA-256", "URL", "Email Address"]
)
def test_a_thousand_values_are_judged_together_as_each_by_itself(type_: str) -> None:
    values = [*benign(), *malicious(), *ODD_NAMES]
    for known_good in (DEFAULTS, OURS, STRICT):
        assert known_good.blocked(type_, values) == blocked_singly(known_good, type_, values)


LABELS = st.sampled_from(
    ["com", "ck", "www", "local", "example", "google", "dc01", "10", "0x7f", "::1", "公司", "ｃｏｍ"]
) | st.text(max_size=4)


@given(
    st.lists(st.lists(LABELS, max_size=6).map(".".join)),
    st.sampled_from(["FQDN", "IP Address", "MD5", "URL"]),
)
def test_any_values_are_judged_together_as_each_by_itself(values: list[str], type_: str) -> None:
    assert STRICT.blocked(type_, values) == blocked_singly(STRICT, type_, values)


@given(st.text(st.sampled_from("#:.@/-a1 \naction") | st.characters(), max_size=200))
def test_any_list_is_read_or_refused_by_its_name(text: str) -> None:
    reason = ""
    try:
        read_list("mine", text)
    except ConfigError as error:
        reason = str(error)
    assert not reason or "mine" in reason
